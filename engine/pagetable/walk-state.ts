import type { PhysMem } from '../memory/phys-mem.ts';
import type { Format } from './format.ts';
import { STEP_WORDS, Stop } from './stop.ts';

/** Words per remembered page: low and high half of its address, index of its first word. */
export const SEEN_WORDS = 4;
export const BANK_WORDS = 8 * SEEN_WORDS;
export const FIRST_BANK = 0;
/** The bank of `second` for places of stage-1 entries and other structures; `PAGE_BANK` is the one for data pages. */
export const TABLE_BANK = BANK_WORDS;
export const PAGE_BANK = 2 * BANK_WORDS;
export const PAGE_MASK = ~0xfff;
/**
 * The longest path: two configuration structures behind stage 2 and two that are not, five stage-1 entries, each behind
 * five stage-2 entries, five more for the page, and five for an update of the leaf.
 */
const MAX_STEPS = 2 * 6 + 2 + 5 * 6 + 5 + 5;

/** Most stage-2 walks: two to configuration structures, five to stage-1 entries, the page, and an update of the leaf. */
const MOST_SECOND = 2 + 5 + 1 + 1;

/** Words per record of `kept1`: level, address of the table piece (high, low half), accumulated AND and OR. */
export const KEPT1_WORDS = 5;
/** Words per record of `kept2`: input address (high, low half), level, table (high, low half), accumulated AND. */
export const KEPT2_WORDS = 6;

/** Words per record of `pages2`: input address (high, low half), log2 of the size, output address, leaf (high, low). */
export const PAGES2_WORDS = 7;
/** What `TableCache.find` answers where it knows the page itself, so that no entry has to be read. */
export const KNOWN_PAGE = -2;

/**
 * A paging-structure cache of stage 2, asked before each of its walks. Tagging and staleness are the owner's business.
 */
export interface TableCache {
  /** The level of the lowest table below the root known for an input address, with the fields filled; `KNOWN_PAGE`; or -1. */
  find(hi: number, lo: number): number;
  /** Where that table is, or the first byte of the page. */
  readonly tableHi: number;
  readonly tableLo: number;
  /** The AND of the low halves of the entries above the table, as `kept2` has them; of a page the low half of its leaf. */
  readonly and: number;
  /** Of a page: the high half of its leaf, and log2 of its size. */
  readonly leafHi: number;
  readonly pageLg2: number;
}

/** What a walk is told and what it leaves behind. `Walker` walks. */
export class WalkState {
  readonly mem: PhysMem;
  /** Stage-1 tables. Their root is an input address of stage 2 where there is one. Roots are aligned to their size. */
  format1: Format | null = null;
  root1Hi = 0;
  root1Lo = 0;
  /** Stage-2 tables, or null: then stage 1 reads host memory. */
  format2: Format | null = null;
  root2Hi = 0;
  root2Lo = 0;
  /** Stage-2 input addresses have at most this many bits. */
  inputBits2 = 0;
  /**
   * High-half bits that no address in an entry of the stage may have, table or leaf (`highBitsFrom`); else the walk
   * stops with `AddressSize`. 0 where reserved bits say it already.
   */
  outputLimit1Hi = 0;
  outputLimit2Hi = 0;
  /** Bits of `and2` that stage 2 must give for a stage-1 table page, all of them; 0 for the read bit of the format. */
  tableNeeds2 = 0;
  /** Bits of `and2` of which stage 2 must give one at least for a stage-1 table page; 0 for no such rule. */
  tableNeedsAny2 = 0;
  cache2: TableCache | null = null;

  stop: Stop = Stop.None;
  /** The stage that stopped the walk, 1 or 2, and the stage-1 level it was at (-1: stage 1 was done). */
  stopStage = 0;
  stopLevel = 0;
  /** Where stage 2 stopped: its level, and the address it was asked for. That of a table page is its entry's. */
  stopLevel2 = 0;
  faultIpaHi = 0;
  faultIpaLo = 0;

  /** Stage-1 result, before stage 2. */
  out1Hi = 0;
  out1Lo = 0;
  /** log2 of the stage-1 leaf's size. */
  lg1 = 0;
  /** Low halves of the stage-1 entries that count, ANDed: all where rights are hierarchical, else the leaf. */
  and1 = 0;
  /** High halves of all stage-1 entries, ORed; without the leaf's in `orTablesHi`. */
  or1Hi = 0;
  orTablesHi = 0;
  /** The stage-1 leaf and its level; -1 while there is none. */
  leaf1 = 0;
  leaf1Hi = 0;
  leafLevel1 = -1;
  /** Where the leaf is for stage 1: the address that an update of it goes to. A host address where `resume1` chose its table. */
  leaf1AtHi = 0;
  leaf1AtLo = 0;
  /** The level of the first stage-1 entry read: the top, or where `resume1` said. */
  startLevel1 = 0;

  /** Stage-2 result of the last `second`; `and2` as `and1`. After `TableUnreadable` it is the table page's. */
  out2Hi = 0;
  out2Lo = 0;
  lg2 = 0;
  leaf2 = 0;
  leaf2Hi = 0;
  and2 = 0;
  /** Stage-2 rights of each stage-1 table page, by level: `and2` of its walk. Levels skipped keep old values. */
  readonly tableRights = new Int32Array(8);
  /** AND of the `and2` of all table pages of this walk. */
  andTables = 0;

