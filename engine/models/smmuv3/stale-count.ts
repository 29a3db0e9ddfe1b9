import { READ, RIGHTS, Tlb, WRITE } from '../../cache/iotlb.ts';
import { Psc } from '../../cache/psc.ts';
import { StaleCount } from '../stale-count.ts';
import { Access, judge, Request, Stale, Translation } from '../translation.ts';
import { eventByCode } from './events.ts';
import { ALL_STAGE_2, grantsOf } from './rights.ts';
import { rightsOf } from './tlb.ts';
import { readAddresses } from './tlb-line.ts';
import type { SmmuUnit } from './unit.ts';

/** Pages of one line that are looked at; a large page is rarely remapped beyond them. */
const MOST_PAGES = 512;

/** Who filled a line, and what it is about. */
interface Owner {
  readonly sid: number;
  readonly pasid: number;
  readonly privileged: boolean;
  readonly grants: number;
}

/** What counts the lines that a command removes, of the TLB, of device TLBs and of walk caches. */
export function countStale(unit: SmmuUnit): StaleCount {
  const { tlb, deviceTlb, walks } = unit;
  const caches = [
    {
      table: tlb.ipa.table,
      translations: true,
      isGone: (lines: Int32Array, at: number) =>
        isPageGone(unit, lines, at, lines[at + Tlb.Sid]! >>> 0, lines[at + Tlb.Pasid]!),
    },
    {
      table: tlb.main.table,
      translations: true,
      isGone: (lines: Int32Array, at: number) => {
        const [sid, pasid] = [lines[at + Tlb.Sid]! >>> 0, lines[at + Tlb.Pasid]!];
        const rights = rightsOf(lines[at + Tlb.Flags]!);
        return [false, true].some((privileged) =>
          isGone(unit, lines, at, { sid, pasid, privileged, grants: grantsOf(rights, privileged) }),
        );
      },
    },
    {
      table: deviceTlb.table,
      translations: true,
      isGone: (lines: Int32Array, at: number, key: number) => {
        const [sid, pasid, privileged] = [deviceTlb.sidOf(key), lines[at + 1]!, ((key >> 16) & 1) === 1];
        return isGone(unit, lines, at, { sid, pasid, privileged, grants: lines[at + Tlb.Flags]! });
      },
    },
  ];
  if (walks === null) return new StaleCount(caches);
  const tables = ([1, 2] as const).map((stage) => ({
    table: (stage === 1 ? walks.first : walks.second).table,
    translations: false,
    isGone: (lines: Int32Array, at: number) => isTableGone(unit, stage, lines, at),
  }));
  return new StaleCount([...caches, ...tables]);
}

/** Whether a walk gives something else than the line for one of its pages, as far as the line grants anything. */
function isGone(
  { present }: SmmuUnit,
  lines: Int32Array,
  at: number,
  { sid, pasid, privileged, grants }: Owner,
): boolean {
  if ((grants & RIGHTS) === 0) return false;
  const access = (grants & READ) !== 0 ? Access.Read : (grants & WRITE) !== 0 ? Access.Write : Access.Exec;
  const request = new Request({ sid, pasid, address: 0n, access, privileged });
  const used = new Translation(eventByCode);
  const size = 2 ** lines[at + Tlb.Lg2]!;
  const from = lines[at + 3]! >>> 0;
  for (let done = 0, pages = 0; done < size && pages < MOST_PAGES; pages++) {
    request.hi = lines[at + 2]! + Math.floor((from + done) / 2 ** 32);
    request.lo = (from + done) | 0;
    readAddresses(lines, at, request, used);
    used.ok = true;
    used.grants = grants;
    const now = present.walk(request);
    if (judge(used, now) !== Stale.Fresh) return true;
    done += 2 ** Math.max(12, now.lg2);
  }
  return false;
}

/** Walks stage 2 alone as it is now for the stream that filled a line. Whether there is one. */
function walkStage2({ present }: SmmuUnit, sid: number, pasid: number, hi: number, lo: number): boolean {
  present.walk(new Request({ sid, pasid, address: 0n, access: Access.Read }));
  const stage2 = present.ste?.stage2;
  if (!stage2) return false;
  const { walker } = present.tables;
  walker.start();
  stage2.install(walker);
  walker.second(hi, lo);
  return true;
}

/** An IPA entry: held against the page that stage 2 has now, at its first address. */
function isPageGone(unit: SmmuUnit, lines: Int32Array, at: number, sid: number, pasid: number): boolean {
  const { present } = unit;
  if (!walkStage2(unit, sid, pasid, lines[at + 2]!, lines[at + 3]!)) return true;
  const { walker } = present.tables;
  const stage2 = present.ste!.stage2!;
  if (walker.stopStage !== 0 || walker.lg2 < lines[at + Tlb.Lg2]!) return true;
  const used = new Translation(eventByCode);
  const request = new Request({ sid, pasid, address: 0n, access: Access.Read });
  request.hi = lines[at + 2]!;
  request.lo = lines[at + 3]!;
  readAddresses(lines, at, request, used);
  const rights = rightsOf(lines[at + Tlb.Flags]!) & ~stage2.rightsOf(walker.leaf2Hi, walker.leaf2) & ALL_STAGE_2;
  return rights !== 0 || used.hpaHi !== walker.out2Hi || used.hpaLo !== walker.out2Lo;
}

function isTableGone(unit: SmmuUnit, stage: 1 | 2, lines: Int32Array, at: number): boolean {
  const { present } = unit;
  const walks = unit.walks!;
  const [sid, pasid, hi, lo] = [lines[at + Psc.Sid]! >>> 0, lines[at + Psc.Pasid]!, lines[at + 2]!, lines[at + 3]!];
  const { walker } = present.tables;
  if (stage === 2) return !walkStage2(unit, sid, pasid, hi, lo) || !walks.holdsSecond(lines, at, walker);
  const request = new Request({ sid, pasid, address: 0n, access: Access.Read });
  request.hi = hi;
  request.lo = lo;
  present.walk(request);
  return !walks.holdsFirst(lines, at, walker);
}
