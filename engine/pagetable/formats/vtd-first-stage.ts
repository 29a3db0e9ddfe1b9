import { attributesOf, bitRange, type EntryFlag, Format } from '../format.ts';

/** What hardware and PASID entry decide about first-stage tables. */
export interface FirstStageLimits {
  /** FSPM of the PASID entry: 5 needs cap.FS5LP. */
  readonly levels: 4 | 5;
  /** Host address width in bits, at most 52; address bits from here up are reserved. */
  readonly haw: number;
  /** cap.FS1GP: without it PS in a PDPE is reserved. 2 MiB leaves always exist. */
  readonly oneGig: boolean;
  /** NXE of the PASID entry: without it XD is reserved. */
  readonly nxe: boolean;
}

const P = 1n << 0n;
const RW = 1n << 1n;
const US = 1n << 2n;
const A = 1n << 5n;
const D = 1n << 6n;
const PS = 1n << 7n;
const EA = 1n << 10n;
const XD = 1n << 63n;
const NONE = { granted: 0n, denied: 0n };

const FLAGS: readonly EntryFlag[] = [
  { name: 'P', mask: P, where: 'any', doc: 'The entry is present.' },
  { name: 'RW', mask: RW, where: 'any', doc: 'Writes are allowed, where every level says so.' },
  { name: 'US', mask: US, where: 'any', doc: 'Requests without privilege are allowed, where every level says so.' },
  {
    name: 'PWT',
    mask: 1n << 3n,
    where: 'any',
    attribute: 'pwt',
    doc: 'Selects the memory type together with PCD and PAT.',
  },
  {
    name: 'PCD',
    mask: 1n << 4n,
    where: 'any',
    attribute: 'pcd',
    doc: 'Selects the memory type together with PWT and PAT.',
  },
  { name: 'A', mask: A, where: 'any', attribute: 'accessed', doc: 'A translation has used this entry.' },
  { name: 'D', mask: D, where: 'leaf', attribute: 'dirty', doc: 'A write went through this leaf.' },
  {
    name: 'PAT',
    mask: 1n << 7n,
    where: 'page',
    attribute: 'pat',
    doc: 'Selects the memory type together with PWT and PCD.',
  },
  { name: 'PS', mask: PS, where: 'large', doc: 'The entry maps a large page instead of naming a table.' },
  { name: 'G', mask: 1n << 8n, where: 'leaf', attribute: 'global', doc: 'Global page: no effect in scalable mode.' },
  { name: 'EA', mask: EA, where: 'any', attribute: 'ext_accessed', doc: 'Set with A where the PASID entry has EAFE.' },
  {
    name: 'PAT',
    mask: 1n << 12n,
    where: 'large',
    attribute: 'pat',
    doc: 'Selects the memory type together with PWT and PCD.',
  },
  {
    name: 'XD',
    mask: XD,
    where: 'any',
    attribute: 'nx',
    doc: 'Execution is denied; reserved unless the PASID entry has NXE.',
  },
];

/**
 * VT-d first-stage tables (VT-d spec 3.6, 9.7), which are those of x86-64. Levels from 0: PTE, PDE, PDPE, PML4E, PML5E.
 * Reading needs no bit of its own: a present entry can be read.
 */
export function vtdFirstStage({ levels, haw, oneGig, nxe }: FirstStageLimits): Format {
  const always = bitRange(51, haw) | (nxe ? 0n : XD);
  const largeless = always | PS;
  const pdpe = oneGig ? always : largeless;
  return new Format({
    name: levels === 4 ? 'x86-64' : 'x86-64-la57',
    source: 'VT-d 3.6, 9.7',
    levels,
    granuleLg2: 12,
    bitsPerLevel: 9,
    topBits: 9,
    presentMask: Number(P),
    leafBit: [0, Number(PS), oneGig ? Number(PS) : 0, 0, 0].slice(0, levels),
    tableBit: 0,
    leafLevels: oneGig ? 0b111 : 0b011,
    reservedTable: [always, always, pdpe, largeless, largeless].slice(0, levels),
    // Bit 12 of a large leaf is PAT, so its reserved offset bits begin at 13.
    reservedLeaf: [always, always | bitRange(20, 13), pdpe | bitRange(29, 13), largeless, largeless].slice(0, levels),
    hierarchical: true,
    readBit: 0,
    writeBit: Number(RW),
    userBit: Number(US),
    noExecuteBitHi: Number(XD >> 32n),
    accessedBit: Number(A),
    dirtyBit: Number(D),
    extAccessedBit: Number(EA),
    addressMask: bitRange(51, 12),
    foldedMask: 0,
    foldedFrom: 0,
    inputBits: 12 + 9 * levels,
    signExtended: true,
    levelNames: ['PTE', 'PDE', 'PDPE', 'PML4E', 'PML5E'].slice(0, levels),
    flags: FLAGS,
    attributes: attributesOf(FLAGS),
    newTable: P | RW | US,
    newLeaf: [P, P | PS, P | PS, 0n, 0n].slice(0, levels),
    // Execution is denied by the attribute `nx` alone: XD in every data page would be a reserved bit without NXE.
    defaultLeaf: 0n,
    rights: { read: NONE, write: { granted: RW, denied: 0n }, execute: NONE, user: { granted: US, denied: 0n } },
  });
}
