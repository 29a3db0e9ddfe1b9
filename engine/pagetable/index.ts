import type { Format } from './format.ts';
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

/** The list of formats. A new one belongs here and in the configurations of `test/conformance.test.ts`. */
export const FORMATS: readonly FormatChoice[] = [
  { name: 'x86-64', stage: 1, make: (limits) => vtdFirstStage({ ...limits, levels: 4 }) },
  { name: 'x86-64-la57', stage: 1, make: (limits) => vtdFirstStage({ ...limits, levels: 5 }) },
  { name: 'vtd-ss-3', stage: 2, make: (limits) => vtdSecondStage({ ...limits, levels: 3 }) },
  { name: 'vtd-ss', stage: 2, make: (limits) => vtdSecondStage({ ...limits, levels: 4 }) },
  { name: 'vtd-ss-5', stage: 2, make: (limits) => vtdSecondStage({ ...limits, levels: 5 }) },
];

/** Names the language reserves: `FORMATS` and the Arm formats, which cannot be made yet. */
export const KNOWN_FORMAT_NAMES: readonly string[] = [
  ...FORMATS.map(({ name }) => name),
  'aarch64-4k',
  'aarch64-16k',
  'aarch64-64k',
  'aarch64-s2-4k',
  'aarch64-s2-16k',
  'aarch64-s2-64k',
];

/** The format of that name, or undefined where the name is unknown or not available yet. */
export function findFormat(name: string): FormatChoice | undefined {
  return FORMATS.find((format) => format.name === name);
}

export { describeEntry, type EntryDescription, entryAddress, entryKind, levelSpan } from './describe.ts';
export {
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
export { type FirstStageLimits, vtdFirstStage } from './formats/vtd-first-stage.ts';
export { type SecondStageLimits, vtdSecondStage } from './formats/vtd-second-stage.ts';
