import { amdConstants } from '../constants/iommufd/hwpt.ts';
import { extend } from '../generation.ts';
import { hwInfoAmd, hwptAmdGuest } from '../structs/iommufd/amd.ts';
import { hwInfoTyped } from '../structs/iommufd/hw-info.ts';
import { hwptAlloc48 } from '../structs/iommufd/hwpt.ts';
import { hwptSelftest8 } from '../structs/iommufd/selftest.ts';
import { PASID_CAPABILITIES } from './iommufd-6.12.ts';
import { PARENTS } from './iommufd-6.14.ts';
import { ALLOC_FLAGS, iommufd617 } from './iommufd-6.17.ts';
import * as payloads from './iommufd-payloads.ts';

/** The newest one, with AMD's guest translation. */
export const iommufd72 = extend(iommufd617, {
  id: 'iommufd-7.2',
  title: 'iommufd as in Linux 7.2',
  doc: 'The newest release that is described: AMD takes device table entries of a guest, and the mock IOMMU keeps page tables of several formats.',
  structs: [
    hwptAlloc48({ release: '7.2', flags: ALLOC_FLAGS, parents: PARENTS, payloads: payloads.HWPT_7_2 }),
    hwInfoTyped({
      release: '7.2',
      types: payloads.HW_INFO_7_2,
      capabilities: [...PASID_CAPABILITIES, 'IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED'],
    }),
    hwptAmdGuest,
    hwInfoAmd,
    hwptSelftest8,
  ],
  constants: amdConstants,
});
