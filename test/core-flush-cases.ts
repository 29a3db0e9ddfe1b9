/**
 * One wrong thing each in a cache_invalidate_info that is right otherwise, in the order in which the IOMMU core of the
 * argsz form meets them, whatever VFIO posting carries it.
 */
const WRONG = [
  ['flushArgsz', 'argsz = 15'],
  ['flushArgszPasid', 'argsz = 31, granularity = IOMMU_INV_GRANU_PASID'],
  ['flushArgszAddr', 'argsz = 55'],
  ['flushVersion', 'version = 0'],
  ['flushCache', 'cache = 9'],
  ['flushGranularity', 'granularity = 3'],
  ['flushPasidCacheByAddr', 'cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_PASID'],
  ['flushAddrFlags', 'granu.addr_info.flags = 9'],
  ['flushPasidFlags', 'granularity = IOMMU_INV_GRANU_PASID, granu.pasid_info.flags = 4'],
  ['flushDevTlbByDomain', 'cache = IOMMU_CACHE_INV_TYPE_DEV_IOTLB, granularity = IOMMU_INV_GRANU_DOMAIN'],
  ['flushPadding', 'padding = [1, 0, 0, 0, 0, 0]'],
] as const;

/** The cases of one posting. @param flushWith the steps that send an invalidation with these fields in place of its own */
export const coreFlushCases = <T>(flushWith: (fields: string) => T) =>
  WRONG.map(([check, fields]) => ({ check, ...flushWith(fields) }));
