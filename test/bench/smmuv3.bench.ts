/** How long translations of an SMMUv3 take, over the same tables as those of VT-d (`vtd.bench.ts`). */
import { lo32 } from '../../engine/base/addr.ts';
import { encode } from '../../engine/models/bit-layout.ts';
import { DEFAULT_IDS } from '../../engine/models/smmuv3/ids.ts';
import { CD, command, OP, SmmuUnit, STE } from '../../engine/models/smmuv3/index.ts';
import { Access, Request } from '../../engine/models/translation.ts';
import { buildTables, perAccess, putWords, shuffledPages, sweep, VA } from './guest.ts';

const SID = 0x10;
const PASID = 7;
const VMID = 1;

/** A unit with a guest of 4K pages in four levels of each stage. */
export function nestedGuest(psc: boolean) {
  const tables = buildTables({ table1: 3n, leaf1: 0xf43n, table2: 3n, leaf2: 0x7ffn });
  const { mem, fsRoot, ssRoot, hostPage, guestPage, guest } = tables;
  const [streams, cds] = [hostPage(), guestPage()];
  const ste = {
    V: 1,
    Config: 7,
    S1ContextPtr: cds,
    S1CDMax: 4,
    S2VMID: VMID,
    S2T0SZ: 16,
    S2SL0: 2,
    S2PS: 5,
    S2AA64: 1,
    S2R: 1,
    S2TTB: ssRoot,
  };
  putWords(mem, streams + BigInt(64 * SID), encode(STE, ste));
  const cd = { V: 1, T0SZ: 16, EPD1: 1, IPS: 5, AA64: 1, R: 1, A: 1, ASID: 1, TTB0: fsRoot };
  putWords(mem, guest(cds) + BigInt(64 * PASID), encode(CD, cd));
  const unit = new SmmuUnit(mem, DEFAULT_IDS, psc);
  unit.writeRegister('STRTAB_BASE', streams);
  unit.writeRegister('STRTAB_BASE_CFG', 5n);
  return { unit, tables };
}

export const newRequest = (): Request => new Request({ sid: SID, pasid: PASID, address: VA, access: Access.Read });

/** Nested 4 x 4 walk of 24 reads in a unit with only a TLB; its emptying, once for all pages, is part of the time. */
export function coldWalk(): number {
  const { unit } = nestedGuest(false);
  const order = shuffledPages();
  const request = newRequest();
  return perAccess(4, () => {
    unit.tlb.clear();
    return sweep(unit, order, request);
  });
}

/** The same 24 reads, and what they lead to put into walk caches, which are emptied before each walk. */
export function coldWalkWithFill(): number {
  const { unit } = nestedGuest(true);
  const order = shuffledPages();
  const request = newRequest();
  const lo = lo32(VA);
  return perAccess(2, () => {
    let wrong = 0;
    for (let i = 0; i < order.length; i++) {
      unit.tlb.clear();
      unit.walks!.clear();
      request.lo = lo + (order[i]! << 12) + 0x10;
      if (unit.translate(request).refs !== 24) wrong++;
    }
    return wrong;
  });
}

/** The walk that is left when the walk caches hold all tables, and IPA entries the pages: 1 read. */
export function warmWalk(): number {
  const { unit } = nestedGuest(true);
  const order = shuffledPages();
  const request = newRequest();
  const ofAsid = command(OP.tlbiNhVaa, { vmid: VMID, leaf: 1, tg: 1, num: 31, scale: 9, address: VA });
  return perAccess(4, () => {
    unit.command(ofAsid);
    return sweep(unit, order, request);
  });
}

/** Every page in the TLB. @param pages how many different ones are touched */
export function tlbHit(pages: number): number {
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
