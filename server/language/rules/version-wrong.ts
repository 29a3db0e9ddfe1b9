import { CHECKS, type Check } from '../../../engine/index.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, constantOf, constantText, found, isArgument, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';

const CHECK: Readonly<Record<string, Check>> = {
  iommu_gpasid_bind_data: CHECKS.bindVersion,
  iommu_cache_invalidate_info: CHECKS.flushVersion,
};

export default rule({
  id: 'version-wrong',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'version is not one that the kernel knows',
  why: 'The IOMMU core compares version with the only value it knows, right after it has copied the payload. An unset version is 0, which no header ever defined, so a payload without it is refused with EINVAL. argsz says how long the struct is; version says what its fields mean, and a struct that only grows keeps it.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = 2, format = IOMMU_PASID_FORMAT_INTEL_VTD }
                                               // ^ version is 2, but iommu_gpasid_bind_data has IOMMU_GPASID_BIND_VERSION_1 (1) only; write version = IOMMU_GPASID_BIND_VERSION_1
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "there is no second version" { submit bind }`,
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
                   // ^^^^^^^^^^^ version is not set, so 0, but iommu_cache_invalidate_info has IOMMU_CACHE_INVALIDATE_INFO_VERSION_1 (1) only; write version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  argsz = sizeof
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "version was forgotten" { submit flush }`,
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
scenario "the version of the header" { submit flush }`,
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = 2, format = IOMMU_PASID_FORMAT_INTEL_VTD }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "the refusal is what this scenario is about" { submit bind expect hidden EINVAL, reason version-wrong }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const field = view.struct.fields.find((f) => f.role === 'version' && f.oneOf && !f.out);
    const version = field && isArgument(view, context) ? reading(view, field.name) : undefined;
    if (version?.value === undefined || constantOf(version.value, field!.oneOf, context)) return;
    const wanted = field!.oneOf!;
    const predicts = CHECK[view.struct.name];
    const message = `${found(version, `${version.value}`)}, but ${view.struct.name} has ${wanted
      .map((name) => constantText(name, context))
      .join(' or ')} only; write ${field!.name} = ${wanted[0]}`;
    yield* whereRead(view, version.path, context, atReading(view, version, message, predicts ? { predicts } : {}));
  },
});
