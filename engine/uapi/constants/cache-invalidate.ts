import { IOMMU_H_5_8 } from '../sources.ts';
import { group, retold } from './group.ts';

export const cacheInvalidateVersion = group('IOMMU_CACHE_INVALIDATE_INFO_VERSION', IOMMU_H_5_8, [
  ['IOMMU_CACHE_INVALIDATE_INFO_VERSION_1', 1n, 'The only version of iommu_cache_invalidate_info.'],
]);

export const cacheInvalidateConstants = [
  ...cacheInvalidateVersion,
  ...group('iommu_inv_granularity', IOMMU_H_5_8, [
    ['IOMMU_INV_GRANU_DOMAIN', 0n, 'Everything cached for the domain, which VT-d does not support.'],
    ['IOMMU_INV_GRANU_PASID', 1n, 'Everything cached under one PASID.'],
    ['IOMMU_INV_GRANU_ADDR', 2n, 'A range of addresses, under one PASID when one is given.'],
    ['IOMMU_INV_GRANU_NR', 3n, 'Number of granularities, from which on EINVAL is returned.'],
  ]),
  ...group('IOMMU_INV_ADDR_FLAGS', IOMMU_H_5_8, [
    ['IOMMU_INV_ADDR_FLAGS_PASID', 1n, 'The pasid of the address range is filled in.'],
    ['IOMMU_INV_ADDR_FLAGS_ARCHID', 2n, 'The archid of the address range is filled in.'],
    ['IOMMU_INV_ADDR_FLAGS_LEAF', 4n, 'Only leaf entries changed, so that cached table pointers may stay.'],
  ]),
  ...group('IOMMU_INV_PASID_FLAGS', IOMMU_H_5_8, [
    ['IOMMU_INV_PASID_FLAGS_PASID', 1n, 'The pasid of the PASID invalidation is filled in.'],
    ['IOMMU_INV_PASID_FLAGS_ARCHID', 2n, 'The archid of the PASID invalidation is filled in.'],
  ]),
  ...group('IOMMU_CACHE_INV_TYPE', IOMMU_H_5_8, [
    ['IOMMU_CACHE_INV_TYPE_IOTLB', 1n, 'Drops translations in the IOMMU, and in the device when ATS is enabled.'],
    ['IOMMU_CACHE_INV_TYPE_DEV_IOTLB', 2n, 'Drops translations in the device, which VT-d does for ADDR only.'],
    ['IOMMU_CACHE_INV_TYPE_PASID', 4n, 'Drops cached PASID table entries, which VT-d does for no granularity.'],
    ['IOMMU_CACHE_INV_TYPE_NR', 3n, 'Number of cache types, and so of bits that cache may hold.'],
  ]),
] as const;

/** The same constants, of which SMMUv3 makes something else than VT-d. */
export const cacheInvalidateConstantsArm = retold(cacheInvalidateConstants, {
  IOMMU_INV_GRANU_DOMAIN: 'Everything cached for the domain, which SMMUv3 refuses.',
  IOMMU_INV_GRANU_PASID: 'Everything cached under one PASID, which SMMUv3 wants named by its ASID.',
  IOMMU_INV_GRANU_ADDR: 'A range of addresses under the ASID in archid.',
  IOMMU_CACHE_INV_TYPE_IOTLB: 'Drops translations in the SMMU, and in no device.',
  IOMMU_CACHE_INV_TYPE_DEV_IOTLB: 'Would drop translations in the device, which SMMUv3 answers with ENOENT.',
  IOMMU_CACHE_INV_TYPE_PASID: 'Would drop cached context descriptors, which SMMUv3 answers with ENOENT.',
});
