import { V1_IOMMU_H, V1_VFIO_H } from '../sources.ts';
import { memoryTypeMask } from './gpasid-bind.ts';
import { group } from './group.ts';

export const uapiVersionConstants = [
  ...group('IOMMU_UAPI_VERSION', V1_IOMMU_H, [
    ['IOMMU_UAPI_VERSION', 1n, 'The version of every struct of this posting, which rises with any of them.'],
  ]),
  ...group('iommu_uapi_type', V1_IOMMU_H, [
    ['IOMMU_UAPI_BIND_GPASID', 0n, 'Row of the size table for iommu_gpasid_bind_data.'],
    ['IOMMU_UAPI_CACHE_INVAL', 1n, 'Row of the size table for iommu_cache_invalidate_info.'],
    ['IOMMU_UAPI_PAGE_RESP', 2n, 'Row of the size table for iommu_page_response.'],
    ['NR_IOMMU_UAPI_TYPE', 3n, 'Number of rows of the size table, from which on EINVAL is returned.'],
  ]),
  ...group('IOMMU_UAPI_CAP', V1_IOMMU_H, [['IOMMU_UAPI_CAP_MASK', 7n, 'One bit for each row of the size table.']]),
  ...memoryTypeMask('IOMMU_SVA_VTD_GPASID_EMT_MASK', V1_IOMMU_H),
] as const;

export const bindVersionConstants = [
  ...group('VFIO_EXTENSION', V1_VFIO_H, [
    ['VFIO_NESTING_IOMMU_UAPI', 9n, 'Asks which version of the IOMMU structs the kernel has.'],
  ]),
  ...group('VFIO_IOMMU_TYPE1_INFO_CAP', V1_VFIO_H, [
    ['VFIO_IOMMU_TYPE1_INFO_CAP_NESTING', 2n, 'The capability is vfio_iommu_type1_info_cap_nesting.'],
  ]),
  ...group('VFIO_IOMMU_NESTING_CAPABILITIES', V1_VFIO_H, [
    ['VFIO_IOMMU_PASID_REQS', 1n, 'PASIDs are system-wide and must be requested from the host.'],
  ]),
  ...group('VFIO_IOMMU_PASID', V1_VFIO_H, [
    ['VFIO_IOMMU_PASID_ALLOC', 1n, 'Allocates one PASID in range and writes it to alloc_pasid.result.'],
    ['VFIO_IOMMU_PASID_FREE', 2n, 'Frees the PASID in free_pasid.'],
  ]),
  ...group('VFIO_PASID_REQUEST', V1_VFIO_H, [
    ['VFIO_PASID_REQUEST_MASK', 3n, 'The request bits of a PASID request, of which exactly one is to be set.'],
  ]),
  ...group('VFIO_IOMMU_BIND', V1_VFIO_H, [
    ['VFIO_IOMMU_BIND_GUEST_PGTBL', 1n, 'Binds the guest page table in data to every device of the container.'],
    ['VFIO_IOMMU_UNBIND_GUEST_PGTBL', 2n, 'Unbinds the host PASID in data from every device of the container.'],
  ]),
  ...group('VFIO_IOMMU_BIND_MASK', V1_VFIO_H, [
    ['VFIO_IOMMU_BIND_MASK', 3n, 'The bits of flags that hold the operation, of which exactly one is to be set.'],
  ]),
] as const;
