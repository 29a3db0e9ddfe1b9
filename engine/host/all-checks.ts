import { findGeneration } from '../uapi/index.ts';
import { smmuChecksOf } from './arm-smmu-v3/checks.ts';
import type { Check, Skip } from './check.ts';
import { modelsOf } from './index.ts';
import { SKIPS as INTEL_SKIPS, VERSIONED_SKIPS } from './intel/checks.ts';
import { INTEL_IOMMUFD_CHECKS } from './intel-iommufd/checks.ts';
import { IOMMUFD_CHECKS } from './iommufd/checks.ts';
import { PASID_TABLE_CHECKS } from './pasid-table-2018/checks.ts';
import { SELFTEST_CHECKS } from './selftest/checks.ts';
import { VFIO_2018_CHECKS } from './vfio-2018/checks.ts';
import { CHECKS as V1_CHECKS } from './vfio-2020-03/checks.ts';
import { CHECKS as V8_CHECKS } from './vfio-2021-03/checks.ts';
import { SKIPS as ARM_SKIPS, VFIO_ARM_CHECKS } from './vfio-arm-2020/checks.ts';
import * as container from './vfio-container/checks.ts';
import { CHECKS as V6_CHECKS } from './vfio-type1/checks.ts';

/** A part of a generation's kernel, with what it may refuse or leave undone, in the order of its checks. */
export interface CheckTable {
  /** What the part is, for a heading: `the core`, `VT-d`. */
  readonly of: string;
  /** The model that the part belongs to; absent where it is there on every machine. */
  readonly model?: string;
  readonly checks: readonly Check[];
  readonly skips: readonly Skip[];
}

type Table = Readonly<Record<string, Check>>;

const table = (
  of: string,
  tables: readonly Table[],
  { model, skips = {} }: { readonly model?: string; readonly skips?: Readonly<Record<string, Skip>> } = {},
): CheckTable => ({
  of,
  ...(model === undefined ? {} : { model }),
  checks: tables.flatMap((each) => Object.values(each)),
  skips: Object.values(skips),
});

/** The ioctl without which a release has none of these checks of the core. */
const NEEDS: Readonly<Partial<Record<keyof typeof IOMMUFD_CHECKS, string>>> = {
  dirty: 'IOMMU_HWPT_SET_DIRTY_TRACKING',
  faultQueue: 'IOMMU_FAULT_QUEUE_ALLOC',
  viommu: 'IOMMU_VIOMMU_ALLOC',
  vdevice: 'IOMMU_VDEVICE_ALLOC',
  veventq: 'IOMMU_VEVENTQ_ALLOC',
  event: 'IOMMU_VEVENTQ_ALLOC',
  hwQueue: 'IOMMU_HW_QUEUE_ALLOC',
  resvRanges: 'IOMMU_RESV_IOVA_RANGES',
  deviceData: 'IOMMU_SET_DEV_DATA',
};
/** Checks of July 2023 that were not merged, and those that came with what was. */
const POSTED = /^posted/;

/** Tables of one release out of those of all. */
function iommufd(id: string): readonly CheckTable[] {
  const ioctls = findGeneration(id)!.ioctls;
  const core = Object.entries(IOMMUFD_CHECKS)
    .filter(([call]) => {
      const needs = NEEDS[call as keyof typeof IOMMUFD_CHECKS];
      return needs === undefined || ioctls.has(needs);
    })
    .map(([, checks]) => checks as Table);
  const isPosted = ioctls.has('IOMMU_SET_DEV_DATA');
  const own = (checks: Table): Table =>
    isPosted ? checks : Object.fromEntries(Object.entries(checks).filter(([name]) => !POSTED.test(name)));
  return [
    table('the core', core.map(own)),
    table('VT-d', [own(INTEL_IOMMUFD_CHECKS)], { model: 'vtd' }),
    ...(modelsOf(id).includes('smmuv3') ? [table('SMMUv3', smmuChecksOf(id), { model: 'smmuv3' })] : []),
    table('the mock', [own(SELFTEST_CHECKS)], { model: 'selftest' }),
  ];
}

const pasidTable = [table('the calls', Object.values(PASID_TABLE_CHECKS))];

const TABLES: Readonly<Record<string, () => readonly CheckTable[]>> = {
  'vfio-2018-02': () => [table('the calls', Object.values(VFIO_2018_CHECKS))],
  'iommu-2018-04': () => pasidTable,
  'iommu-2018-05': () => pasidTable,
  'vfio-2020-03': () => [table('the calls', [V1_CHECKS], { skips: { ...INTEL_SKIPS, ...VERSIONED_SKIPS } })],
  'vfio-arm-2020': () => [
    table('the container', [container.FD_CHECKS, container.INFO_CHECKS, container.GROUP_CHECKS]),
    table('the calls', Object.values(VFIO_ARM_CHECKS), { skips: ARM_SKIPS }),
  ],
  'vfio-2020-07': () => [table('the calls', [V6_CHECKS], { skips: INTEL_SKIPS })],
  'vfio-2021-03': () => [table('the calls', [V8_CHECKS], { skips: INTEL_SKIPS })],
};

const IOMMUFD = /^iommufd-/;

const tablesOf = (id: string): readonly CheckTable[] => {
  const own = TABLES[id];
  if (own) return own();
  return IOMMUFD.test(id) && findGeneration(id)?.header !== true ? iommufd(id) : [];
};

const known = new Map<string, readonly CheckTable[]>();

/**
 * What the kernel of a generation may refuse or leave undone; empty where no handler is known.
 * @param model leaves out the parts that belong to another model
 */
export function checkTablesOf(id: string, model?: string): readonly CheckTable[] {
  if (!known.has(id)) known.set(id, tablesOf(id));
  const tables = known.get(id)!;
  return model === undefined ? tables : tables.filter((t) => t.model === undefined || t.model === model);
}

/** The checks of a generation, each once. */
export const checksOf = (id: string, model?: string): readonly Check[] => [
  ...new Set(checkTablesOf(id, model).flatMap(({ checks }) => checks)),
];

/** What the kernel of a generation leaves undone while it returns 0. */
export const skipsOf = (id: string, model?: string): readonly Skip[] => [
  ...new Set(checkTablesOf(id, model).flatMap(({ skips }) => skips)),
];
