import { CHECKS, VFIO_ARM_CHECKS } from '../../../engine/index.ts';
import { ARM_REQUEST, armRequest } from './arm-invalidation.ts';
import { familyOf } from './field-checks.ts';
import { CACHE_TYPE, GRANULARITY, refusedPair, requestOf } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atOneOf, found } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

export default rule({
  id: 'cache-granularity-refused',
  severity: 'warning',
  structs: ['iommu_cache_invalidate_info', ARM_REQUEST],
  errno: 'EINVAL',
  summary: 'the kernel refuses this cache at this granularity',
  why: 'Two pairs make no sense on any hardware, so the IOMMU core refuses them with EINVAL before a driver sees the request: the PASID cache has no addresses to be selected by, and a device TLB knows nothing of the domains of the host. One such pair refuses the whole request, the other caches of the mask included. The SMMUv3 driver of 2020 flushes its TLB by ASID, which is PASID granularity, or by address, and refuses DOMAIN and every unknown number.',
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
      `uapi vfio-arm-2020
struct vfio_iommu_type1_cache_invalidate whole {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_DOMAIN
               // ^^^^^^^^^^^^^^^^^^^^^^ info.granularity is IOMMU_INV_GRANU_DOMAIN, but an SMMU is flushed by IOMMU_INV_GRANU_PASID or IOMMU_INV_GRANU_ADDR
  }
}
scenario "an SMMU by domain" { submit whole }`,
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
      `uapi vfio-arm-2020 { domain_flush_reaches_all_guests = on }
struct vfio_iommu_type1_cache_invalidate whole {
  argsz = sizeof
  info { version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_DOMAIN }
}
scenario "an SMMU by domain, as from version 14 of the series on" { submit whole }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    yield* ofArm(view, context);
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

/** The SMMUv3 driver knows two granularities; a later version of it takes a third one. */
function* ofArm(view: PayloadView, context: RuleContext): Iterable<Finding> {
  const request = armRequest(view, context);
  if (!request?.iotlb || request.by === 'PASID' || request.by === 'ADDR') return;
  const { by, cache, granularity } = request;
  if (by === 'DOMAIN' && context.file.quirks.get('domain_flush_reaches_all_guests')) return;
  const value = by ? GRANULARITY + by : `${granularity.value}`;
  const message = `${found(granularity, value)}, but an SMMU is flushed by ${GRANULARITY}PASID or ${GRANULARITY}ADDR`;
  const predicts = VFIO_ARM_CHECKS.flush.granularity;
  yield* predictRead(view, context, atOneOf(view, [granularity, cache], message, { predicts }));
}
