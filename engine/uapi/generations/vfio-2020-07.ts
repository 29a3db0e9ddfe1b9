import { nestingCapConstants, nestingConstants } from '../constants/nesting.ts';
import { extend, type Ioctl, type Quirk } from '../generation.ts';
import { V6_VFIO_H } from '../sources.ts';
import { iommuCacheInvalidateInfo } from '../structs/cache-invalidate.ts';
import { iommuGpasidBindData } from '../structs/gpasid-bind.ts';
import {
  iommuNestingInfo,
  iommuNestingInfoVtd,
  vfioIommuType1InfoCapNesting,
  vfioIommuType1NestingOp,
  vfioIommuType1PasidRequest,
} from '../structs/nesting.ts';
import { iommuPageResponse } from '../structs/page-response.ts';
import { capHeader202007, container58, containerIoctls } from './container.ts';
import { iommu58 } from './iommu-5.8.ts';
import { vtdInvalidateQuirks } from './vtd-quirks.ts';

const ioctls: readonly Ioctl[] = [
  ...containerIoctls,
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
  ...vtdInvalidateQuirks,
  {
    name: 'vendor_size_unchecked',
    on: false,
    doc: 'On, VT-d takes an argsz below the end of vendor.vtd and unknown vtd.flags as before September 2020; off, it returns EINVAL.',
    evidence: 'source',
  },
];

const container = container58(capHeader202007);

/** vSVA v6: argsz tells the size, one ioctl carries every nesting payload behind its header. */
export const vfio202007 = extend(iommu58, {
  id: 'vfio-2020-07',
  title: 'PASID_REQUEST and NESTING_OP with argsz (vSVA v6, July 2020)',
  doc: 'The sixth posting of guest SVA for VFIO, on Linux 5.8: payloads tell their size with argsz and follow the header of VFIO_IOMMU_NESTING_OP.',
  structs: [
    iommuPageResponse,
    iommuCacheInvalidateInfo,
    iommuGpasidBindData,
    ...container.structs,
    iommuNestingInfoVtd,
    iommuNestingInfo,
    vfioIommuType1InfoCapNesting(capHeader202007),
    vfioIommuType1PasidRequest,
    vfioIommuType1NestingOp,
  ],
  constants: [...nestingConstants, ...container.constants, ...nestingCapConstants],
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
