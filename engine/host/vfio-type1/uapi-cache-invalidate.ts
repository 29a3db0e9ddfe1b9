import { hex } from '../../base/text.ts';
import { type CallResult, type FailPoints, type Refusal, refuse } from '../check.ts';
import type { CacheInvalidate, IntelDevice } from '../intel/driver.ts';
import { u32At, u64At } from './bytes.ts';
import { CHECKS } from './checks.ts';
import type { Container } from './container.ts';

const MIN = 16;
const END_PASID_INFO = 32;
const SIZE = 56;
const CACHE_KNOWN = 0b111;
const CACHE = { devIotlb: 2, pasid: 4 };
export const GRANULARITY = { domain: 0, pasid: 1, addr: 2 };

type Outcome = { readonly refusal?: Refusal; readonly skip?: CallResult['skip'] };

/** iommu_uapi_cache_invalidate for one device (Linux 5.10). */
export function uapiCacheInvalidate(
  container: Container,
  device: IntelDevice,
  address: bigint,
  fail: FailPoints,
  notes: string[],
): Outcome {
  const info = prepare(container, address);
  if ('check' in info) return { refusal: info };
  return container.driver.svaInvalidate(device, info, fail, notes);
}

function prepare(container: Container, address: bigint): CacheInvalidate | Refusal {
  const minimum = container.user.copyFrom(address, MIN);
  if (!minimum) return refuse(CHECKS.flushFault, { path: 'data', found: `${MIN} bytes wanted` });
  const argsz = u32At(minimum, 0);
  const granularity = minimum[9]!;
  const short = (check: (typeof CHECKS)[keyof typeof CHECKS], wanted: number): Refusal =>
    refuse(check, { path: 'data.argsz', found: `${argsz}`, wanted: `at least ${wanted}` });
  if (argsz < MIN) return short(CHECKS.flushArgsz, MIN);
  if (granularity === GRANULARITY.pasid && argsz < END_PASID_INFO) return short(CHECKS.flushArgszPasid, END_PASID_INFO);
  if (granularity === GRANULARITY.addr && argsz < SIZE) return short(CHECKS.flushArgszAddr, SIZE);
  const rest = container.user.copyFrom(address + BigInt(MIN), Math.min(argsz, SIZE) - MIN);
  if (!rest) return refuse(CHECKS.flushFault, { path: 'data', found: `${Math.min(argsz, SIZE)} bytes wanted` });
  const bytes = new Uint8Array(SIZE);
  bytes.set(minimum);
  bytes.set(rest, MIN);

  const [version, cache, flags] = [u32At(bytes, 4), bytes[8]!, u32At(bytes, 16)];
  if (version !== 1)
    return refuse(CHECKS.flushVersion, {
      path: 'data.version',
      found: `${version}`,
      wanted: 'IOMMU_CACHE_INVALIDATE_INFO_VERSION_1 (1)',
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
    cache,
    granularity,
    flags,
    pasid: u64At(bytes, 24),
    addr: u64At(bytes, 32),
    granuleSize: u64At(bytes, 40),
    nbGranules: u64At(bytes, 48),
  };
}
