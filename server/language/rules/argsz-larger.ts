import { found, reading } from './reading.ts';
import { atValue, type Finding, rule } from './rule.ts';

export default rule({
  id: 'argsz-larger',
  severity: 'information',
  summary: 'argsz claims more bytes than the payload has',
  why: 'The kernel copies the bytes it knows and never looks at the rest: a larger argsz is cut short without E2BIG, even when the bytes behind the struct are not 0. That keeps a program that was built with a later header running on an older kernel, but whatever the later fields ask for is lost in silence. The size of an iommufd is judged otherwise (size-larger). Write argsz = sizeof unless the surplus is the point.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = 64
       // ^^ argsz is 64, but iommu_cache_invalidate_info has 56 bytes: the kernel never looks past them; write argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "the last eight bytes are never looked at" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = offsetofend(struct iommu_cache_invalidate_info, granu.pasid_info)
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "the part that the granularity needs is enough" { submit flush }`,
    ],
  },
  *payload(view): Iterable<Finding> {
    // A size that the kernel writes back is the room for its answer, which may well exceed the struct.
    if (!view.struct.fields.some((f) => f.name === 'argsz' && f.role === 'size' && !f.out)) return;
    const argsz = reading(view, 'argsz');
    if (!argsz?.from || argsz.value === undefined) return;
    const flexible = [...view.fields.values()].some((f) => f.field.kind === 'flex');
    if (flexible && !view.image.embedded && 0 < view.image.later.length) return;
    const size = view.image.bytes.length;
    if (argsz.value <= BigInt(size)) return;
    const what = view.image.embedded ? `${view.struct.name} with its data` : view.struct.name;
    yield atValue(
      argsz.from,
      `${found(argsz, `${argsz.value}`)}, but ${what} has ${size} bytes: the kernel never looks past them; write argsz = sizeof`,
    );
  },
});
