import { CHECKS, type Check, locate } from '../../../engine/index.ts';
import { operationOf } from './nesting-operation.ts';
import { readingAt } from './reading.ts';
import { atValue, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

export default rule({
  id: 'op-data-mismatch',
  severity: 'warning',
  structs: ['vfio_iommu_type1_nesting_op'],
  errno: 'EINVAL',
  checks: [CHECKS.bindArgsz, CHECKS.bindVersion, CHECKS.bindFormat, CHECKS.flushVersion, CHECKS.flushPadding],
  summary: 'a nesting operation carries the payload of another one',
  why: 'Nothing in the payload says which struct it is: the operation alone decides how the kernel reads the bytes. Both structs begin with argsz and version, and both versions are 1, so a mix-up passes these checks; cache and granularity are then taken for a format, or addr_width for padding, and the call is refused for a field that the caller never wrote.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, data = whole_pasid }
                                       // ^^^^^^^^^^^ VFIO_IOMMU_NESTING_OP_BIND_PGTBL reads iommu_gpasid_bind_data, but data is iommu_cache_invalidate_info; change flags or data
scenario "flags was forgotten, and 0 means bind" { submit flush }`,
      `uapi vfio-2020-07
bind_data guest_table {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48
  hpasid = 1
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = guest_table }
                                                                                 // ^^^^^^^^^^^ VFIO_IOMMU_NESTING_OP_CACHE_INVLD reads iommu_cache_invalidate_info, but data is iommu_gpasid_bind_data; change flags or data
scenario "a bind that invalidates" { submit bind }`,
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
scenario "an invalidation with its payload" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const operation = operationOf(view, context);
    const data = view.fields.get('data');
    if (!operation || !data || !view.data || view.data.struct.name === operation.struct) return;
    const predicts = refusal(view.data, operation.struct, context);
    const message = `${operation.name} reads ${operation.struct}, but data is ${view.data.struct.name}; change flags or data`;
    yield atValue(data, message, predicts ? { predicts } : {});
  },
});

/** The check that will refuse the bytes of one struct as those of another, where that can be told. */
function refusal(data: PayloadView, wanted: string, { file, constant }: RuleContext): Check | undefined {
  const struct = file.generation.structs.get(wanted);
  const read = (path: string): bigint | undefined => {
    const place = struct && locate(struct, path.split('.'));
    return place && !('missing' in place) ? readingAt(data, path, place.offset, place.field.size).value : undefined;
  };
  const [argsz, version] = [read('argsz'), read('version')];
  if (argsz === undefined || version === undefined) return undefined;
  if (wanted === 'iommu_gpasid_bind_data') {
    const vendor = BigInt(struct?.fields.find((f) => f.name === 'vendor')?.offset ?? 0);
    if (argsz < vendor) return CHECKS.bindArgsz;
    if (version !== constant('IOMMU_GPASID_BIND_VERSION_1')) return CHECKS.bindVersion;
    const format = read('format');
    return format !== undefined && constant('IOMMU_PASID_FORMAT_INTEL_VTD') < format ? CHECKS.bindFormat : undefined;
  }
  if (version !== constant('IOMMU_CACHE_INVALIDATE_INFO_VERSION_1')) return CHECKS.flushVersion;
  const [cache, granularity, padding] = [read('cache'), read('granularity'), read('padding')];
  // Format 1 reads as the IOTLB by domain, which the core lets pass; addr_width then lies in the padding.
  const passes = cache === constant('IOMMU_CACHE_INV_TYPE_IOTLB') && granularity === constant('IOMMU_INV_GRANU_DOMAIN');
  return passes && padding !== undefined && padding !== 0n ? CHECKS.flushPadding : undefined;
}
