import { attributesOf, bitRange, type EntryFlag, Format } from '../format.ts';
import {
  AF,
  commonFlags,
  type Granule,
  geometry,
  INNER_SHAREABLE,
  inBitOrder,
  rootBits,
  tableBits,
  type VmsaLimits,
  vmsaName,
} from './vmsa.ts';

/** What the registers decide about stage-2 tables. */
export interface VmsaStage2Limits extends VmsaLimits {
  /** The level the walk starts at, as Arm counts: -1 to 3. `stage2Start` gives it for SL0. */
  readonly startLevel: number;
}

/** What STE.S2T0SZ, S2SL0 and S2TG say together. */
export interface Stage2Start {
  readonly granule: Granule;
  readonly t0sz: number;
  readonly sl0: number;
  /** Small translation tables (FEAT_TTST): T0SZ up to 48 (47 for 64K), and SL0 3 for 4K starts at level 3. */
  readonly smallTables?: boolean;
  /** 52 where input addresses may have as many bits: FEAT_LPA for 64K, DS for the others. */
  readonly inputLimit?: 48 | 52;
}

/** At most so many tables, as a power of 2, may be joined at the start level. */
const MOST_JOINED = 4;

/** Levels by SL0; undefined is reserved. Level 3 of 4K takes small tables, level 0 of 16K takes DS. */
const LEVEL_OF_SL0: Readonly<Record<Granule, readonly (number | undefined)[]>> = {
  12: [2, 1, 0, 3],
  14: [3, 2, 1, 0],
  16: [3, 2, 1, undefined],
};

/**
 * Start level (as Arm counts) and number of joined tables for the fields of an STE, or undefined where they do not
 * agree, which an SMMU calls an illegal STE (Arm ARM D8.2, SMMUv3 5.2).
 */
export function stage2Start(fields: Stage2Start): { readonly startLevel: number; readonly tables: number } | undefined {
  const { granule, t0sz, sl0, smallTables = false, inputLimit = 48 } = fields;
  const startLevel = LEVEL_OF_SL0[granule][sl0];
  const most = smallTables ? (granule === 16 ? 47 : 48) : 39;
  if (startLevel === undefined || t0sz < 64 - inputLimit || most < t0sz) return undefined;
  if ((granule === 12 && startLevel === 3 && !smallTables) || (granule === 14 && startLevel === 0 && inputLimit !== 52))
    return undefined;
  const bits = rootBits(granule, 64 - t0sz, startLevel);
  const joined = Math.max(0, bits - tableBits(granule));
  return bits < 1 || MOST_JOINED < joined ? undefined : { startLevel, tables: 2 ** joined };
}

/** S2AP[0] and S2AP[1]. */
const READ = 1n << 6n;
const WRITE = 1n << 7n;
const MEM_ATTR = bitRange(5, 2);
const XN = 1n << 54n;

const flagsOf = (ds: boolean): EntryFlag[] =>
  inBitOrder([
    ...commonFlags(ds),
    {
      name: 'MemAttr',
      mask: MEM_ATTR,
      where: 'leaf',
      values: { device: 0n, non_cacheable: 5n },
      doc: 'Memory type: 0 to 3 device, 5 normal non-cacheable, 15 normal write-back, which new leaves have. S2FWB changes the meaning.',
    },
    { name: 'S2AP0', mask: READ, where: 'leaf', doc: 'Reads are allowed.' },
    { name: 'S2AP1', mask: WRITE, where: 'leaf', doc: 'Writes are allowed.' },
    { name: 'FnXS', mask: 1n << 11n, where: 'leaf', doc: 'Takes the XS attribute of stage 1 away.' },
    {
      name: 'XN0',
      mask: 1n << 53n,
      where: 'leaf',
      attribute: 'xn0',
      doc: 'With XNX: execution at one privilege only.',
    },
    {
      name: 'XN',
      mask: XN,
      where: 'leaf',
      attribute: 'xn',
      doc: 'Execution is denied; with XNX together with XN0.',
    },
  ]);

/**
 * VMSAv8-64 stage 2 (Arm ARM D8.4). The start level is chosen, not derived: a root that needs more index bits than a
 * table has is several joined tables, one array. Only the leaf's rights count: `and2` of a walk is S2AP, AF and MemAttr.
 */
export function vmsaStage2(limits: VmsaStage2Limits): Format {
  const { granule, outputBits = 48, startLevel } = limits;
  const ds = outputBits === 52 && granule !== 16;
  const flags = flagsOf(ds);
  const defaultLeaf = AF | MEM_ATTR | (ds ? 0n : INNER_SHAREABLE);
  return new Format({
    ...geometry(limits, startLevel, 'S2'),
    name: vmsaName(2, granule),
    source: 'Arm ARM D8.4',
    readBit: Number(READ),
    writeBit: Number(WRITE),
    userBit: 0,
    noExecuteBitHi: Number(XN >> 32n),
    accessedBit: Number(AF),
    dirtyBit: 0,
    extAccessedBit: 0,
    flags,
    attributes: attributesOf(flags, defaultLeaf),
    defaultLeaf,
    rights: {
      read: { granted: READ, denied: 0n },
      write: { granted: WRITE, denied: 0n },
      execute: { granted: 0n, denied: XN },
      user: { granted: 0n, denied: 0n },
    },
  });
}
