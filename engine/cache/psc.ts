import { join } from '../base/addr.ts';
import { LineTable, pageNumber } from './lines.ts';

/** Value words of a paging-structure line. */
export const Psc = {
  /** Host address of the 4 KiB of the table that hold the entry to be read next. */
  TableHi: 4,
  TableLo: 5,
  /** Low halves of the entries above, ANDed; high halves, ORed. */
  And: 6,
  OrHi: 7,
  /** What stage 2 grants for the table's page; -1 where it has no stage 2 behind it. */
  Rights: 8,
  FilledAt: 9,
  /** Memory version at which the line was last known to be what a walk would find. */
  Version: 10,
  /** Fingerprint of the root it was found from. */
  Origin: 11,
  /** Time from which on an edit can have made it out of date: before `FilledAt` where what it was filled from was. */
  Since: 12,
  /** Who filled it: no part of the tag. */
  Sid: 13,
  Pasid: 14,
} as const;

/** Levels of tables that a walk can begin at: a table of level n is named by an entry of level n + 1. */
const LEVELS = 8;
const KINDS = 16;

/** How a line is found: a table that entries of `level` lie in, for all addresses from `prefix` on that it serves. */
export interface PscTag {
  /** Domain id, or VMID. */
  readonly did: number;
  /** PASID, or ASID; -1 for the second stage, whose lines all of a domain share. */
  readonly pasid: number;
  /** What else tells lines apart, 0 to 15. VT-d: the translation type; 2 for the second stage, whoever asked. */
  readonly kind: number;
  readonly level: number;
  readonly prefix: bigint;
}

export interface PscLine extends PscTag {
  /** Bytes that the table serves. */
  readonly size: bigint;
  readonly table: bigint;
  readonly filledAt: number;
}

/** log2 of the bytes that a line of a kind and level serves: what the part of a table serves that a line stands for. */
export type SpanLg2 = (kind: number, level: number) => number;
/** Tables of 512 entries for pages of 4K. */
const TABLES_OF_4K: SpanLg2 = (_kind, level) => 21 + 9 * level;

/**
 * A paging-structure cache: what the upper levels of a walk lead to, so that a later walk begins lower. Like every cache
 * here it forgets nothing by itself.
 */
export class StructureCache {
  readonly table = new LineTable();
  /** By kind and level. */
  readonly #spans: Int32Array;
  /** Live lines per level, so that lookups skip levels that nobody has. */
  readonly #counts = new Int32Array(LEVELS);
  /** Level of the line that `find` found. */
  level = 0;

  constructor(span: SpanLg2 = TABLES_OF_4K) {
    this.#spans = Int32Array.from({ length: KINDS * LEVELS }, (_, i) => span(Math.floor(i / LEVELS), i % LEVELS));
  }

  get lines(): Int32Array {
    return this.table.lines;
  }

  get size(): number {
    return this.table.size;
  }

  /** Offset of the line of the lowest table known for the address, below `top`; or -1. */
  find(did: number, pasid: number, kind: number, top: number, hi: number, lo: number): number {
    if (this.table.size === 0) return -1;
    const counts = this.#counts;
    for (let level = 0; level < top; level++) {
      if (counts[level] === 0) continue;
      const at = this.at(did, pasid, kind, level, hi, lo);
      if (at < 0) continue;
      this.level = level;
      return at;
    }
    return -1;
  }

  /** Offset of the line of one level, or -1. */
  at(did: number, pasid: number, kind: number, level: number, hi: number, lo: number): number {
    const span = this.#spans[kind * LEVELS + level]!;
    return this.table.find(keyOf(did, kind, level), pasid, prefixHi(span, hi), prefixLo(span, lo));
  }

  /** Whether the line at an offset serves an address. */
  serves(at: number, hi: number, lo: number): boolean {
    return this.servedBy(this.table.key0(at), this.lines[at + 2]!, this.lines[at + 3]!, hi, lo);
  }

  /** The same of a line by its first key word and the halves of its prefix. */
  servedBy(key: number, prefixHigh: number, prefixLow: number, hi: number, lo: number): boolean {
    const span = this.spanLg2(key);
    return prefixHigh === prefixHi(span, hi) && prefixLow === prefixLo(span, lo);
  }

  /** log2 of the bytes that a line of a kind and level serves. */
  spanOf(kind: number, level: number): number {
    return this.#spans[kind * LEVELS + level]!;
  }

