import type { PhysMem } from '../../memory/phys-mem.ts';

export const ENTRY_WORDS = 8;
/** STE.V; CD.V lies elsewhere. */
const STE_V = 1n;

const ones = (hi: number, lo: number): bigint => ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);
const bit = (lo: number): bigint => 1n << BigInt(lo);
const ALL = ones(63, 0);

/** Which bits hardware looks at in an entry, word by word. */
export type UsedBits = (entry: readonly bigint[]) => bigint[];

const none = (): bigint[] => new Array<bigint>(ENTRY_WORDS).fill(0n);

const S1_WORD0 = ones(5, 4) | ones(51, 6) | ones(63, 59);
/** S1DSS, S1CIR, S1COR, S1CSH, S1STALLD, STRW, EATS, MEV. */
const S1_WORD1 = ones(7, 0) | bit(27) | ones(31, 30) | ones(29, 28) | bit(19);
const SHCFG = ones(45, 44);
const EATS = ones(29, 28);
const EATS_FULL = bit(28);
const EATS_SPLIT = bit(29);
const MEV = bit(19);
const S2FWB = bit(25);
const VMID = ones(15, 0);
/** VMID, VTCR, S2AA64, S2ENDI, S2PTW, S2S, S2R. */
const S2_WORD2 = VMID | ones(50, 32) | bit(51) | bit(52) | bit(54) | bit(57) | bit(58);
const S2S = bit(57);
const S2TTB = ones(51, 4);
const BYPASS = 4n;

/** `arm_smmu_get_ste_used`. */
export function usedOfSte(entry: readonly bigint[]): bigint[] {
  const used = none();
  used[0] = STE_V;
  if ((entry[0]! & STE_V) === 0n) return used;
  const config = (entry[0]! >> 1n) & 7n;
  used[0] |= ones(3, 1);
  if ((config & 1n) !== 0n) {
    used[0] |= S1_WORD0;
    used[1]! |= S1_WORD1;
    used[2]! |= VMID;
    // S1DSS lets accesses without SubstreamID bypass stage 1.
    if ((entry[1]! & 3n) === 1n) used[1]! |= SHCFG;
  }
  if ((config & 2n) !== 0n) {
    used[1]! |= S2FWB | EATS | SHCFG | MEV;
    used[2]! |= S2_WORD2;
    used[3]! |= S2TTB;
  }
  if (config === BYPASS) used[1]! |= SHCFG;
  return used;
}

/** `arm_smmu_get_cd_used`; an entry whose lower half is off (EPD0) is never written here. */
export const usedOfCd: UsedBits = (entry) =>
  (entry[0]! & bit(31)) === 0n ? [bit(31), ...none().slice(1)] : new Array<bigint>(ENTRY_WORDS).fill(ALL);

/** `arm_smmu_get_ste_update_safe` (7.0): bits that may change while the entry is in use. */
export function safeOfSte(current: readonly bigint[], target: readonly bigint[]): bigint[] {
  const safe = none();
  const split = (current[1]! | target[1]!) & EATS_SPLIT;
  const stalls = (current[2]! | target[2]!) & S2S;
  safe[1] = MEV | (split === 0n && stalls === 0n ? EATS_FULL : 0n);
  return safe;
}

/** An entry in memory that hardware may read at any moment. */
export interface LiveEntry {
  readonly mem: PhysMem;
  readonly address: bigint;
  readonly used: UsedBits;
  readonly safe?: (current: readonly bigint[], target: readonly bigint[]) => bigint[];
  /** Makes hardware forget the entry, and waits. */
  readonly sync: () => void;
}

export const readEntry = (mem: PhysMem, address: bigint): bigint[] =>
  Array.from({ length: ENTRY_WORDS }, (_, i) => mem.read64(address + BigInt(8 * i)));

/** Writes words `from` up to `to` that differ. @returns whether any did */
export function writeWords(
  mem: PhysMem,
  address: bigint,
  words: readonly bigint[],
  from = 0,
  to = ENTRY_WORDS,
): boolean {
  let changed = false;
  for (let i = from; i < to; i++) {
    const at = address + BigInt(8 * i);
    if (mem.read64(at) === words[i]) continue;
    mem.write64(at, words[i]!);
    changed = true;
  }
  return changed;
}

/**
 * `arm_smmu_write_entry` (6.9): hardware reads 64 bits at a time, so that an entry changes in steps, each followed by an
 * invalidation. Where the bits in use change in one word only, nobody sees the entry broken: what is unused is written
 * first, then that word, then what is unused from then on. Otherwise the entry is invalid in between.
 */
export function writeEntry(entry: LiveEntry, target: readonly bigint[]): void {
  const { mem, address, sync } = entry;
  const current = readEntry(mem, address);
  const [currentUsed, targetUsed] = [entry.used(current), entry.used(target)];
  const safe = entry.safe?.(current, target) ?? none();
  const early = current.map((word, i) => {
    const fixed = currentUsed[i]! & ~(safe[i]! & currentUsed[i]! & targetUsed[i]!);
    return (word & fixed) | (target[i]! & ~fixed & ALL);
  });
  const critical = early.flatMap((word, i) => ((word & targetUsed[i]!) === target[i] ? [] : [i]));
  const set = (words: readonly bigint[], from: number, to: number): void => {
    if (writeWords(mem, address, words, from, to)) sync();
  };
  if (critical.length === 1) {
    const [at] = critical as [number];
    early[at] = current[at]!;
    set(early, 0, ENTRY_WORDS);
    set(target, at, at + 1);
  } else if (critical.length > 1) {
    set([0n], 0, 1);
    set(target, 1, ENTRY_WORDS);
    set(target, 0, 1);
  }
  set(target, 0, ENTRY_WORDS);
}

/** How drivers before 6.9 change an STE: everything but word 0, then word 0, with an invalidation after each. */
export function writeEntryOfOld({ mem, address, sync }: LiveEntry, target: readonly bigint[]): void {
  const config = (target[0]! >> 1n) & 7n;
  const translates = (config & 3n) !== 0n;
  if (translates && writeWords(mem, address, target, 1)) sync();
  writeWords(mem, address, target);
  sync();
}
