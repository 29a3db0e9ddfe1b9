/**
 * What both stages of VMSAv8-64 share (Arm ARM D8): geometry and the common bits. Arm counts levels from the root, 0 to
 * 3 (-1 with 52-bit input addresses); arrays here count from the leaf, so that level 0 is Arm's level 3.
 */
import { bitRange, type EntryFlag, type FormatData } from '../format.ts';

/** log2 of the granule: 4, 16 or 64 KiB. */
export type Granule = 12 | 14 | 16;

/** What the registers decide about the tables of either stage. */
export interface VmsaLimits {
  readonly granule: Granule;
  /** Bits of input address, 64 less TxSZ: 16 (with small translation tables) to 48, or 52. */
  readonly inputBits: number;
  /**
   * 52: entries hold 52-bit addresses, which for 64K is FEAT_LPA (bits 15:12 hold address bits 51:48) and for 4K and
   * 16K is DS (bits 9:8 hold 51:50 and the shareability moves to the TCR); with it come larger blocks. 48 by default.
   * How many of these bits the machine takes is the walker's limit, not the format's.
   */
  readonly outputBits?: 48 | 52;
}

export const VALID = 1n << 0n;
/** Bit 1: set in a table entry and in a page, clear in a block. */
export const TYPE = 1n << 1n;
export const AF = 1n << 10n;
export const DBM = 1n << 51n;
export const INNER_SHAREABLE = 3n << 8n;

/** Index bits of a whole table. */
export const tableBits = (granule: Granule): number => granule - 3;

/** The level, as Arm counts, at which a walk of so many input bits starts when no tables are joined. */
export const startLevelOf = (granule: Granule, inputBits: number): number =>
  4 - Math.ceil((inputBits - granule) / tableBits(granule));

/** Index bits of the root for a start level as Arm counts; below 1, or more than four over a whole table, is illegal. */
export const rootBits = (granule: Granule, inputBits: number, startLevel: number): number =>
  inputBits - granule - (3 - startLevel) * tableBits(granule);

/** Levels, counted from the leaf, that may hold blocks or pages. */
export function leafLevels(granule: Granule, wide: boolean): number {
  const [blocks, wideBlocks] = { 12: [0b0110, 0b1000], 14: [0b0010, 0b0100], 16: [0b0010, 0b0100] }[granule] as [
    number,
    number,
  ];
  return 0b0001 | blocks | (wide ? wideBlocks : 0);
}

const lowestBit = ({ mask }: EntryFlag): bigint => mask & -mask;

export const inBitOrder = (flags: EntryFlag[]): EntryFlag[] =>
  flags.sort((a, b) => (lowestBit(a) < lowestBit(b) ? -1 : 1));

/** Bits both stages have in the same place; the shareability only where it is in the entry at all. */
export function commonFlags(ds: boolean): EntryFlag[] {
  return [
    { name: 'VALID', mask: VALID, where: 'any', doc: 'The entry is valid.' },
    { name: 'TABLE', mask: TYPE, where: 'table', doc: 'The entry names a table; without it, it is a block.' },
    {
      name: 'PAGE',
      mask: TYPE,
      where: 'page',
      doc: 'Every valid entry of level 3 has it; without it nothing is mapped.',
    },
    ...(ds
      ? []
      : [
          {
            name: 'SH',
            mask: INNER_SHAREABLE,
            where: 'leaf',
            values: { non_shareable: 0n, outer_shareable: 2n, inner_shareable: 3n },
            doc: 'Shareability: 0 none, 2 outer, 3 inner, which new leaves have.',
          } satisfies EntryFlag,
        ]),
    {
      name: 'AF',
      mask: AF,
      where: 'leaf',
      attribute: 'no_af',
      doc: 'Accessed. New leaves have it, as Linux writes them: without it an access faults, unless hardware sets it.',
    },
    {
      name: 'nT',
      mask: 1n << 16n,
      where: 'large',
      doc: 'The block is about to change its size: it is not cached in a way that conflicts with another size.',
    },
    {
      name: 'DBM',
      mask: DBM,
      where: 'leaf',
      attribute: 'dbm',
      doc: 'A read-only leaf becomes writable at the first write, where hardware keeps the dirty state.',
    },
    {
      name: 'CONT',
      mask: 1n << 52n,
      where: 'leaf',
      attribute: 'contiguous',
      doc: 'One of a run of entries that map contiguous memory alike, a hint for the TLB.',
    },
    { name: 'PBHA', mask: bitRange(62, 59), where: 'leaf', doc: 'Page-based hardware attributes, or software.' },
  ];
}

/** The fields of a format that follow from the geometry alone. `startLevel` as Arm counts. */
export function geometry(limits: VmsaLimits, startLevel: number, prefix: string) {
  const { granule, inputBits, outputBits = 48 } = limits;
  const levels = 4 - startLevel;
  const wide = outputBits === 52;
  const isFolded = wide && granule === 16;
  return {
    levels,
    granuleLg2: granule,
    bitsPerLevel: tableBits(granule),
    topBits: rootBits(granule, inputBits, startLevel),
    presentMask: Number(VALID),
    leafBit: Array.from({ length: levels }, () => 0),
    tableBit: Number(TYPE),
    leafLevels: leafLevels(granule, wide) & ((1 << levels) - 1),
    // Bits without a meaning are ignored, not checked.
    reservedTable: Array.from({ length: levels }, () => 0n),
    reservedLeaf: Array.from({ length: levels }, () => 0n),
    hierarchical: false,
    addressMask: bitRange(wide && !isFolded ? 49 : 47, granule),
    foldedMask: !wide ? 0 : isFolded ? 0xf000 : 0x300,
    foldedFrom: !wide ? 0 : isFolded ? 48 : 50,
    inputBits,
    signExtended: false,
    levelNames: Array.from({ length: levels }, (_, level) => `${prefix}.L${3 - level}`),
    newTable: VALID | TYPE,
    newLeaf: Array.from({ length: levels }, (_, level) => (level === 0 ? VALID | TYPE : VALID)),
  } satisfies Partial<FormatData>;
}

/** `aarch64-4k`, `aarch64-s2-64k`. */
export const vmsaName = (stage: 1 | 2, granule: Granule): string =>
  `aarch64-${stage === 2 ? 's2-' : ''}${2 ** (granule - 10)}k`;
