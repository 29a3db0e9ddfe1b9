import { requestOf } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atOneOf, found, reading, unionsOf } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'invalidation-without-pasid',
  severity: 'warning',
  structs: ['iommu_cache_invalidate_info'],
  summary: 'an invalidation does not say that its PASID is filled in',
  why: 'pasid is read only when flags say so. Without the flag the VT-d driver does not flush all PASIDs and does not refuse the request either: it flushes PASID 0, under which no guest table is bound, so that the translations that were meant stay cached while the call succeeds.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info.pasid = 1
                        // ^ granularity is IOMMU_INV_GRANU_PASID, but granu.pasid_info.flags is not set, so 0: VT-d flushes PASID 0; write granu.pasid_info.flags = IOMMU_INV_PASID_FLAGS_PASID
}
cache_invalidate_info one_page = whole_pasid {
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_LEAF
         // ^^^^^^^^^^^^^^^^^^^^^^^^^ granu.addr_info.flags lacks IOMMU_INV_ADDR_FLAGS_PASID, so that VT-d flushes PASID 0; add it
    pasid = 1
    addr = 0x7f00_0000_0000
    granule_size = 4K
    nb_granules = 1
  }
}
nesting_op flush_pasid { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
nesting_op flush_page { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "PASID 0 is flushed twice" {
  submit flush_pasid
  submit flush_page
}`,
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
scenario "PASID 1 is flushed" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (!requestOf(view, context)) return;
    for (const { path, located, selector, constant, member } of unionsOf(view, context)) {
      const fields = located.field.struct?.fields.find((f) => f.name === member)?.struct?.fields;
      const flag = fields?.find((f) => f.name === 'flags')?.flags?.find((name) => name.endsWith('_FLAGS_PASID'));
      const flags = reading(view, `${path}.${member}.flags`);
      if (flag === undefined || flags?.value === undefined) continue;
      if ((flags.value & context.constant(flag)) !== 0n) continue;
      const message = flags.from
        ? `${flags.path} lacks ${flag}, so that VT-d flushes PASID 0; add it`
        : `${selector.path} is ${constant}, but ${found(flags, '0')}: VT-d flushes PASID 0; write ${flags.path} = ${flag}`;
      const pasid = reading(view, `${path}.${member}.pasid`)!;
      yield* whereRead(view, flags.path, context, atOneOf(view, [flags, pasid, selector], message));
    }
  },
});
