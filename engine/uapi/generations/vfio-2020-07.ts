import { cacheInvalidateConstants } from '../constants/cache-invalidate.ts';
import { gpasidBindConstants } from '../constants/gpasid-bind.ts';
import { iommuFaultConstants } from '../constants/iommu-fault.ts';
import { nestingConstants } from '../constants/nesting.ts';
import { pageResponseConstants } from '../constants/page-response.ts';
import { vfioContainerConstants } from '../constants/vfio-container.ts';
import { generation, type Ioctl, type Quirk } from '../generation.ts';
import { V6_VFIO_H, VFIO_H } from '../sources.ts';
import { iommuCacheInvalidateInfo, iommuInvAddrInfo, iommuInvPasidInfo } from '../structs/cache-invalidate.ts';
import { iommuGpasidBindData, iommuGpasidBindDataVtd } from '../structs/gpasid-bind.ts';
import { iommuFault, iommuFaultPageRequest, iommuFaultUnrecoverable } from '../structs/iommu-fault.ts';
import {
  iommuNestingInfo,
  iommuNestingInfoVtd,
  vfioIommuType1InfoCapNesting,
  vfioIommuType1NestingOp,
  vfioIommuType1PasidRequest,
} from '../structs/nesting.ts';
import { iommuPageResponse } from '../structs/page-response.ts';
import * as container from '../structs/vfio-container.ts';

const ioctls: readonly Ioctl[] = [
  {
    name: 'VFIO_GET_API_VERSION',
    number: 0x3b64,
    doc: 'Returns VFIO_API_VERSION and takes no argument.',
    source: VFIO_H,
  },
  {
    name: 'VFIO_CHECK_EXTENSION',
    number: 0x3b65,
    doc: 'Returns a positive number when the container supports the type or extension that is its argument.',
    source: VFIO_H,
  },
  {
    name: 'VFIO_SET_IOMMU',
    number: 0x3b66,
    doc: 'Gives the container the IOMMU type that is its argument, after a group joined it.',
    source: VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_GET_INFO',
    number: 0x3b70,
    struct: 'vfio_iommu_type1_info',
    doc: 'Fills in what the container can map and the capabilities that fit the buffer.',
    source: VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_MAP_DMA',
    number: 0x3b71,
    struct: 'vfio_iommu_type1_dma_map',
    doc: 'Maps memory of the process for all devices of the container.',
    source: VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_UNMAP_DMA',
    number: 0x3b72,
    struct: 'vfio_iommu_type1_dma_unmap',
    doc: 'Unmaps a range for all devices of the container and flushes it.',
    source: VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_PASID_REQUEST',
    number: 0x3b76,
    struct: 'vfio_iommu_type1_pasid_request',
    doc: 'Allocates a PASID and returns it as the result, or frees a range of PASIDs.',
    source: V6_VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_NESTING_OP',
    number: 0x3b77,
    struct: 'vfio_iommu_type1_nesting_op',
    doc: 'Binds or unbinds a guest page table, or invalidates what is cached from one.',
    source: V6_VFIO_H,
  },
];

const quirks: readonly Quirk[] = [
  {
    name: 'bind_error_lost',
    on: true,
    doc: 'On, a bind that a device refuses is undone and the ioctl returns 0; off, it is undone and the error returned.',
    evidence: 'review thread',
  },
  {
    name: 'unbind_error_lost',
    on: true,
    doc: 'On, an unbind returns 0 whatever the core and the driver say; off, the first error is returned.',
    evidence: 'review thread',
  },
  {
    name: 'invalidate_error_lost',
    on: true,
    doc: 'On, an invalidation returns 0 even when its payload is refused; off, the first error is returned.',
    evidence: 'review thread',
  },
  {
    name: 'unsupported_granularity_skipped',
    on: true,
    doc: 'On, a cache type that VT-d cannot flush at this granularity ends the request with 0; off, it returns EINVAL.',
    evidence: 'source',
  },
  {
    name: 'misalignment_only_logged',
    on: true,
    doc: 'On, an address that is not aligned to its rounded-up range is logged and flushed; off, it returns EINVAL.',
    evidence: 'source',
  },
  {
    name: 'vendor_size_unchecked',
    on: false,
    doc: 'On, VT-d takes an argsz below the end of vendor.vtd and unknown vtd.flags as before September 2020; off, it returns EINVAL.',
    evidence: 'source',
  },
];

/** vSVA v6: argsz tells the size, one ioctl carries every nesting payload behind its header. */
export const vfio202007 = generation({
  id: 'vfio-2020-07',
  title: 'PASID_REQUEST and NESTING_OP with argsz (vSVA v6, July 2020)',
  doc: 'The sixth posting of guest SVA for VFIO, on Linux 5.8: payloads tell their size with argsz and follow the header of VFIO_IOMMU_NESTING_OP.',
  model: 'vtd',
  structs: [
    iommuFaultUnrecoverable,
    iommuFaultPageRequest,
    iommuFault,
    iommuPageResponse,
    iommuInvAddrInfo,
    iommuInvPasidInfo,
    iommuCacheInvalidateInfo,
    iommuGpasidBindDataVtd,
    iommuGpasidBindData,
    container.vfioInfoCapHeader,
    iommuNestingInfoVtd,
    iommuNestingInfo,
    vfioIommuType1InfoCapNesting,
    vfioIommuType1PasidRequest,
    vfioIommuType1NestingOp,
    container.vfioIommuType1Info,
    container.vfioIovaRange,
    container.vfioIommuType1InfoCapIovaRange,
    container.vfioIommuType1InfoCapMigration,
    container.vfioIommuType1DmaMap,
    container.vfioIommuType1DmaUnmap,
  ],
  constants: [
    ...iommuFaultConstants,
    ...pageResponseConstants,
    ...cacheInvalidateConstants,
    ...gpasidBindConstants,
    ...nestingConstants,
    ...vfioContainerConstants,
  ],
  ioctls,
  kinds: [
    { kind: 'bind_data', struct: 'iommu_gpasid_bind_data' },
    { kind: 'cache_invalidate_info', struct: 'iommu_cache_invalidate_info' },
    { kind: 'nesting_op', struct: 'vfio_iommu_type1_nesting_op', ioctl: 'VFIO_IOMMU_NESTING_OP' },
    { kind: 'pasid_request', struct: 'vfio_iommu_type1_pasid_request', ioctl: 'VFIO_IOMMU_PASID_REQUEST' },
    { kind: 'page_response', struct: 'iommu_page_response' },
  ],
  quirks,
});
