import {
  type Check,
  hex,
  INTEL_IOMMUFD_CHECKS,
  IOMMUFD_CHECKS,
  VFIO_2020_03_CHECKS,
  VFIO_ARM_CHECKS,
} from '../../../engine/index.ts';
import { NESTED_ON_VTD } from './example-heads.ts';
import { atValue, type Finding, type RuleContext, rule } from './rule.ts';
import { elementOf, predictRead } from './submits.ts';

const C = IOMMUFD_CHECKS;

/** The check that refuses, for all generations or by generation; undefined where the kernel does not look. */
type Decider = Check | ((context: RuleContext) => Check | undefined);

const unlessQuirk =
  (quirk: string, check: Check): Decider =>
  ({ file }) =>
    file.quirks.get(quirk) ? undefined : check;

const isPosted = ({ file }: RuleContext): boolean => file.generation.ioctls.has('IOMMU_SET_DEV_DATA');

const CHECK: Readonly<Record<string, Decider>> = {
  'iommu_ioas_alloc.flags': C.ioas.allocFlags,
  'iommu_ioas_iova_ranges.__reserved': C.ioas.rangesReserved,
  'iommu_ioas_allow_iovas.__reserved': C.ioas.allowReserved,
  'iommu_ioas_map.__reserved': C.map.flags,
  'iommu_ioas_change_process.__reserved': C.map.changeReserved,
  'iommu_option.__reserved': C.option.reserved,
  'iommu_vfio_ioas.__reserved': C.option.vfioReserved,
  'iommu_hw_info.flags': C.hwInfo.flags,
  'iommu_hw_info.__reserved': C.hwInfo.reserved,
  'iommu_resv_iova_ranges.__reserved': C.resvRanges.reserved,
  'iommu_hwpt_alloc.flags': C.hwpt.flags,
  'iommu_hwpt_alloc.__reserved': C.hwpt.reserved,
  'iommu_hwpt_alloc.__reserved2': unlessQuirk('reserved_unchecked', C.hwpt.reserved),
  'iommu_hwpt_get_dirty_bitmap.__reserved': C.dirty.getFlags,
  'iommu_hwpt_invalidate.__reserved': (context) =>
    isPosted(context) ? C.invalidate.postedEmpty : C.invalidate.reserved,
  'iommu_fault_alloc.flags': C.faultQueue.flags,
  'iommu_viommu_alloc.flags': C.viommu.flags,
  'iommu_viommu_alloc.__reserved': unlessQuirk('reserved_unchecked', C.viommu.reserved),
  'iommu_veventq_alloc.flags': C.veventq.flags,
  'iommu_veventq_alloc.__reserved': C.veventq.flags,
  'iommu_hw_queue_alloc.flags': C.hwQueue.flags,
  'vfio_device_bind_iommufd.flags': C.vfioDevice.bindArgsz,
  'vfio_device_attach_iommufd_pt.flags': C.vfioDevice.attachArgsz,
  'vfio_device_detach_iommufd_pt.flags': C.vfioDevice.detachArgsz,
  'iommu_hwpt_vtd_s1.__reserved': unlessQuirk('vtd_s1_unchecked', INTEL_IOMMUFD_CHECKS.nestedUnknown),
  'iommu_hwpt_vtd_s1_invalidate.__reserved': INTEL_IOMMUFD_CHECKS.invalidateFlags,
  'iommu_hwpt_vtd_s1_invalidate_desc.__reserved': INTEL_IOMMUFD_CHECKS.postedFields,
  'vfio_iommu_type1_cache_invalidate.flags': ({ file }) =>
    file.generation.id === 'vfio-arm-2020' ? VFIO_ARM_CHECKS.flush.flags : VFIO_2020_03_CHECKS.flushFlags,
};

/** Elements of an array are given as `[1].field`. */
const ELEMENT = /^\[\d+\]\.?/;

