import type { PhysMem } from '../memory/phys-mem.ts';
import type { Format } from './format.ts';

/** Why a walk ended. */
export const Stop = {
  None: 0,
  NotPresent: 1,
  Reserved: 2,
  /** The input address has more bits than the stage takes. */
  OutOfRange: 3,
  /** Stage 2 maps a stage-1 table page without read permission. */
  TableUnreadable: 4,
} as const;
export type Stop = (typeof Stop)[keyof typeof Stop];

/** Words per step of a path: what was read, its address (high, low half) and its word index in memory. */
export const STEP_WORDS = 4;
/** Words per remembered page: low and high half of its address, index of its first word. */
const SEEN_WORDS = 4;
const BANK_WORDS = 8 * SEEN_WORDS;
const FIRST_BANK = 0;
const TABLE_BANK = BANK_WORDS;
const PAGE_BANK = 2 * BANK_WORDS;
const PAGE_MASK = ~0xfff;
/** The longest walk: five stage-1 entries, each behind five stage-2 entries, and five more for the page. */
const MAX_STEPS = 5 * 6 + 5;

/**
 * The masks of a format that decide most entries at once. An entry above level 0 that has none of `special` names a
 * table and has no reserved bit; only the others need the masks of their own level.
 */
class Masks {
  readonly format: Format;
  readonly specialLo: number;
  readonly specialHi: number;
  readonly leafLo: number;
  readonly leafHi: number;

  constructor(format: Format) {
    this.format = format;
    const union = (...lists: Int32Array[]): number => lists.flatMap((list) => [...list]).reduce((a, b) => a | b, 0);
    this.specialLo = union(format.leafBit, format.reservedTableLo.subarray(1));
    this.specialHi = union(format.reservedTableHi.subarray(1));
    this.leafLo = format.reservedLeafLo[0]!;
    this.leafHi = format.reservedLeafHi[0]!;
  }
}

/** Packs what a step read: stage in bits 7:4, level in bits 3:0. */
export const stepStage = (what: number): number => what >> 4;
export const stepLevel = (what: number): number => what & 15;

/**
 * Walks one or two stages of radix tables. Set the tables, then call `first` or `second`; outcome and path stay behind
 * in the fields. One object per user, reused: the hot path never allocates. Rights are not judged here, because
 * architectures differ in when they look; the fields gather what is needed to judge them.
 */
export class Walker {
  readonly mem: PhysMem;
  /** Stage-1 tables. Their root is an input address of stage 2 where there is one. */
  format1: Format | null = null;
  root1Hi = 0;
  root1Lo = 0;
  /** Stage-2 tables, or null: then stage 1 reads host memory. */
  format2: Format | null = null;
  root2Hi = 0;
  root2Lo = 0;
  /** Stage-2 input addresses have at most this many bits. */
  inputBits2 = 0;

  stop: Stop = Stop.None;
  /** The stage that stopped the walk, 1 or 2, and the stage-1 level it was at (-1: stage 1 was done). */
  stopStage = 0;
  stopLevel = 0;

  /** Stage-1 result, before stage 2. */
  out1Hi = 0;
  out1Lo = 0;
  /** log2 of the stage-1 leaf's size. */
  lg1 = 0;
  /** Low halves of all stage-1 entries used, ANDed; high halves, ORed; the leaf's low half and its level. */
  and1 = 0;
  or1Hi = 0;
  leaf1 = 0;
  leafLevel1 = -1;

  /** Stage-2 result of the last `second`. */
  out2Hi = 0;
  out2Lo = 0;
  lg2 = 0;
  leaf2 = 0;
  and2 = 0;
  /** Stage-2 rights of each stage-1 table page, by level: `and2` of its walk. */
  readonly tableRights = new Int32Array(8);
  /** AND of the `and2` of all table pages of this walk. */
  andTables = 0;

  /** Word index of each stage-1 entry used, by level. */
  readonly entries1 = new Int32Array(8);

  /** Entries read. */
  steps = 0;
  /** Whether `path` is written: what each step read, the address (high, low half) and its word index. */
  recording = false;
  readonly path = new Int32Array(MAX_STEPS * STEP_WORDS);

  /**
   * The table page read last at each level, and its place in memory: once for stage 1, and for stage 2 apart for the
   * places of stage-1 entries and for pages. Walks read the same upper tables again and again; a page that exists never
   * moves, so nothing needs to be forgotten.
   */
  readonly #pages = new Int32Array(3 * BANK_WORDS).fill(1);

