import { encode, type FieldValues } from '../bit-layout.ts';
import { PASID_ENTRY, PGTT } from './structures.ts';

/** What a second stage contributes to a PASID entry. */
export interface SecondStage {
  /** HPA of the top table. */
  readonly root: bigint;
  readonly levels: number;
}

/** What every kind of entry carries. */
export interface Common {
  readonly did: number;
  /** ecap.SMPWCS: Linux sets page-walk snoop wherever the hardware has it. */
  readonly pwsnp: boolean;
  readonly pgsnp?: boolean;
  /** Privileged requests allowed. */
  readonly sre?: boolean;
}

/** AW counts the levels above two, as the hardware field does. */
const widthCode = (levels: number): number => levels - 2;
const flag = (on: boolean | undefined): number => (on ? 1 : 0);

const build = (common: Common, fields: FieldValues): bigint[] =>
  encode(PASID_ENTRY, {
    P: 1,
    DID: common.did,
    PWSNP: flag(common.pwsnp),
    PGSNP: flag(common.pgsnp),
    SRE: flag(common.sre),
    ...fields,
  });

/** A guest's first stage over the host's second (bind_gpasid, hwpt VTD_S1). WPE only counts together with SRE, as Linux programs it. */
export function nestedPasidEntry(
  entry: Common & {
    /** GPA of the guest's top table. */
    readonly fsRoot: bigint;
    readonly fsLevels: number;
    readonly second: SecondStage;
    readonly eafe?: boolean;
    readonly wpe?: boolean;
    readonly ssade?: boolean;
  },
): bigint[] {
  return build(entry, {
    PGTT: PGTT.nested,
    AW: widthCode(entry.second.levels),
    SSPTPTR: entry.second.root,
    SSADE: flag(entry.ssade),
    FSPTPTR: entry.fsRoot,
    FSPM: entry.fsLevels === 5 ? 1 : 0,
    EAFE: flag(entry.eafe),
    WPE: flag(entry.sre && entry.wpe),
  });
}

/** A domain that maps device addresses straight through the second stage. */
export function secondStagePasidEntry(
  entry: Common & { readonly second: SecondStage; readonly ssade?: boolean },
): bigint[] {
  return build(entry, {
    PGTT: PGTT.secondStage,
    AW: widthCode(entry.second.levels),
    SSPTPTR: entry.second.root,
    SSADE: flag(entry.ssade),
  });
}

/** A host process (SVA) or a first-stage DMA domain. Linux fills AW from the unit's width although hardware ignores it here. */
export function firstStagePasidEntry(
  entry: Common & {
    /** HPA of the top table. */
    readonly fsRoot: bigint;
    readonly fsLevels: number;
    /** Levels of the unit's own second-stage width, for AW. */
    readonly agawLevels: number;
    readonly nxe?: boolean;
    readonly wpe?: boolean;
  },
): bigint[] {
  return build(entry, {
    PGTT: PGTT.firstStage,
    AW: widthCode(entry.agawLevels),
    FSPTPTR: entry.fsRoot,
    FSPM: entry.fsLevels === 5 ? 1 : 0,
    NXE: flag(entry.nxe),
    WPE: flag(entry.wpe),
  });
}

/** Addresses go to memory as the device sent them. */
export const passThroughPasidEntry = (entry: Common & { readonly agawLevels: number }): bigint[] =>
  build(entry, { PGTT: PGTT.passThrough, AW: widthCode(entry.agawLevels) });

/** What teardown leaves: nothing, or only FPD when late faults of the dying PASID are to stay quiet. */
export const tornDownPasidEntry = (quiet: 'log-faults' | 'ignore-faults'): bigint[] =>
  encode(PASID_ENTRY, { FPD: quiet === 'ignore-faults' ? 1 : 0 });
