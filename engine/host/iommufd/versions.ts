/**
 * What one kernel release's iommufd does differently from the others, where that is neither in its structs and ioctls
 * (`engine/uapi`) nor a named quirk. Pinned by the source of 6.8, Debian's 6.12.107 and 7.2.13; the releases between
 * them follow the patch that brought the change, where that is known.
 */
export interface Version {
  readonly id: string;
  /** The posting of July 2023: payloads have no least length, an invalidation carries one payload. */
  readonly posted: boolean;
  /** Flags of HWPT_ALLOC on an IOAS. */
  readonly pagingFlags: number;
  /** Flags of HWPT_ALLOC on a nesting parent or a vIOMMU. */
  readonly nestedFlags: number;
  /** FAULT_ID together with NEST_PARENT is refused before the driver is asked (6.15). */
  readonly faultParentRefused: boolean;
  /** A mapping must be readable or writable (6.11). */
  readonly rightsRequired: boolean;
  /** GET_DIRTY_BITMAP pins the bitmap before it walks, and says ENOMEM where it cannot (before 6.11). */
  readonly bitmapPinnedFirst: boolean;
  /** PASIDs can be attached, to page tables that were made for it (6.15). */
  readonly pasid: boolean;
  /** GET_HW_INFO takes the type that user space asks for (6.17). */
  readonly hwInfoTyped: boolean;
  /** VIOMMU_ALLOC judges the type before it looks up the parent (6.17; before, the driver judged it last). */
  readonly viommuTypeFirst: boolean;
  /** A device has one vDEVICE at most, which goes with it and leaves its id behind unused (6.17). */
  readonly oneVdevicePerDevice: boolean;
  /** A vEVENTQ has a greatest depth. */
  readonly veventqDepthMax: number;
  /** read(2) of a queue with too little room for the first record is EINVAL; before it returned 0. */
  readonly shortReadRefused: boolean;
  /** VFIO_IOMMU_UNMAP_DMA of what is not mapped is ENOENT (before 6.18, whose fix Debian's 6.12.107 has as well). */
  readonly emptyUnmapRefused: boolean;
}

const FLAG = { nestParent: 1, dirty: 2, faultId: 4, pasid: 8 };

const V6_8: Version = {
  id: 'iommufd-6.8',
  posted: false,
  pagingFlags: FLAG.nestParent | FLAG.dirty,
  nestedFlags: 0,
  faultParentRefused: false,
  rightsRequired: false,
  bitmapPinnedFirst: true,
  pasid: false,
  hwInfoTyped: false,
  viommuTypeFirst: false,
  oneVdevicePerDevice: false,
  veventqDepthMax: 0xffff_ffff,
  shortReadRefused: false,
  emptyUnmapRefused: true,
};

const V6_12: Version = {
  ...V6_8,
  id: 'iommufd-6.12',
  pagingFlags: FLAG.nestParent | FLAG.dirty | FLAG.faultId,
  nestedFlags: FLAG.faultId,
  rightsRequired: true,
  bitmapPinnedFirst: false,
  emptyUnmapRefused: false,
};

const V6_17: Version = {
  ...V6_12,
  emptyUnmapRefused: true,
  id: 'iommufd-6.17',
  pagingFlags: FLAG.nestParent | FLAG.dirty | FLAG.faultId | FLAG.pasid,
  nestedFlags: FLAG.faultId | FLAG.pasid,
  faultParentRefused: true,
  pasid: true,
  hwInfoTyped: true,
  viommuTypeFirst: true,
  oneVdevicePerDevice: true,
};

export const VERSIONS: readonly Version[] = [
  { ...V6_8, id: 'iommufd-2023-07', posted: true, pagingFlags: 0 },
  V6_8,
  V6_12,
  { ...V6_12, id: 'iommufd-6.14', emptyUnmapRefused: true },
  V6_17,
  { ...V6_17, id: 'iommufd-7.2', veventqDepthMax: 1 << 19, shortReadRefused: true, emptyUnmapRefused: false },
];

/** @throws Error for a generation that has no iommufd handler */
export function versionOf(id: string): Version {
  const version = VERSIONS.find((v) => v.id === id);
  if (!version) throw new Error(`${id} has no iommufd handler`);
  return version;
}
