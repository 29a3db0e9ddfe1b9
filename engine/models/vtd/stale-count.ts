import { FAULTS, READ, Tlb } from '../../cache/iotlb.ts';
import { Psc } from '../../cache/psc.ts';
import { type Counted, type IsGone, StaleCount } from '../stale-count.ts';
import { Access, judge, Request, readLine, Stale, Translation } from '../translation.ts';
import { faultByCode } from './faults.ts';
import type { VtdStructureCaches } from './structure-caches.ts';
import type { VtdUnit } from './unit.ts';

/** What counts the lines that a descriptor removes, of the IOTLB, of device TLBs and of paging-structure caches. */
export function countStale(unit: VtdUnit): StaleCount {
  const { iotlb, deviceTlb, structures } = unit;
  const translations: IsGone = (lines, at, key) =>
    translationIsGone(unit, lines, at, lines[at + Tlb.Sid]!, lines[at + Tlb.Pasid]!, (key >> 20) & 1);
  const own: IsGone = (lines, at, key) =>
    translationIsGone(unit, lines, at, deviceTlb.sidOf(key), lines[at + 1]!, (key >> 16) & 1);
  const caches: Counted[] = [
    { table: iotlb.table, translations: true, isGone: translations },
    { table: deviceTlb.table, translations: true, isGone: own },
  ];
  if (structures)
    for (const stage of [1, 2] as const) {
      const { table } = stage === 1 ? structures.first : structures.second;
      const isGone: IsGone = (lines, at) => tableIsGone(unit, stage, structures, lines, at);
      caches.push({ table, translations: false, isGone });
    }
  return new StaleCount(caches);
}

function translationIsGone(
  unit: VtdUnit,
  lines: Int32Array,
  at: number,
  sid: number,
  pasid: number,
  privileged: number,
): boolean {
  const { present } = unit;
  const used = new Translation(faultByCode);
  const flags = lines[at + Tlb.Flags]!;
  const access = (flags & READ) !== 0 || (flags & FAULTS) !== 0 ? Access.Read : Access.Write;
  const request = new Request({ sid, pasid, address: 0n, access, privileged: privileged === 1 });
  request.hi = lines[at + 2]!;
  const from = lines[at + 3]! >>> 0;
  if ((flags & FAULTS) !== 0) {
    request.lo = from | 0;
    return present.walk(request).fault !== lines[at + Tlb.HpaLo];
  }
  used.ok = true;
  // Behind a large line there may be smaller pages by now; lines never cross 4 GiB.
  const size = 2 ** lines[at + Tlb.Lg2]!;
  for (let done = 0; done < size; ) {
    request.lo = (from + done) | 0;
    readLine(lines, at, request, used);
    const now = present.walk(request);
    if (judge(used, now) !== Stale.Fresh) return true;
    done += 2 ** Math.max(12, now.lg2);
  }
  return false;
}

function tableIsGone(
  unit: VtdUnit,
  stage: 1 | 2,
  structures: VtdStructureCaches,
  lines: Int32Array,
  at: number,
): boolean {
  const { present } = unit;
  const walker = present.tables.walker;
  const [sid, pasid, hi, lo] = [lines[at + Psc.Sid]!, lines[at + Psc.Pasid]!, lines[at + 2]!, lines[at + 3]!];
  const request = new Request({ sid, pasid, address: 0n, access: Access.Read });
  request.hi = hi;
  request.lo = lo;
  present.walk(request);
  if (!present.pasidRead) return true;
  if (stage === 1) return !structures.holdsFirst(lines, at, walker);
  if (walker.format2 === null) return true;
  walker.start();
  walker.second(hi, lo);
  return !structures.holdsSecond(lines, at, walker);
}
