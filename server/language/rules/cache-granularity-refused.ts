import { CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { CACHE_TYPE, GRANULARITY, refusedPair, requestOf } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atOneOf, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'cache-granularity-refused',
  severity: 'warning',
  structs: ['iommu_cache_invalidate_info'],
  errno: 'EINVAL',
  summary: 'the core refuses this cache at this granularity',
  why: 'Two pairs make no sense on any hardware, so the IOMMU core refuses them with EINVAL before a driver sees the request: the PASID cache has no addresses to be selected by, and a device TLB knows nothing of the domains of the host. One such pair refuses the whole request, the other caches of the mask included.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info one_page {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_PASID
       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ cache holds IOMMU_CACHE_INV_TYPE_PASID, but granularity is IOMMU_INV_GRANU_ADDR, a pair that the core refuses; clear the bit or write granularity = IOMMU_INV_GRANU_PASID
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 4K, granule_size = 4K, nb_granules = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "the PASID cache by address" { submit flush }`,
      `uapi vfio-2020-07
cache_invalidate_info device {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_DEV_IOTLB
       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ cache holds IOMMU_CACHE_INV_TYPE_DEV_IOTLB, but granularity is not set, so IOMMU_INV_GRANU_DOMAIN, a pair that the core refuses; clear the bit or write granularity = IOMMU_INV_GRANU_ADDR
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = device }
scenario "a device TLB by domain, which is what an unset granularity means" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info one_page {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_DEV_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 4K, granule_size = 4K, nb_granules = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "both TLBs by address" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    // Only the core of later kernels refuses a pair; the driver passes it over.
    const request = familyOf(context) === 'v6' ? requestOf(view, context) : undefined;
    const type = request && refusedPair(request);
    if (!request || !type) return;
    const remedy =
      request.by === 'ADDR'
        ? `clear the bit or write granularity = ${GRANULARITY}PASID`
        : `clear the bit or write granularity = ${GRANULARITY}ADDR`;
    const message = `cache holds ${CACHE_TYPE}${type}, but ${found(request.granularity, GRANULARITY + request.by)}, a pair that the core refuses; ${remedy}`;
    const predicts = request.by === 'ADDR' ? CHECKS.flushPasidCacheByAddr : CHECKS.flushDevTlbByDomain;
    yield* whereRead(
      view,
      'cache',
      context,
      atOneOf(view, [request.cache, request.granularity], message, { predicts }),
    );
  },
});
