import type { SteUpdate } from './smmu.ts';

/** What one release's SMMUv3 driver does differently under iommufd, where that is no named quirk. */
export interface SmmuVersion {
  readonly id: string;
  /** Which nested domains a device needs a vDEVICE for when it is attached. */
  readonly needsVdevice: 'none' | 'every nested one' | 'a valid stage-1 STE';
  /** What IOMMU_HWPT_ALLOC may ask of a paging domain: dirty tracking came in 6.11, nesting parents in 6.13. */
  readonly pagingFlags: 'none' | 'dirty tracking' | 'all';
  /** A nested domain is made from a paging one, before there were vIOMMUs. */
  readonly nestsByParent: boolean;
  /** Virtual StreamID 0 stands for none, so that its events stay with the host. */
  readonly vsidZeroIsNone: boolean;
  readonly steUpdate: SteUpdate;
  /** STE.MEV for guests, since they can be told events (6.15). */
  readonly mergesEvents: boolean;
}

/**
 * The vDEVICE was first looked for with the events of 6.15, and in 7.2 no more where the STE does not use stage 1. How
 * entries are changed is that of Linux 6.2 for the posting, and of 6.18 before and after its safe bits for the others.
 */
const VERSIONS: readonly SmmuVersion[] = [
  {
    id: 'iommufd-2023-07',
    pagingFlags: 'all',
    needsVdevice: 'none',
    nestsByParent: true,
    vsidZeroIsNone: false,
    steUpdate: 'old',
    mergesEvents: false,
  },
  {
    id: 'iommufd-6.8',
    pagingFlags: 'none',
    needsVdevice: 'none',
    nestsByParent: false,
    vsidZeroIsNone: false,
    steUpdate: 'old',
    mergesEvents: false,
  },
  {
    id: 'iommufd-6.12',
    pagingFlags: 'dirty tracking',
    needsVdevice: 'none',
    nestsByParent: false,
    vsidZeroIsNone: false,
    steUpdate: 'in steps',
    mergesEvents: false,
  },
  {
    id: 'iommufd-6.14',
    pagingFlags: 'all',
    needsVdevice: 'none',
    nestsByParent: false,
    vsidZeroIsNone: false,
    steUpdate: 'in steps',
    mergesEvents: false,
  },
  {
    id: 'iommufd-6.17',
    pagingFlags: 'all',
    needsVdevice: 'every nested one',
    nestsByParent: false,
    vsidZeroIsNone: false,
    steUpdate: 'in steps',
    mergesEvents: true,
  },
  {
    id: 'iommufd-7.2',
    pagingFlags: 'all',
    needsVdevice: 'a valid stage-1 STE',
    nestsByParent: false,
    vsidZeroIsNone: true,
    steUpdate: 'in steps, with safe bits',
    mergesEvents: true,
  },
];

/** @throws Error for a generation whose SMMUv3 driver is not described */
export function smmuVersionOf(id: string): SmmuVersion {
  const version = VERSIONS.find((v) => v.id === id);
  if (!version) throw new Error(`${id} has no SMMUv3 driver`);
  return version;
}
