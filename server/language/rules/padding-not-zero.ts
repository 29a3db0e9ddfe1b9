import { CHECKS, hex, PASID_TABLE_CHECKS, VFIO_2020_03_CHECKS } from '../../../engine/index.ts';
import { checkAt, type FieldChecks, unlessQuirk } from './field-checks.ts';
import { whereRead } from './nesting-operation.ts';
import { isArgument, isRead } from './reading.ts';
import { atValue, type Finding, rule } from './rule.ts';

const V1 = VFIO_2020_03_CHECKS;

const CHECK: FieldChecks = {
  table: {
    'pasid_table_config.padding': PASID_TABLE_CHECKS.bind.padding,
    'pasid_table_config.padding2': PASID_TABLE_CHECKS.bind.padding,
  },
  v1: {
    'iommu_gpasid_bind_data.padding': unlessQuirk('padding_unchecked', V1.bindFormPadding),
    'iommu_cache_invalidate_info.padding': unlessQuirk('padding_unchecked', V1.flushFormPadding),
  },
  v6: {
    'iommu_gpasid_bind_data.padding': CHECKS.bindPadding,
    'iommu_cache_invalidate_info.padding': CHECKS.flushPadding,
  },
};

export default rule({
  id: 'padding-not-zero',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'a padding byte is not 0',
  why: 'The kernel refuses non-zero padding for the same reason as unknown flag bits: only bytes that every caller had to clear can become a field later. A struct on the stack that was filled in field by field and never cleared trips over it at random. Unset bytes are 0 here, so it is best to leave padding out. The posting of March 2020 did not look, and a later field in those bytes would have met whatever callers had left there.',
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
      `uapi vfio-2020-03 { padding_unchecked = off }
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  cache_info {
    version = IOMMU_UAPI_VERSION, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
    padding = [1, 0]
           // ^^^^^^ byte 0 of cache_info.padding is 0x1, but padding must be 0; leave cache_info.padding out
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
  }
}
scenario "a driver that looks" { submit flush }`,
      `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  cache_info {
    version = IOMMU_UAPI_VERSION, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
    padding = [1, 0]
           // ^^^^^^ byte 0 of cache_info.padding is 0x1, but padding is to be 0, though this kernel does not look at it; leave cache_info.padding out
    pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
  }
}
scenario "as posted" { submit flush }`,
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
      const predicts = checkAt(CHECK, view, field.path, context);
      const must = predicts ? 'padding must be 0' : 'padding is to be 0, though this kernel does not look at it';
      const message = `byte ${at} of ${field.path} is ${hex(bytes[at]!)}, but ${must}; leave ${field.path} out`;
      const more = predicts ? { predicts } : ({ severity: 'information' } as const);
      yield* whereRead(view, field.path, context, atValue(field, message, more));
    }
  },
});
