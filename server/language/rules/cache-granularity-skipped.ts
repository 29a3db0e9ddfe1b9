import { CHECKS, SKIPS, SUPPORTED_INVALIDATIONS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { CACHE_TYPE, GRANULARITY, REQUESTS, refusedPair, requestIn } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atOneOf, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'cache-granularity-skipped',
  severity: 'warning',
  structs: REQUESTS,
  summary: 'VT-d flushes nothing for this cache at this granularity and reports success',
  why: 'The VT-d driver goes through the requested caches from the lowest bit up and knows three pairs: the IOTLB by PASID or by address, and the device TLB by address. At any other pair it writes a line to the kernel log, leaves the loop and returns 0, so that the caller takes this cache and those behind it for flushed. A guest that goes on from there uses stale translations. With the quirk unsupported_granularity_skipped off the request is refused with EINVAL instead.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info everything {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
       // ^^^^^^^^^^^^^^^^^^^^^^^^^^ cache holds IOMMU_CACHE_INV_TYPE_IOTLB, but granularity is IOMMU_INV_GRANU_DOMAIN: VT-d skips it and returns 0; write granularity = IOMMU_INV_GRANU_PASID or IOMMU_INV_GRANU_ADDR
  granularity = IOMMU_INV_GRANU_DOMAIN
}
cache_invalidate_info one_pasid = everything {
  cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_DEV_IOTLB | IOMMU_CACHE_INV_TYPE_PASID
       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ cache holds IOMMU_CACHE_INV_TYPE_DEV_IOTLB, but granularity is IOMMU_INV_GRANU_PASID: VT-d skips it and IOMMU_CACHE_INV_TYPE_PASID and returns 0; write granularity = IOMMU_INV_GRANU_ADDR
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush_everything { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = everything }
nesting_op flush_pasid { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_pasid }
scenario "0 is returned, and little was flushed" {
  submit flush_everything
  submit flush_pasid
}`,
      `uapi vfio-2020-07 { unsupported_granularity_skipped = off, invalidate_error_lost = off }
cache_invalidate_info pasid_cache {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_PASID
       // ^^^^^^^^^^^^^^^^^^^^^^^^^^ cache holds IOMMU_CACHE_INV_TYPE_PASID, but granularity is IOMMU_INV_GRANU_PASID: VT-d refuses it; clear the bit
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = pasid_cache }
scenario "a driver that sets the errno" { submit flush }`,
      `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  cache_info { version = IOMMU_UAPI_VERSION, cache = IOMMU_CACHE_INV_TYPE_PASID, granularity = IOMMU_INV_GRANU_PASID }
                                                  // ^^^^^^^^^^^^^^^^^^^^^^^^^^ cache_info.cache holds IOMMU_CACHE_INV_TYPE_PASID, but cache_info.granularity is IOMMU_INV_GRANU_PASID: VT-d skips it and returns 0; clear the bit
}
scenario "written in place" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info one_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_pasid }
scenario "the IOTLB by PASID" { submit flush }`,
      `uapi vfio-2020-07
cache_invalidate_info everything {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_DOMAIN
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = everything }
scenario "the skip is what this scenario is about" { submit flush expect hidden }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = requestIn(view, context);
    if (!request?.types || request.by === undefined || (familyOf(context) === 'v6' && refusedPair(request))) return;
    const { types, by } = request;
    const at = types.findIndex((type) => !SUPPORTED_INVALIDATIONS[type].includes(by));
    const type = types[at];
    if (!type) return;
    const skipped = context.file.quirks.get('unsupported_granularity_skipped');
    const rest = types.slice(at + 1).map((behind) => CACHE_TYPE + behind);
    const effect = skipped
      ? `VT-d skips ${rest.length > 0 ? `it and ${rest.join(' and ')}` : 'it'} and returns 0`
      : 'VT-d refuses it';
    const able = SUPPORTED_INVALIDATIONS[type].map((granularity) => GRANULARITY + granularity);
    const remedy = able.length > 0 ? `write ${request.granularity.path} = ${able.join(' or ')}` : 'clear the bit';
    const message = `${request.cache.path} holds ${CACHE_TYPE}${type}, but ${found(request.granularity, GRANULARITY + by)}: ${effect}; ${remedy}`;
    const predicts = skipped ? SKIPS.granularity : CHECKS.svaUnsupported;
    yield* whereRead(
      view,
      'cache',
      context,
      atOneOf(view, [request.cache, request.granularity], message, { predicts }),
    );
  },
});
