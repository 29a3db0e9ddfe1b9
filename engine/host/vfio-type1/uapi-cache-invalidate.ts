import { hex } from '../../base/text.ts';
import { type CallResult, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';
import type { CacheInvalidate } from '../intel/payloads.ts';
import { u32At, u64At } from '../vfio-container/bytes.ts';
import { CHECKS } from './checks.ts';
import type { NestingContainer } from './nesting-container.ts';

const MIN = 16;
const END_PASID_INFO = 32;
const END_ADDR_INFO = 56;
const SIZE = 56;
const CACHE_KNOWN = 0b111;
const CACHE = { devIotlb: 2, pasid: 4 };
export const GRANULARITY = { domain: 0, pasid: 1, addr: 2 };

type Outcome = { readonly refusal?: Refusal; readonly skip?: CallResult['skip'] };

/** iommu_uapi_cache_invalidate for one device (Linux 5.10). */
export function uapiCacheInvalidate(
  container: NestingContainer,
  device: IntelDevice,
  address: bigint,
  fail: FailPoints,
  notes: string[],
): Outcome {
  const info = prepare(container, address);
  if ('check' in info) return { refusal: info };
  return container.driver.svaInvalidate(device, info, fail, notes);
}

function prepare(container: NestingContainer, address: bigint): CacheInvalidate | Refusal {
  const later = container.laterVersions('iommu_cache_invalidate_info');
  const size = later.at(-1)?.struct.size ?? SIZE;
  const minimum = container.user.copyFrom(address, MIN);
  if (!minimum) return refuse(CHECKS.flushFault, { path: 'data', found: `${MIN} bytes wanted` });
  const argsz = u32At(minimum, 0);
  const granularity = minimum[9]!;
  const short = (check: (typeof CHECKS)[keyof typeof CHECKS], wanted: number): Refusal =>
    refuse(check, { path: 'data.argsz', found: `${argsz}`, wanted: `at least ${wanted}` });
  if (argsz < MIN) return short(CHECKS.flushArgsz, MIN);
  if (granularity === GRANULARITY.pasid && argsz < END_PASID_INFO) return short(CHECKS.flushArgszPasid, END_PASID_INFO);
  if (granularity === GRANULARITY.addr && argsz < END_ADDR_INFO) return short(CHECKS.flushArgszAddr, END_ADDR_INFO);
  const rest = container.user.copyFrom(address + BigInt(MIN), Math.min(argsz, size) - MIN);
  if (!rest) return refuse(CHECKS.flushFault, { path: 'data', found: `${Math.min(argsz, size)} bytes wanted` });
  const bytes = new Uint8Array(size);
  bytes.set(minimum);
  bytes.set(rest, MIN);

  const [version, cache, flags] = [u32At(bytes, 4), bytes[8]!, u32At(bytes, 16)];
  if (version !== 1 && !later.some((known) => known.version === version))
    return refuse(CHECKS.flushVersion, {
      path: 'data.version',
      found: `${version}`,
      wanted: later.length === 0 ? 'IOMMU_CACHE_INVALIDATE_INFO_VERSION_1 (1)' : `1 to ${later.at(-1)!.version}`,
    });
  if ((cache & ~CACHE_KNOWN) !== 0)
    return refuse(CHECKS.flushCache, { path: 'data.cache', found: hex(cache), wanted: 'bits 0 to 2 only' });
  if (GRANULARITY.addr < granularity)
    return refuse(CHECKS.flushGranularity, {
      path: 'data.granularity',
      found: `${granularity}`,
      wanted: 'DOMAIN (0), PASID (1) or ADDR (2)',
    });
  if (granularity === GRANULARITY.addr) {
    if ((cache & CACHE.pasid) !== 0)
      return refuse(CHECKS.flushPasidCacheByAddr, {
        path: 'data.cache',
        found: 'PASID with ADDR',
        wanted: 'PASID or DOMAIN granularity',
      });
    if ((flags & ~0b111) !== 0)
      return refuse(CHECKS.flushAddrFlags, {
        path: 'data.granu.addr_info.flags',
        found: hex(flags),
        wanted: 'bits 0 to 2 only',
      });
  }
  if (granularity === GRANULARITY.pasid && (flags & ~0b11) !== 0)
    return refuse(CHECKS.flushPasidFlags, {
      path: 'data.granu.pasid_info.flags',
      found: hex(flags),
      wanted: 'bits 0 and 1 only',
    });
  if (granularity === GRANULARITY.domain && (cache & CACHE.devIotlb) !== 0)
    return refuse(CHECKS.flushDevTlbByDomain, {
      path: 'data.cache',
      found: 'DEV_IOTLB with DOMAIN',
      wanted: 'PASID or ADDR granularity',
    });
  if (bytes.subarray(10, 16).some((b) => b !== 0))
    return refuse(CHECKS.flushPadding, { path: 'data.padding', found: 'a non-zero byte', wanted: '0' });
  return {
    at: 'data',
    cache,
    granularity,
    flags,
    pasid: u64At(bytes, 24),
    addr: u64At(bytes, 32),
    granuleSize: u64At(bytes, 40),
    nbGranules: u64At(bytes, 48),
  };
}
