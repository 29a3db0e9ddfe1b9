import { Psc, type PscLine, pscLevel, type SpanLg2, StructureCache } from '../cache/psc.ts';
import { KEPT1_WORDS, KEPT2_WORDS, type TableCache, type Walker } from '../pagetable/walk.ts';
import { unproven } from './line-proof.ts';

/** Input address (high, low half) and level of a second-stage line that a walk used. */
const USED_WORDS = 3;
/** One for each second-stage walk of the longest access: configuration, table entries, page, update of the leaf. */
const MAX_USED = 2 + 5 + 1 + 1;
/** In place of a level: the page itself was known. */
export const PAGE = -1;

/** What later walks ask of the entries that a line stands for; the rest of them may change without making it stale. */
export interface EntryBits {
  /** Of low and high halves of first-stage entries. */
  readonly first: number;
  readonly firstHi: number;
  /** Set in each first-stage entry that a line was filled from, whatever it said before. */
  readonly accessed: number;
  /** Of low halves of second-stage entries. */
  readonly second: number;
  /** Of the second-stage rights of the page that a first-stage table lies in; 0 where they are judged once and for all. */
  readonly tables: number;
}

/** How old a line is that a stale answer rests on. */
export interface Blamed {
  readonly filledAt: number;
  readonly since: number;
}

/**
 * The paging-structure caches of a unit: tables of the first stage by domain, address space and address, tables of the
 * second by domain and input address. They are asked during a walk and filled after it, and only by walks that succeed:
 * then every entry above has its accessed bit, and an access never profits from what it put in itself. A model sets the
 * tags of the walk, in `owner` and so on, before it.
 */
export class StructureCaches implements TableCache {
  readonly first: StructureCache;
  readonly second: StructureCache;
  /** What `find` found, for the walker. */
  tableHi = 0;
  tableLo = 0;
  and = 0;
  leafHi = 0;
  pageLg2 = 0;
  /** Whether the present walk was shortened, and whether by a line that is not known to be what memory holds now. */
  used = false;
  suspicious = false;
  /** The line that a stale answer rests on. */
  blamed: { readonly stage: 1 | 2; readonly line: PscLine } | null = null;
  /** The tags of the walk: domain, address space, and the kind of line of each stage. */
  protected domain = 0;
  protected space = -1;
  protected kind1 = 0;
  protected kind2 = 0;
  /** Fingerprints of what decides where each stage begins. */
  protected origin1 = 0;
  protected origin2 = 0;
  /** The level of the root of the second stage. */
  protected top2 = 0;
  protected version = 0;
  protected readonly used2 = new Int32Array(MAX_USED * USED_WORDS);
  protected used2Count = 0;
  readonly #bits: EntryBits;
  #usedLevel1 = -1;

  constructor(bits: EntryBits, spans?: { readonly first: SpanLg2; readonly second: SpanLg2 }) {
    this.#bits = bits;
    this.first = new StructureCache(spans?.first);
    this.second = new StructureCache(spans?.second);
  }

  get size(): number {
    return this.first.size + this.second.size;
  }

  clear(): number {
    return this.first.clear() + this.second.clear();
  }

  removeDomain(domain: number): number {
    return this.first.removeDomain(domain) + this.second.removeDomain(domain);
  }

  /** Forgets what the walk has used so far. */
  restart(): void {
    this.used = false;
    this.suspicious = false;
    this.#usedLevel1 = -1;
    this.used2Count = 0;
  }

  /** Lets a first-stage walk begin at the lowest table known for the address. */
  resume(w: Walker, hi: number, lo: number): void {
    const cache = this.first;
    const at = cache.find(this.domain, this.space, this.kind1, w.format1!.levels - 1, hi, lo);
    if (at < 0) return;
    const lines = cache.lines;
    const level = cache.level;
    const rights = lines[at + Psc.Rights]!;
    w.resume1(level, lines[at + Psc.TableHi]!, lines[at + Psc.TableLo]!, lines[at + Psc.And]!, lines[at + Psc.OrHi]!);
    w.tableRights[level] = rights;
    w.andTables = rights;
    this.used = true;
    this.#usedLevel1 = level;
    if (lines[at + Psc.Version] !== this.version || lines[at + Psc.Origin] !== this.origin1) this.suspicious = true;
  }

