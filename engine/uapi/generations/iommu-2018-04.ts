import { pasidTable2018Constants, pasidTableV4Constants } from '../constants/pasid-table-2018.ts';
import { type Call, generation, type Quirk } from '../generation.ts';
import { IN_KERNEL_2018_IOMMU_H } from '../sources.ts';
import {
  pageResponseMsg,
  pasidTableConfigV4,
  tlbInvalidateHdrV4,
  tlbInvalidateInfoV4,
} from '../structs/pasid-table-2018.ts';

const calls: readonly Call[] = [
  {
    name: 'bind_pasid_table',
    struct: 'pasid_table_config',
    doc: 'Puts the guest PASID table into the context of a device, whose own page tables become stage 2.',
    source: IN_KERNEL_2018_IOMMU_H,
  },
  {
    name: 'unbind_pasid_table',
    struct: 'pasid_table_config',
    doc: 'Takes the guest PASID table out again and reads nothing of its argument.',
    source: IN_KERNEL_2018_IOMMU_H,
  },
  {
    name: 'sva_invalidate',
    struct: 'tlb_invalidate_info',
    doc: 'Drops what is cached from the bound table of a device.',
    source: IN_KERNEL_2018_IOMMU_H,
  },
  {
    name: 'page_response',
    struct: 'page_response_msg',
    doc: 'Answers a page request that was reported to the guest.',
    source: IN_KERNEL_2018_IOMMU_H,
  },
];

const quirks: readonly Quirk[] = [
  {
    name: 'model_unchecked',
    on: true,
    doc: 'On, a table made for another IOMMU is entered as it is and faults later; off, a config has to name the model of the IOMMU and another one is refused with EINVAL.',
    evidence: 'review thread',
  },
];

/** vSVA v4: the guest hands over a whole PASID table, and the kernel calls the driver with it. */
export const iommu201804 = generation({
  id: 'iommu-2018-04',
  title: 'bind_pasid_table and sva_invalidate in the kernel (vSVA v4, April 2018)',
  doc: 'The fourth posting of guest SVA for VT-d: the host installs a PASID table of the guest, through calls inside the kernel that no ioctl reaches yet.',
  model: 'vtd',
  structs: [pasidTableConfigV4, tlbInvalidateHdrV4, tlbInvalidateInfoV4, pageResponseMsg],
  constants: [...pasidTable2018Constants, ...pasidTableV4Constants],
  ioctls: [],
  calls,
  kinds: [
    { kind: 'bind_data', struct: 'pasid_table_config' },
    { kind: 'cache_invalidate_info', struct: 'tlb_invalidate_info' },
    { kind: 'page_response', struct: 'page_response_msg' },
  ],
  quirks,
});
