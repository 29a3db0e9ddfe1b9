import { driverDataOf } from './driver-data.ts';
import { NESTED_ON_VTD } from './example-heads.ts';
import { atValue, type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

export default rule({
  id: 'data-struct-mismatch',
  severity: 'warning',
  summary: 'an address leads to another struct than the call says',
  why: 'The kernel knows a driver payload by its type and its length alone. Where another struct of a like length lies at the address it is read as what it is not, without any error.',
  examples: {
    bad: [
      `uapi iommufd-6.8
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1_invalidate range { addr = 0, npages = 48 }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(range)
  data_uptr = &range
           // ^^^^^^ data_type is IOMMU_HWPT_DATA_VTD_S1, so data_uptr leads to iommu_hwpt_vtd_s1, but range is iommu_hwpt_vtd_s1_invalidate
}
scenario "a range is taken for a page table" {
  submit parent
  submit nested
}`,
    ],
    good: [
      `uapi iommufd-6.8
${NESTED_ON_VTD}scenario "type and struct agree" {
  submit parent
  submit nested
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const { address, given, there, type, target, structs } of driverDataOf(view, context)) {
      if (!given || !there || structs.length === 0 || structs.includes(there.struct)) continue;
      if (structs.some(({ name }) => name === there.struct.name)) continue;
      const constant = Object.entries(target.to ?? {}).find(([, name]) => name === structs[0]!.name)?.[0];
      const because = type && constant !== undefined ? `${type.path} is ${constant}, so ` : '';
      const names = structs.map(({ name }) => name).join(' or ');
      const what = there.payload.name?.text ?? there.struct.name;
      const message = `${because}${address.name} leads to ${names}, but ${what} is ${there.struct.name}`;
      yield* predictRead(view, context, atValue(given, message, { mayRefuse: true }));
    }
  },
});
