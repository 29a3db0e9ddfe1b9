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
  /** The entries that have it. A `page` is a level-0 leaf, a `large` one any other leaf. */
  readonly where: 'any' | 'leaf' | 'page' | 'large';
  /** The word the language sets it with, where it may. */
  readonly attribute?: string;
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
  /** An entry is present when any of these low-half bits is set. */
  readonly presentMask: number;
  /** Low-half bits that make an entry a leaf, per level; 0 where the level has no such bit. Level 0 is always a leaf. */
  readonly leafBit: readonly number[];
  /** Levels that may hold a leaf, as a bit set: bit n for level n. */
  readonly leafLevels: number;
  /** Reserved bits of a present table entry, per level. */
  readonly reservedTable: readonly bigint[];
  /** Reserved bits of a present leaf, per level. */
  readonly reservedLeaf: readonly bigint[];
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
  /** Address field of table entries and 4K leaves. Larger leaves mask off their offset bits. */
  readonly addressMask: bigint;
  /** Bits of the input address that the levels decode. */
  readonly inputBits: number;
  /** Input addresses repeat their top decoded bit upwards (canonical); else the bits above must be 0. */
  readonly signExtended: boolean;
  /** The specification's name of an entry, per level. */
  readonly levelNames: readonly string[];
  /** The named bits of an entry, lowest first. A name that occurs for pages and for large leaves moves with the leaf size. */
  readonly flags: readonly EntryFlag[];
  /** Bits that the language may set on a leaf, by attribute; placed as in a level-0 leaf. Derived from `flags`. */
  readonly attributes: Readonly<Record<string, bigint>>;
  /** What the editor writes: a new table entry without its address. */
  readonly newTable: bigint;
  /** What the editor writes: a new leaf without address, rights and attributes, per level. */
  readonly newLeaf: readonly bigint[];
  /** The bits of a leaf that carry each right. A format without the right has no bits for it. */
  readonly rights: Readonly<Record<Right, RightBits>>;
}

/** The `attributes` of a format: every flag with a language name, where a level-0 leaf has it. */
export function attributesOf(flags: readonly EntryFlag[]): Readonly<Record<string, bigint>> {
  const named = flags.filter((flag) => flag.attribute !== undefined && flag.where !== 'large');
  return Object.fromEntries(named.map((flag) => [flag.attribute!, flag.mask]));
}

/** Bits `low` to `high`, both included, as a mask; empty when `high` lies below `low`. */
export function bitRange(high: number, low: number): bigint {
  return high < low ? 0n : ((1n << BigInt(high - low + 1)) - 1n) << BigInt(low);
}

/** The record the hot loops read: every field an int or a typed array, built by one constructor. */
export class Format {
  readonly data: FormatData;
  readonly name: string;
  readonly levels: number;
  readonly granuleLg2: number;
  readonly bitsPerLevel: number;
  readonly indexMask: number;
  readonly presentMask: number;
  readonly leafBit: Int32Array;
  readonly leafLevels: number;
  readonly reservedTableHi: Int32Array;
  readonly reservedTableLo: Int32Array;
  readonly reservedLeafHi: Int32Array;
  readonly reservedLeafLo: Int32Array;
  readonly readBit: number;
  readonly writeBit: number;
  readonly userBit: number;
  readonly noExecuteBitHi: number;
  readonly accessedBit: number;
  readonly dirtyBit: number;
  readonly extAccessedBit: number;
  readonly addressHi: number;
  readonly addressLo: number;
  readonly inputBits: number;

  constructor(data: FormatData) {
    this.data = data;
    this.name = data.name;
    this.levels = data.levels;
    this.granuleLg2 = data.granuleLg2;
    this.bitsPerLevel = data.bitsPerLevel;
    this.indexMask = (1 << data.bitsPerLevel) - 1;
    this.presentMask = data.presentMask;
    this.leafBit = Int32Array.from(data.leafBit);
    this.leafLevels = data.leafLevels;
    this.reservedTableHi = Int32Array.from(data.reservedTable, (m) => Number(m >> 32n) | 0);
    this.reservedTableLo = Int32Array.from(data.reservedTable, (m) => Number(m & 0xffff_ffffn) | 0);
    this.reservedLeafHi = Int32Array.from(data.reservedLeaf, (m) => Number(m >> 32n) | 0);
    this.reservedLeafLo = Int32Array.from(data.reservedLeaf, (m) => Number(m & 0xffff_ffffn) | 0);
    this.readBit = data.readBit;
    this.writeBit = data.writeBit;
    this.userBit = data.userBit;
    this.noExecuteBitHi = data.noExecuteBitHi | 0;
    this.accessedBit = data.accessedBit;
    this.dirtyBit = data.dirtyBit;
    this.extAccessedBit = data.extAccessedBit;
    this.addressHi = Number(data.addressMask >> 32n) | 0;
    this.addressLo = Number(data.addressMask & 0xffff_ffffn) | 0;
    this.inputBits = data.inputBits;
  }
}
