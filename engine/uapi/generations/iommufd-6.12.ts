import { faultConstants, pasidCapConstants } from '../constants/iommufd/hwpt.ts';
import { extend } from '../generation.ts';
import { faultAlloc, hwptPageResponse, hwptPgfault } from '../structs/iommufd/fault.ts';
import { hwInfoPasid } from '../structs/iommufd/hw-info.ts';
import { hwptAlloc48 } from '../structs/iommufd/hwpt.ts';
import { iommufd68 } from './iommufd-6.8.ts';
import { FAULT_IOCTL } from './iommufd-ioctls.ts';
import * as payloads from './iommufd-payloads.ts';
import { entryLimitsUnchecked, nestedParentFlushMissing, reservedUnchecked } from './iommufd-quirks.ts';

export const PASID_CAPABILITIES: readonly string[] = [
  'IOMMU_HW_CAP_DIRTY_TRACKING',
  ...pasidCapConstants.map(({ name }) => name),
];

/** The long-term release, as Debian ships it (6.12.107). */
export const iommufd612 = extend(iommufd68, {
  id: 'iommufd-6.12',
  title: 'fault queues added (Linux 6.12)',
  doc: 'The long-term release with fault queues and the width of PASIDs in the hardware information, which the first 6.12 may not have had yet.',
  drop: [nestedParentFlushMissing.name, entryLimitsUnchecked.name],
  structs: [
    hwptAlloc48({
      release: '6.12',
      flags: ['IOMMU_HWPT_ALLOC_NEST_PARENT', 'IOMMU_HWPT_ALLOC_DIRTY_TRACKING', 'IOMMU_HWPT_FAULT_ID_VALID'],
      parents: 'Address space to follow, or nesting parent to put a nested page table on.',
      payloads: payloads.HWPT_6_8,
    }),
    hwInfoPasid({ release: '6.12', types: payloads.HW_INFO_6_8, capabilities: PASID_CAPABILITIES }),
    hwptPgfault,
    hwptPageResponse,
    faultAlloc,
  ],
  constants: [...faultConstants, ...pasidCapConstants],
  ioctls: [FAULT_IOCTL],
  kinds: [{ kind: 'page_response', struct: 'iommu_hwpt_page_response' }],
  quirks: [reservedUnchecked],
});
