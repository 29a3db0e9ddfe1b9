/** What examples of several rules begin with: everything in front of the payload that a rule is about. */

/** A nested page table on an SMMUv3 as posted in mid-2023, and a ring of one command. */
export const RING_OF_2023 = `uapi iommufd-2023-07
machine { iommu smmuv3 { } }
raw vste bytes "4b 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
raw commands bytes "30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
raw consumer size 4
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_arm_smmuv3 guest_ste { ste_len = sizeof(vste), ste_uptr = &vste }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  hwpt_type = IOMMU_HWPT_TYPE_ARM_SMMUV3, data_len = sizeof(guest_ste), data_uptr = &guest_ste
}
`;

/** A nested page table on VT-d, on top of its parent. */
export const NESTED_ON_VTD = `struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000, addr_width = 48 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
`;
