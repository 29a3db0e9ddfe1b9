import { attributesOf, bitRange, type EntryFlag, Format } from '../format.ts';

/** What hardware and PASID entry decide about second-stage tables. */
export interface SecondStageLimits {
  /** AW of the PASID entry plus 2; must be in cap.SAGAW. */
  readonly levels: 3 | 4 | 5;
  /** Host address width in bits, at most 52; address bits from here up are reserved. */
  readonly haw: number;
  /** cap.SSLPS bit 34: 2 MiB leaves. */
  readonly twoMeg: boolean;
  /** cap.SSLPS bit 35: 1 GiB leaves. */
  readonly oneGig: boolean;
  /** ecap.SC: without it SNP is reserved in leaves too. */
  readonly snoopControl: boolean;
  /** ecap.DT: without it TM is reserved in leaves too. */
  readonly deviceTlb: boolean;
  /** SSADE of the PASID entry: hardware keeps A and D; without it both bits are ignored. */
  readonly accessedDirty: boolean;
}

const R = 1n << 0n;
const W = 1n << 1n;
const X = 1n << 2n;
const PS = 1n << 7n;
const A = 1n << 8n;
const D = 1n << 9n;
const SNP = 1n << 11n;
const TM = 1n << 62n;

const FLAGS: readonly EntryFlag[] = [
  { name: 'R', mask: R, where: 'any', doc: 'Reads are allowed, where every level says so.' },
  { name: 'W', mask: W, where: 'any', doc: 'Writes are allowed, where every level says so.' },
  {
    name: 'X',
    mask: X,
    where: 'any',
    attribute: 'execute',
    doc: 'Execution is allowed where the PASID entry has SSEE; else ignored.',
  },
  {
    name: 'EMT',
    mask: bitRange(5, 3),
    where: 'leaf',
    doc: 'Extended memory type, used where the PASID entry has EMTE.',
  },
  {
    name: 'IPAT',
    mask: 1n << 6n,
    where: 'leaf',
    attribute: 'ipat',
    doc: 'Ignore the PAT of the first stage; used with EMTE only.',
  },
  { name: 'PS', mask: PS, where: 'large', doc: 'The entry maps a large page instead of naming a table.' },
  {
    name: 'A',
    mask: A,
    where: 'any',
    attribute: 'accessed',
    doc: 'A translation has used this entry; kept by hardware with SSADE.',
  },
  {
    name: 'D',
    mask: D,
    where: 'leaf',
    attribute: 'dirty',
    doc: 'A write went through this leaf; kept by hardware with SSADE.',
  },
  {
    name: 'SNP',
    mask: SNP,
    where: 'leaf',
    attribute: 'snoop',
    doc: 'Accesses snoop the processor caches; reserved without ecap.SC.',
  },
  {
    name: 'TM',
    mask: TM,
    where: 'leaf',
    attribute: 'tm',
    doc: 'Transient mapping hint for device TLBs; reserved without ecap.DT.',
  },
];

/**
 * VT-d second-stage tables (VT-d spec 3.7, 9.8). Levels from 0: SS-PTE, SS-PDE, SS-PDPE, SS-PML4E, SS-PML5E.
 * There is no present bit: an entry that grants neither R nor W is not present, whatever X says.
 */
export function vtdSecondStage(limits: SecondStageLimits): Format {
  const { levels, haw, twoMeg, oneGig, snoopControl, deviceTlb, accessedDirty } = limits;
  const beyond = bitRange(51, haw);
  const table = beyond | SNP | TM;
  const leaf = beyond | (snoopControl ? 0n : SNP) | (deviceTlb ? 0n : TM);
  const [pde, pdpe] = [twoMeg ? 0n : PS, oneGig ? 0n : PS];
  const largeless = table | PS;
  return new Format({
    name: levels === 4 ? 'vtd-ss' : `vtd-ss-${levels}`,
    source: 'VT-d 3.7, 9.8',
    levels,
    granuleLg2: 12,
    bitsPerLevel: 9,
    topBits: 9,
    presentMask: Number(R | W),
    leafBit: [0, twoMeg ? Number(PS) : 0, oneGig ? Number(PS) : 0, 0, 0].slice(0, levels),
    tableBit: 0,
    leafLevels: 0b001 | (twoMeg ? 0b010 : 0) | (oneGig ? 0b100 : 0),
    reservedTable: [leaf, table | pde, table | pdpe, largeless, largeless].slice(0, levels),
    reservedLeaf: [leaf, leaf | pde | bitRange(20, 12), leaf | pdpe | bitRange(29, 12), largeless, largeless].slice(
      0,
      levels,
    ),
    hierarchical: true,
    readBit: Number(R),
    writeBit: Number(W),
    userBit: 0,
    noExecuteBitHi: 0,
    accessedBit: accessedDirty ? Number(A) : 0,
    dirtyBit: accessedDirty ? Number(D) : 0,
    extAccessedBit: 0,
    addressMask: bitRange(51, 12),
    foldedMask: 0,
    foldedFrom: 0,
    inputBits: 12 + 9 * levels,
    signExtended: false,
    levelNames: ['SS-PTE', 'SS-PDE', 'SS-PDPE', 'SS-PML4E', 'SS-PML5E'].slice(0, levels),
    flags: FLAGS,
    attributes: attributesOf(FLAGS),
    newTable: R | W,
    newLeaf: [0n, PS, PS, 0n, 0n].slice(0, levels),
    defaultLeaf: 0n,
    rights: {
      read: { granted: R, denied: 0n },
      write: { granted: W, denied: 0n },
      execute: { granted: X, denied: 0n },
      user: { granted: 0n, denied: 0n },
    },
  });
}
