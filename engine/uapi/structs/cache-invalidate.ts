import { type Member, nested, overlay, padding, type Struct, struct, u8, u32, u64, union } from '../descriptor.ts';
import { ARM_IOMMU_H, IOMMU_H, IOMMU_H_5_8 } from '../sources.ts';

/** What the tags and ranges mean to one kind of hardware. */
interface Tags {
  readonly source: string;
  readonly addrArchid: string;
  readonly addrPasid: string;
  readonly addr: string;
  readonly granules: string;
  readonly pasidArchid: string;
  readonly pasidPasid: string;
}

const addrInfo = (tags: Tags): Struct =>
  struct(
    'iommu_inv_addr_info',
    {
      doc: 'The range of input addresses that an ADDR invalidation covers, and the tags it is limited to.',
      source: tags.source,
    },
    [
      u32('flags', {
        doc: 'Which tags hold something, and whether only leaf entries are dropped.',
        flags: ['IOMMU_INV_ADDR_FLAGS_PASID', 'IOMMU_INV_ADDR_FLAGS_ARCHID', 'IOMMU_INV_ADDR_FLAGS_LEAF'],
      }),
      u32('archid', { doc: tags.addrArchid }),
      u64('pasid', { doc: tags.addrPasid }),
      u64('addr', { doc: tags.addr, space: 'GVA' }),
      u64('granule_size', { doc: 'Size of one granule, by which nb_granules counts.', unit: 'bytes' }),
      u64('nb_granules', { doc: tags.granules, unit: 'granules' }),
    ],
  );

const pasidInfo = (tags: Tags): Struct =>
  struct('iommu_inv_pasid_info', { doc: 'The tags that a PASID invalidation is limited to.', source: tags.source }, [
    u32('flags', {
      doc: 'Which of pasid and archid hold something.',
      flags: ['IOMMU_INV_PASID_FLAGS_PASID', 'IOMMU_INV_PASID_FLAGS_ARCHID'],
    }),
    u32('archid', { doc: tags.pasidArchid }),
    u64('pasid', { doc: tags.pasidPasid }),
  ]);

const VTD: Tags = {
  source: IOMMU_H_5_8,
  addrArchid: 'Architecture tag such as an ASID, read only with IOMMU_INV_ADDR_FLAGS_ARCHID and never by VT-d.',
  addrPasid: 'Host PASID to flush, read only with IOMMU_INV_ADDR_FLAGS_PASID; without it VT-d flushes PASID 0.',
  addr: 'First address of the range; one that is not aligned to the rounded-up range is logged and flushed as it is.',
  granules: 'Length of the range; VT-d rounds the product with granule_size up to a power of two pages.',
  pasidArchid: 'Architecture tag such as an ASID, read only with IOMMU_INV_PASID_FLAGS_ARCHID and never by VT-d.',
  pasidPasid: 'Host PASID to flush, read only with IOMMU_INV_PASID_FLAGS_PASID; without it VT-d flushes PASID 0.',
};

const SMMUV3: Tags = {
  source: ARM_IOMMU_H,
  addrArchid: 'ASID to flush, read only with IOMMU_INV_ADDR_FLAGS_ARCHID, without which SMMUv3 refuses the range.',
  addrPasid: 'PASID, which SMMUv3 does not use for a range: it goes by the ASID in archid.',
  addr: 'First address of the range, which is flushed granule by granule.',
  granules: 'Length of the range, which SMMUv3 does not round.',
  pasidArchid: 'ASID to flush, read only with IOMMU_INV_PASID_FLAGS_ARCHID, without which SMMUv3 refuses the request.',
  pasidPasid: 'PASID, by which SMMUv3 cannot flush translations: it takes the ASID in archid.',
};

export const iommuInvAddrInfo = addrInfo(VTD);
export const iommuInvPasidInfo = pasidInfo(VTD);
export const iommuInvAddrInfoArm = addrInfo(SMMUV3);
export const iommuInvPasidInfoArm = pasidInfo(SMMUV3);

const DOC = 'Asks the host to drop cached translations after the guest edited its stage-1 tables.';

const version = (constant: string): Member =>
  u32('version', { doc: 'Layout version.', role: 'version', oneOf: [constant] });

const scope = (chosen: string): readonly Member[] => [
  u8('cache', {
    doc: 'Caches to flush, handled from the lowest bit up; 0 flushes nothing and succeeds.',
    flags: ['IOMMU_CACHE_INV_TYPE_IOTLB', 'IOMMU_CACHE_INV_TYPE_DEV_IOTLB', 'IOMMU_CACHE_INV_TYPE_PASID'],
  }),
  u8('granularity', {
    doc: `How much of each cache to flush; it chooses ${chosen}.`,
    oneOf: ['IOMMU_INV_GRANU_DOMAIN', 'IOMMU_INV_GRANU_PASID', 'IOMMU_INV_GRANU_ADDR'],
  }),
];

const members = (pasid: Struct, addr: Struct): readonly Member[] => [
  nested('pasid_info', pasid, {
    doc: 'Tags to flush when granularity is IOMMU_INV_GRANU_PASID.',
    when: { field: 'granularity', is: 'IOMMU_INV_GRANU_PASID' },
  }),
  nested('addr_info', addr, {
    doc: 'Range and tags to flush when granularity is IOMMU_INV_GRANU_ADDR.',
    when: { field: 'granularity', is: 'IOMMU_INV_GRANU_ADDR' },
  }),
];

/**
 * The form without argsz: 48 bytes, and its union has no name.
 * @param constant the constant that names version 1
 */
export const cacheInvalidateByVersion = (
  constant: string,
  source: string,
  pasid = iommuInvPasidInfo,
  addr = iommuInvAddrInfo,
): Struct =>
  struct('iommu_cache_invalidate_info', { doc: DOC, source }, [
    version(constant),
    ...scope('between pasid_info and addr_info'),
    padding('padding', 2, 'Zero bytes in front of the tags, which the drivers of this form do not check.'),
    overlay(members(pasid, addr)),
  ]);

export const iommuCacheInvalidateInfo = struct('iommu_cache_invalidate_info', { doc: DOC, source: IOMMU_H }, [
  u32('argsz', {
    doc: 'Bytes the caller filled in: at least 16, 32 for PASID and 56 for ADDR; bytes past 56 are not looked at.',
    role: 'size',
    unit: 'bytes',
  }),
  version('IOMMU_CACHE_INVALIDATE_INFO_VERSION_1'),
  ...scope('the member of granu'),
  padding('padding', 6, 'Must be zero, or the request is refused with EINVAL.'),
  union(
    'granu',
    { doc: 'The tags and range that granularity asks for; a domain flush reads none.' },
    {
      field: 'granularity',
      members: { IOMMU_INV_GRANU_PASID: 'pasid_info', IOMMU_INV_GRANU_ADDR: 'addr_info' },
    },
    members(iommuInvPasidInfo, iommuInvAddrInfo),
  ),
]);
