import { ARM_REQUEST, armRequest } from './arm-invalidation.ts';
import { atOneOf, atReading, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

export default rule({
  id: 'flush-reaches-all-guests',
  severity: 'information',
  structs: [ARM_REQUEST],
  summary: 'an invalidation of one guest empties the TLB for all guests of the SMMU',
  why: 'From version 14 of the SMMUv3 series on, which is the quirk domain_flush_reaches_all_guests, a request by DOMAIN and a range without an ASID are turned into TLBI_NSNH_ALL. That command knows no VMID: every guest behind the SMMU loses its translations and walks again. Nothing is wrong then, only slow, and one guest can do it to the others as often as it likes. In the versions before the driver refuses these requests.',
  examples: {
    bad: [
      `uapi vfio-arm-2020 { domain_flush_reaches_all_guests = on }
struct vfio_iommu_type1_cache_invalidate whole {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_DOMAIN
               // ^^^^^^^^^^^^^^^^^^^^^^ info.granularity is IOMMU_INV_GRANU_DOMAIN: the TLB is emptied for every guest of the SMMU; flush each ASID by IOMMU_INV_GRANU_PASID
  }
}
struct vfio_iommu_type1_cache_invalidate range {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_ADDR
    addr_info = { flags = 0, addr = 0x1000, granule_size = 4K, nb_granules = 1 }
                       // ^ info.addr_info.flags names no ASID: the TLB is emptied for every guest of the SMMU; write IOMMU_INV_ADDR_FLAGS_ARCHID, and archid
  }
}
scenario "what one guest asks for" {
  submit whole expect issued == [[0x30]]
  submit range expect issued == [[0x30]]
}`,
    ],
    good: [
      `uapi vfio-arm-2020 { domain_flush_reaches_all_guests = on }
struct vfio_iommu_type1_cache_invalidate range {
  argsz = sizeof
  info {
    version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
    cache = IOMMU_CACHE_INV_TYPE_IOTLB
    granularity = IOMMU_INV_GRANU_ADDR
    addr_info = { flags = IOMMU_INV_ADDR_FLAGS_ARCHID, archid = 1, addr = 0x1000, granule_size = 4K, nb_granules = 1 }
  }
}
scenario "one ASID" { submit range }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = armRequest(view, context);
    if (!request?.iotlb || !context.file.quirks.get('domain_flush_reaches_all_guests')) return;
    const { by, cache, granularity, flags, tags, others } = request;
    // Then nothing is flushed at all.
    if (others.length > 0 && !context.file.quirks.get('iotlb_flushed_before_refusal')) return;
    const reach = 'the TLB is emptied for every guest of the SMMU';
    if (by === 'DOMAIN') {
      const message = `${found(granularity, 'IOMMU_INV_GRANU_DOMAIN')}: ${reach}; flush each ASID by IOMMU_INV_GRANU_PASID`;
      yield* predictRead(view, context, atOneOf(view, [granularity, cache], message));
    }
    if (by === 'ADDR' && tags && !tags.pasid && !tags.archid) {
      const message = `${flags!.path} names no ASID: ${reach}; write IOMMU_INV_ADDR_FLAGS_ARCHID, and archid`;
      yield* predictRead(view, context, atReading(view, flags!, message));
    }
  },
});
