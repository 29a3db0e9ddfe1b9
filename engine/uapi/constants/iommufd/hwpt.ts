import { iommufdH, vfioH } from '../../sources.ts';
import { group } from '../group.ts';

const H = iommufdH('6.8');

/** Allocation, dirty tracking and invalidation of page tables as merged, with VT-d as the first driver. */
export const hwptConstants = [
  ...group('iommufd_hwpt_alloc_flags', H, [
    ['IOMMU_HWPT_ALLOC_NEST_PARENT', 1n, 'The page table can have nested ones on top of it.'],
    ['IOMMU_HWPT_ALLOC_DIRTY_TRACKING', 2n, 'Only devices that can track dirty pages may be attached.'],
  ]),
  ...group('iommu_hwpt_data_type', H, [
    ['IOMMU_HWPT_DATA_NONE', 0n, 'There is no driver payload.'],
    ['IOMMU_HWPT_DATA_VTD_S1', 1n, 'The payload is a stage-1 page table for VT-d.'],
  ]),
  ...group('iommu_hwpt_invalidate_data_type', H, [
    ['IOMMU_HWPT_INVALIDATE_DATA_VTD_S1', 0n, 'The entries are address ranges for VT-d.'],
  ]),
  ...group('iommu_hwpt_vtd_s1_invalidate_flags', H, [
    ['IOMMU_VTD_INV_FLAGS_LEAF', 1n, 'Only leaf entries changed, so paging-structure caches may stay.'],
  ]),
  ...group('iommu_hw_info_type', H, [
    ['IOMMU_HW_INFO_TYPE_NONE', 0n, 'The driver tells nothing.'],
    ['IOMMU_HW_INFO_TYPE_INTEL_VTD', 1n, 'The buffer holds the capability registers of VT-d.'],
  ]),
  ...group('iommufd_hw_capabilities', H, [
    ['IOMMU_HW_CAP_DIRTY_TRACKING', 1n, 'The IOMMU can record which pages were written.'],
  ]),
  ...group('iommufd_hwpt_set_dirty_tracking_flags', H, [
    ['IOMMU_HWPT_DIRTY_TRACKING_ENABLE', 1n, 'Tracking is on from now on.'],
  ]),
  ...group('iommufd_hwpt_get_dirty_bitmap_flags', H, [
    ['IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR', 1n, 'The marks stay, which saves flushing the IOTLB.'],
  ]),
] as const;

/** What VT-d has had since the posting of 2023. */
export const vtdConstants = [
  ...group('iommu_hw_info_vtd_flags', H, [
    ['IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17', 1n, 'An erratum forbids read-only mappings in a nesting parent.'],
  ]),
  ...group('iommu_hwpt_vtd_s1_flags', H, [
    ['IOMMU_VTD_S1_SRE', 1n, 'Supervisor requests are allowed (SRE of the PASID entry).'],
    ['IOMMU_VTD_S1_EAFE', 2n, 'Walks set the extended accessed bit (EAFE of the PASID entry).'],
    [
      'IOMMU_VTD_S1_WPE',
      4n,
      'Supervisor writes respect read-only pages (WPE of the PASID entry), only together with SRE.',
    ],
  ]),
] as const;

export const faultConstants = [
  ...group('iommufd_hwpt_alloc_flags', iommufdH('6.11'), [
    ['IOMMU_HWPT_FAULT_ID_VALID', 4n, 'Page faults of the page table go to the queue that fault_id names.'],
  ]),
  ...group('iommu_hwpt_pgfault_flags', iommufdH('6.11'), [
    ['IOMMU_PGFAULT_FLAGS_PASID_VALID', 1n, 'The access had a PASID.'],
    ['IOMMU_PGFAULT_FLAGS_LAST_PAGE', 2n, 'No other fault of this group follows.'],
  ]),
  ...group('iommu_hwpt_pgfault_perm', iommufdH('6.11'), [
    ['IOMMU_PGFAULT_PERM_READ', 1n, 'The device wants to read.'],
    ['IOMMU_PGFAULT_PERM_WRITE', 2n, 'The device wants to write.'],
    ['IOMMU_PGFAULT_PERM_EXEC', 4n, 'The device wants to execute.'],
    ['IOMMU_PGFAULT_PERM_PRIV', 8n, 'The device asks with supervisor privilege.'],
  ]),
  ...group('iommufd_page_response_code', iommufdH('6.11'), [
    ['IOMMUFD_PAGE_RESP_SUCCESS', 0n, 'The page is there and the device may try again.'],
    ['IOMMUFD_PAGE_RESP_INVALID', 1n, 'The page will not be there and the device must give up.'],
  ]),
] as const;

export const pasidCapConstants = group('iommufd_hw_capabilities', iommufdH('6.14'), [
  ['IOMMU_HW_CAP_PCI_PASID_EXEC', 2n, 'The device may ask for execution with a PASID.'],
  ['IOMMU_HW_CAP_PCI_PASID_PRIV', 4n, 'The device may ask with supervisor privilege and a PASID.'],
]);

export const pasidConstants = [
  ...group('iommufd_hwpt_alloc_flags', iommufdH('6.17'), [
    ['IOMMU_HWPT_ALLOC_PASID', 8n, 'The page table can be attached to PASIDs.'],
  ]),
  ...group('iommufd_hw_info_flags', iommufdH('6.17'), [
    ['IOMMU_HW_INFO_FLAG_INPUT_TYPE', 1n, 'The caller asks for the type in in_data_type.'],
  ]),
  ...group('iommu_hw_info_type', iommufdH('6.17'), [
    ['IOMMU_HW_INFO_TYPE_DEFAULT', 0n, 'The caller takes whatever type the driver has.'],
    [
      'IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV',
      3n,
      'The buffer holds the parameters of the command queue extension of Tegra241.',
    ],
  ]),
  ...group('vfio_device_bind_iommufd', vfioH('6.17'), [
    ['VFIO_DEVICE_BIND_FLAG_TOKEN', 1n, 'The caller shows the token of a virtual function.'],
  ]),
  ...group('vfio_device_attach_iommufd_pt', vfioH('6.17'), [
    ['VFIO_DEVICE_ATTACH_PASID', 1n, 'Only one PASID of the device is attached.'],
  ]),
  ...group('vfio_device_detach_iommufd_pt', vfioH('6.17'), [
    ['VFIO_DEVICE_DETACH_PASID', 1n, 'Only one PASID of the device is detached.'],
  ]),
] as const;

export const amdConstants = [
  ...group('iommu_hwpt_data_type', iommufdH('7.2'), [
    ['IOMMU_HWPT_DATA_AMD_GUEST', 3n, 'The payload is the device table entry of an AMD guest.'],
  ]),
  ...group('iommu_hw_info_type', iommufdH('7.2'), [
    ['IOMMU_HW_INFO_TYPE_AMD', 4n, 'The buffer holds the feature registers of an AMD IOMMU.'],
  ]),
  ...group('iommufd_hw_capabilities', iommufdH('7.2'), [
    ['IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED', 8n, 'The device or its IOMMU cannot do ATS.'],
  ]),
] as const;
