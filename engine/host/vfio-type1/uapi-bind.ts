import { hex } from '../../base/text.ts';
import { type FailPoints, type Refusal, refuse } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';
import type { GuestBind } from '../intel/payloads.ts';
import { u32At, u64At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { NestingContainer } from './nesting-container.ts';

/** Bytes up to the vendor union, and of the whole struct, as the kernel knows it. */
const MIN = 56;
const SIZE = 72;
const VERSION_1 = 1;
const FORMAT_LAST = 2;
const PADDING = [48, 56] as const;

/** iommu_uapi_sva_bind_gpasid for one device (Linux 5.10). Returns the check that refused, if one did. */
export function uapiBind(
  container: NestingContainer,
  device: IntelDevice,
  address: bigint,
  fail: FailPoints,
): Refusal | undefined {
  const data = prepareBindData(container, address);
  if ('check' in data) return data;
  return container.driver.bindGpasid(device, data, fail);
}

/** iommu_uapi_sva_unbind_gpasid for one device: the whole payload is checked, then only hpasid is used. */
export function uapiUnbind(
  container: NestingContainer,
  device: IntelDevice,
  address: bigint,
): { readonly refusal?: Refusal; readonly torndown: boolean } {
  const data = prepareBindData(container, address);
  if ('check' in data) return { refusal: data, torndown: false };
  return container.driver.unbindGpasid(device, data.hpasid);
}

/**
 * iommu_sva_prepare_bind_data: copies min(argsz, 72) bytes, or what a later version has grown to. Trailing bytes of a
 * larger argsz are never looked at.
 */
function prepareBindData(container: NestingContainer, address: bigint): GuestBind | Refusal {
  const later = container.laterVersions('iommu_gpasid_bind_data');
  const size = later.at(-1)?.struct.size ?? SIZE;
  const minimum = container.user.copyFrom(address, MIN);
  if (!minimum) return refuse(CHECKS.bindFault, { path: 'data', found: `${MIN} bytes wanted` });
  const argsz = u32At(minimum, 0);
  if (argsz < MIN)
    return refuse(CHECKS.bindArgsz, { path: 'data.argsz', found: `${argsz}`, wanted: `at least ${MIN}` });
  const rest = container.user.copyFrom(address + BigInt(MIN), Math.min(argsz, size) - MIN);
  if (!rest) return refuse(CHECKS.bindFault, { path: 'data', found: `${Math.min(argsz, size)} bytes wanted` });
  const bytes = new Uint8Array(size);
  bytes.set(minimum);
  bytes.set(rest, MIN);

  const [version, format, flags] = [u32At(bytes, 4), u32At(bytes, 8), u64At(bytes, 16)];
  if (version !== VERSION_1 && !later.some((known) => known.version === version))
    return refuse(CHECKS.bindVersion, {
      path: 'data.version',
      found: `${version}`,
      wanted: later.length === 0 ? 'IOMMU_GPASID_BIND_VERSION_1 (1)' : `1 to ${later.at(-1)!.version}`,
    });
  if (FORMAT_LAST <= format)
    return refuse(CHECKS.bindFormat, {
      path: 'data.format',
      found: `${format}`,
      wanted: 'IOMMU_PASID_FORMAT_INTEL_VTD (1)',
    });
  if ((flags & ~1n) !== 0n)
    return refuse(CHECKS.bindFlags, { path: 'data.flags', found: hex(flags), wanted: 'IOMMU_SVA_GPASID_VAL only' });
  if (bytes.subarray(...PADDING).some((b) => b !== 0))
    return refuse(CHECKS.bindPadding, { path: 'data.padding', found: 'a non-zero byte', wanted: '0' });
  return {
    at: 'data',
    argsz,
    format,
    addrWidth: u32At(bytes, 12),
    flags,
    gpgd: u64At(bytes, 24),
    hpasid: u64At(bytes, 32),
    gpasid: u64At(bytes, 40),
    vtdFlags: u64At(bytes, 56),
  };
}