  /** Masks of the formats seen so far; a unit has a handful. */
  readonly #masks: Masks[] = [];
  #masks1: Masks | null = null;
  #masks2: Masks | null = null;

  constructor(mem: PhysMem) {
    this.mem = mem;
  }

  start(): void {
    this.steps = 0;
    this.stop = Stop.None;
    this.stopStage = 0;
    this.stopLevel = -1;
    this.and1 = -1;
    this.or1Hi = 0;
    this.leaf1 = 0;
    this.leafLevel1 = -1;
    this.andTables = -1;
  }

  /** Walks stage 1 for an input address; its table pages go through stage 2 where there is one. */
  first(hi: number, lo: number): boolean {
    const format = this.format1!;
    const nested = this.format2 !== null;
    const readBit = nested ? this.format2!.readBit : 0;
    const mem = this.mem;
    const words = mem.words;
    const entries = this.entries1;
    const pages = this.#pages;
    let masks = this.#masks1;
    if (masks === null || masks.format !== format) masks = this.#masks1 = this.#masksOf(format);
    let level = format.levels - 1;
    let shift = format.granuleLg2 + format.bitsPerLevel * level;
    let tableHi = this.root1Hi;
    let tableLo = this.root1Lo;
    let and = -1;
    let orHi = 0;
    for (;;) {
      let entryHi = tableHi;
      let entryLo = tableLo | ((bitsFrom(hi, lo, shift) & format.indexMask) << 3);
      this.stopLevel = level;
      if (nested) {
        if (!this.second(entryHi, entryLo, TABLE_BANK)) return false;
        const rights = this.and2;
        if ((rights & readBit) === 0) return this.#stopped(Stop.TableUnreadable, 2);
        this.tableRights[level] = rights;
        this.andTables &= rights;
        entryHi = this.out2Hi;
        entryLo = this.out2Lo;
      }
      const seen = FIRST_BANK + level * SEEN_WORDS;
      let at = 0;
      if (pages[seen] === (entryLo & PAGE_MASK) && pages[seen + 1] === entryHi) {
        at = pages[seen + 2]! | ((entryLo >>> 2) & 1023);
      } else {
        at = mem.wordAt(entryHi, entryLo);
        if (at >= 1024) remember(pages, seen, entryHi, entryLo, at);
      }
      entries[level] = at;
      if (this.recording) this.#record(this.steps, 0x10 | level, entryHi, entryLo, at);
      this.steps++;
      const valueLo = words[at]!;
      const valueHi = words[at + 1]!;
      if ((valueLo & format.presentMask) === 0) return this.#stopped(Stop.NotPresent, 1);
      let leaf = level === 0;
      if (leaf) {
        if (((valueLo & masks.leafLo) | (valueHi & masks.leafHi)) !== 0) return this.#stopped(Stop.Reserved, 1);
      } else if (((valueLo & masks.specialLo) | (valueHi & masks.specialHi)) !== 0) {
        leaf = (valueLo & format.leafBit[level]!) !== 0;
        if (hasReserved(format, level, leaf, valueHi, valueLo)) return this.#stopped(Stop.Reserved, 1);
      }
      and &= valueLo;
      orHi |= valueHi;
      tableHi = valueHi & format.addressHi;
      tableLo = valueLo & format.addressLo;
      if (leaf) {
        const keepLo = shift < 32 ? (1 << shift) - 1 : -1;
        const keepHi = shift > 32 ? (1 << (shift - 32)) - 1 : 0;
        this.out1Hi = (tableHi & ~keepHi) | (hi & keepHi);
        this.out1Lo = (tableLo & ~keepLo) | (lo & keepLo);
        this.lg1 = shift;
        this.and1 = and;
        this.or1Hi = orHi;
        this.leaf1 = valueLo;
        this.leafLevel1 = level;
        this.stopLevel = -1;
        return true;
      }
      level--;
      shift -= format.bitsPerLevel;
    }
  }

