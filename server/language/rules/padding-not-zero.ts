import { CHECKS, type Check, hex } from '../../../engine/index.ts';
import { whereRead } from './nesting-operation.ts';
import { isArgument, isRead } from './reading.ts';
import { atValue, type Finding, rule } from './rule.ts';

const CHECK: Readonly<Record<string, Check>> = {
  iommu_gpasid_bind_data: CHECKS.bindPadding,
  iommu_cache_invalidate_info: CHECKS.flushPadding,
};

export default rule({
  id: 'padding-not-zero',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'a padding byte is not 0',
  why: 'The kernel refuses non-zero padding for the same reason as unknown flag bits: only bytes that every caller had to clear can become a field later. A struct on the stack that was filled in field by field and never cleared trips over it at random. Unset bytes are 0 here, so it is best to leave padding out.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_table {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
  padding = [0, 0, 0xff]
         // ^^^^^^^^^^^^ byte 2 of padding is 0xff, but padding must be 0; leave padding out
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "left over from the stack" { submit bind }`,
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  padding = 1
         // ^ byte 0 of padding is 0x1, but padding must be 0; leave padding out
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "a flag in the padding" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  padding = { 0 }
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = whole_pasid }
scenario "zeros may be spelled out" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (!isArgument(view, context)) return;
    for (const field of view.fields.values()) {
      if (field.field.role !== 'padding' || field.field.out || !isRead(view, field.path, context)) continue;
      const bytes = view.image.bytes.subarray(field.offset, field.offset + field.field.size);
      const at = bytes.findIndex((byte) => byte !== 0);
      if (at < 0) continue;
      const predicts = CHECK[view.struct.name];
      const message = `byte ${at} of ${field.path} is ${hex(bytes[at]!)}, but padding must be 0; leave ${field.path} out`;
      yield* whereRead(view, field.path, context, atValue(field, message, predicts ? { predicts } : {}));
    }
  },
});
