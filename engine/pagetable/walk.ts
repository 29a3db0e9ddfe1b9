import { bitsFrom, judge, LEAF, Stop } from './stop.ts';
import {
  FIRST_BANK,
  KNOWN_PAGE,
  PAGE_BANK,
  PAGE_MASK,
  SEEN_WORDS,
  TABLE_BANK,
  type TableCache,
  WalkState,
} from './walk-state.ts';

export { bitsFrom, exceeds, highBitsFrom, STEP_WORDS, Stop, stepLevel, stepStage } from './stop.ts';
export {
  KEPT1_WORDS,
  KEPT2_WORDS,
  KNOWN_PAGE,
  PAGE_BANK,
  PAGES2_WORDS,
  TABLE_BANK,
  type TableCache,
} from './walk-state.ts';

/** Index bits within 4 KiB of a table. */
const PIECE_INDEX = 511;

/**
 * Walks one or two stages of radix tables. Call `start`, set the tables, then call `first` or `second`; outcome and
 * path stay behind in the fields. One object per user, reused: the hot path never allocates. Rights are not judged
 * here, because architectures differ in when they look; the fields gather what is needed to judge them.
 *
 * Resuming: `resume1` before `first` and `cache2` skip what a paging-structure cache knows. With `keeping`, the walk
 * leaves in `kept1` and `kept2` what such a cache could take in, once the owner knows that the walk succeeded.
 */