  /** Walks stage 2 for one address: a page, or (in the bank for tables) the place of a stage-1 entry. */
  second(hi: number, lo: number, bank = PAGE_BANK): boolean {
    const format = this.format2!;
    const mem = this.mem;
    const words = mem.words;
    const recording = this.recording;
    let masks = this.#masks2;
    if (masks === null || masks.format !== format) masks = this.#masks2 = this.#masksOf(format);
    const { specialLo, specialHi } = masks;
    const pages = this.#pages;
    if (exceeds(hi, this.inputBits2)) return this.#stopped(Stop.OutOfRange, 2);
    const { presentMask, addressHi, addressLo, indexMask, bitsPerLevel } = format;
    let level = format.levels - 1;
    let shift = format.granuleLg2 + bitsPerLevel * level;
    let tableHi = this.root2Hi;
    let tableLo = this.root2Lo;
    let and = -1;
    let steps = this.steps;
    for (;;) {
      const entryLo = tableLo | ((bitsFrom(hi, lo, shift) & indexMask) << 3);
      const seen = bank + level * SEEN_WORDS;
      let at = 0;
      if (pages[seen] === (entryLo & PAGE_MASK) && pages[seen + 1] === tableHi) {
        at = pages[seen + 2]! | ((entryLo >>> 2) & 1023);
      } else {
        at = mem.wordAt(tableHi, entryLo);
        if (at >= 1024) remember(pages, seen, tableHi, entryLo, at);
      }
      if (recording) this.#record(steps, 0x20 | level, tableHi, entryLo, at);
      steps++;
      const valueLo = words[at]!;
      const valueHi = words[at + 1]!;
      if ((valueLo & presentMask) === 0) {
        this.steps = steps;
        return this.#stopped(Stop.NotPresent, 2);
      }
      let leaf = level === 0;
      let reserved = false;
      if (leaf) reserved = ((valueLo & masks.leafLo) | (valueHi & masks.leafHi)) !== 0;
      else if (((valueLo & specialLo) | (valueHi & specialHi)) !== 0) {
        leaf = (valueLo & format.leafBit[level]!) !== 0;
        reserved = hasReserved(format, level, leaf, valueHi, valueLo);
      }
      if (reserved) {
        this.steps = steps;
        return this.#stopped(Stop.Reserved, 2);
      }
      and &= valueLo;
      tableHi = valueHi & addressHi;
      tableLo = valueLo & addressLo;
      if (leaf) {
        const keepLo = shift < 32 ? (1 << shift) - 1 : -1;
        const keepHi = shift > 32 ? (1 << (shift - 32)) - 1 : 0;
        this.out2Hi = (tableHi & ~keepHi) | (hi & keepHi);
        this.out2Lo = (tableLo & ~keepLo) | (lo & keepLo);
        this.lg2 = shift;
        this.leaf2 = valueLo;
        this.and2 = and;
        this.steps = steps;
        return true;
      }
      level--;
      shift -= bitsPerLevel;
    }
  }

  #masksOf(format: Format): Masks {
    let masks = this.#masks.find((known) => known.format === format);
    if (!masks) this.#masks.push((masks = new Masks(format)));
    return masks;
  }

  #record(step: number, what: number, hi: number, lo: number, at: number): void {
    const path = this.path;
    path[step * STEP_WORDS] = what;
    path[step * STEP_WORDS + 1] = hi;
    path[step * STEP_WORDS + 2] = lo;
    path[step * STEP_WORDS + 3] = at;
  }

  #stopped(stop: Stop, stage: number): false {
    this.stop = stop;
    this.stopStage = stage;
    return false;
  }
}

function remember(pages: Int32Array, seen: number, hi: number, lo: number, at: number): void {
  pages[seen] = lo & PAGE_MASK;
  pages[seen + 1] = hi;
  pages[seen + 2] = at & ~1023;
}

/** A leaf bit at a level that has no leaves is reserved whatever the format's masks say. */
const hasReserved = (format: Format, level: number, leaf: boolean, hi: number, lo: number): boolean =>
  leaf
    ? ((lo & format.reservedLeafLo[level]!) | (hi & format.reservedLeafHi[level]!)) !== 0 ||
      ((format.leafLevels >> level) & 1) === 0
    : ((lo & format.reservedTableLo[level]!) | (hi & format.reservedTableHi[level]!)) !== 0;

/** Bits of a 64-bit value from `shift` (1 or more) up, the low 32 of them. */
export const bitsFrom = (hi: number, lo: number, shift: number): number =>
  shift >= 32 ? (hi >>> (shift - 32)) | 0 : (lo >>> shift) | (hi << (32 - shift));

/** Whether a 64-bit value with this high half has a bit at or above `bits` (32 to 63). */
export const exceeds = (hi: number, bits: number): boolean => hi >>> (bits - 32) !== 0;
