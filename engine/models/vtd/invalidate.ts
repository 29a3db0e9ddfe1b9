import { type DecodedDescriptor, decodeDescriptor, devicePages } from './descriptors.ts';
import type { VtdUnit } from './translate.ts';

/** Entries a descriptor removed, per cache. */
export interface Removed {
  readonly context: number;
  readonly pasid: number;
  readonly iotlb: number;
  readonly deviceTlb: number;
}

export interface Invalidation {
  readonly ok: boolean;
  /** IQE: the queue stopped at a descriptor hardware does not accept. */
  readonly error?: 'IQE';
  /** Why it stopped; no full stop. */
  readonly why?: string;
  readonly removed: Removed;
}

const NOTHING: Removed = { context: 0, pasid: 0, iotlb: 0, deviceTlb: 0 };
const done = (removed: Partial<Removed> = {}): Invalidation => ({ ok: true, removed: { ...NOTHING, ...removed } });
const refuse = (why: string): Invalidation => ({ ok: false, error: 'IQE', why, removed: NOTHING });

/** Bits of a source id that FM makes a context-cache request ignore. */
const FUNCTION_MASKS = [0b000, 0b100, 0b110, 0b111];

/**
 * Applies what the specification guarantees a descriptor removes, and nothing more (VT-d 6.5.2): "may" and "need not"
 * keep the entry. A request that lies inside a larger cached page removes the whole entry.
 */
export function applyInvalidation(unit: VtdUnit, words: readonly bigint[]): Invalidation {
  const decoded = decodeDescriptor(words);
  if (!decoded) return refuse(`descriptor type ${Number((words[0] ?? 0n) & 0xfn)} does not exist`);
  const { descriptor } = decoded;
  const capabilities = unit.caps as Readonly<Record<string, number>>;
  if (descriptor.needs && !capabilities[descriptor.needs]) {
    return refuse(`${descriptor.name} needs ${descriptor.needs}, which is 0`);
  }
  if (descriptor.wide && words.length < 4) return refuse(`${descriptor.name} only exists in a 256-bit queue`);
  if (decoded.reserved) return refuse(`a reserved bit of ${descriptor.name} is set`);
  const granularity = decoded.fields['G'];
  if (descriptor.granularity && !Object.values(descriptor.granularity).includes(granularity ?? 0n)) {
    return refuse(`granularity ${granularity} of ${descriptor.name} is reserved`);
  }
  return effect(unit, decoded);
}

function effect(unit: VtdUnit, { descriptor, fields }: DecodedDescriptor): Invalidation {
  const number = (name: string): number => Number(fields[name] ?? 0n);
  const did = number('DID');
  const pasid = number('PASID');
  switch (descriptor.name) {
    case 'cc_inv': {
      // Scalable-mode entries carry no domain id, so a domain request cannot be narrower than a global one.
      const cache = unit.contextCache;
      if (number('G') !== 3) return done({ context: cache.clear() });
      return done({ context: cache.removeDevice(number('SID'), FUNCTION_MASKS[number('FM')]!) });
    }
    case 'iotlb_inv': {
      if (number('G') === 1) return done({ iotlb: unit.iotlb.clear() });
      if (number('G') === 2) return done({ iotlb: unit.iotlb.removeDomain(did) });
      if (unit.caps.PSI === 0) return refuse('page granularity needs PSI, which is 0');
      if (number('AM') > unit.caps.MAMV) return refuse(`AM is ${number('AM')}, but MAMV is ${unit.caps.MAMV}`);
      const { first, last } = maskedPages(fields);
      return done({ iotlb: unit.iotlb.removeDomainPages(did, first, last) });
    }
    case 'p_iotlb_inv': {
      if (number('G') === 2) return done({ iotlb: unit.iotlb.removePasid(did, pasid) });
      const { first, last } = maskedPages(fields);
      return done({ iotlb: unit.iotlb.removePasidPages(did, pasid, first, last) });
    }
    case 'pc_inv':
      if (number('G') === 3) return done({ pasid: unit.pasidCache.clear() });
      if (number('G') === 0) return done({ pasid: unit.pasidCache.removeDomain(did) });
      return done({ pasid: unit.pasidCache.removePasid(did, pasid) });
    case 'dev_tlb_inv':
    case 'p_dev_tlb_inv': {
      const { first, last } = devicePages(fields['ADDR'] ?? 0n, number('S') === 1);
      const tag = descriptor.name === 'dev_tlb_inv' ? -1 : number('G') === 1 ? null : pasid;
      return done({ deviceTlb: unit.deviceTlb.removePages(number('SID'), tag, first, last) });
    }
    case 'inv_wait':
      if (number('SW') === 1) {
        const data = fields['STDATA'] ?? 0n;
        unit.mem.write(
          fields['STADDR'] ?? 0n,
          Uint8Array.from([0n, 8n, 16n, 24n], (at) => Number((data >> at) & 0xffn)),
        );
      }
      return done();
    default:
      // Interrupt entries are not cached here, and a page response is its sender's business.
      return done();
  }
}

/** Pages of an address mask: 2^AM, naturally aligned. */
function maskedPages(fields: Readonly<Record<string, bigint>>): { first: number; last: number } {
  const order = fields['AM'] ?? 0n;
  const first = ((fields['ADDR'] ?? 0n) >> (12n + order)) << order;
  const last = first + (1n << order) - 1n;
  return { first: Number(first), last: Number(last) };
}
