import { bindVersionConstants, uapiVersionConstants } from '../constants/bind-version.ts';
import { cacheInvalidateVersion } from '../constants/cache-invalidate.ts';
import { gpasidBindVersion } from '../constants/gpasid-bind.ts';
import { pageResponseVersion } from '../constants/page-response.ts';
import { extend, type Ioctl, type Quirk } from '../generation.ts';
import { V1_VFIO_H } from '../sources.ts';
import * as v1 from '../structs/bind-version.ts';
import { capHeader202003, container54, containerIoctls } from './container.ts';
import { iommu58 } from './iommu-5.8.ts';
import { vtdInvalidateQuirks } from './vtd-quirks.ts';

const ioctls: readonly Ioctl[] = [
  ...containerIoctls,
  {
    name: 'VFIO_IOMMU_PASID_REQUEST',
    number: 0x3b7a,
    struct: 'vfio_iommu_type1_pasid_request',
    doc: 'Allocates a PASID and writes it back, or frees one.',
    source: V1_VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_BIND',
    number: 0x3b7b,
    struct: 'vfio_iommu_type1_bind',
    doc: 'Binds or unbinds a guest page table, whose size is looked up by its version.',
    source: V1_VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_CACHE_INVALIDATE',
    number: 0x3b7c,
    struct: 'vfio_iommu_type1_cache_invalidate',
    doc: 'Invalidates what is cached from a bound table, by a payload whose size is looked up by its version.',
    source: V1_VFIO_H,
  },
];

const quirks: readonly Quirk[] = [
  {
    name: 'version_to_size',
    on: true,
    doc: 'On, as many bytes are copied as the version is worth, argsz is compared with the 8-byte head only, and the driver takes no version but the newest; off, an argsz that does not hold those bytes is refused with EINVAL and older versions are taken.',
    evidence: 'review thread',
  },
  {
    name: 'version_unchecked',
    on: true,
    doc: 'On, a version above 1 is worth a negative size, whose allocation fails with ENOMEM, and version 0 reads in front of the size table; off, both are refused with EINVAL.',
    evidence: 'derived',
  },
  {
    name: 'nesting_type_unchecked',
    on: true,
    doc: 'On, bind and invalidate are tried on a container of any type; off, one that is not of the nesting type is refused with EINVAL.',
    evidence: 'review thread',
  },
  {
    name: 'bind_flags_ignored',
    on: true,
    doc: 'On, bits of a bind above the two that hold the operation are ignored; off, they are refused with EINVAL.',
    evidence: 'posted patch',
  },
  {
    name: 'partial_bind_left',
    on: true,
    doc: 'On, a device that refuses a bind ends it for its own IOMMU domain only, so that the next domain may turn the result into 0 with the bind half done; off, the first error ends the bind and unbinds every device.',
    evidence: 'derived',
  },
  {
    name: 'partial_invalidate_left',
    on: true,
    doc: 'On, a device that refuses an invalidation ends it with the devices before it flushed and those behind it not; off, a container with more than one device is refused with EINVAL before any is flushed.',
    evidence: 'review thread',
  },
  {
    name: 'alloc_error_lost',
    on: true,
    doc: 'On, every allocation that fails returns EFAULT; off, the error of the allocator is returned, ENOSPC when no PASID is left.',
    evidence: 'review thread',
  },
  {
    name: 'request_size_unchecked',
    on: true,
    doc: 'On, a PASID request is read as 20 bytes although its argsz says less; off, an argsz below 20 is refused with EINVAL.',
    evidence: 'posted patch',
  },
  {
    name: 'padding_unchecked',
    on: true,
    doc: 'On, the driver looks neither at padding nor at flags it does not know; off, either is refused with EINVAL.',
    evidence: 'posted patch',
  },
  ...vtdInvalidateQuirks,
];

const container = container54(capHeader202003);

/** vSVA v1: payloads tell nothing but a version, from which the kernel knows their size. */
export const vfio202003 = extend(iommu58, {
  id: 'vfio-2020-03',
  title: 'PASID_REQUEST, BIND and CACHE_INVALIDATE with version to size (vSVA v1, March 2020)',
  doc: 'The first posting of guest SVA for VFIO, on Linux 5.6: payloads start with a version, which the kernel turns into the number of bytes to copy.',
  drop: [
    ...[...pageResponseVersion, ...cacheInvalidateVersion, ...gpasidBindVersion].map(({ name }) => name),
    'IOMMU_SVA_VTD_GPASID_MTS_MASK',
  ],
  structs: [
    v1.pageResponse202003,
    v1.cacheInvalidateInfo202003,
    v1.gpasidBindData202003,
    ...container.structs,
    v1.infoCapNesting202003(capHeader202003),
    v1.pasidRequest202003,
    v1.bind202003,
    v1.cacheInvalidate202003,
  ],
  constants: [...uapiVersionConstants, ...bindVersionConstants, ...container.constants],
  ioctls,
  kinds: [{ kind: 'pasid_request', struct: 'vfio_iommu_type1_pasid_request', ioctl: 'VFIO_IOMMU_PASID_REQUEST' }],
  quirks,
});