export class Walker extends WalkState {
  /** Walks stage 1 for an input address; its table pages go through stage 2 where there is one. */
  first(hi: number, lo: number): boolean {
    const format = this.format1!;
    const format2 = this.format2;
    const needs = format2 === null ? 0 : this.tableNeeds2 || format2.readBit;
    const needsAny = this.tableNeedsAny2;
    const mem = this.mem;
    const words = mem.words;
    const entries = this.entries1;
    const pages = this.pages;
    const watched = this.recording || this.keeping;
    const { plainLo, tableLo: careLo, pageLo } = format;
    const limitHi = this.outputLimit1Hi;
    const careHi = format.tableHi | limitHi;
    const pageHi = format.pageHi | limitHi;
    let level = format.levels - 1;
    let shift = format.granuleLg2 + format.bitsPerLevel * level;
    let index = bitsFrom(hi, lo, shift) & format.topIndexMask;
    let tableHi = this.root1Hi;
    let tableLo = this.root1Lo;
    let and = -1;
    let orHi = 0;
    let through = format2 !== null;
    if (this.resumeLevel >= 0) {
      level = this.resumeLevel;
      shift = format.granuleLg2 + format.bitsPerLevel * level;
      index = bitsFrom(hi, lo, shift) & PIECE_INDEX;
      tableHi = this.resumeHi;
      tableLo = this.resumeLo;
      and = this.resumeAnd;
      orHi = this.resumeOrHi;
      through = false;
      this.resumeLevel = -1;
    }
    this.startLevel1 = level;
    for (;;) {
      let entryHi = tableHi;
      let entryLo = tableLo | (index << 3);
      const placeHi = entryHi;
      const placeLo = entryLo;
      this.stopLevel = level;
      if (through) {
        if (!this.second(entryHi, entryLo, TABLE_BANK)) return false;
        const rights = this.and2;
        if ((rights & needs) !== needs || (needsAny !== 0 && (rights & needsAny) === 0))
          return this.stopped2(Stop.TableUnreadable, 0, entryHi, entryLo);
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
      if (watched) this.watch1(level, entryHi, entryLo, at, and, orHi);
      this.steps++;
      const valueLo = words[at]!;
      const valueHi = words[at + 1]!;
      tableHi = valueHi & format.addressHi;
      tableLo = valueLo & format.addressLo;
      let leaf = level === 0;
      const odd = valueLo ^ plainLo;
      if ((leaf ? (odd & pageLo) | (valueHi & pageHi) : (odd & careLo) | (valueHi & careHi)) !== 0) {
        const judged = judge(format, level, valueHi, valueLo);
        if (judged > 0) return this.stopped(judged as Stop);
        leaf = judged === LEAF;
        tableHi |= (valueLo & format.foldedMask) << format.foldedShift;
        if (tooWide(tableHi, limitHi, leaf, shift)) return this.stopped(Stop.AddressSize);
      }
      if (leaf) {
        const keepLo = shift < 32 ? (1 << shift) - 1 : -1;
        const keepHi = shift > 32 ? (1 << (shift - 32)) - 1 : 0;
        this.out1Hi = (tableHi & ~keepHi) | (hi & keepHi);
        this.out1Lo = (tableLo & ~keepLo) | (lo & keepLo);
        this.lg1 = shift;
        this.and1 = (and | format.flatMask) & valueLo;
        this.or1Hi = orHi | valueHi;
        this.orTablesHi = orHi;
        this.leaf1 = valueLo;
        this.leaf1Hi = valueHi;
        this.leaf1AtHi = placeHi;
        this.leaf1AtLo = placeLo;
        this.leafLevel1 = level;
        this.stopLevel = -1;
        return true;
      }
      and &= valueLo;
      orHi |= valueHi;
      through = format2 !== null;
      level--;
      shift -= format.bitsPerLevel;
      index = bitsFrom(hi, lo, shift) & format.indexMask;
    }
  }

  /** Walks stage 2 for one address: a page, or (in the bank for tables) the place of a stage-1 entry. */
  second(hi: number, lo: number, bank = PAGE_BANK): boolean {
    const format = this.format2!;
    const mem = this.mem;
    const words = mem.words;
    const watched = this.recording || this.keeping;
    const pages = this.pages;
    const { addressHi, addressLo, indexMask, bitsPerLevel, plainLo, tableLo: careLo, pageLo } = format;
    const limitHi = this.outputLimit2Hi;
    const careHi = format.tableHi | limitHi;
    const pageHi = format.pageHi | limitHi;
    let level = format.levels - 1;
    const inputBits = this.inputBits2;
    if (inputBits >= 32 ? hi >>> (inputBits - 32) !== 0 : hi !== 0 || lo >>> inputBits !== 0)
      return this.stopped2(Stop.OutOfRange, level, hi, lo);
    let shift = format.granuleLg2 + bitsPerLevel * level;
    let index = bitsFrom(hi, lo, shift) & format.topIndexMask;
    let tableHi = this.root2Hi;
    let tableLo = this.root2Lo;
    let and = -1;
    const cache = this.cache2;
    const known = cache === null ? -1 : cache.find(hi, lo);
    if (cache !== null && known === KNOWN_PAGE) return this.#takePage(cache, hi, lo);
    if (cache !== null && known >= 0) {
      level = known;
      shift = format.granuleLg2 + bitsPerLevel * level;
      index = bitsFrom(hi, lo, shift) & indexMask;
      tableHi = cache.tableHi;
      tableLo = cache.tableLo;
      and = cache.and;
    }
    const startLevel = level;
    let steps = this.steps;
    for (;;) {
      const entryLo = tableLo | (index << 3);
      const seen = bank + level * SEEN_WORDS;
      let at = 0;
      if (pages[seen] === (entryLo & PAGE_MASK) && pages[seen + 1] === tableHi) {
        at = pages[seen + 2]! | ((entryLo >>> 2) & 1023);
      } else {
        at = mem.wordAt(tableHi, entryLo);
        if (at >= 1024) remember(pages, seen, tableHi, entryLo, at);
      }
      if (watched) {
        this.watch2(steps, level, tableHi, entryLo, at);
        if (level !== startLevel) this.keep2(hi, lo, level, tableHi, tableLo, and);
      }
      steps++;
      const valueLo = words[at]!;
      const valueHi = words[at + 1]!;
      tableHi = valueHi & addressHi;
      tableLo = valueLo & addressLo;
      let leaf = level === 0;
      const odd = valueLo ^ plainLo;
      if ((leaf ? (odd & pageLo) | (valueHi & pageHi) : (odd & careLo) | (valueHi & careHi)) !== 0) {
        let judged = judge(format, level, valueHi, valueLo);
        leaf = judged === LEAF;
        tableHi |= (valueLo & format.foldedMask) << format.foldedShift;
        if (judged <= 0 && tooWide(tableHi, limitHi, leaf, shift)) judged = Stop.AddressSize;
        if (judged > 0) {
          this.steps = steps;
          return this.stopped2(judged as Stop, level, hi, lo);
        }
      }
      if (leaf) {
        const keepLo = shift < 32 ? (1 << shift) - 1 : -1;
        const keepHi = shift > 32 ? (1 << (shift - 32)) - 1 : 0;
        this.out2Hi = (tableHi & ~keepHi) | (hi & keepHi);
        this.out2Lo = (tableLo & ~keepLo) | (lo & keepLo);
        this.lg2 = shift;
        this.leaf2 = valueLo;
        this.leaf2Hi = valueHi;
        this.and2 = (and | format.flatMask) & valueLo;
        this.steps = steps;
        if (this.keepingPages) this.keepPage2(hi, lo);
        return true;
      }
      and &= valueLo;
      level--;
      shift -= bitsPerLevel;
      index = bitsFrom(hi, lo, shift) & indexMask;
    }
  }

  /** A page that the cache of stage 2 knows: the outcome of `second` without its reads. */
  #takePage({ tableHi, tableLo, and, leafHi, pageLg2 }: TableCache, hi: number, lo: number): true {
    const keepLo = pageLg2 < 32 ? (1 << pageLg2) - 1 : -1;
    const keepHi = pageLg2 > 32 ? (1 << (pageLg2 - 32)) - 1 : 0;
    this.out2Hi = (tableHi & ~keepHi) | (hi & keepHi);
    this.out2Lo = (tableLo & ~keepLo) | (lo & keepLo);
    this.lg2 = pageLg2;
    this.leaf2 = and;
    this.leaf2Hi = leafHi;
    this.and2 = and;
    return true;
  }
}

/** Whether the address in an entry is over the limit; the offset bits of a large leaf are no address. */
const tooWide = (hi: number, limitHi: number, leaf: boolean, shift: number): boolean =>
  (hi & limitHi & (leaf && shift > 32 ? -1 << (shift - 32) : -1)) !== 0;

function remember(pages: Int32Array, seen: number, hi: number, lo: number, at: number): void {
  pages[seen] = lo & PAGE_MASK;
  pages[seen + 1] = hi;
  pages[seen + 2] = at & ~1023;
}
