import type { Payloads } from '../structs/iommufd/hwpt.ts';

/** What the data types of each release stand for; the tables of a release grow out of those before it. */
export const HWPT_HEADER: Payloads = { IOMMU_HWPT_DATA_VTD_S1: 'iommu_hwpt_vtd_s1' };
export const HWPT_6_8: Payloads = { ...HWPT_HEADER, IOMMU_HWPT_DATA_SELFTEST: 'iommu_hwpt_selftest' };
export const HWPT_6_14: Payloads = { ...HWPT_6_8, IOMMU_HWPT_DATA_ARM_SMMUV3: 'iommu_hwpt_arm_smmuv3' };
export const HWPT_7_2: Payloads = { ...HWPT_6_14, IOMMU_HWPT_DATA_AMD_GUEST: 'iommu_hwpt_amd_guest' };

export const ENTRIES_HEADER: Payloads = { IOMMU_HWPT_INVALIDATE_DATA_VTD_S1: 'iommu_hwpt_vtd_s1_invalidate' };
export const ENTRIES_6_8: Payloads = {
  ...ENTRIES_HEADER,
  IOMMU_HWPT_INVALIDATE_DATA_SELFTEST: 'iommu_hwpt_invalidate_selftest',
};
/** The mock's two types share one number: hwpt_id says whether a page table or a virtual IOMMU is meant. */
export const ENTRIES_6_14: Payloads = {
  ...ENTRIES_6_8,
  IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3: 'iommu_viommu_arm_smmuv3_invalidate',
  IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST: 'iommu_viommu_invalidate_selftest',
};

export const HW_INFO_HEADER: Payloads = { IOMMU_HW_INFO_TYPE_INTEL_VTD: 'iommu_hw_info_vtd' };
export const HW_INFO_6_8: Payloads = { ...HW_INFO_HEADER, IOMMU_HW_INFO_TYPE_SELFTEST: 'iommu_test_hw_info' };
export const HW_INFO_6_14: Payloads = { ...HW_INFO_6_8, IOMMU_HW_INFO_TYPE_ARM_SMMUV3: 'iommu_hw_info_arm_smmuv3' };
export const HW_INFO_6_17: Payloads = {
  ...HW_INFO_6_14,
  IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV: 'iommu_hw_info_tegra241_cmdqv',
};
export const HW_INFO_7_2: Payloads = { ...HW_INFO_6_17, IOMMU_HW_INFO_TYPE_AMD: 'iommu_hw_info_amd' };

export const VIOMMU_6_17: Payloads = {
  IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV: 'iommu_viommu_tegra241_cmdqv',
  IOMMU_VIOMMU_TYPE_SELFTEST: 'iommu_viommu_selftest',
};
