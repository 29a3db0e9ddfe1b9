/** What one release's SMMUv3 driver does differently under iommufd, where that is no named quirk. */
export interface SmmuVersion {
  readonly id: string;
  /** Which nested domains a device needs a vDEVICE for when it is attached. */
  readonly needsVdevice: 'none' | 'every nested one' | 'a valid stage-1 STE';
  /** A nested domain is made from a paging one, before there were vIOMMUs. */
  readonly nestsByParent: boolean;
  /** Virtual StreamID 0 stands for none, so that its events stay with the host. */
  readonly vsidZeroIsNone: boolean;
}

/** The vDEVICE was first looked for with the events of 6.15, and in 7.2 no more where the STE does not use stage 1. */
const VERSIONS: readonly SmmuVersion[] = [
  { id: 'iommufd-2023-07', needsVdevice: 'none', nestsByParent: true, vsidZeroIsNone: false },
  { id: 'iommufd-6.14', needsVdevice: 'none', nestsByParent: false, vsidZeroIsNone: false },
  { id: 'iommufd-6.17', needsVdevice: 'every nested one', nestsByParent: false, vsidZeroIsNone: false },
  { id: 'iommufd-7.2', needsVdevice: 'a valid stage-1 STE', nestsByParent: false, vsidZeroIsNone: true },
];

/** @throws Error for a generation whose SMMUv3 driver is not described */
export function smmuVersionOf(id: string): SmmuVersion {
  const version = VERSIONS.find((v) => v.id === id);
  if (!version) throw new Error(`${id} has no SMMUv3 driver`);
  return version;
}
