import type { Format } from './format.ts';
import type { Granule } from './formats/vmsa.ts';
import { vmsaStage1 } from './formats/vmsa-stage1.ts';
import { vmsaStage2 } from './formats/vmsa-stage2.ts';
import { type FirstStageLimits, vtdFirstStage } from './formats/vtd-first-stage.ts';
import { type SecondStageLimits, vtdSecondStage } from './formats/vtd-second-stage.ts';

/** Everything hardware decides about any format. A format takes from it what concerns it. */
export type FormatLimits = Omit<FirstStageLimits, 'levels'> & Omit<SecondStageLimits, 'levels'>;

/** A format by the name it has in the language. */
export interface FormatChoice {
  readonly name: string;
  /** 1: the guest's own tables, input GVA. 2: the VMM's, input GPA. */
  readonly stage: 1 | 2;
  make(limits: FormatLimits): Format;
}

/** Limits of hardware that supports everything: nothing is reserved that some machine allows. */
export const WIDEST_LIMITS: FormatLimits = {
  haw: 52,
  twoMeg: true,
  oneGig: true,
  nxe: true,
  snoopControl: true,
  deviceTlb: true,
  accessedDirty: true,
};

/** Arm tables of 48 input bits. At stage 2, 16K starts at level 1 with two joined tables. */
const arm1 = (granule: Granule) => (): Format => vmsaStage1({ granule, inputBits: 48 });
const arm2 = (granule: Granule, startLevel: number) => (): Format => vmsaStage2({ granule, inputBits: 48, startLevel });

/** The list of formats. A new one belongs here and in the configurations of `test/conformance.test.ts`. */
export const FORMATS: readonly FormatChoice[] = [
  { name: 'x86-64', stage: 1, make: (limits) => vtdFirstStage({ ...limits, levels: 4 }) },
  { name: 'x86-64-la57', stage: 1, make: (limits) => vtdFirstStage({ ...limits, levels: 5 }) },
  { name: 'vtd-ss-3', stage: 2, make: (limits) => vtdSecondStage({ ...limits, levels: 3 }) },
  { name: 'vtd-ss', stage: 2, make: (limits) => vtdSecondStage({ ...limits, levels: 4 }) },
  { name: 'vtd-ss-5', stage: 2, make: (limits) => vtdSecondStage({ ...limits, levels: 5 }) },
  { name: 'aarch64-4k', stage: 1, make: arm1(12) },
  { name: 'aarch64-16k', stage: 1, make: arm1(14) },
  { name: 'aarch64-64k', stage: 1, make: arm1(16) },
  { name: 'aarch64-s2-4k', stage: 2, make: arm2(12, 0) },
  { name: 'aarch64-s2-16k', stage: 2, make: arm2(14, 1) },
  { name: 'aarch64-s2-64k', stage: 2, make: arm2(16, 1) },
];

/** Names of the formats, as the language has them. */
export const KNOWN_FORMAT_NAMES: readonly string[] = FORMATS.map(({ name }) => name);

/** The format of that name, or undefined where the name is unknown. */
export function findFormat(name: string): FormatChoice | undefined {
  return FORMATS.find((format) => format.name === name);
}

export {
  addressBits,
  describeEntry,
  type EntryDescription,
  entryAddress,
  entryKind,
  leafSizes,
  levelSpan,
  rootPages,
  rootSize,
} from './describe.ts';
export {
  type Allocate,
  type EditResult,
  type FillRange,
  type Found,
  fillSecondStage,
  type Leaf,
  type Mapping,
  PageTable,
  type Rights,
  type TableMemory,
} from './edit.ts';
export { type EntryFlag, Format, type FormatData, type Right, type RightBits } from './format.ts';
export { type Granule, rootBits, startLevelOf, tableBits, type VmsaLimits } from './formats/vmsa.ts';
export { vmsaStage1 } from './formats/vmsa-stage1.ts';
export { type Stage2Start, stage2Start, type VmsaStage2Limits, vmsaStage2 } from './formats/vmsa-stage2.ts';
export { type FirstStageLimits, vtdFirstStage } from './formats/vtd-first-stage.ts';
export { type SecondStageLimits, vtdSecondStage } from './formats/vtd-second-stage.ts';
