import { hex } from '../../base/text.ts';
import { type CallResult, type FailPoints, type Refusal, refuse } from '../check.ts';
import { INVALIDATE_CHECKS as CHECKS, SKIPS, VERSIONED_SKIPS } from './checks.ts';
import type { IntelDevice, IntelDriver } from './driver.ts';
import type { CacheInvalidate } from './payloads.ts';
import { orderOf } from './second-stage.ts';
import { checkVersionedInvalidate } from './version-form.ts';

const GRANULARITY = ['DOMAIN', 'PASID', 'ADDR'] as const;
const CACHE_TYPES = ['IOTLB', 'DEV_IOTLB', 'PASID'] as const;
const KNOWN_CACHES = 0b111;
const FLAG_PASID = 1;
const FLAG_LEAF = 4;

/** The pairs VT-d implements (the driver's inv_type_granu_table): IOTLB by PASID or ADDR, device TLB by ADDR. */
export const SUPPORTED: Readonly<Record<(typeof CACHE_TYPES)[number], readonly (typeof GRANULARITY)[number][]>> = {
  IOTLB: ['PASID', 'ADDR'],
  DEV_IOTLB: ['ADDR'],
  PASID: [],
};

/** intel_iommu_sva_invalidate (Linux 5.10): the requested caches from the lowest bit up; the first unsupported pair ends the loop. */
export function svaInvalidate(
  driver: IntelDriver,
  device: IntelDevice,
  info: CacheInvalidate,
  fail: FailPoints,
  notes: string[],
): { readonly refusal?: Refusal; readonly skip?: CallResult['skip'] } {
  if (fail.hit()) return { refusal: refuse(CHECKS.svaInjected, { injected: true, found: device.name }) };
  const head = info.versioned && checkVersionedInvalidate(driver, info, info.versioned);
  if (head) return { refusal: head };
  if (!driver.domain.nesting) return { refusal: refuse(CHECKS.svaNoMode) };
  if (!device.attached) return { refusal: refuse(CHECKS.svaNoDomain, { found: device.name }) };
  const granularity = GRANULARITY[info.granularity] ?? `granularity ${info.granularity}`;
  const byAddress = granularity === 'ADDR';
  const order = byAddress ? orderOf((info.granuleSize * info.nbGranules) & 0xffff_ffff_ffff_ffffn) : 0;
  const pasid = (info.flags & FLAG_PASID) !== 0 ? Number(info.pasid & 0xf_ffffn) : 0;

  for (const [bit, type] of CACHE_TYPES.entries()) {
    if ((info.cache & (1 << bit)) === 0) continue;
    if (!SUPPORTED[type].some((supported) => supported === granularity)) {
      const left = CACHE_TYPES.filter((_, i) => bit <= i && (info.cache & (1 << i)) !== 0).join(', ');
      const found = `${type} by ${granularity}${left === type ? '' : `, and with it the rest of ${left}`}`;
      if (!driver.quirk('unsupported_granularity_skipped'))
        return { refusal: refuse(CHECKS.svaUnsupported, { path: `${info.at}.granularity`, found }) };
      return { skip: { ...SKIPS.granularity, found } };
    }
    if (type === 'IOTLB') {
      const misaligned = byAddress && (info.addr & ((1n << BigInt(12 + order)) - 1n)) !== 0n;
      if (misaligned && 0 < order) {
        if (!driver.quirk('misalignment_only_logged'))
          return {
            refusal: refuse(CHECKS.svaMisaligned, {
              path: info.versioned ? `${info.at}.addr_info.addr` : `${info.at}.granu.addr_info.addr`,
              found: hex(info.addr),
              wanted: `a multiple of ${hex(1n << BigInt(12 + order))}`,
            }),
          };
        notes.push(`kernel log: User address not aligned, ${hex(info.addr)}, size order ${order}`);
      }
      flushIotlb(driver, device.did, info, pasid, order, byAddress);
      if (device.setup.ats) flushDevice(driver, device, info, pasid, order, byAddress);
    } else if (type === 'DEV_IOTLB') {
      if (device.setup.ats) flushDevice(driver, device, info, pasid, order, byAddress);
      else notes.push('kernel log: Passdown device IOTLB flush w/o ATS!');
    }
  }
  // for_each_set_bit ends at the last known type, so what lies above is passed over without a word.
  const unknown = info.cache & ~KNOWN_CACHES;
  return unknown === 0 ? {} : { skip: { ...VERSIONED_SKIPS.unknownCache, found: `cache bits ${hex(unknown)}` } };
}

function flushIotlb(
  driver: IntelDriver,
  did: number,
  info: CacheInvalidate,
  pasid: number,
  order: number,
  byAddress: boolean,
): void {
  if (!byAddress) {
    driver.queue.issue('p_iotlb_inv', { G: 'pasid', DID: did, PASID: pasid });
    return;
  }
  const addr = info.addr & ~((1n << BigInt(12 + order)) - 1n);
  driver.queue.issue('p_iotlb_inv', {
    G: 'page',
    DID: did,
    PASID: pasid,
    AM: order,
    IH: (info.flags & FLAG_LEAF) !== 0 ? 1 : 0,
    ADDR: addr,
  });
}

function flushDevice(
  driver: IntelDriver,
  device: IntelDevice,
  info: CacheInvalidate,
  pasid: number,
  order: number,
  byAddress: boolean,
): void {
  driver.flushDeviceTlb(device, pasid, byAddress ? info.addr : 0n, byAddress ? order : undefined);
}
