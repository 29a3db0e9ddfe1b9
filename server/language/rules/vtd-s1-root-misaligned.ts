import { hex, INTEL_IOMMUFD_CHECKS } from '../../../engine/index.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

export default rule({
  id: 'vtd-s1-root-misaligned',
  severity: 'warning',
  structs: ['iommu_hwpt_vtd_s1'],
  checks: [INTEL_IOMMUFD_CHECKS.nestedUnknown],
  summary: 'pgtbl_addr is no multiple of 4096',
  why: 'The root of a page table is a page. VT-d takes any pgtbl_addr and ORs it into the PASID entry as it is, so that its low bits set fields they were not meant for: SRE, EAFE, WPE and the levels. With vtd_s1_unchecked off it is refused with EINVAL.',
  examples: {
    bad: [
      `uapi iommufd-6.8 { vtd_s1_unchecked = off }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1008, addr_width = 48 }
                                        // ^^^^^^ pgtbl_addr is 0x1008, but the root of a page table is a multiple of 0x1000
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
scenario "refused" {
  submit parent
  submit nested
}`,
      `uapi iommufd-7.2
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 1, addr_width = 48 }
                                        // ^ pgtbl_addr is 0x1, but the root of a page table is a multiple of 0x1000: its low bits land in the PASID entry`,
    ],
    good: [
      `uapi iommufd-6.8
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000, addr_width = 48 }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const root = reading(view, 'pgtbl_addr');
    if (root?.value === undefined || (root.value & 0xfffn) === 0n) return;
    const unchecked = context.file.quirks.get('vtd_s1_unchecked');
    const what = unchecked ? ': its low bits land in the PASID entry' : '';
    const message = `${found(root, hex(root.value))}, but the root of a page table is a multiple of 0x1000${what}`;
    const more = unchecked ? {} : { predicts: INTEL_IOMMUFD_CHECKS.nestedUnknown };
    yield* predictRead(view, context, atReading(view, root, message, more));
  },
});
