/**
 * How long translations and invalidations of VT-d take: `esbuild --bundle`, then run. Figures are medians of 7 runs; nothing
 * is asserted about them, because machines differ.
 */
import { lo32 } from '../../engine/base/addr.ts';
import {
  Access,
  CONTEXT_ENTRY,
  encode,
  encodeDescriptor,
  makeCaps,
  nestedPasidEntry,
  Request,
  rawCaps,
  VtdUnit,
} from '../../engine/models/vtd/index.ts';
import { buildTables, perAccess, perInvalidation, putWords, shuffledPages, sweep, VA } from './guest.ts';

const SID = 0x10;
const PASID = 7;

/** A unit with a guest, whose entries have every accessed and dirty bit set already. */
export function nestedGuest(psc: boolean) {
  const tables = buildTables({ table1: 0x27n, leaf1: 0x67n, table2: 3n, leaf2: 3n });
  const { mem, fsRoot, ssRoot, hostPage } = tables;
  const [root, contexts, directory, table] = [hostPage(), hostPage(), hostPage(), hostPage()];
  putWords(mem, root, [contexts | 1n, 0n]);
  putWords(mem, contexts + BigInt(SID) * 32n, encode(CONTEXT_ENTRY, { P: 1, PASIDE: 1, PASIDDIRPTR: directory }));
  putWords(mem, directory, [table | 1n]);
  const entry = nestedPasidEntry({ did: 1, pwsnp: true, fsRoot, fsLevels: 4, second: { root: ssRoot, levels: 4 } });
  putWords(mem, table + BigInt(PASID) * 64n, entry);
  const caps = makeCaps();
  const unit = new VtdUnit(mem, caps, rawCaps(caps), psc);
  unit.rtaddr = root | 0x400n;
  return { unit, tables };
}

export const newRequest = (): Request => new Request({ sid: SID, pasid: PASID, address: VA, access: Access.Read });

/** Nested 4 x 4 walk of 24 reads in a unit with only an IOTLB; its emptying, once for all pages, is part of the time. */
export function coldWalk(): number {
  const { unit } = nestedGuest(false);
  const order = shuffledPages();
  const request = newRequest();
  return perAccess(4, () => {
    unit.iotlb.clear();
    return sweep(unit, order, request);
  });
}

/** The same 24 reads, and what they lead to put into paging-structure caches, which are emptied before each walk. */
export function coldWalkWithFill(): number {
  const { unit } = nestedGuest(true);
  const order = shuffledPages();
  const request = newRequest();
  const lo = lo32(VA);
  return perAccess(2, () => {
    unit.iotlb.clear();
    let wrong = 0;
    for (let i = 0; i < order.length; i++) {
      unit.structures!.clear();
      request.lo = lo + (order[i]! << 12) + 0x10;
      if (unit.translate(request).refs !== 24) wrong++;
    }
    return wrong;
  });
}

/** The walk that is left when the paging-structure caches hold all tables: 2 reads. */
export function warmWalk(): number {
  const { unit } = nestedGuest(true);
  const order = shuffledPages();
  const request = newRequest();
  return perAccess(4, () => {
    unit.iotlb.clear();
    return sweep(unit, order, request);
  });
}

/** Every page in the IOTLB. @param pages how many different ones are touched */
export function iotlbHit(pages: number): number {
  const { unit } = nestedGuest(true);
  const order = shuffledPages().map((page) => page & (pages - 1));
  const request = newRequest();
  return perAccess(200, () => sweep(unit, order, request));
}

/** One edit, then a hit that has to prove itself with a walk. */
export function provenHit(): number {
  const { unit } = nestedGuest(true);
  const order = shuffledPages();
  const request = newRequest();
  sweep(unit, order, request);
  return perAccess(2, () => {
    unit.mem.write64(0xdead_0000n, 1n);
    return sweep(unit, order, request);
  });
}

const LIVE = 4096;
const PASIDS = 16;

/** Fills the IOTLB with 4,096 lines of 16 PASIDs. */
function fillLines(unit: VtdUnit): void {
  unit.iotlb.clear();
  for (let i = 0; i < LIVE; i++)
    unit.iotlb.put({
      did: 1,
      pasid: i % PASIDS,
      kind: 3,
      privileged: 0,
      page: VA + BigInt(i) * 0x1000n,
      size: 0x1000n,
    });
}

/** `p_iotlb_inv` of one page, with 4,096 lines live at first; decoding the descriptor is part of the time. */
export function pageInvalidation(): number {
  const { unit } = nestedGuest(true);
  const words = Array.from({ length: LIVE / 2 }, (_, i) =>
    encodeDescriptor('p_iotlb_inv', { G: 3, DID: 1, PASID: i % PASIDS, ADDR: VA + BigInt(i) * 0x1000n }),
  );
  return perInvalidation(
    words.length,
    () => fillLines(unit),
    () => words.reduce((sum, each) => sum + unit.invalidate(each).removed.iotlb, 0),
  );
}

/** `p_iotlb_inv` of one PASID of 16, which takes 256 of 4,096 lines. */
export function pasidInvalidation(): number {
  const { unit } = nestedGuest(true);
  const words = encodeDescriptor('p_iotlb_inv', { G: 2, DID: 1, PASID: 3 });
  return perInvalidation(
    1,
    () => fillLines(unit),
    () => unit.invalidate(words).removed.iotlb,
  );
}
