import { putUint } from '../../uapi/index.ts';
import { type CallResult, done, refuse } from '../check.ts';
import type { IntelDriver } from '../intel/driver.ts';
import { failed, u32At } from './bytes.ts';
import { INFO_CHECKS as CHECKS } from './checks.ts';
import type { VfioContainer } from './container.ts';

/** Up to iova_pgsizes, which every caller must provide; up to cap_offset, which newer ones may. */
const MIN = 16;
const MIN_CAPS = 20;
const SIZE = 24;
const FLAG = { pgsizes: 1, caps: 2 };
const CAP_IOVA_RANGE = 1;

/** VFIO_IOMMU_GET_INFO: page sizes and, from Linux 5.4 on, the capabilities of the container where they fit. */
export function getInfo(container: VfioContainer, argument: bigint): CallResult {
  const head = container.user.copyFrom(argument, MIN);
  if (!head) return failed(refuse(CHECKS.infoFault, { found: `${MIN} bytes wanted` }));
  const argsz = u32At(head, 0);
  if (argsz < MIN)
    return failed(refuse(CHECKS.infoArgsz, { path: 'argsz', found: `${argsz}`, wanted: `at least ${MIN}` }));

  const offered = container.capabilities();
  const caps = chain(offered ?? []);
  const info = new Uint8Array(SIZE);
  const knowsCaps = offered !== undefined && MIN_CAPS <= argsz;
  let needed = argsz;
  let capOffset = 0;
  if (knowsCaps) {
    if (argsz < SIZE + caps.length) needed = SIZE + caps.length;
    else {
      if (!container.user.copyTo(argument + BigInt(SIZE), caps))
        return failed(refuse(CHECKS.infoFault, { found: 'the capability chain could not be written' }));
      capOffset = SIZE;
    }
  }
  putUint(info, 0, 4, BigInt(needed));
  putUint(info, 4, 4, BigInt(FLAG.pgsizes | (knowsCaps ? FLAG.caps : 0)));
  putUint(info, 8, 8, container.driver.pageSizes);
  putUint(info, 16, 4, BigInt(capOffset));
  const written = info.subarray(0, knowsCaps ? MIN_CAPS : MIN);
  if (!container.user.copyTo(argument, written))
    return failed(refuse(CHECKS.infoFault, { found: 'the argument could not be written' }));
  return done();
}

/** Links capabilities: each begins with vfio_info_cap_header, whose `next` counts from the start of vfio_iommu_type1_info. */
function chain(caps: readonly Uint8Array[]): Uint8Array {
  const padded = caps.map((cap) => {
    const bytes = new Uint8Array(Math.ceil(cap.length / 8) * 8);
    bytes.set(cap);
    return bytes;
  });
  const all = new Uint8Array(padded.reduce((sum, cap) => sum + cap.length, 0));
  let at = 0;
  for (const [i, cap] of padded.entries()) {
    all.set(cap, at);
    putUint(all, at + 4, 4, i + 1 < padded.length ? BigInt(SIZE + at + cap.length) : 0n);
    at += cap.length;
  }
  return all;
}

/** A capability with its vfio_info_cap_header. @param bytes of the whole capability, head included */
export function capability(id: number, bytes: number): Uint8Array {
  const cap = new Uint8Array(bytes);
  putUint(cap, 0, 2, BigInt(id));
  putUint(cap, 2, 2, 1n);
  return cap;
}

/** vfio_iommu_type1_info_cap_iova_range. */
export function iovaRangeCapability(driver: IntelDriver): Uint8Array {
  const bytes = capability(CAP_IOVA_RANGE, 16 + 2 * 16);
  putUint(bytes, 8, 4, 2n);
  // The interrupt window 0xfee00000 to 0xfeefffff is cut out of the addresses that the second stage can translate.
  const last = (1n << BigInt(driver.addressWidth)) - 1n;
  for (const [i, [start, end]] of [[0n, 0xfedf_ffffn] as const, [0xfef0_0000n, last] as const].entries()) {
    putUint(bytes, 16 + i * 16, 8, start);
    putUint(bytes, 24 + i * 16, 8, end);
  }
  return bytes;
}
