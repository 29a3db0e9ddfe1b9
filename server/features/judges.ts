/** By struct, the kernel functions of the check tables that judge a payload of it. */
const FUNCTIONS: Readonly<Record<string, readonly string[]>> = {
  vfio_iommu_type1_info: ['vfio_iommu_type1_get_info'],
  vfio_iommu_type1_bind: [
    'vfio_iommu_type1_bind_process',
    'vfio_iommu_type1_unbind_process',
    'vfio_iommu_type1_bind_gpasid',
  ],
  vfio_iommu_type1_bind_process: ['vfio_iommu_type1_bind_process', 'vfio_iommu_get_mm_by_vpid'],
  pasid_table_config: ['iommu_bind_pasid_table', 'bind_pasid_table of the driver'],
  tlb_invalidate_info: ['iommu_sva_invalidate', 'sva_invalidate of the driver'],
  page_response_msg: ['iommu_page_response'],
  vfio_iommu_type1_pasid_request: [
    'vfio_iommu_type1_pasid_request',
    'vfio_iommu_type1_pasid_alloc',
    'vfio_iommu_type1_pasid_free',
  ],
  vfio_iommu_type1_nesting_op: [
    'vfio_iommu_type1_nesting_op',
    'vfio_iommu_handle_pgtbl_op',
    'vfio_iommu_invalidate_cache',
  ],
  iommu_gpasid_bind_data: [
    'iommu_uapi_sva_bind_gpasid',
    'iommu_sva_prepare_bind_data',
    'iommu_check_bind_data',
    'intel_svm_bind_gpasid',
    'intel_pasid_setup_nested',
    'intel_svm_unbind_gpasid',
  ],
  iommu_cache_invalidate_info: [
    'iommu_uapi_cache_invalidate',
    'iommu_check_cache_invl_data',
    'intel_iommu_sva_invalidate',
    'arm_smmu_cache_invalidate',
  ],
  iommu_pasid_table_config: ['arm_smmu_attach_pasid_table'],
  vfio_iommu_type1_set_msi_binding: ['arm_smmu_bind_guest_msi', 'iommu_dma_bind_guest_msi'],
  iommu_ioas_alloc: ['iommufd_ioas_alloc_ioctl'],
  iommu_ioas_iova_ranges: ['iommufd_ioas_iova_ranges'],
  iommu_ioas_allow_iovas: ['iommufd_ioas_allow_iovas', 'iommufd_ioas_load_iovas'],
  iommu_ioas_map: [
    'iommufd_ioas_map',
    'iopt_alloc_iova',
    'iopt_check_iova',
    'iopt_insert_area',
    'iopt_alloc_user_pages',
  ],
  iommu_ioas_map_file: ['iommufd_ioas_map_file', 'memfd_pin_folios'],
  iommu_ioas_copy: ['iommufd_ioas_copy', 'iopt_get_pages'],
  iommu_ioas_unmap: ['iommufd_ioas_unmap', 'iopt_unmap_iova', 'iopt_unmap_iova_range'],
  iommu_option: ['iommufd_option', 'iommufd_option_rlimit_mode', 'iommufd_ioas_option_huge_pages'],
  iommu_vfio_ioas: ['iommufd_vfio_ioas'],
  iommu_hw_info: ['iommufd_get_hw_info', 'intel_iommu_hw_info', 'arm_smmu_hw_info', 'mock_domain_hw_info'],
  iommu_hwpt_alloc: [
    'iommufd_hwpt_alloc',
    'iommufd_hwpt_paging_alloc',
    'iommufd_hwpt_nested_alloc',
    'iommufd_viommu_alloc_hwpt_nested',
    'intel_iommu_domain_alloc_paging_flags',
    'intel_iommu_domain_alloc_nested',
    'arm_smmu_domain_alloc_paging_flags',
    'mock_domain_alloc_paging_flags',
    'mock_domain_alloc_nested',
  ],
  iommu_hwpt_vtd_s1: ['intel_iommu_domain_alloc_nested', 'intel_pasid_setup_nested'],
  iommu_hwpt_arm_smmuv3: ['arm_smmu_validate_vste', 'arm_vsmmu_alloc_domain_nested', '__arm_smmu_domain_alloc_nested'],
  iommu_hwpt_invalidate: ['iommufd_hwpt_invalidate', 'iommufd_get_hwpt_nested'],
  iommu_hwpt_vtd_s1_invalidate: ['intel_nested_cache_invalidate_user'],
  iommu_viommu_arm_smmuv3_invalidate: [
    'arm_vsmmu_cache_invalidate',
    'arm_vsmmu_convert_user_cmd',
    'arm_vsmmu_validate_user_cmd',
  ],
  iommu_hwpt_set_dirty_tracking: ['iommufd_hwpt_set_dirty_tracking'],
  iommu_hwpt_get_dirty_bitmap: ['iommufd_hwpt_get_dirty_bitmap', 'iommufd_check_iova_range'],
  iommu_fault_alloc: ['iommufd_fault_alloc'],
  iommu_hwpt_page_response: ['iommufd_fault_fops_write'],
  iommu_viommu_alloc: ['iommufd_viommu_alloc_ioctl'],
  iommu_vdevice_alloc: ['iommufd_vdevice_alloc_ioctl'],
  iommu_veventq_alloc: ['iommufd_veventq_alloc'],
  iommu_hw_queue_alloc: ['iommufd_hw_queue_alloc_ioctl', 'iommufd_hw_queue_alloc_phys'],
  iommu_resv_iova_ranges: ['iommufd_resv_iova_ranges'],
  iommu_set_dev_data: ['iommufd_set_dev_data'],
  vfio_device_bind_iommufd: ['vfio_df_ioctl_bind_iommufd'],
  vfio_device_attach_iommufd_pt: ['vfio_df_ioctl_attach_pt'],
  vfio_device_detach_iommufd_pt: ['vfio_df_ioctl_detach_pt'],
};

/** Which structs each kernel function of the check tables judges; functions that judge no payload are not here. */
export const JUDGES: Readonly<Record<string, readonly string[]>> = invert(FUNCTIONS);

function invert(table: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  const structs: Record<string, string[]> = {};
  for (const [struct, functions] of Object.entries(table))
    for (const each of functions) (structs[each] ??= []).push(struct);
  return structs;
}
