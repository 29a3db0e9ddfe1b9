import {
  CHECKS,
  hex,
  INTEL_IOMMUFD_CHECKS,
  IOMMUFD_CHECKS,
  SELFTEST_CHECKS,
  VERSIONED_SKIPS,
  VFIO_2018_CHECKS,
  VFIO_2020_03_CHECKS,
} from '../../../engine/index.ts';
import { kindAt } from './driver-data.ts';
import { checkAt, checksIn, type Decider, type FieldChecks, familyOf, keysOf, unlessQuirk } from './field-checks.ts';
import { whereRead } from './nesting-operation.ts';
import { bitsOf, isArgument, isRead } from './reading.ts';
import { atValue, type FieldView, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { elementOf, predictRead } from './submits.ts';

const V1 = VFIO_2020_03_CHECKS;
const { dirty, hwInfo, hwpt, map, vfioCompat, vfioDevice } = IOMMUFD_CHECKS;
const VTD = INTEL_IOMMUFD_CHECKS;

/** The form without argsz: the driver passes over caches it does not know, unless it is told to look. */
const cachesOfV1: Decider = ({ file }) =>
  file.quirks.get('padding_unchecked') ? VERSIONED_SKIPS.unknownCache : V1.flushFormFlags;

/** A page table is refused by what it is put on. */
const hwptFlags: Decider = (context, view) => {
  switch (kindAt(view, 'pt_id', context)) {
    case 'IOAS':
      return hwpt.flags;
    case 'nesting parent':
      return hwpt.nestedFlags;
    case 'vIOMMU':
      return hwpt.viommuFlags;
    default:
      return undefined;
  }
};

const CHECK: FieldChecks = {
  process: { 'vfio_iommu_type1_bind_process.flags': VFIO_2018_CHECKS.bind['payloadFlags']! },
  v1: {
    'iommu_gpasid_bind_data.flags': unlessQuirk('padding_unchecked', V1.bindFormFlags),
    'iommu_gpasid_bind_data_vtd.flags': unlessQuirk('padding_unchecked', V1.bindFormFlags),
    'iommu_cache_invalidate_info.cache': cachesOfV1,
    'iommu_inv_addr_info.flags': unlessQuirk('padding_unchecked', V1.flushFormFlags),
    'iommu_inv_pasid_info.flags': unlessQuirk('padding_unchecked', V1.flushFormFlags),
  },
  v6: {
    'vfio_iommu_type1_pasid_request.flags': CHECKS.requestFlags,
    'vfio_iommu_type1_nesting_op.flags': CHECKS.headerFlags,
    'iommu_gpasid_bind_data.flags': CHECKS.bindFlags,
    'iommu_gpasid_bind_data_vtd.flags': unlessQuirk('vendor_size_unchecked', CHECKS.bindVendorFlags),
    'iommu_cache_invalidate_info.cache': CHECKS.flushCache,
    'iommu_inv_addr_info.flags': CHECKS.flushAddrFlags,
    'iommu_inv_pasid_info.flags': CHECKS.flushPasidFlags,
  },
  posted: {
    'iommu_ioas_map.flags': map.flags,
    'vfio_iommu_type1_dma_map.flags': vfioCompat.mapArgsz,
    'vfio_iommu_type1_dma_unmap.flags': vfioCompat.unmapArgsz,
    'iommu_ioas_copy.flags': map.flags,
    'iommu_hwpt_vtd_s1.flags': unlessQuirk('vtd_s1_unchecked', VTD.nestedUnknown),
    'iommu_hwpt_vtd_s1_invalidate_desc.flags': VTD.postedFields,
  },
  iommufd: {
    'iommu_ioas_map.flags': map.flags,
    'iommu_ioas_map_file.flags': map.flags,
    'iommu_ioas_copy.flags': map.flags,
    'iommu_hw_info.flags': hwInfo.flags,
    'iommu_hwpt_alloc.flags': hwptFlags,
    'iommu_hwpt_set_dirty_tracking.flags': dirty.setFlags,
    'iommu_hwpt_get_dirty_bitmap.flags': dirty.getFlags,
    'iommu_hwpt_vtd_s1.flags': unlessQuirk('vtd_s1_unchecked', VTD.nestedUnknown),
    'iommu_hwpt_vtd_s1_invalidate.flags': VTD.invalidateFlags,
    'iommu_hwpt_invalidate_selftest.flags': SELFTEST_CHECKS.flushFlags,
    'iommu_viommu_invalidate_selftest.flags': SELFTEST_CHECKS.viommuFlushFlags,
    'vfio_device_bind_iommufd.flags': vfioDevice.bindArgsz,
    'vfio_device_attach_iommufd_pt.flags': vfioDevice.attachArgsz,
    'vfio_device_detach_iommufd_pt.flags': vfioDevice.detachArgsz,
    'vfio_iommu_type1_dma_map.flags': vfioCompat.mapArgsz,
    'vfio_iommu_type1_dma_unmap.flags': vfioCompat.unmapArgsz,
  },
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
  checks: [
    ...checksIn(CHECK),
    hwpt.flags,
    hwpt.nestedFlags,
    hwpt.viommuFlags,
    VTD.nestedUnknown,
    VERSIONED_SKIPS.unknownCache,
  ],
  summary: 'a flag field has bits that the header does not define',
  why: 'The kernel refuses flag bits that it does not know, so that a later kernel can give them a meaning and a program can find out whether it has one. Each layer checks its own: VFIO the request, the IOMMU core the fields that all drivers share, the driver the flags of its vendor struct. The VT-d driver checks its own since September 2020 only; with the quirk vendor_size_unchecked it takes any of them. An iommufd answers EOPNOTSUPP: not in this release. Where a kernel did not look, the finding is for information.',
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
      `uapi vfio-2018-02
struct vfio_iommu_type1_bind bind {
  argsz = sizeof, flags = VFIO_IOMMU_BIND_PROCESS
  data = vfio_process
}
struct vfio_iommu_type1_bind_process vfio_process { flags = 1 << 1 }
                                                         // ^^^^^^ flags is 0x2, but only 0x1 (VFIO_IOMMU_BIND_PID) is known; clear 0x2
scenario "a process by what" { submit bind to VFIO_IOMMU_BIND }`,
      `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate flush {
  argsz = sizeof
  cache_info { version = IOMMU_UAPI_VERSION, cache = 1 << 3 }
                                                  // ^^^^^^ cache_info.cache is 0x8, but only 0x7 (IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_DEV_IOTLB | IOMMU_CACHE_INV_TYPE_PASID) is known; clear 0x8
}
scenario "passed over in silence" { submit flush }`,
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT | 8, dev_id = dev0.id, pt_id = ioas.id }
                                                     // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags is 0x9, but only 0x3 (IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING) is known; clear 0x8
struct iommu_ioas_map map { size = sizeof, flags = 1 << 3, ioas_id = ioas.id, length = 4K }
                                                // ^^^^^^ flags is 0x8, but only 0x7 (IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_WRITEABLE | IOMMU_IOAS_MAP_READABLE) is known; clear 0x8
scenario "flags of a later release" {
  submit parent
  submit map
}`,
    ],
    good: [
      `uapi iommufd-6.12
struct iommu_hwpt_alloc table { size = sizeof, flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING, dev_id = dev0.id, pt_id = ioas.id }
scenario "a flag of this release" { submit table expect ok or EOPNOTSUPP }`,
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
      const predicts = checkAt(CHECK, view, field.path, context);
      if (!predicts && LEFT_ALONE.has(`${familyOf(context)} ${keysOf(view.struct, field.path).at(-1)}`)) continue;
      const names = known.names.length <= MAX_NAMES ? ` (${known.names.join(' | ')})` : '';
      const message = `${field.path} is ${hex(field.value)}, but only ${hex(known.bits)}${names} is known; clear ${hex(extra)}`;
      // A later kernel may take for a request what this one does not look at.
      const more = predicts ? { predicts } : ({ severity: 'information' } as const);
      const finding = atValue(field, message, more);
      if (view.carriers.length > 0) yield* whereRead(view, field.path, context, finding);
      else yield* predictRead(view, context, finding, elementOf(field));
    }
  },
});

/** Fields whose bits a quirk takes on purpose: of these nothing is said. */
const LEFT_ALONE: ReadonlySet<string> = new Set(['v6 iommu_gpasid_bind_data_vtd.flags']);

function knownBits(
  view: PayloadView,
  given: FieldView,
  context: RuleContext,
): { readonly bits: bigint; readonly names: readonly string[] } | undefined {
  const mask = MASK[`${view.struct.name}.${given.path}`];
  const names = mask === undefined ? given.field.flags : [mask];
  return names && !given.field.out ? { bits: bitsOf(names, context), names } : undefined;
}
