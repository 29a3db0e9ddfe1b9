import { aligned64, struct, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';
import { reserved } from './common.ts';

const H = iommufdH('6.8');

export const hwptVtdS1 = struct(
  'iommu_hwpt_vtd_s1',
  { doc: 'The stage-1 page table of a guest on VT-d, as it goes into the PASID entry.', source: H },
  [
    aligned64('flags', {
      doc: 'Attributes of the PASID entry; unknown bits are not refused.',
      flags: ['IOMMU_VTD_S1_SRE', 'IOMMU_VTD_S1_EAFE', 'IOMMU_VTD_S1_WPE'],
    }),
    aligned64('pgtbl_addr', {
      doc: 'Root of the page table, which the kernel puts into the PASID entry without looking at its low bits.',
      space: 'GPA',
      aligned: 4096n,
    }),
    u32('addr_width', {
      doc: 'Width of a guest virtual address, 48 or 57, judged when the page table is attached.',
      unit: 'bits',
    }),
    reserved('Documented as zero, though the kernel does not look at it.'),
  ],
);

export const hwInfoVtd = struct(
  'iommu_hw_info_vtd',
  { doc: 'What VT-d tells of itself: its capability registers and errata that matter.', source: H },
  [
    u32('flags', {
      doc: 'Errata that a user has to respect.',
      flags: ['IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17'],
      out: true,
    }),
    u32('__reserved', { doc: 'Zero.', role: 'reserved', out: true }),
    aligned64('cap_reg', { doc: 'Capability register.', out: true }),
    aligned64('ecap_reg', { doc: 'Extended capability register.', out: true }),
  ],
);

/** Merged: one entry of the array. */
export const hwptVtdS1Invalidate = struct(
  'iommu_hwpt_vtd_s1_invalidate',
  {
    doc: 'Drops what VT-d caches of a range of guest virtual addresses, in every PASID that uses the page table.',
    source: H,
  },
  [
    aligned64('addr', {
      doc: 'First address of the range; 0 with all ones in npages means everything.',
      space: 'GVA',
      aligned: 4096n,
    }),
    aligned64('npages', {
      doc: 'Length of the range, widened to the aligned power of two around it.',
      unit: '4 KiB pages',
    }),
    u32('flags', { doc: 'Whether only leaf entries are dropped.', flags: ['IOMMU_VTD_INV_FLAGS_LEAF'] }),
    reserved('Must be zero, or the entry is refused with EOPNOTSUPP.'),
  ],
);