  /** The walker's question before each second-stage walk. */
  find(hi: number, lo: number): number {
    const cache = this.second;
    const at = cache.find(this.domain, -1, this.kind2, this.top2, hi, lo);
    if (at < 0) return -1;
    const lines = cache.lines;
    this.tableHi = lines[at + Psc.TableHi]!;
    this.tableLo = lines[at + Psc.TableLo]!;
    this.and = lines[at + Psc.And]!;
    if (lines[at + Psc.Version] !== this.version || lines[at + Psc.Origin] !== this.origin2) this.suspicious = true;
    this.note(hi, lo, cache.level);
    return cache.level;
  }

  /** The second stage was shortened for an address. */
  protected note(hi: number, lo: number, level: number): void {
    this.used = true;
    const to = this.used2Count * USED_WORDS;
    if (this.used2Count < MAX_USED) this.used2Count++;
    this.used2[to] = hi;
    this.used2[to + 1] = lo;
    this.used2[to + 2] = level;
  }

  /** Takes in what a walk that succeeded has found. @param fresh it rests on nothing that may be out of date */
  fill(w: Walker, now: number, fresh: boolean, sid: number, pasid: number, hi: number, lo: number): void {
    const version = fresh ? this.version : unproven(this.version);
    const { kept1, kept2, tableRights } = w;
    const { accessed, tables } = this.#bits;
    for (let i = 0; i < w.kept1Count; i++) {
      const from = i * KEPT1_WORDS;
      const level = kept1[from]!;
      const at = this.first.add(this.domain, this.space, this.kind1, level, hi, lo);
      if (at < 0) continue;
      const lines = this.first.lines;
      lines[at + Psc.TableHi] = kept1[from + 1]!;
      lines[at + Psc.TableLo] = kept1[from + 2]!;
      lines[at + Psc.And] = kept1[from + 3]! | accessed;
      lines[at + Psc.OrHi] = kept1[from + 4]!;
      lines[at + Psc.Rights] = w.format2 === null || tables === 0 ? -1 : tableRights[level]! & tables;
      lines[at + Psc.Origin] = this.origin1;
      stamp(lines, at, now, version, sid, pasid);
    }
    for (let i = 0; i < w.kept2Count; i++) {
      const from = i * KEPT2_WORDS;
      const level = kept2[from + 2]!;
      if (this.#isRepeated(kept2, from)) continue;
      const at = this.second.add(this.domain, -1, this.kind2, level, kept2[from]!, kept2[from + 1]!);
      if (at < 0) continue;
      const lines = this.second.lines;
      lines[at + Psc.TableHi] = kept2[from + 3]!;
      lines[at + Psc.TableLo] = kept2[from + 4]!;
      lines[at + Psc.And] = kept2[from + 5]!;
      lines[at + Psc.Rights] = -1;
      lines[at + Psc.Origin] = this.origin2;
      stamp(lines, at, now, version, sid, pasid);
    }
  }

  /** Lets lines that hold what a walk without caches has just found prove so cheaply from now on. */
  prove(present: Walker, version: number, hi: number, lo: number): void {
    for (let i = 0; i < present.kept1Count; i++) {
      const level = present.kept1[i * KEPT1_WORDS]!;
      const at = this.#at1(level, hi, lo);
      if (at < 0 || !this.holdsFirst(this.first.lines, at, present)) continue;
      this.first.lines[at + Psc.Version] = version;
      this.first.lines[at + Psc.Origin] = this.origin1;
    }
    for (let i = 0; i < present.kept2Count; i++) {
      const from = i * KEPT2_WORDS;
      const at = this.#at2(present.kept2[from + 2]!, present.kept2[from]!, present.kept2[from + 1]!);
      if (at < 0 || !this.holdsSecond(this.second.lines, at, present)) continue;
      this.second.lines[at + Psc.Version] = version;
      this.second.lines[at + Psc.Origin] = this.origin2;
    }
  }

  /** Names the first line on the way that a walk without caches would not have used. The answer is how old it is. */
  blame(present: Walker, hi: number, lo: number): Blamed | null {
    this.blamed = null;
    return this.blameFirst(present, hi, lo) ?? this.blameSeconds(present, 0, this.used2Count);
  }

  protected blameFirst(present: Walker, hi: number, lo: number): Blamed | null {
    if (this.#usedLevel1 < 0) return null;
    const at = this.#at1(this.#usedLevel1, hi, lo);
    const good = at < 0 || this.holdsFirst(this.first.lines, at, present);
    return good ? null : this.#accuse(1, this.first, at);
  }

  /** Goes through what shortened second-stage walks, from one use to before another. */
  protected blameSeconds(present: Walker, from: number, to: number): Blamed | null {
    const { used2 } = this;
    for (let i = from * USED_WORDS; i < to * USED_WORDS; i += USED_WORDS) {
      const found = this.blameSecond(present, used2[i]!, used2[i + 1]!, used2[i + 2]!);
      if (found) return found;
    }
    return null;
  }

  /** Names the line that shortened the second stage for an address, where it is to blame. */
  protected blameSecond(present: Walker, hi: number, lo: number, level: number): Blamed | null {
    const at = this.#at2(level, hi, lo);
    const good = at < 0 || this.holdsSecond(this.second.lines, at, present);
    return good ? null : this.#accuse(2, this.second, at);
  }

  /** What the last walk put in rests on something out of date since a time. */
  taint(w: Walker, since: number, hi: number, lo: number): void {
    for (let i = 0; i < w.kept1Count; i++) lower(this.first.lines, this.#at1(w.kept1[i * KEPT1_WORDS]!, hi, lo), since);
    for (let i = 0; i < w.kept2Count * KEPT2_WORDS; i += KEPT2_WORDS)
      lower(this.second.lines, this.#at2(w.kept2[i + 2]!, w.kept2[i]!, w.kept2[i + 1]!), since);
  }

  /** Whether a first-stage line holds what a walk without caches found at its level. */
  holdsFirst(lines: Int32Array, at: number, present: Walker): boolean {
    const { kept1, tableRights } = present;
    const { first, firstHi, tables } = this.#bits;
    const level = pscLevel(lines[at]!);
    for (let from = 0; from < present.kept1Count * KEPT1_WORDS; from += KEPT1_WORDS) {
      if (kept1[from] !== level) continue;
      const rights = present.format2 === null || tables === 0 ? -1 : tableRights[level]! & tables;
      return (
        lines[at + Psc.TableHi] === kept1[from + 1] &&
        lines[at + Psc.TableLo] === kept1[from + 2] &&
        ((lines[at + Psc.And]! ^ kept1[from + 3]!) & first) === 0 &&
        ((lines[at + Psc.OrHi]! ^ kept1[from + 4]!) & firstHi) === 0 &&
        lines[at + Psc.Rights] === rights
      );
    }
    return false;
  }

  /** The same of a second-stage line, on the way to any address that it serves. */
  holdsSecond(lines: Int32Array, at: number, present: Walker): boolean {
    const { kept2 } = present;
    const key = lines[at]!;
    const [high, low] = [lines[at + 2]!, lines[at + 3]!];
    for (let from = 0; from < present.kept2Count * KEPT2_WORDS; from += KEPT2_WORDS) {
      if (kept2[from + 2] !== pscLevel(key) || !this.second.servedBy(key, high, low, kept2[from]!, kept2[from + 1]!))
        continue;
      return (
        lines[at + Psc.TableHi] === kept2[from + 3] &&
        lines[at + Psc.TableLo] === kept2[from + 4] &&
        ((lines[at + Psc.And]! ^ kept2[from + 5]!) & this.#bits.second) === 0
      );
    }
    return false;
  }

  /** The second-stage walk just before, of the same access, kept the same table. */
  #isRepeated(kept2: Int32Array, from: number): boolean {
    const level = kept2[from + 2]!;
    const span = this.second.spanOf(this.kind2, level);
    const highs = Math.max(0, span - 32);
    for (let at = from - KEPT2_WORDS; at >= 0; at -= KEPT2_WORDS) {
      if (kept2[at + 2] !== level) continue;
      return (
        kept2[at]! >> highs === kept2[from]! >> highs &&
        (span >= 32 || kept2[at + 1]! >> span === kept2[from + 1]! >> span)
      );
    }
    return false;
  }

  #at1(level: number, hi: number, lo: number): number {
    return this.first.at(this.domain, this.space, this.kind1, level, hi, lo);
  }

  #at2(level: number, hi: number, lo: number): number {
    return this.second.at(this.domain, -1, this.kind2, level, hi, lo);
  }

  #accuse(stage: 1 | 2, cache: StructureCache, at: number): Blamed {
    this.blamed = { stage, line: cache.lineAt(at) };
    return { filledAt: cache.lines[at + Psc.FilledAt]!, since: cache.lines[at + Psc.Since]! };
  }
}

function stamp(lines: Int32Array, at: number, now: number, version: number, sid: number, pasid: number): void {
  lines[at + Psc.FilledAt] = now;
  lines[at + Psc.Version] = version;
  lines[at + Psc.Since] = now;
  lines[at + Psc.Sid] = sid;
  lines[at + Psc.Pasid] = pasid;
}

function lower(lines: Int32Array, at: number, since: number): void {
  if (at >= 0 && since < lines[at + Psc.Since]!) lines[at + Psc.Since] = since;
}
