import { hex, INTEL_IOMMUFD_CHECKS } from '../../../engine/index.ts';
import { NESTED_ON_VTD } from './example-heads.ts';
import { familyOf } from './field-checks.ts';
import { atValue, type FieldView, type Finding, type PayloadView, rule } from './rule.ts';
import { elementOf, predictRead } from './submits.ts';

const { invalidateRange, postedFields } = INTEL_IOMMUFD_CHECKS;
const ALL = 0xffff_ffff_ffff_ffffn;

export default rule({
  id: 'vtd-range-refused',
  severity: 'warning',
  structs: ['iommu_hwpt_vtd_s1_invalidate', 'iommu_hwpt_vtd_s1_invalidate_desc'],
  errno: 'EINVAL',
  checks: [invalidateRange, postedFields],
  summary: 'a range to invalidate is not aligned to pages, or means everything from the middle on',
  why: 'addr is a multiple of 4096, and all ones in npages mean the whole address space, which begins at 0. The entries before a refused one have been done by then, and entry_num says how many; the posting of 2023 took all ones at any address and cut them to 32 bits.',
  examples: {
    bad: [
      `uapi iommufd-6.8
${NESTED_ON_VTD}array ranges of iommu_hwpt_vtd_s1_invalidate {
  { addr = 0x1000, npages = 1 }
  { addr = 0x1234, npages = 1 }
        // ^^^^^^ [1].addr is 0x1234, but a range begins at a multiple of 0x1000
}
struct iommu_hwpt_vtd_s1_invalidate everything { addr = 0x1000, npages = ~0 }
                                                     // ^^^^^^ addr is 0x1000, but all ones in npages mean everything, from 0 on; write addr = 0
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = nested.out_hwpt_id, data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
  data_uptr = &ranges, entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate), entry_num = 2
}
struct iommu_hwpt_invalidate flush_all = flush { data_uptr = &everything, entry_num = 1 }
scenario "the first entry is done" {
  submit parent
  submit nested
  submit flush
  submit flush_all
}`,
    ],
    good: [
      `uapi iommufd-6.8
${NESTED_ON_VTD}array ranges of iommu_hwpt_vtd_s1_invalidate { { addr = 0x1000, npages = 3 }, { npages = ~0 } }
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = nested.out_hwpt_id, data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1
  data_uptr = &ranges, entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate), entry_num = 2
}
scenario "a range, then everything" {
  submit parent
  submit nested
  submit flush
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const posted = familyOf(context) === 'posted';
    const predicts = posted ? postedFields : invalidateRange;
    for (const addr of view.fields.values()) {
      if (addr.field.name !== 'addr' || addr.value === undefined || addr.value === 0n) continue;
      const aligned = (addr.value & 0xfffn) === 0n;
      if (aligned && (posted || besides(view, addr, 'npages')?.value !== ALL)) continue;
      const what = aligned
        ? 'all ones in npages mean everything, from 0 on; write addr = 0'
        : 'a range begins at a multiple of 0x1000';
      const finding = atValue(addr, `${addr.path} is ${hex(addr.value)}, but ${what}`, { predicts });
      yield* predictRead(view, context, finding, elementOf(addr));
    }
  },
});

/** The field of the same element. */
const besides = (view: PayloadView, { path }: FieldView, name: string): FieldView | undefined =>
  view.fields.get(path.replace(/addr$/, name));
