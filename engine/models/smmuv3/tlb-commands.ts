import type { StructureCache } from '../../cache/psc.ts';
import type { FieldValues } from '../bit-layout.ts';
import { OP } from './commands.ts';
import { type PageRange, Tag } from './tlb.ts';
import type { SmmuUnit } from './unit.ts';
import { isEl2Table, tableGranule, tableLevel } from './walk-caches.ts';

/** Opcodes of EL2. */
const EL2 = { all: 0x20, asid: 0x21, va: 0x22, vaa: 0x23 } as const;
/** log2 of the granules by TG. */
const GRANULES = [0, 12, 14, 16];

/** Values of a command's fields as numbers; what it does not have is 0. */
export type Numbers = (field: string) => number;

export const isTlbCommand = (op: number): boolean => 0x10 <= op && op <= 0x30;

/** A range whose fields say nothing: TG without anything else (IHI 0070, 4.4.1). */
export const isEmptyRange = (unit: SmmuUnit, number: Numbers): boolean =>
  unit.features.ranges && number('TG') !== 0 && number('NUM') === 0 && number('SCALE') === 0 && number('TTL') === 0;

/** The pages that a command by address means, and the leaves. Without RIL the fields of ranges do not count. */
function rangeOf(unit: SmmuUnit, values: FieldValues, number: Numbers): PageRange {
  const first = Number(BigInt(values['Address'] ?? 0) >> 12n);
  const granule = unit.features.ranges ? GRANULES[number('TG')]! : 0;
  if (granule === 0) return { first, last: first, ttl: 0, granule: 0 };
  const pages = (number('NUM') + 1) * 2 ** number('SCALE') * 2 ** (granule - 12);
  // Level 1 of 16K holds leaves with DS only; without it the hint is reserved and counts as none.
  const isReserved = granule === 14 && number('TTL') === 1 && !unit.features.ds;
  return { first, last: first + pages - 1, ttl: isReserved ? 0 : number('TTL'), granule };
}

/** Entries that a TLB command removed: translations, IPA entries among them, and tables. */
export interface TlbRemoved {
  readonly tlb: number;
  readonly walks: number;
}

/** Lines of stage 1, of stage 2 and of EL2 that a command removes. Absent: none. */
interface Meant {
  readonly stage1?: (vmid: number, asid: number, at: number, isGlobal: boolean) => boolean;
  readonly stage2?: (vmid: number, at: number) => boolean;
  readonly el2?: (asid: number, at: number, isGlobal: boolean) => boolean;
}

const isEl2 = (tag: Tag): boolean => tag === Tag.El2 || tag === Tag.El2Global;
const isGlobal = (tag: Tag): boolean => tag === Tag.Global || tag === Tag.El2Global;

/**
 * Removes what a TLB command guarantees to be gone and nothing more (IHI 0070, 4.4). Tables of stage 1 go as pages of their
 * ASID that are not global do, also where the leaf behind them is global (Arm ARM D8.14), and no table goes with Leaf = 1.
 */
export function invalidateTlb(unit: SmmuUnit, op: number, values: FieldValues, number: Numbers): TlbRemoved {
  const { tlb, walks } = unit;
  const leafOnly = number('Leaf') === 1;
  const range = rangeOf(unit, values, number);
  const of = (isMeant: (at: number) => boolean): Meant => meantBy(unit, op, number, isMeant);
  const pages = of((at) => tlb.main.isMeant(at, range));
  const ipas = of((at) => tlb.ipa.isMeant(at, range));
  const removed =
    tlb.main.remove((tag, vmid, asid, at) =>
      isEl2(tag)
        ? (pages.el2?.(asid, at, isGlobal(tag)) ?? false)
        : (pages.stage1?.(vmid, asid, at, isGlobal(tag)) ?? false),
    ) + tlb.ipa.remove((_tag, vmid, _asid, at) => ipas.stage2?.(vmid, at) ?? false);
  if (walks === null || leafOnly) return { tlb: removed, walks: 0 };
  const { first, second } = walks;
  const tables1 = of((at) => isTableMeant(first, at, range));
  const tables2 = of((at) => isTableMeant(second, at, range));
  const gone =
    first.removeWhere((vmid, asid, at) =>
      isEl2Table(first.table.key0(at))
        ? (tables1.el2?.(asid, at, false) ?? false)
        : (tables1.stage1?.(vmid, asid, at, false) ?? false),
    ) + second.removeWhere((vmid, _asid, at) => tables2.stage2?.(vmid, at) ?? false);
  return { tlb: removed, walks: gone };
}

/** @param isMeant whether the address and the hints of the command mean a line */
function meantBy(
  { registers, features }: SmmuUnit,
  op: number,
  number: Numbers,
  isMeant: (at: number) => boolean,
): Meant {
  const wanted = features.s2 ? number('VMID') : 0;
  const ofVm = (vmid: number): boolean => ((vmid ^ wanted) & registers.vmidMask) === 0;
  const asid = number('ASID');
  const all = (): boolean => true;
  switch (op) {
    case OP.tlbiNhAll:
      return { stage1: ofVm };
    case OP.tlbiNhAsid:
      return { stage1: (vmid, own, _at, global) => ofVm(vmid) && own === asid && !global };
    case OP.tlbiNhVa:
      return { stage1: (vmid, own, at, global) => ofVm(vmid) && (global || own === asid) && isMeant(at) };
    case OP.tlbiNhVaa:
      return { stage1: (vmid, _own, at) => ofVm(vmid) && isMeant(at) };
    case EL2.all:
      return { el2: all };
    case EL2.asid:
      return { el2: (own, _at, global) => own === asid && !global };
    case EL2.va:
      return { el2: (own, at, global) => (global || own < 0 || own === asid) && isMeant(at) };
    case EL2.vaa:
      return { el2: (_own, at) => isMeant(at) };
    case OP.tlbiS12Vmall:
      return { stage1: ofVm, stage2: ofVm };
    case OP.tlbiS2Ipa:
      return { stage2: (vmid, at) => ofVm(vmid) && isMeant(at) };
    default:
      return { stage1: all, stage2: all };
  }
}

/** Whether a table lies on the way to the leaves that a command means: it serves the range, at or above their level. */
function isTableMeant(cache: StructureCache, at: number, { first, last, ttl, granule }: PageRange): boolean {
  const key = cache.table.key0(at);
  if (granule !== 0 && tableGranule(key) !== granule) return false;
  return (ttl === 0 || tableLevel(key) <= ttl) && cache.overlaps(at, first, last);
}
