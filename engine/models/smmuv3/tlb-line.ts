import { Tlb } from '../../cache/iotlb.ts';
import { type Request, readLine, type Translation, writeLine } from '../translation.ts';
import type { ContextEntry } from './context-entry.ts';
import { StageTwo } from './stage-two.ts';
import type { StreamEntry } from './stream-entry.ts';
import type { TableWalk } from './table-walk.ts';
import { asidFor, packLeaf, type SmmuTlb, Tag, type TlbTable } from './tlb.ts';

/** The part of the TLB that an access uses. @param cd null where stage 1 is off */
export const partOf = (tlb: SmmuTlb, cd: ContextEntry | null): TlbTable => (cd ? tlb.main : tlb.ipa);

/** The line for an access, or -1. @param tlb the part it uses */
export function findLine(tlb: TlbTable, ste: StreamEntry, cd: ContextEntry | null, { hi, lo }: Request): number {
  if (!cd) return tlb.find(Tag.Ipa, ste.vmid, -1, hi, lo);
  const top = cd.canonicalHi(hi);
  const own = ste.el2 ? Tag.El2 : Tag.Asid;
  const at = tlb.find(own, ste.vmid, asidFor(own, cd.asid), top, lo);
  return at >= 0 ? at : tlb.find(ste.el2 ? Tag.El2Global : Tag.Global, ste.vmid, -1, top, lo);
}

/** The line that a walk fills, with what it found; time, version and origin are the caller's. */
export function fillLine(
  tlb: TlbTable,
  ste: StreamEntry,
  cd: ContextEntry | null,
  request: Request,
  tables: TableWalk,
  r: Translation,
  el2Host: boolean,
): number {
  const tag = cd ? tagOf(ste, tables.global, el2Host) : Tag.Ipa;
  const hi = cd ? cd.canonicalHi(request.hi) : request.hi;
  const at = tlb.fill(tag, ste.vmid, asidFor(tag, r.pasid), hi, request.lo, tables.lg2);
  const { lines } = tlb;
  writeLine(lines, at, r);
  const { rights, leafLevel: level, granule, dirty, walker } = tables;
  const device = tag === Tag.Ipa && StageTwo.isDevice(walker.leaf2);
  lines[at + Tlb.Flags] = packLeaf(rights, level, granule, dirty !== 0, device);
  lines[at + Tlb.Sid] = request.sid;
  lines[at + Tlb.Pasid] = request.pasid;
  return at;
}

/** EL2 has ASIDs only as a host's (CR2.E2H). */
function tagOf({ el2 }: StreamEntry, global: boolean, el2Host: boolean): Tag {
  if (el2) return global || !el2Host ? Tag.El2Global : Tag.El2;
  return global ? Tag.Global : Tag.Asid;
}

/** A line's addresses for one access. `readLine` fills in offsets of up to 32 bits; larger pages have longer ones. */
export function readAddresses(lines: Int32Array, line: number, request: Request, r: Translation): void {
  readLine(lines, line, request, r);
  if (r.lg2 <= 32) return;
  const offset = (1 << (r.lg2 - 32)) - 1;
  r.hpaHi = (r.hpaHi & ~offset) | (request.hi & offset);
  r.gpaHi = (r.gpaHi & ~offset) | (request.hi & offset);
  r.hpaLo = r.gpaLo = request.lo;
}