  /** Word index of each stage-1 entry used, by level from `startLevel1` to `leafLevel1`. */
  readonly entries1 = new Int32Array(8);

  /** Entries read. */
  steps = 0;
  /** Whether `path` is written: what each step read, the address (high, low half) and its word index. */
  recording = false;
  readonly path = new Int32Array(MAX_STEPS * STEP_WORDS);

  /** Whether `kept1` and `kept2` are written: the tables below the first one of each walk, in the order reached. */
  keeping = false;
  /**
   * Stage-1 tables by host address, that is after stage 2. A record stands for 4 KiB of the table, those that hold the
   * entry used, because the pieces of a larger table may lie anywhere; its tag has the input bits above 512 entries.
   */
  readonly kept1 = new Int32Array(5 * KEPT1_WORDS);
  kept1Count = 0;
  readonly kept2 = new Int32Array(MAX_STEPS * KEPT2_WORDS);
  kept2Count = 0;

  /** Whether `pages2` is written: what each stage-2 walk found, in the order of the walks. */
  keepingPages = false;
  readonly pages2 = new Int32Array(MOST_SECOND * PAGES2_WORDS);
  pages2Count = 0;

  protected resumeLevel = -1;
  protected resumeHi = 0;
  protected resumeLo = 0;
  protected resumeAnd = 0;
  protected resumeOrHi = 0;

  /**
   * The table page read last at each level, and its place in memory: once for stage 1, and for stage 2 apart for the
   * places of stage-1 entries and for pages. Walks read the same upper tables again and again; a page that exists never
   * moves, so nothing needs to be forgotten.
   */
  protected readonly pages = new Int32Array(3 * BANK_WORDS).fill(1);

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
    this.kept1Count = 0;
    this.kept2Count = 0;
    this.pages2Count = 0;
    this.resumeLevel = -1;
  }

  /**
   * Lets the next `first` begin at a lower level than the top, with what a record of `kept1` says: the host address of
   * the 4 KiB of the table that hold the entry, and what the entries above have gathered.
   */
  resume1(level: number, tableHi: number, tableLo: number, and: number, orHi: number): void {
    this.resumeLevel = level;
    this.resumeHi = tableHi;
    this.resumeLo = tableLo;
    this.resumeAnd = and;
    this.resumeOrHi = orHi;
  }

  /** Counts a read that is no table entry, for the path; the answer is the word index of the 8-byte aligned address. */
  step(hi: number, lo: number): number {
    const at = this.mem.wordAt(hi, lo);
    if (this.recording) this.record(this.steps, 0, hi, lo, at);
    this.steps++;
    return at;
  }

  protected watch1(level: number, hi: number, lo: number, at: number, and: number, orHi: number): void {
    if (this.recording) this.record(this.steps, 0x10 | level, hi, lo, at);
    if (!this.keeping || level === this.startLevel1) return;
    const kept = this.kept1;
    const to = this.kept1Count++ * KEPT1_WORDS;
    kept[to] = level;
    kept[to + 1] = hi;
    kept[to + 2] = lo & PAGE_MASK;
    kept[to + 3] = and;
    kept[to + 4] = orHi;
  }

  protected watch2(step: number, level: number, hi: number, lo: number, at: number): void {
    if (this.recording) this.record(step, 0x20 | level, hi, lo, at);
  }

  protected keep2(hi: number, lo: number, level: number, tableHi: number, tableLo: number, and: number): void {
    if (!this.keeping) return;
    const kept = this.kept2;
    const to = this.kept2Count++ * KEPT2_WORDS;
    kept[to] = hi;
    kept[to + 1] = lo;
    kept[to + 2] = level;
    kept[to + 3] = tableHi;
    kept[to + 4] = tableLo;
    kept[to + 5] = and;
  }

  protected keepPage2(hi: number, lo: number): void {
    const kept = this.pages2;
    const to = this.pages2Count++ * PAGES2_WORDS;
    kept[to] = hi;
    kept[to + 1] = lo;
    kept[to + 2] = this.lg2;
    kept[to + 3] = this.out2Hi;
    kept[to + 4] = this.out2Lo;
    kept[to + 5] = this.leaf2Hi;
    kept[to + 6] = this.leaf2;
  }

  protected record(step: number, what: number, hi: number, lo: number, at: number): void {
    const path = this.path;
    path[step * STEP_WORDS] = what;
    path[step * STEP_WORDS + 1] = hi;
    path[step * STEP_WORDS + 2] = lo;
    path[step * STEP_WORDS + 3] = at;
  }

  protected stopped(stop: Stop): false {
    this.stop = stop;
    this.stopStage = 1;
    return false;
  }

  protected stopped2(stop: Stop, level: number, hi: number, lo: number): false {
    this.stop = stop;
    this.stopStage = 2;
    this.stopLevel2 = level;
    this.faultIpaHi = hi;
    this.faultIpaLo = lo;
    return false;
  }
}
