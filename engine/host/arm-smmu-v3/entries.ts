import { encode } from '../../models/bit-layout.ts';
import { CD } from '../../models/smmuv3/context-descriptor.ts';
import { OUTPUT_BITS, type SmmuIds } from '../../models/smmuv3/ids.ts';
import { CONFIG_VALUES, STE } from '../../models/smmuv3/stream-table.ts';
import type { Format } from '../../pagetable/index.ts';

/** S1CIR, S1COR: write-back, read-allocate. IR, OR: write-back, write-allocate. SH: inner. */
const CACHED = 1;
const INNER = 3;
const OUTER = 2;
/** MAIR of io-pgtable-arm: non-cacheable, write-back, device, write-back with outer caches alone. */
const MAIR = 0xf4_04_ff_44;
/** SHCFG: as the device says. */
const INCOMING = 1;
/** S1DSS. */
export const DSS = { terminate: 0, bypass: 1, ssid0: 2 } as const;
/** S2TG and TG0 by the log2 of the granule. */
const GRANULE_CODE: Readonly<Record<number, number>> = { 12: 0, 14: 2, 16: 1 };
const NO_ATS = 0;
const FULL_ATS = 1;

/** What is known of the unit that entries depend on. */
export interface EntryTraits {
  readonly ids: SmmuIds;
  /** Every device stalls (STALL_MODEL = 2). */
  readonly stallForced: boolean;
}

/** The widest code of S2PS and IPS that is not above this number of bits. */
const sizeCode = (bits: number): number => OUTPUT_BITS.findLastIndex((each) => each <= bits);

/** Bits that the kernel's tables put out: wider addresses take other tables than these. */
const reach = ({ outputBits }: SmmuIds): number => Math.min(outputBits, 48);

/** Every access ends without an event. */
export const abortSte = (): bigint[] => encode(STE, { V: 1, Config: CONFIG_VALUES.abort });

/** The device writes to physical addresses. */
export const bypassSte = ({ ids }: EntryTraits): bigint[] =>
  encode(STE, { V: 1, Config: CONFIG_VALUES.bypass, SHCFG: incoming(ids) });

/** A table of context descriptors, as the STE names it. */
export interface CdTableFields {
  readonly base: bigint;
  /** S1Fmt. */
  readonly format: number;
  /** log2 of the descriptors. */
  readonly cdMax: number;
}

/** `arm_smmu_make_cdtable_ste`, on a host whose kernel runs at EL1 or does without E2H, so that the stream is EL1's. */
export function cdTableSte(traits: EntryTraits, table: CdTableFields, ats: boolean, dss: number): bigint[] {
  const { ids } = traits;
  return encode(STE, {
    V: 1,
    Config: CONFIG_VALUES.s1,
    S1Fmt: table.format,
    S1ContextPtr: table.base,
    S1CDMax: table.cdMax,
    S1DSS: dss,
    S1CIR: CACHED,
    S1COR: CACHED,
    S1CSH: INNER,
    S1STALLD: ids.get('STALL_MODEL') === 0 ? 1 : 0,
    EATS: ats ? FULL_ATS : NO_ATS,
    SHCFG: dss === DSS.bypass ? incoming(ids) : 0,
  });
}

/** Tables of stage 2 with their VMID. */
export interface StageTwoTables {
  readonly format: Format;
  readonly root: bigint;
  readonly vmid: number;
  readonly fwb: boolean;
}

/** `arm_smmu_make_s2_domain_ste`. */
export const stageTwoSte = (traits: EntryTraits, tables: StageTwoTables, ats: boolean): bigint[] =>
  encode(STE, {
    V: 1,
    Config: CONFIG_VALUES.s2,
    EATS: ats ? FULL_ATS : NO_ATS,
    S2FWB: tables.fwb ? 1 : 0,
    SHCFG: incoming(traits.ids),
    ...stageTwoFields(traits, tables),
  });

function stageTwoFields({ ids, stallForced }: EntryTraits, { format, root, vmid }: StageTwoTables) {
  const startLevel = 4 - format.levels;
  const cached = ids.has('COHACC');
  return {
    S2VMID: vmid,
    S2T0SZ: 64 - format.inputBits,
    S2SL0: (format.granuleLg2 === 12 ? 2 : 3) - startLevel,
    S2IR0: cached ? CACHED : 0,
    S2OR0: cached ? CACHED : 0,
    S2SH0: cached ? INNER : OUTER,
    S2TG: GRANULE_CODE[format.granuleLg2]!,
    S2PS: sizeCode(reach(ids)),
    S2AA64: 1,
    S2PTW: 1,
    S2S: stallForced ? 1 : 0,
    S2R: 1,
    S2TTB: root,
  };
}

/**
 * `arm_smmu_make_nested_cd_table_ste`: the guest's half of the STE over the parent's.
 * @param guest words 0 and 1 as the guest may write them, without EATS
 * @param mev events may be merged, lest a guest floods the host's queue
 */
export function nestedSte(
  traits: EntryTraits,
  parent: StageTwoTables,
  guest: readonly [bigint, bigint],
  { ats, mev }: { readonly ats: boolean; readonly mev: boolean },
): bigint[] {
  const words = stageTwoSte(traits, parent, ats);
  const head = encode(STE, { V: 1, Config: CONFIG_VALUES.nested, MEV: mev ? 1 : 0 });
  words[0] = head[0]! | (guest[0] & ~CONFIG_MASK);
  words[1]! |= head[1]! | guest[1];
  return words;
}
const CONFIG_MASK = 0xen;

/** The same before iommufd, where the guest names its table and nothing else of the entry. */
export const guestCdTableSte = (
  traits: EntryTraits,
  parent: StageTwoTables,
  table: CdTableFields & { readonly dss: number },
  ats: boolean,
): bigint[] => {
  const [word0, word1] = cdTableSte(traits, { ...table, base: table.base & CD_POINTER }, false, table.dss);
  return nestedSte(traits, parent, [word0!, word1! & ~SHCFG_MASK], { ats, mev: false });
};
/** S1ContextPtr: low bits are cut off, and so are those above. */
const CD_POINTER = 0xf_ffff_ffff_ffc0n;
const SHCFG_MASK = 3n << 44n;

/** Tables of stage 1 with their ASID. */
export interface StageOneTables {
  readonly format: Format;
  readonly root: bigint;
  readonly asid: number;
  /** Hardware keeps access flags and dirty states. */
  readonly dirty: boolean;
}

/** `arm_smmu_make_s1_cd`. */
export function stageOneCd({ ids, stallForced }: EntryTraits, tables: StageOneTables): bigint[] {
  const { format, root, asid, dirty } = tables;
  const cached = ids.has('COHACC');
  return encode(CD, {
    T0SZ: 64 - format.inputBits,
    TG0: GRANULE_CODE[format.granuleLg2]!,
    IR0: cached ? CACHED : 0,
    OR0: cached ? CACHED : 0,
    SH0: cached ? INNER : OUTER,
    EPD1: 1,
    V: 1,
    IPS: sizeCode(reach(ids)),
    AA64: 1,
    HA: dirty ? 1 : 0,
    HD: dirty ? 1 : 0,
    S: stallForced ? 1 : 0,
    R: 1,
    A: 1,
    ASET: 1,
    ASID: asid,
    TTB0: root,
    MAIR0: MAIR,
  });
}

const incoming = (ids: SmmuIds): number => (ids.has('ATTR_TYPES_OVR') ? INCOMING : 0);
