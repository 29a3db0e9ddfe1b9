import { aligned64, array, struct } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';

export const hwptAmdGuest = struct(
  'iommu_hwpt_amd_guest',
  {
    doc: "The guest's device table entry, from which the AMD driver takes what describes guest translation.",
    source: iommufdH('7.2'),
  },
  [array('dte', 8, 4, { doc: 'The four words of the entry.' }, '__aligned_u64')],
);

export const hwInfoAmd = struct(
  'iommu_hw_info_amd',
  { doc: 'What an AMD IOMMU tells of itself.', source: iommufdH('7.2') },
  [
    aligned64('efr', { doc: 'Extended feature register.', out: true }),
    aligned64('efr2', { doc: 'Second extended feature register.', out: true }),
  ],
);
