import { nested, padding, struct, u8, u32, u64, union } from '../descriptor.ts';
import { IOMMU_H } from '../sources.ts';

export const iommuInvAddrInfo = struct(
  'iommu_inv_addr_info',
  {
    doc: 'The range of input addresses that an ADDR invalidation covers, and the tags it is limited to.',
    source: IOMMU_H,
  },
  [
    u32('flags', {
      doc: 'Which tags hold something, and whether only leaf entries are dropped.',
      flags: ['IOMMU_INV_ADDR_FLAGS_PASID', 'IOMMU_INV_ADDR_FLAGS_ARCHID', 'IOMMU_INV_ADDR_FLAGS_LEAF'],
    }),
    u32('archid', {
      doc: 'Architecture tag such as an ASID, read only with IOMMU_INV_ADDR_FLAGS_ARCHID and never by VT-d.',
    }),
    u64('pasid', {
      doc: 'Host PASID to flush, read only with IOMMU_INV_ADDR_FLAGS_PASID; without it VT-d flushes PASID 0.',
    }),
    u64('addr', {
      doc: 'First address of the range; one that is not aligned to the rounded-up range is logged and flushed as it is.',
      space: 'GVA',
    }),
    u64('granule_size', { doc: 'Size of one granule, by which nb_granules counts.', unit: 'bytes' }),
    u64('nb_granules', {
      doc: 'Length of the range; VT-d rounds the product with granule_size up to a power of two pages.',
      unit: 'granules',
    }),
  ],
);

export const iommuInvPasidInfo = struct(
  'iommu_inv_pasid_info',
  { doc: 'The tags that a PASID invalidation is limited to.', source: IOMMU_H },
  [
    u32('flags', {
      doc: 'Which of pasid and archid hold something.',
      flags: ['IOMMU_INV_PASID_FLAGS_PASID', 'IOMMU_INV_PASID_FLAGS_ARCHID'],
    }),
    u32('archid', {
      doc: 'Architecture tag such as an ASID, read only with IOMMU_INV_PASID_FLAGS_ARCHID and never by VT-d.',
    }),
    u64('pasid', {
      doc: 'Host PASID to flush, read only with IOMMU_INV_PASID_FLAGS_PASID; without it VT-d flushes PASID 0.',
    }),
  ],
);

export const iommuCacheInvalidateInfo = struct(
  'iommu_cache_invalidate_info',
  { doc: 'Asks the host to drop cached translations after the guest edited its stage-1 tables.', source: IOMMU_H },
  [
    u32('argsz', {
      doc: 'Bytes the caller filled in: at least 16, 32 for PASID and 56 for ADDR; bytes past 56 are not looked at.',
      role: 'size',
      unit: 'bytes',
    }),
    u32('version', { doc: 'Layout version.', role: 'version', oneOf: ['IOMMU_CACHE_INVALIDATE_INFO_VERSION_1'] }),
    u8('cache', {
      doc: 'Caches to flush, handled from the lowest bit up; 0 flushes nothing and succeeds.',
      flags: ['IOMMU_CACHE_INV_TYPE_IOTLB', 'IOMMU_CACHE_INV_TYPE_DEV_IOTLB', 'IOMMU_CACHE_INV_TYPE_PASID'],
    }),
    u8('granularity', {
      doc: 'How much of each cache to flush; it chooses the member of granu.',
      oneOf: ['IOMMU_INV_GRANU_DOMAIN', 'IOMMU_INV_GRANU_PASID', 'IOMMU_INV_GRANU_ADDR'],
    }),
    padding('padding', 6, 'Must be zero, or the request is refused with EINVAL.'),
    union(
      'granu',
      { doc: 'The tags and range that granularity asks for; a domain flush reads none.' },
      {
        field: 'granularity',
        members: { IOMMU_INV_GRANU_PASID: 'pasid_info', IOMMU_INV_GRANU_ADDR: 'addr_info' },
      },
      [
        nested('pasid_info', iommuInvPasidInfo, { doc: 'Tags to flush when granularity is IOMMU_INV_GRANU_PASID.' }),
        nested('addr_info', iommuInvAddrInfo, {
          doc: 'Range and tags to flush when granularity is IOMMU_INV_GRANU_ADDR.',
        }),
      ],
    ),
  ],
);