  /** The same of a line. @param key its first key word */
  spanLg2(key: number): number {
    return this.spanOf(kindOf(key), pscLevel(key));
  }

  /** A new line, or -1 where there is one for this tag. The caller writes the value words. */
  add(did: number, pasid: number, kind: number, level: number, hi: number, lo: number): number {
    const { table } = this;
    const span = this.#spans[kind * LEVELS + level]!;
    const before = table.size;
    const at = table.findOrAppend(keyOf(did, kind, level), pasid, prefixHi(span, hi), prefixLo(span, lo));
    if (table.size === before) return -1;
    this.#counts[level]!++;
    return at;
  }

  /** Fills a line from readable values, for tests and for scenarios that set a cache up. */
  put({ did, pasid, kind, level, prefix, table = 0n }: PscTag & { table?: bigint }): void {
    const half = (value: bigint, shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
    const tag = [did, pasid, kind, level, half(prefix, 32n), half(prefix, 0n)] as const;
    this.add(...tag);
    const at = this.at(...tag);
    this.lines[at + Psc.TableHi] = half(table, 32n);
    this.lines[at + Psc.TableLo] = half(table, 0n);
  }

  kill(at: number): void {
    this.#counts[pscLevel(this.table.key0(at))]!--;
    this.table.kill(at);
  }

  clear(): number {
    this.#counts.fill(0);
    return this.table.clear();
  }

  /** Everything of a domain, or of one kind of it. */
  removeDomain(did: number, kind = -1): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    for (let at = table.next(-1); at >= 0; at = table.next(at)) {
      const key = table.key0(at);
      if ((key & 0xffff) === did && (kind < 0 || kindOf(key) === kind)) this.kill(at);
    }
    return before - table.size;
  }

  /** Everything of a PASID within a domain. */
  removePasid(did: number, pasid: number): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    for (let at = table.nextOf(did, pasid, -1); at >= 0; at = table.nextOf(did, pasid, at)) this.kill(at);
    return before - table.size;
  }

  /** Lines that serve any of the pages. @param pasid -1 for lines without one */
  removePages(did: number, pasid: number, firstPage: number, lastPage: number): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    for (let at = table.nextOf(did, pasid, -1); at >= 0; at = table.nextOf(did, pasid, at)) {
      if (this.overlaps(at, firstPage, lastPage)) this.kill(at);
    }
    return before - table.size;
  }

  /** Every line for which `gone` holds. @param gone is told domain, PASID (-1: none) and the line's offset */
  removeWhere(gone: (did: number, pasid: number, at: number) => boolean): number {
    const { table } = this;
    const before = table.size;
    for (let at = table.next(-1); at >= 0; at = table.next(at))
      if (gone(table.key0(at) & 0xffff, this.lines[at + 1]!, at)) this.kill(at);
    return before - table.size;
  }

  /** Whether a line serves any of the pages of 4K. */
  overlaps(at: number, firstPage: number, lastPage: number): boolean {
    const first = pageNumber(this.lines[at + 2]!, this.lines[at + 3]!);
    return first <= lastPage && firstPage < first + 2 ** (this.spanLg2(this.table.key0(at)) - 12);
  }

  list(): PscLine[] {
    return Array.from(this.table.offsets(), (at) => this.lineAt(at));
  }

  /** A line for people. */
  lineAt(at: number): PscLine {
    const key = this.table.key0(at);
    const level = pscLevel(key);
    const lines = this.lines;
    return {
      did: key & 0xffff,
      pasid: lines[at + 1]!,
      kind: kindOf(key),
      level,
      prefix: join(lines[at + 2]!, lines[at + 3]!),
      size: 1n << BigInt(this.spanLg2(key)),
      table: join(lines[at + Psc.TableHi]!, lines[at + Psc.TableLo]!),
      filledAt: lines[at + Psc.FilledAt]!,
    };
  }
}

const keyOf = (did: number, kind: number, level: number): number => did | (kind << 16) | (level << 21);
/** The kind in the first key word of a line. */
export const kindOf = (key: number): number => (key >> 16) & 15;
/** The level in it. */
export const pscLevel = (key: number): number => (key >> 21) & 7;

/** Halves of the first address that a table serves. */
const prefixLo = (span: number, lo: number): number => (span < 32 ? lo & (-1 << span) : 0);
const prefixHi = (span: number, hi: number): number => (span < 32 ? hi : hi & (-1 << (span - 32)));
