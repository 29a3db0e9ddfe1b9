import { IOMMUFD_2023 } from '../../sources.ts';
import { group } from '../group.ts';

export const posted2023Constants = [
  ...group('iommu_hwpt_type', IOMMUFD_2023, [
    ['IOMMU_HWPT_TYPE_DEFAULT', 0n, 'The kernel fills the page table, and there is no payload.'],
    ['IOMMU_HWPT_TYPE_VTD_S1', 1n, 'The payload is a stage-1 page table for VT-d.'],
    ['IOMMU_HWPT_TYPE_ARM_SMMUV3', 2n, 'The payload leads to the stream table entry of an SMMUv3 guest.'],
    [
      'IOMMU_HWPT_TYPE_SELFTTEST',
      0xdeadn,
      'The payload is one for the mock IOMMU; the patch spells the name with two T.',
    ],
  ]),
  ...group('iommu_hwpt_vtd_s1_invalidate_flags', IOMMUFD_2023, [
    ['IOMMU_VTD_QI_FLAGS_LEAF', 1n, 'Only leaf entries changed, so paging-structure caches may stay.'],
  ]),
  ...group('iommu_hwpt_selftest', IOMMUFD_2023, [
    ['IOMMU_TEST_FLAG_NESTED', 1n, 'The page table is a nested one.'],
    ['IOMMU_TEST_IOTLB_DEFAULT', 0xbadbeefn, 'What tests put into the IOTLB words of the mock to begin with.'],
  ]),
] as const;
