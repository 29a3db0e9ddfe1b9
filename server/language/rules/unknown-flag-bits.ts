import { CHECKS, type Check, hex } from '../../../engine/index.ts';
import { whereRead } from './nesting-operation.ts';
import { bitsOf, isArgument, isRead } from './reading.ts';
import { atValue, type FieldView, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

const CHECK: Readonly<Record<string, Check>> = {
  'vfio_iommu_type1_pasid_request.flags': CHECKS.requestFlags,
  'vfio_iommu_type1_nesting_op.flags': CHECKS.headerFlags,
  'iommu_gpasid_bind_data.flags': CHECKS.bindFlags,
  'iommu_gpasid_bind_data.vendor.vtd.flags': CHECKS.bindVendorFlags,
  'iommu_cache_invalidate_info.cache': CHECKS.flushCache,
  'iommu_cache_invalidate_info.granu.addr_info.flags': CHECKS.flushAddrFlags,
  'iommu_cache_invalidate_info.granu.pasid_info.flags': CHECKS.flushPasidFlags,
};

/** Constants that are the known bits of a field which holds a number rather than flags. */
const MASK: Readonly<Record<string, string>> = {
  'vfio_iommu_type1_pasid_request.flags': 'VFIO_PASID_REQUEST_MASK',
  'vfio_iommu_type1_nesting_op.flags': 'VFIO_NESTING_OP_MASK',
};

/** More names than this say less than the number alone. */
const MAX_NAMES = 3;

export default rule({
  id: 'unknown-flag-bits',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'a flag field has bits that the header does not define',
  why: 'The kernel refuses flag bits that it does not know, so that a later kernel can give them a meaning and a program can find out whether it has one. Each layer checks its own: VFIO the request, the IOMMU core the fields that all drivers share, the driver the flags of its vendor struct. The VT-d driver checks its own since September 2020 only; with the quirk vendor_size_unchecked it takes any of them.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pasid_request one { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID | 1 << 2, range = { min = 1, max = 9 } }
                                         // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags is 0x5, but only 0x3 (VFIO_PASID_REQUEST_MASK) is known; clear 0x4
nesting_op bind { argsz = sizeof, flags = 1 << 16, data = bind_data { argsz = sizeof } }
                                       // ^^^^^^^ flags is 0x10000, but only 0xffff (VFIO_NESTING_OP_MASK) is known; clear 0x10000
scenario "VFIO's own flags" {
  submit one
  submit bind
}`,
      `uapi vfio-2020-07
bind_data guest_table {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
  flags = IOMMU_SVA_GPASID_VAL | 2
       // ^^^^^^^^^^^^^^^^^^^^^^^^ flags is 0x3, but only 0x1 (IOMMU_SVA_GPASID_VAL) is known; clear 0x2
}
bind_data guest_attributes = guest_table { flags = 0, vendor.vtd.flags = 1 << 6 }
                                                                      // ^^^^^^ vendor.vtd.flags is 0x40, but only 0x3f is known; clear 0x40
nesting_op bind_table { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
nesting_op bind_attributes { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_attributes }
scenario "flags of the core and of VT-d" {
  submit bind_table
  submit bind_attributes
}`,
      `uapi vfio-2020-07
cache_invalidate_info fourth_cache {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = 1 << IOMMU_CACHE_INV_TYPE_NR
       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ cache is 0x8, but only 0x7 (IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_DEV_IOTLB | IOMMU_CACHE_INV_TYPE_PASID) is known; clear 0x8
}
cache_invalidate_info one_pasid = fourth_cache {
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info.flags = IOMMU_INV_ADDR_FLAGS_LEAF
                        // ^^^^^^^^^^^^^^^^^^^^^^^^^ granu.pasid_info.flags is 0x4, but only 0x3 (IOMMU_INV_PASID_FLAGS_PASID | IOMMU_INV_PASID_FLAGS_ARCHID) is known; clear 0x4
}
cache_invalidate_info one_page = fourth_cache {
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info.flags = ~0
                       // ^^ granu.addr_info.flags is 0xffffffff, but only 0x7 (IOMMU_INV_ADDR_FLAGS_PASID | IOMMU_INV_ADDR_FLAGS_ARCHID | IOMMU_INV_ADDR_FLAGS_LEAF) is known; clear 0xfffffff8
}
nesting_op flush_cache { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = fourth_cache }
nesting_op flush_pasid { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_pasid }
nesting_op flush_page { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "caches, and the flags of both members" {
  submit flush_cache
  submit flush_pasid
  submit flush_page
}`,
    ],
    good: [
      `uapi vfio-2020-07 { vendor_size_unchecked = on }
bind_data guest_table {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48
  hpasid = pasid
  vendor.vtd.flags = 1 << 6
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "before September 2020 nobody looked" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
      `uapi vfio-2020-07
pasid_request one { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID | 1 << 2, range = { min = 1, max = 9 } }
scenario "the refusal is what this scenario is about" { submit one expect EINVAL }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (!isArgument(view, context)) return;
    for (const field of view.fields.values()) {
      const known = knownBits(view, field, context);
      if (known === undefined || field.value === undefined || !isRead(view, field.path, context)) continue;
      const extra = field.value & ~known.bits;
      if (extra === 0n) continue;
      const predicts = CHECK[key(view, field)];
      if (predicts === CHECKS.bindVendorFlags && context.file.quirks.get('vendor_size_unchecked')) continue;
      const names = known.names.length <= MAX_NAMES ? ` (${known.names.join(' | ')})` : '';
      const message = `${field.path} is ${hex(field.value)}, but only ${hex(known.bits)}${names} is known; clear ${hex(extra)}`;
      yield* whereRead(view, field.path, context, atValue(field, message, predicts ? { predicts } : {}));
    }
  },
});

const key = (view: PayloadView, { path }: FieldView): string => `${view.struct.name}.${path}`;

function knownBits(
  view: PayloadView,
  given: FieldView,
  context: RuleContext,
): { readonly bits: bigint; readonly names: readonly string[] } | undefined {
  const mask = MASK[key(view, given)];
  const names = mask === undefined ? given.field.flags : [mask];
  return names && !given.field.out ? { bits: bitsOf(names, context), names } : undefined;
}
