import { faultConstants } from '../constants/iommufd/hwpt.ts';
import { selftestConstants } from '../constants/iommufd/selftest.ts';
import { extend } from '../generation.ts';
import { faultAlloc, hwptPageResponse, hwptPgfault } from '../structs/iommufd/fault.ts';
import { hwInfoReserved } from '../structs/iommufd/hw-info.ts';
import { hwptAlloc48, hwptInvalidate } from '../structs/iommufd/hwpt.ts';
import { hwptInvalidateSelftest, hwptSelftest4, testHwInfo } from '../structs/iommufd/selftest.ts';
import { iommufd68 } from './iommufd-6.8.ts';
import { FAULT_IOCTL, TEST_IOCTL } from './iommufd-ioctls.ts';
import * as payloads from './iommufd-payloads.ts';

/** The header alone: no built-in test, and no handler. */
export const iommufd611 = extend(iommufd68, {
  id: 'iommufd-6.11',
  title: 'fault queues added, the header alone (Linux 6.11)',
  doc: 'The header of the first release with fault queues, which a page table names when it is allocated.',
  header: true,
  drop: [
    ...[hwptSelftest4, hwptInvalidateSelftest, testHwInfo].map(({ name }) => name),
    ...selftestConstants.map(({ name }) => name),
    TEST_IOCTL.name,
    ...iommufd68.quirks.keys(),
  ],
  structs: [
    hwptAlloc48({
      release: '6.11',
      flags: ['IOMMU_HWPT_ALLOC_NEST_PARENT', 'IOMMU_HWPT_ALLOC_DIRTY_TRACKING', 'IOMMU_HWPT_FAULT_ID_VALID'],
      parents: 'Address space to follow, or nesting parent to put a nested page table on.',
      payloads: payloads.HWPT_HEADER,
    }),
    hwInfoReserved({ release: '6.11', types: payloads.HW_INFO_HEADER, capabilities: ['IOMMU_HW_CAP_DIRTY_TRACKING'] }),
    hwptInvalidate({
      release: '6.11',
      hwptId: 'Nested page table whose cached translations are meant.',
      entries: payloads.ENTRIES_HEADER,
    }),
    hwptPgfault,
    hwptPageResponse,
    faultAlloc,
  ],
  constants: faultConstants,
  ioctls: [FAULT_IOCTL],
  kinds: [{ kind: 'page_response', struct: 'iommu_hwpt_page_response' }],
});
