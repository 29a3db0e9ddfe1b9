import { flex, inlineStruct, nested, overlay, type Struct, struct, u32 } from '../descriptor.ts';
import { V1_IOMMU_H, V1_VFIO_H } from '../sources.ts';
import { cacheInvalidateByVersion } from './cache-invalidate.ts';
import { gpasidBindByVersion, vendorRoom } from './gpasid-bind.ts';
import { pageResponseByVersion } from './page-response.ts';

/** Structs of March 2020: one version number for all, from which the kernel looks up their sizes. */
export const pageResponse202003 = pageResponseByVersion('IOMMU_UAPI_VERSION', V1_IOMMU_H);
export const cacheInvalidateInfo202003 = cacheInvalidateByVersion('IOMMU_UAPI_VERSION', V1_IOMMU_H);
export const gpasidBindData202003 = gpasidBindByVersion('IOMMU_UAPI_VERSION', V1_IOMMU_H, [vendorRoom]);

/** Bytes that the kernel copies by payload type and version, from the front of each struct. */
export const VERSION_TO_SIZE: Readonly<Record<string, readonly number[]>> = {
  IOMMU_UAPI_BIND_GPASID: [72],
  IOMMU_UAPI_CACHE_INVAL: [48],
  IOMMU_UAPI_PAGE_RESP: [20],
};

export const infoCapNesting202003 = (header: Struct): Struct =>
  struct(
    'vfio_iommu_type1_info_cap_nesting',
    { doc: 'Capability that says what a nesting container asks of the guest.', source: V1_VFIO_H },
    [
      nested('header', header, { doc: 'Header with id VFIO_IOMMU_TYPE1_INFO_CAP_NESTING.', out: true }),
      u32('nesting_capabilities', {
        doc: 'Whether PASIDs have to be requested from the host.',
        flags: ['VFIO_IOMMU_PASID_REQS'],
        out: true,
      }),
      u32('stage1_formats', {
        doc: 'Format of the tables that can be bound.',
        oneOf: ['IOMMU_PASID_FORMAT_INTEL_VTD'],
        out: true,
      }),
    ],
  );

export const pasidRequest202003 = struct(
  'vfio_iommu_type1_pasid_request',
  { doc: 'Allocates a host PASID, which is written back, or frees one.', source: V1_VFIO_H },
  [
    u32('argsz', {
      doc: 'Bytes the caller filled in, at least 8; all 20 are read whatever it says.',
      role: 'size',
      unit: 'bytes',
    }),
    u32('flags', {
      doc: 'The request: exactly one of allocate and free.',
      oneOf: ['VFIO_IOMMU_PASID_ALLOC', 'VFIO_IOMMU_PASID_FREE'],
    }),
    overlay([
      inlineStruct(
        'alloc_pasid',
        {
          doc: 'The range to allocate from and the PASID that came of it.',
          when: { field: 'flags', is: 'VFIO_IOMMU_PASID_ALLOC' },
        },
        [
          u32('min', { doc: 'Lowest PASID that will do.' }),
          u32('max', { doc: 'Highest PASID that will do.' }),
          u32('result', { doc: 'PASID that was allocated.', out: true }),
        ],
      ),
      u32('free_pasid', {
        doc: 'PASID to free when flags is VFIO_IOMMU_PASID_FREE.',
        when: { field: 'flags', is: 'VFIO_IOMMU_PASID_FREE' },
      }),
    ]),
  ],
);

export const bind202003 = struct(
  'vfio_iommu_type1_bind',
  { doc: 'Binds or unbinds a guest page table, with the payload in line.', source: V1_VFIO_H },
  [
    u32('argsz', {
      doc: 'Bytes the caller filled in with data, of which only the 8 of this head are checked.',
      role: 'size',
      unit: 'bytes',
    }),
    u32('flags', {
      doc: 'Operation in the low two bits; bits above them are ignored.',
      oneOf: ['VFIO_IOMMU_BIND_GUEST_PGTBL', 'VFIO_IOMMU_UNBIND_GUEST_PGTBL'],
    }),
    flex('data', '__u8', 1, 1, {
      doc: 'The iommu_gpasid_bind_data, whose first word, the version, says how much of it is copied.',
      carries: { struct: 'iommu_gpasid_bind_data' },
    }),
  ],
);

export const cacheInvalidate202003 = struct(
  'vfio_iommu_type1_cache_invalidate',
  { doc: 'Invalidates what is cached from a bound guest page table.', source: V1_VFIO_H },
  [
    u32('argsz', {
      doc: 'Bytes the caller filled in, of which only the 8 of this head are checked.',
      role: 'size',
      unit: 'bytes',
    }),
    u32('flags', { doc: 'Must be zero, or the request is refused with EINVAL.', role: 'reserved' }),
    nested('cache_info', cacheInvalidateInfo202003, {
      doc: 'What to flush, whose first word, the version, says how much of it is copied.',
    }),
  ],
);
