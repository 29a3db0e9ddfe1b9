import { CHECKS, VFIO_2020_03_CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { requestOf } from './invalidation.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, constantText, found } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'granularity-unknown',
  severity: 'warning',
  structs: ['iommu_cache_invalidate_info'],
  errno: 'EINVAL',
  summary: 'granularity is past the last one',
  why: 'granularity chooses how much of each cache is dropped and which member of granu the kernel reads. The core knows three values and refuses every other one with EINVAL. IOMMU_INV_GRANU_NR is their number and no granularity itself.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info everything {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_NR
             // ^^^^^^^^^^^^^^^^^^ granularity is 3, but must be one of IOMMU_INV_GRANU_DOMAIN (0), IOMMU_INV_GRANU_PASID (1), IOMMU_INV_GRANU_ADDR (2)
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = everything }
scenario "NR is no granularity" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info everything {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = everything }
scenario "everything of one PASID" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = requestOf(view, context);
    if (request?.granularity.value === undefined || request.by !== undefined) return;
    // Without a core in front of it the driver only finds that it has no such pair.
    if (familyOf(context) === 'v1' && context.file.quirks.get('padding_unchecked')) return;
    const { granularity } = request;
    const wanted = view.struct.fields.find((f) => f.name === granularity.path)?.oneOf ?? [];
    const message = `${found(granularity, `${granularity.value}`)}, but must be one of ${wanted
      .map((name) => constantText(name, context))
      .join(', ')}`;
    const finding = atReading(view, granularity, message, {
      predicts: familyOf(context) === 'v1' ? VFIO_2020_03_CHECKS.flushFormGranularity : CHECKS.flushGranularity,
    });
    yield* whereRead(view, granularity.path, context, finding);
  },
});
