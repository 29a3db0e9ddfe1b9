import { attributesOf, bitRange, type EntryFlag, Format } from '../format.ts';
import {
  AF,
  commonFlags,
  geometry,
  INNER_SHAREABLE,
  inBitOrder,
  startLevelOf,
  type VmsaLimits,
  vmsaName,
} from './vmsa.ts';

/** AP[1]: unprivileged access. */
const AP1 = 1n << 6n;
/** AP[2]: read-only. */
const AP2 = 1n << 7n;
const NG = 1n << 11n;
const PXN = 1n << 53n;
const UXN = 1n << 54n;
const NONE = { granted: 0n, denied: 0n };

const flagsOf = (ds: boolean): EntryFlag[] =>
  inBitOrder([
    ...commonFlags(ds),
    {
      name: 'AttrIndx',
      mask: bitRange(4, 2),
      where: 'leaf',
      values: Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((index) => [`attr${index}`, BigInt(index)])),
      doc: 'The byte of MAIR that gives the memory type.',
    },
    { name: 'NS', mask: 1n << 5n, where: 'leaf', doc: 'Non-secure; ignored in non-secure tables.' },
    { name: 'AP1', mask: AP1, where: 'leaf', doc: 'Unprivileged requests are allowed.' },
    { name: 'AP2', mask: AP2, where: 'leaf', doc: 'Writes are denied.' },
    {
      name: 'nG',
      mask: NG,
      where: 'leaf',
      attribute: 'global',
      doc: 'Not global: the translation belongs to one ASID. New leaves have it unless they are global.',
    },
    { name: 'GP', mask: 1n << 50n, where: 'leaf', doc: 'Guarded page, for branch targets.' },
    { name: 'PXN', mask: PXN, where: 'leaf', attribute: 'pxn', doc: 'Privileged execution is denied.' },
    { name: 'UXN', mask: UXN, where: 'leaf', attribute: 'uxn', doc: 'Unprivileged execution is denied.' },
    { name: 'PXNTable', mask: 1n << 59n, where: 'table', doc: 'Privileged execution is denied below.' },
    { name: 'UXNTable', mask: 1n << 60n, where: 'table', doc: 'Unprivileged execution is denied below.' },
    {
      name: 'APTable',
      mask: bitRange(62, 61),
      where: 'table',
      doc: 'Bit 61 denies unprivileged access below, bit 62 writes; ignored with hierarchical attributes disabled.',
    },
    {
      name: 'NSTable',
      mask: 1n << 63n,
      where: 'table',
      doc: 'Non-secure below; ignored in non-secure tables.',
    },
  ]);

/**
 * VMSAv8-64 stage 1 (Arm ARM D8.3): one table of TTB0 or TTB1, input addresses from 0 to 2^inputBits. The walk starts
 * at the level that `inputBits` needs. Rights are those of the leaf, less what table entries deny, if they may: AP[2:1]
 * in `leaf1`, UXN and PXN in `leaf1Hi`, the table bits in `orTablesHi`.
 *
 * @param limits impossible sizes are the caller's to refuse; the granule's smallest region has one bit of index
 */
export function vmsaStage1(limits: VmsaLimits): Format {
  const { granule, inputBits, outputBits = 48 } = limits;
  const ds = outputBits === 52 && granule !== 16;
  const flags = flagsOf(ds);
  const defaultLeaf = AF | NG | (ds ? 0n : INNER_SHAREABLE);
  return new Format({
    ...geometry(limits, startLevelOf(granule, inputBits), 'S1'),
    name: vmsaName(1, granule),
    source: 'Arm ARM D8.3',
    readBit: 0,
    writeBit: 0,
    userBit: Number(AP1),
    noExecuteBitHi: Number((UXN | PXN) >> 32n),
    accessedBit: Number(AF),
    dirtyBit: 0,
    extAccessedBit: 0,
    flags,
    attributes: attributesOf(flags, defaultLeaf),
    defaultLeaf,
    rights: {
      read: NONE,
      write: { granted: 0n, denied: AP2 },
      execute: { granted: 0n, denied: UXN | PXN },
      user: { granted: AP1, denied: 0n },
    },
  });
}
