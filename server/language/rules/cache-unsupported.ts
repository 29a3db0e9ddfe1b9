import { VFIO_ARM_CHECKS } from '../../../engine/index.ts';
import { ARM_REQUEST, armRequest } from './arm-invalidation.ts';
import { atReading } from './reading.ts';
import { type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { otherCache } = VFIO_ARM_CHECKS.flush;

export default rule({
  id: 'cache-unsupported',
  severity: 'warning',
  structs: [ARM_REQUEST],
  errno: 'ENOENT',
  summary: 'the SMMU driver is asked for a cache that it cannot flush',
  why: 'Of the three caches the posted SMMUv3 driver flushes the IOTLB alone and answers the other two with ENOENT, whatever the granularity. Up to version 13 of the series it does so after it has flushed the IOTLB, so that the errno does not say that nothing was done; from version 14 on, which is the quirk iotlb_flushed_before_refusal = off, it comes first.',
  examples: {
    bad: [
      `uapi vfio-arm-2020
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_DEV_IOTLB
         // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ info.cache has IOMMU_CACHE_INV_TYPE_DEV_IOTLB, which this driver cannot flush: the IOTLB is flushed and then ENOENT returned; clear the bit
    granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 1 }
  }
}
struct vfio_iommu_type1_cache_invalidate entries {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_DEV_IOTLB | IOMMU_CACHE_INV_TYPE_PASID
         // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ info.cache has IOMMU_CACHE_INV_TYPE_DEV_IOTLB and IOMMU_CACHE_INV_TYPE_PASID, which this driver cannot flush: nothing is flushed; write cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 1 }
  }
}
scenario "more than the TLB" {
  submit flush
  submit entries
}`,
    ],
    good: [
      `uapi vfio-arm-2020
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 1 }
  }
}
scenario "the TLB alone" { submit flush }`,
      `uapi vfio-arm-2020 { iotlb_flushed_before_refusal = off }
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_PASID
    granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 1 }
  }
}
scenario "the refusal is what this scenario is about" { submit flush expect ENOENT, reason cache-unsupported, issued == [] }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = armRequest(view, context);
    if (!request || request.others.length === 0) return;
    const { cache, iotlb, others } = request;
    const isFlushed = iotlb && context.file.quirks.get('iotlb_flushed_before_refusal');
    const outcome = isFlushed ? 'the IOTLB is flushed and then ENOENT returned' : 'nothing is flushed';
    const remedy = !iotlb
      ? 'write cache = IOMMU_CACHE_INV_TYPE_IOTLB'
      : others.length === 1
        ? 'clear the bit'
        : 'clear the bits';
    const message = `info.cache has ${others.join(' and ')}, which this driver cannot flush: ${outcome}; ${remedy}`;
    yield* predictRead(view, context, atReading(view, cache, message, { predicts: otherCache }));
  },
});
