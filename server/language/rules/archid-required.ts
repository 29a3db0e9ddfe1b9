import { VFIO_ARM_CHECKS } from '../../../engine/index.ts';
import { ARM_REQUEST, armRequest } from './arm-invalidation.ts';
import { atReading, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { pasidNotArchid, addrNotArchid } = VFIO_ARM_CHECKS.flush;

export default rule({
  id: 'archid-required',
  severity: 'warning',
  structs: [ARM_REQUEST],
  errno: 'EINVAL',
  checks: [pasidNotArchid, addrNotArchid],
  summary: 'an SMMU is asked to flush by PASID, but it knows ASIDs',
  why: 'The TLB of an SMMU is tagged with ASIDs, which the guest chooses in its context descriptors, and not with PASIDs. So archid must hold the ASID and its flag must be set, without that of the PASID: VT-d wants it the other way round in the same struct.',
  examples: {
    bad: [
      `uapi vfio-arm-2020
machine { container { type = VFIO_TYPE1_NESTING_IOMMU } }
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
                        // ^^^^^^^^^^^^^^^^^^^^^^^^^^^ info.pasid_info.flags is 0x1: an SMMU flushes by ASID; write IOMMU_INV_PASID_FLAGS_ARCHID, and archid
  }
}
struct vfio_iommu_type1_cache_invalidate page {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_ADDR
    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID | IOMMU_INV_ADDR_FLAGS_ARCHID, archid = 1, addr = 0x1000, granule_size = 4K, nb_granules = 1 }
                       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ info.addr_info.flags is 0x3: an SMMU flushes by ASID; write IOMMU_INV_ADDR_FLAGS_ARCHID, and archid
  }
}
scenario "by PASID, as VT-d wants it" {
  submit flush
  submit page
}`,
    ],
    good: [
      `uapi vfio-arm-2020
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_ARCHID, archid = 1 }
  }
}
scenario "by ASID" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = armRequest(view, context);
    if (!request?.iotlb || !request.tags) return;
    const { by, flags, tags } = request;
    if (tags.archid && !tags.pasid) return;
    // Without either flag an address stands for those of all ASIDs, if the driver flushes as much as that.
    const isAll = by === 'ADDR' && !tags.archid && !tags.pasid;
    if (isAll && context.file.quirks.get('domain_flush_reaches_all_guests')) return;
    const message = `${found(flags!, `0x${flags!.value!.toString(16)}`)}: an SMMU flushes by ASID; write IOMMU_INV_${by}_FLAGS_ARCHID, and archid`;
    const predicts = by === 'PASID' ? pasidNotArchid : addrNotArchid;
    yield* predictRead(view, context, atReading(view, flags!, message, { predicts }));
  },
});
