import { PasidEntry } from '../../cache/config-cache.ts';
import { pageNumber } from '../../cache/lines.ts';
import type { Request } from '../translation.ts';
import { type DecodedDescriptor, decodeDescriptor, devicePages } from './descriptors.ts';
import { IQEI } from './queue.ts';
import { countStale } from './stale-count.ts';
import { PGTT } from './structures.ts';
import type { VtdUnit } from './unit.ts';

/** Entries a descriptor removed, per cache. */
export interface Removed {
  readonly context: number;
  readonly pasid: number;
  readonly iotlb: number;
  /** Of the paging-structure caches. */
  readonly psc: number;
  readonly deviceTlb: number;
}

export interface Invalidation {
  readonly ok: boolean;
  /** IQE: the queue stopped at a descriptor hardware does not accept. */
  readonly error?: 'IQE';
  /** Why it stopped; no full stop. */
  readonly why?: string;
  /** IQERCD.IQEI, where the queue stopped. */
  readonly iqei?: number;
  /** What else is worth telling; no full stops. */
  readonly notes?: readonly string[];
  readonly removed: Removed;
  /** See `CommandOutcome`. */
  readonly stale?: number;
}

const NOTHING: Removed = { context: 0, pasid: 0, iotlb: 0, psc: 0, deviceTlb: 0 };
const done = (removed: Partial<Removed> = {}): Invalidation => ({ ok: true, removed: { ...NOTHING, ...removed } });
const refuse = (why: string, iqei: number = IQEI.reserved): Invalidation => ({
  ok: false,
  error: 'IQE',
  why,
  iqei,
  removed: NOTHING,
});

/** Bits of a source id that FM makes a context-cache request ignore. */
const FUNCTION_MASKS = [0b000, 0b100, 0b110, 0b111];

/**
 * Applies what the specification guarantees a descriptor removes, and nothing more (VT-d 6.5.2): "may" and "need not"
 * keep the entry. A request that lies inside a larger cached page removes the whole entry.
 */
export function applyInvalidation(unit: VtdUnit, words: readonly bigint[]): Invalidation {
  if (!unit.countStale) return apply(unit, words);
  const count = countStale(unit);
  const result = apply(unit, words);
  if (!result.ok) return result;
  const { dropped, needed } = count.translations();
  unit.tally.dropped += dropped;
  unit.tally.needed += needed;
  return { ...result, stale: count.removed() };
}

function apply(unit: VtdUnit, words: readonly bigint[]): Invalidation {
  const decoded = decodeDescriptor(words);
  if (!decoded) return refuse(`descriptor type ${Number((words[0] ?? 0n) & 0xfn)} does not exist`, IQEI.type);
  const { descriptor } = decoded;
  const capabilities = unit.caps as Readonly<Record<string, number>>;
  if (descriptor.needs && !capabilities[descriptor.needs]) {
    return refuse(`${descriptor.name} needs ${descriptor.needs}, which is 0`, IQEI.type);
  }
  if (descriptor.wide && words.length < 4)
    return refuse(`${descriptor.name} only exists in a 256-bit queue`, IQEI.width);
  if (decoded.reserved) return refuse(`a reserved bit of ${descriptor.name} is set`);
  const absent = descriptor.fields.find((f) => f.needs && !capabilities[f.needs] && decoded.fields[f.name] !== 0n);
  if (absent) return refuse(`${absent.name} of ${descriptor.name} needs ${absent.needs}, which is 0`);
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
  const { structures } = unit;
  // The hint says that only leaves have changed; a paging-structure cache may then keep what it has, so it does.
  const leafOnly = number('IH') === 1;
  switch (descriptor.name) {
    case 'cc_inv': {
      // Scalable-mode entries carry no domain id, so there a domain request is no narrower than a global one.
      const cache = unit.contextCache;
      if (number('G') === 1) return done({ context: cache.clear() });
      if (number('G') === 2) return done({ context: cache.removeDomain(did) });
      return done({ context: cache.removeDevice(number('SID'), FUNCTION_MASKS[number('FM')]!, did) });
    }
    case 'iotlb_inv': {
      if (number('G') === 1) return done({ iotlb: unit.iotlb.clear(), psc: structures?.clear() ?? 0 });
      if (number('G') === 2)
        return done({ iotlb: unit.iotlb.removeDomain(did), psc: structures?.removeDomain(did) ?? 0 });
      if (unit.caps.PSI === 0) return refuse('page granularity needs PSI, which is 0');
      if (number('AM') > unit.caps.MAMV) return refuse(`AM is ${number('AM')}, but MAMV is ${unit.caps.MAMV}`);
      const { first, last } = maskedPages(fields);
      return done({
        iotlb: unit.iotlb.removeDomainPages(did, first, last),
        psc: structures?.removeDomainPages(did, first, last, leafOnly) ?? 0,
      });
    }
    case 'p_iotlb_inv': {
      if (number('G') === 2)
        return done({
          iotlb: unit.iotlb.removePasid(did, pasid),
          psc: structures?.first.removePasid(did, pasid) ?? 0,
        });
      const { first, last } = maskedPages(fields);
      return done({
        iotlb: unit.iotlb.removePasidPages(did, pasid, first, last),
        psc: leafOnly ? 0 : (structures?.first.removePages(did, pasid, first, last) ?? 0),
      });
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
      if (number('IF') === 1) unit.queue.waitCompleted = true;
      if (number('SW') === 1) {
        const data = fields['STDATA'] ?? 0n;
        unit.mem.write(
          fields['STADDR'] ?? 0n,
          Uint8Array.from([0n, 8n, 16n, 24n], (at) => Number((data >> at) & 0xffn)),
        );
      }
      return done();
    case 'page_grp_resp':
      return { ...done(), notes: [unit.pageRequests.respond(fields)] };
    default:
      // Interrupt entries are not cached here.
      return done();
  }
}

/**
 * What a page request makes the IOTLB and the paging-structure caches forget, by the translation type (VT-d 6.5.3.1, which
 * names a domain-selective request for nested translation). @param lines with the PASID line at `at`
 */
export function forgetPage(unit: VtdUnit, lines: Int32Array, at: number, pasid: number, { hi, lo }: Request): void {
  const did = lines[at + PasidEntry.Did]!;
  const page = pageNumber(hi, lo);
  const { iotlb, structures } = unit;
  switch (lines[at + PasidEntry.Pgtt]) {
    case PGTT.firstStage:
      iotlb.removePasidPages(did, pasid, page, page);
      structures?.first.removePages(did, pasid, page, page);
      break;
    case PGTT.nested:
      iotlb.removeDomain(did);
      structures?.removeDomain(did);
      break;
    default:
      iotlb.removeDomainPages(did, page, page);
      structures?.removeDomainPages(did, page, page, false);
  }
}

/** Pages of an address mask: 2^AM, naturally aligned. */
function maskedPages(fields: Readonly<Record<string, bigint>>): { first: number; last: number } {
  const order = fields['AM'] ?? 0n;
  const first = ((fields['ADDR'] ?? 0n) >> (12n + order)) << order;
  const last = first + (1n << order) - 1n;
  return { first: Number(first), last: Number(last) };
}
