import { V6_IOMMU_H, V6_VFIO_H, V8_IOMMU_H, V8_VFIO_H } from '../sources.ts';
import { group } from './group.ts';

const bindFeature = 'A guest page table must be bound to its PASID.';
const invalidateFeature = 'The guest must invalidate after it changes a bound table.';
const nestingCap = 'The capability is vfio_iommu_type1_info_cap_nesting.';

export const nestingConstants = [
  ...group('IOMMU_NESTING_FEAT', V6_IOMMU_H, [
    ['IOMMU_NESTING_FEAT_SYSWIDE_PASID', 1n, 'PASIDs are system-wide and must be allocated from the host.'],
    ['IOMMU_NESTING_FEAT_BIND_PGTBL', 2n, bindFeature],
    ['IOMMU_NESTING_FEAT_CACHE_INVLD', 4n, invalidateFeature],
  ]),
  ...group('VFIO_IOMMU_FLAG', V6_VFIO_H, [
    ['VFIO_IOMMU_FLAG_ALLOC_PASID', 1n, 'Allocates one PASID in range and returns it as the result of the ioctl.'],
    ['VFIO_IOMMU_FLAG_FREE_PASID', 2n, 'Frees every PASID in range that belongs to the process, and always succeeds.'],
  ]),
  ...group('VFIO_PASID_REQUEST', V6_VFIO_H, [
    ['VFIO_PASID_REQUEST_MASK', 3n, 'The request bits of a PASID request, of which exactly one is to be set.'],
  ]),
  ...group('VFIO_NESTING_OP', V6_VFIO_H, [
    ['VFIO_NESTING_OP_MASK', 0xffffn, 'The bits of a nesting operation that hold its number.'],
  ]),
  ...group('VFIO_IOMMU_NESTING_OP', V6_VFIO_H, [
    ['VFIO_IOMMU_NESTING_OP_BIND_PGTBL', 0n, 'Binds the guest page table in data to every device of the container.'],
    ['VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL', 1n, 'Unbinds the host PASID in data and ignores the vendor part.'],
    ['VFIO_IOMMU_NESTING_OP_CACHE_INVLD', 2n, 'Invalidates what data describes on every device of the container.'],
  ]),
] as const;

export const nestingCapConstants = group('VFIO_IOMMU_TYPE1_INFO_CAP', V6_VFIO_H, [
  ['VFIO_IOMMU_TYPE1_INFO_CAP_NESTING', 3n, nestingCap],
]);

/** Version 8 numbered the features anew, and its capability had to move behind another one. */
export const nestingConstantsV8 = [
  ...group('IOMMU_NESTING_FEAT', V8_IOMMU_H, [
    ['IOMMU_NESTING_FEAT_BIND_PGTBL', 1n, bindFeature],
    ['IOMMU_NESTING_FEAT_CACHE_INVLD', 2n, invalidateFeature],
  ]),
  ...group('VFIO_IOMMU_TYPE1_INFO_CAP', V8_VFIO_H, [['VFIO_IOMMU_TYPE1_INFO_CAP_NESTING', 4n, nestingCap]]),
] as const;
