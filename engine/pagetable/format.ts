import { hi32, lo32 } from '../base/addr.ts';

/** What a mapping may grant. */
export type Right = 'read' | 'write' | 'execute' | 'user';

/** Entry bits that a right stands for: some formats set a bit to grant it, some to deny it. */
export interface RightBits {
  readonly granted: bigint;
  readonly denied: bigint;
}

/** One named bit or field of an entry, for decoding, hovers and the attributes of a mapping. */
export interface EntryFlag {
  /** The specification's abbreviation. */
  readonly name: string;
  readonly mask: bigint;
  /** The entries that have it. A `page` is a level-0 leaf, a `large` one any other leaf, a `table` no leaf. */
  readonly where: 'any' | 'leaf' | 'page' | 'large' | 'table';
  /** The word the language sets it with, where it may; it clears what a new leaf has set (`FormatData.defaultLeaf`). */
  readonly attribute?: string;
  /** Words of the language for values of a field of several bits. */
  readonly values?: Readonly<Record<string, bigint>>;
  /** One sentence for the user. */
  readonly doc: string;
}

/**
 * A radix page-table format as a record of ints: what the bits mean, nothing else. One walker and one editor read it.
 * Level 0 is always the level of only leaves. Per-level arrays are indexed by level.
 */
export interface FormatData {
  readonly name: string;
  /** Where the bits are known from, e.g. `VT-d 3.6, 9.7`. */
  readonly source: string;
  readonly levels: number;
  readonly granuleLg2: number;
  readonly bitsPerLevel: number;
  /**
   * Index bits of the root: fewer than `bitsPerLevel` for a small region, more where several tables are joined. The
   * root takes 8 bytes for each index and is aligned to its size.
   */
  readonly topBits: number;
  /** An entry is present when any of these low-half bits is set. */
  readonly presentMask: number;
  /**
   * Low-half bits that make an entry a leaf, per level; 0 where the level has no such bit. Level 0 is always a leaf.
   * All 0 in a format that marks tables instead.
   */
  readonly leafBit: readonly number[];
  /**
   * Low-half bit that every table entry and every level-0 leaf has, or 0. An entry without it is a leaf where
   * `leafLevels` allows one, else not present.
   */
  readonly tableBit: number;
  /** Levels that may hold a leaf, as a bit set: bit n for level n. */
  readonly leafLevels: number;
  /** Reserved bits of a present table entry, per level. */
  readonly reservedTable: readonly bigint[];
  /** Reserved bits of a present leaf, per level. */
  readonly reservedLeaf: readonly bigint[];
  /** Whether a right must be granted by every level; else the low half of the leaf alone decides. */
  readonly hierarchical: boolean;
  /** Permission bits (low half) that grant read and write; 0 when presence alone grants it. */
  readonly readBit: number;
  readonly writeBit: number;
  /** User access bit (low half), 0 when the format has none. */
  readonly userBit: number;
  /** Execute-disable bit (high half), 0 when the format has none. */
  readonly noExecuteBitHi: number;
  /** Accessed, dirty and extended-accessed bits (low half), 0 when the format has none. */
  readonly accessedBit: number;
  readonly dirtyBit: number;
  readonly extAccessedBit: number;
  /** Address field of table entries and level-0 leaves, in place. Larger leaves mask off their offset bits. */
  readonly addressMask: bigint;
  /** Low-half bits of every entry that hold the top address bits, from address bit `foldedFrom` (32 or more) up; or 0. */
  readonly foldedMask: number;
  readonly foldedFrom: number;
  /** Bits of the input address that the levels decode. */
  readonly inputBits: number;
  /** Input addresses repeat their top decoded bit upwards (canonical); else the bits above must be 0. */
  readonly signExtended: boolean;
  /** The specification's name of an entry, per level. */
  readonly levelNames: readonly string[];
  /** The named bits of an entry, lowest first. A name that occurs for pages and for large leaves moves with the leaf size. */
  readonly flags: readonly EntryFlag[];
  /**
   * What the attributes of the language do to a leaf: the bits in which it then differs from a new one, placed as in a
   * level-0 leaf. Derived from `flags`.
   */
  readonly attributes: Readonly<Record<string, bigint>>;
  /** What the editor writes: a new table entry without its address. */
  readonly newTable: bigint;
  /** What the editor writes: a new leaf without address, rights and attributes, per level. */
  readonly newLeaf: readonly bigint[];
  /** Bits a new leaf has besides, unless an attribute clears them. */
  readonly defaultLeaf: bigint;
  /** The bits of a leaf that carry each right. A format without the right has no bits for it. */
  readonly rights: Readonly<Record<Right, RightBits>>;
}

