import { ARM_REQUEST, armRequest } from './arm-invalidation.ts';
import { CACHE_TYPE, requestOf } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'cache-empty',
  severity: 'warning',
  structs: ['iommu_cache_invalidate_info', ARM_REQUEST],
  summary: 'an invalidation names no cache',
  why: 'cache is a mask of the caches to flush. 0 passes every check of the core and gives the driver nothing to do, so the call succeeds and every stale translation stays. An unset cache is most likely forgotten; one that is written as 0 is only pointed out.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
                   // ^^^^^^^^^^^ cache is not set, so 0: nothing is flushed and the call succeeds; write cache = IOMMU_CACHE_INV_TYPE_IOTLB
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "nothing is sent to the hardware" { submit flush expect ok, issued == [] }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_cache_invalidate flush {
                                      // ^^^^^ info.cache is not set, so 0: nothing is flushed and the call succeeds; write cache = IOMMU_CACHE_INV_TYPE_IOTLB
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 1 }
  }
}
scenario "nor to an SMMU" { submit flush expect hidden }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "the IOTLB is flushed" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const cache = (requestOf(view, context) ?? armRequest(view, context))?.cache;
    if (cache?.value !== 0n) return;
    const message = `${found(cache, '0')}: nothing is flushed and the call succeeds; write cache = ${CACHE_TYPE}IOTLB`;
    const more = cache.from ? { severity: 'information' as const } : {};
    yield* whereRead(view, 'cache', context, atReading(view, cache, message, more));
  },
});
