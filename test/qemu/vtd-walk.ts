import type { PhysMem } from '../../engine/memory/phys-mem.ts';
import { type Access, isRam, type Variant } from './vtd-case.ts';
import { pageShift } from './vtd-tables.ts';

/** One paging entry on the way, as it is. */
export interface Read {
  readonly level: number;
  readonly at: bigint;
  readonly value: bigint;
}

/**
 * The entries an access meets in memory as it is now, without a single check and with no cache: raw material for the
 * predicates of deviations. Shares nothing with the engine but the memory.
 */
export interface Path {
  /** 64-bit words; those of entries that are not reached are empty. */
  /** The half of the root entry that serves the function, and the other one. */
  readonly root: bigint;
  readonly rootOther: bigint;
  readonly context: readonly bigint[];
  /** The context entry is one that was cached: neither it nor the root entry is read again. */
  readonly cached: boolean;
  readonly directory: bigint;
  readonly pasid: readonly bigint[];
  readonly type: 'first' | 'second' | 'pass-through' | 'other';
  readonly did: number;
  /** RID_PASID, 0 in legacy mode. */
  readonly rid: number;
  /** Paging entries from the top table to a leaf, or to the first that is not present in the sense of its stage. */
  readonly entries: readonly Read[];
}

const POINTER = 0xf_ffff_ffff_f000n;
const PAGE = ~0xfffn;
const bits = (value: bigint, low: number, width: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(width)) - 1n);

/** @param kept use these words for the context entry, as a unit does that has cached them */
export function pathOf(
  mem: PhysMem,
  variant: Variant,
  rtaddr: bigint,
  { sid, address }: Access,
  kept?: readonly bigint[],
): Path {
  const words = (at: bigint, count: number): bigint[] => read(mem, at, count);
  const legacy = variant.mode === 'legacy';
  const [root, rootOther] = rootOf(mem, variant, rtaddr, sid);
  const context = kept ?? contextOf(mem, variant, rtaddr, sid);
  const cached = kept !== undefined;
  const none = { root, rootOther, context, cached, directory: 0n, pasid: [], did: 0, rid: 0 };
  if (legacy) {
    const [lo, hi] = context as [bigint, bigint];
    const did = Number(bits(hi, 8, 16));
    if (bits(lo, 2, 2) === 2n) return { ...none, did, type: 'pass-through', entries: [] };
    const entries = walk(words, lo & POINTER, 2 + Number(bits(hi, 0, 3)), address, 3n);
    return { ...none, did, type: 'second', entries };
  }
  const rid = bits(context[1]!, 0, 20);
  const [directory] = words((context[0]! & PAGE) + (rid >> 6n) * 8n, 1) as [bigint];
  const pasid = words((directory & PAGE) + (rid & 63n) * 64n, 8);
  const [low, second, third] = pasid as [bigint, bigint, bigint];
  const all = { root, rootOther, context, cached, directory, pasid, did: Number(second & 0xffffn), rid: Number(rid) };
  const type = ({ 1: 'first', 2: 'second', 4: 'pass-through' } as const)[Number(bits(low, 6, 3))] ?? 'other';
  if (type === 'first') return { ...all, type, entries: walk(words, third & PAGE, 4, address, 1n) };
  if (type === 'second')
    return { ...all, type, entries: walk(words, low & PAGE, 2 + Number(bits(low, 2, 3)), address, 3n) };
  return { ...all, type, entries: [] };
}

function walk(
  words: (at: bigint, count: number) => bigint[],
  top: bigint,
  levels: number,
  address: bigint,
  present: bigint,
): Read[] {
  const entries: Read[] = [];
  let table = top;
  for (let level = levels; level >= 1; level--) {
    const at = table + bits(address, Number(pageShift(level)), 9) * 8n;
    const [value] = words(at, 1) as [bigint];
    entries.push({ level, at, value });
    if ((value & present) === 0n || (value & 0x80n && level < 4) || level === 1) break;
    table = value & POINTER;
  }
  return entries;
}

const read = (mem: PhysMem, at: bigint, count: number): bigint[] =>
  Array.from({ length: count }, (_, i) => (isRam(at) ? mem.read64(at + BigInt(8 * i)) : 0n));

/** The half of the root entry that serves a function, and the other half. */
function rootOf(mem: PhysMem, variant: Variant, rtaddr: bigint, sid: number): [bigint, bigint] {
  const [low, high] = read(mem, (rtaddr & PAGE) + BigInt(sid >> 8) * 16n, 2) as [bigint, bigint];
  return variant.mode === 'scalable' && sid & 0x80 ? [high, low] : [low, high];
}

function contextOf(mem: PhysMem, variant: Variant, rtaddr: bigint, sid: number): readonly bigint[] {
  const [root] = rootOf(mem, variant, rtaddr, sid);
  if (variant.mode === 'legacy') return read(mem, (root & PAGE) + BigInt(sid & 0xff) * 16n, 2);
  return read(mem, (root & PAGE) + BigInt(sid & 0x7f) * 32n, 4);
}

/** log2 of the page at the end of a path. */
export const pageBitsOf = ({ entries }: Path): number => Number(pageShift(entries.at(-1)?.level ?? 1));