/** The `attributes` of a format: every flag and value with a language name, where a level-0 leaf has it. */
export function attributesOf(flags: readonly EntryFlag[], defaultLeaf = 0n): Readonly<Record<string, bigint>> {
  const inPage = flags.filter(({ where }) => where !== 'large' && where !== 'table');
  return Object.fromEntries(
    inPage.flatMap(({ attribute, mask, values = {} }) => [
      ...(attribute === undefined ? [] : [[attribute, mask] as const]),
      ...Object.entries(values).map(
        ([word, value]) => [word, (value * (mask & -mask)) ^ (defaultLeaf & mask)] as const,
      ),
    ]),
  );
}

/** Bits `low` to `high`, both included, as a mask; empty when `high` lies below `low`. */
export function bitRange(high: number, low: number): bigint {
  return high < low ? 0n : ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

const highs = (masks: readonly bigint[]): Int32Array => Int32Array.from(masks, hi32);
const lows = (masks: readonly bigint[]): Int32Array => Int32Array.from(masks, lo32);
const union = (...lists: Int32Array[]): number => lists.flatMap((list) => [...list]).reduce((a, b) => a | b, 0);

/** The record the hot loops read: every field an int or a typed array, built by one constructor. */
export class Format {
  readonly data: FormatData;
  readonly name: string;
  readonly levels: number;
  readonly granuleLg2: number;
  readonly bitsPerLevel: number;
  readonly indexMask: number;
  readonly topIndexMask: number;
  readonly presentMask: number;
  readonly leafBit: Int32Array;
  readonly leafLevels: number;
  readonly tableBit: number;
  readonly reservedTableHi: Int32Array;
  readonly reservedTableLo: Int32Array;
  readonly reservedLeafHi: Int32Array;
  readonly reservedLeafLo: Int32Array;
  /**
   * What decides most entries at once. An entry above level 0 that differs from `plainLo` in none of the bits `tableLo`
   * and has none of `tableHi` is present, names a table and has neither reserved bits nor folded address bits; a level-0
   * entry is likewise a leaf by `pageLo` and `pageHi`. Only the others need the masks of their own level.
   */
  readonly plainLo: number;
  readonly tableLo: number;
  readonly tableHi: number;
  readonly pageLo: number;
  readonly pageHi: number;
  /** Or-ed into what the table entries gathered: 0, or all ones where the rights of the leaf alone count. */
  readonly flatMask: number;
  readonly readBit: number;
  readonly writeBit: number;
  readonly userBit: number;
  readonly noExecuteBitHi: number;
  readonly accessedBit: number;
  readonly dirtyBit: number;
  readonly extAccessedBit: number;
  readonly addressHi: number;
  readonly addressLo: number;
  /** Top address bits in the low half, and how far left they go in the high half of the address. */
  readonly foldedMask: number;
  readonly foldedShift: number;
  readonly inputBits: number;

  constructor(data: FormatData) {
    this.data = data;
    this.name = data.name;
    this.levels = data.levels;
    this.granuleLg2 = data.granuleLg2;
    this.bitsPerLevel = data.bitsPerLevel;
    this.indexMask = (1 << data.bitsPerLevel) - 1;
    this.topIndexMask = (1 << data.topBits) - 1;
    this.presentMask = data.presentMask;
    this.leafBit = Int32Array.from(data.leafBit, (bit, level) => (level === 0 ? 0 : bit | data.tableBit));
    this.leafLevels = data.leafLevels;
    this.tableBit = data.tableBit;
    this.reservedTableHi = highs(data.reservedTable);
    this.reservedTableLo = lows(data.reservedTable);
    this.reservedLeafHi = highs(data.reservedLeaf);
    this.reservedLeafLo = lows(data.reservedLeaf);
    this.plainLo = data.presentMask | data.tableBit;
    this.tableLo = this.plainLo | data.foldedMask | union(this.leafBit, this.reservedTableLo.subarray(1));
    this.tableHi = union(this.reservedTableHi.subarray(1));
    this.pageLo = this.plainLo | data.foldedMask | this.reservedLeafLo[0]!;
    this.pageHi = this.reservedLeafHi[0]!;
    this.flatMask = data.hierarchical ? 0 : -1;
    this.readBit = data.readBit;
    this.writeBit = data.writeBit;
    this.userBit = data.userBit;
    this.noExecuteBitHi = data.noExecuteBitHi | 0;
    this.accessedBit = data.accessedBit;
    this.dirtyBit = data.dirtyBit;
    this.extAccessedBit = data.extAccessedBit;
    this.addressHi = hi32(data.addressMask);
    this.addressLo = lo32(data.addressMask);
    this.foldedMask = data.foldedMask;
    this.foldedShift =
      data.foldedMask === 0 ? 0 : data.foldedFrom - 32 - (31 - Math.clz32(data.foldedMask & -data.foldedMask));
    this.inputBits = data.inputBits;
  }
}
