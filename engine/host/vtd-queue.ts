import { descriptorByName, deviceRange, encodeDescriptor, WHOLE_DEVICE_RANGE } from '../models/vtd/descriptors.ts';
import type { VtdUnit } from '../models/vtd/unit.ts';

/** Order of a device-TLB range that means everything: `MAX_AGAW_PFN_WIDTH`. */
export const WHOLE_ORDER = 52;
const U64 = 0xffff_ffff_ffff_ffffn;

/** A naturally aligned power of two of pages. */
export interface Block {
  readonly addr: bigint;
  /** log2 of the pages. */
  readonly order: number;
}

/**
 * `calculate_psi_aligned_address`: the block that covers a range. An address that is not aligned to the rounded size
 * makes the block larger, up to the first address bit in which both ends agree.
 */
export function coveringBlock(addr: bigint, pages: bigint): Block {
  const first = addr >> 12n;
  const last = first + (pages === 0n ? 1n : pages) - 1n;
  let order = 0;
  while (order < WHOLE_ORDER && (first >> BigInt(order) !== last >> BigInt(order) || 1n << BigInt(order) < pages))
    order++;
  return { addr: (addr >> BigInt(12 + order)) << BigInt(12 + order), order };
}

/** The invalidation queue of one unit: descriptors run at once, and are kept for who asks what was issued. */
export class InvalidationQueue {
  readonly #unit: VtdUnit;
  #issued: bigint[][] = [];

  constructor(unit: VtdUnit) {
    this.#unit = unit;
    unit.queue.repaired = true;
  }

  /** Descriptors queued since the last time, without the waits that follow them. */
  takeIssued(): bigint[][] {
    const issued = this.#issued;
    this.#issued = [];
    return issued;
  }

  /** Queues a descriptor. @param fields by name; G may be a granularity's word */
  issue(name: string, fields: Readonly<Record<string, bigint | number | string>>): void {
    const granularity = descriptorByName(name)?.granularity ?? {};
    const numbers = Object.entries(fields).map(
      ([field, value]) => [field, typeof value === 'string' ? (granularity[value] ?? 0n) : value] as const,
    );
    const words = encodeDescriptor(name, Object.fromEntries(numbers));
    this.#issued.push(words);
    this.#unit.invalidate(words);
  }

  /** `pasid_cache_invalidation_with_pasid`. */
  flushPasidEntry(did: number, pasid: number): void {
    this.issue('pc_inv', { G: 'pasid', DID: did, PASID: pasid });
  }

  /** `iommu->flush.flush_iotlb` by domain. */
  flushDomain(did: number): void {
    this.issue('iotlb_inv', { G: 'domain', DID: did, DR: 1, DW: 1 });
  }

  /** The same for second-stage pages; the whole domain where the unit cannot select that block. */
  flushDomainPages(did: number, { addr, order }: Block, leafOnly: boolean): void {
    const { PSI, MAMV } = this.#unit.caps;
    if (PSI === 0 || MAMV < order) this.flushDomain(did);
    else this.issue('iotlb_inv', { G: 'page', DID: did, DR: 1, DW: 1, AM: order, IH: leafOnly ? 1 : 0, ADDR: addr });
  }

  /** `qi_flush_piotlb`. @param block undefined: all pages of the PASID */
  flushPasid(did: number, pasid: number, block?: Block, leafOnly = false): void {
    if (!block) this.issue('p_iotlb_inv', { G: 'pasid', DID: did, PASID: pasid });
    else
      this.issue('p_iotlb_inv', {
        G: 'page',
        DID: did,
        PASID: pasid,
        AM: block.order,
        IH: leafOnly ? 1 : 0,
        ADDR: block.addr & U64,
      });
  }

  /** `qi_flush_dev_iotlb` for requests without PASID (undefined), else `qi_flush_dev_iotlb_pasid`. */
  flushDevice(sid: number, pasid: number | undefined, block?: Block): void {
    const whole = !block || WHOLE_ORDER <= block.order;
    const range = whole ? WHOLE_DEVICE_RANGE : deviceRange(block.addr, block.order);
    if (pasid === undefined) this.issue('dev_tlb_inv', { SID: sid, PFSID: sid, ...range });
    else this.issue('p_dev_tlb_inv', { SID: sid, PFSID: sid, PASID: pasid, ...range });
  }

  /** The same for the PASID of a domain's device, of which 0 stands for requests without one. */
  flushDeviceOf(sid: number, pasid: number, block?: Block): void {
    this.flushDevice(sid, pasid === 0 ? undefined : pasid, block);
  }
}
