import { type CallResult, done } from '../check.ts';
import type { Problem } from '../kernel.ts';
import { FIRST_DID } from './domain-ids.ts';
import type { IntelDriver } from './driver.ts';

const PAGE = 0x1000n;

/** The VMM maps guest memory: VFIO_IOMMU_MAP_DMA down to the entries. */
export function mapSecondStage(driver: IntelDriver, gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
  const { table } = driver.domain;
  const replaced = isCovered(driver, gpa, size);
  if (replaced) edit(driver, gpa, size, () => table.unmap(gpa, size));
  const leaf = driver.leafSize(gpa);
  const page = (gpa | hpa | size) % leaf === 0n ? leaf : PAGE;
  const rights = { read: true, write: true, execute: false, user: true, global: false };
  const result = table.map({ ia: gpa, oa: hpa, size, ...rights, page, set: 0n });
  if (!result.ok) return { problem: result.problem };
  if (driver.domain.maxAddr < gpa + size) driver.domain.maxAddr = gpa + size;
  // Only a unit in caching mode may have cached the absence (CM = 1).
  if (driver.caps.CM === 1) flushPages(driver, gpa, size, 'new');
  return done(0, replaced ? ['the range was mapped: it was unmapped and flushed first'] : []);
}

export function unmapSecondStage(driver: IntelDriver, gpa: bigint, size: bigint): CallResult | Problem {
  const result = edit(driver, gpa, size, () => driver.domain.table.unmap(gpa, size));
  return result.ok ? done(0, result.changed === 0 ? ['nothing was mapped there'] : []) : { problem: result.problem };
}

export function protectSecondStage(
  driver: IntelDriver,
  gpa: bigint,
  size: bigint,
  rights: { readonly read: boolean; readonly write: boolean },
): CallResult | Problem {
  const result = edit(driver, gpa, size, () =>
    driver.domain.table.protect(gpa, size, { ...rights, execute: false, user: true }),
  );
  return result.ok ? done() : { problem: result.problem };
}

function edit<T extends { readonly ok: boolean }>(driver: IntelDriver, gpa: bigint, size: bigint, change: () => T): T {
  const result = change();
  if (result.ok) flushPages(driver, gpa, size, 'changed');
  return result;
}

/**
 * iommu_flush_iotlb_psi: one page-selective invalidation of each domain, or a domain-selective one beyond MAMV. Nested
 * entries carry the same domain id in this kernel, so they go with it. Device TLBs are flushed without PASID only:
 * entries that a device holds under a guest PASID stay.
 */
function flushPages(driver: IntelDriver, gpa: bigint, size: bigint, what: 'changed' | 'new'): void {
  const attached = driver.attached();
  const dids = attached.length === 0 ? [FIRST_DID] : [...new Set(attached.map((device) => device.did))];
  for (const did of dids) flushDomain(driver, did, gpa, size);
  if (driver.caps.CM === 0 || what === 'changed')
    for (const device of attached) driver.flushDeviceTlb(device, undefined, gpa, orderOf(size));
}

function flushDomain(driver: IntelDriver, did: number, gpa: bigint, size: bigint): void {
  const order = orderOf(size);
  if (driver.caps.PSI === 0 || driver.caps.MAMV < order) {
    driver.queue.issue('iotlb_inv', { G: 'domain', DID: did, DR: 1, DW: 1 });
    return;
  }
  const block = 1n << BigInt(12 + order);
  // A range that straddles its natural alignment needs a larger block; the driver rounds the page count only, so split it.
  for (let at = gpa & ~(block - 1n); at < gpa + size; at += block)
    driver.queue.issue('iotlb_inv', { G: 'page', DID: did, DR: 1, DW: 1, AM: order, IH: 0, ADDR: at });
}

function isCovered(driver: IntelDriver, gpa: bigint, size: bigint): boolean {
  for (let at = gpa; at < gpa + size; at += PAGE) if (driver.domain.table.find(at)?.leaf) return true;
  return false;
}

/** log2 of the pages that cover `size` bytes, rounded up. */
export function orderOf(size: bigint): number {
  const pages = size >> 12n;
  let order = 0;
  while (1n << BigInt(order) < pages) order++;
  return order;
}