export default rule({
  id: 'reserved-not-zero',
  severity: 'warning',
  errno: 'EOPNOTSUPP',
  checks: [
    C.ioas.allocFlags,
    C.ioas.rangesReserved,
    C.ioas.allowReserved,
    C.map.flags,
    C.map.changeReserved,
    C.option.reserved,
    C.option.vfioReserved,
    C.hwInfo.flags,
    C.hwInfo.reserved,
    C.resvRanges.reserved,
    C.hwpt.flags,
    C.hwpt.reserved,
    C.dirty.getFlags,
    C.invalidate.reserved,
    C.invalidate.postedEmpty,
    C.faultQueue.flags,
    C.viommu.flags,
    C.viommu.reserved,
    C.veventq.flags,
    C.hwQueue.flags,
    C.vfioDevice.bindArgsz,
    C.vfioDevice.attachArgsz,
    C.vfioDevice.detachArgsz,
    INTEL_IOMMUFD_CHECKS.nestedUnknown,
    INTEL_IOMMUFD_CHECKS.invalidateFlags,
    INTEL_IOMMUFD_CHECKS.postedFields,
    VFIO_2020_03_CHECKS.flushFlags,
    VFIO_ARM_CHECKS.flush.flags,
  ],
  summary: 'a field that is reserved is not 0',
  why: 'A reserved field, or a word of flags of which none is defined yet, is room for what a later kernel brings, so most calls refuse anything but 0 there: an iommufd with EOPNOTSUPP, which says that this kernel cannot do it, a VFIO container with EINVAL. Where a kernel forgot to look, whatever stands there becomes a request on a later one. Unset bytes are 0 here, so it is best to leave the field out.',
  examples: {
    bad: [
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_hwpt_alloc table { size = sizeof, dev_id = dev0.id, pt_id = ioas.id, __reserved = 1 }
                                                                                            // ^ __reserved is 0x1, but it is reserved and must be 0; leave it out
struct iommu_ioas_alloc ioas2 { size = sizeof, flags = 0x8000_0000 }
                                                    // ^^^^^^^^^^^ flags is 0x80000000, but it is reserved and must be 0; leave it out
scenario "two calls" {
  submit table
  submit ioas2
}`,
      `uapi iommufd-6.14
${NESTED_ON_VTD}array entries of iommu_hwpt_vtd_s1_invalidate { { addr = 0, npages = 1 }, { addr = 4K, npages = 1, __reserved = 3 } }
                                                                                                             // ^ [1].__reserved is 0x3, but it is reserved and must be 0; leave it out
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = nested.out_hwpt_id, data_uptr = &entries
  data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
  entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate), entry_num = 2
}
scenario "the second entry is refused" {
  submit parent
  submit nested
  submit flush
}`,
      `uapi vfio-2020-03
struct vfio_iommu_type1_cache_invalidate flush { argsz = sizeof, flags = 1, cache_info.version = IOMMU_UAPI_VERSION }
                                                                      // ^ flags is 0x1, but it is reserved and must be 0; leave it out
scenario "no flag exists" { submit flush }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_cache_invalidate flush { argsz = sizeof, flags = 1 }
                                                                      // ^ flags is 0x1, but it is reserved and must be 0; leave it out
scenario "no flag exists" { submit flush }`,
    ],
    good: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc ioas2 { size = sizeof, flags = 0 }
scenario "a zero may be spelled out" { submit ioas2 }`,
      `uapi iommufd-6.8
struct iommu_ioas_alloc ioas2 { size = sizeof, flags = 1 }
scenario "the refusal is what this scenario is about" { submit ioas2 expect EOPNOTSUPP }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const field of view.fields.values()) {
      if (field.field.role !== 'reserved' || field.field.out) continue;
      const bytes = view.image.bytes.subarray(field.offset, field.offset + field.field.size);
      const first = bytes.findIndex((byte) => byte !== 0);
      const value = field.value ?? (first < 0 ? 0n : BigInt(bytes[first]!));
      if (value === 0n) continue;
      const decider = CHECK[`${view.struct.name}.${field.path.replace(ELEMENT, '')}`];
      const predicts = typeof decider === 'function' ? decider(context) : decider;
      const what = predicts
        ? 'it is reserved and must be 0; leave it out'
        : 'it is reserved, and a later kernel may take it for a request; leave it out';
      const finding = atValue(field, `${field.path} is ${hex(value)}, but ${what}`, {
        ...(predicts ? { predicts } : { severity: 'information' }),
      });
      yield* predictRead(view, context, finding, elementOf(field));
    }
  },
});
