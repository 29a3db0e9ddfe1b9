import { hwptConstants, vtdConstants } from '../constants/iommufd/hwpt.ts';
import { selftestConstants } from '../constants/iommufd/selftest.ts';
import { extend } from '../generation.ts';
import { attach12, bind16, detach8 } from '../structs/iommufd/device.ts';
import { hwInfoReserved } from '../structs/iommufd/hw-info.ts';
import { hwptAlloc40, hwptGetDirtyBitmap, hwptInvalidate, hwptSetDirtyTracking } from '../structs/iommufd/hwpt.ts';
import { hwptInvalidateSelftest, hwptSelftest4, testHwInfo } from '../structs/iommufd/selftest.ts';
import { hwInfoVtd, hwptVtdS1, hwptVtdS1Invalidate } from '../structs/iommufd/vtd.ts';
import { iommufd65 } from './iommufd-6.5.ts';
import { DEVICE_IOCTLS, HWPT_IOCTLS, TEST_IOCTL } from './iommufd-ioctls.ts';
import * as payloads from './iommufd-payloads.ts';
import {
  entryLimitsUnchecked,
  nestedParentFlushMissing,
  oversizeIsEinval,
  vtdS1Unchecked,
  wrongKindIsEnoent,
} from './iommufd-quirks.ts';
import { vfioCompat } from './iommufd-vfio.ts';

/** Nesting as merged. */
export const iommufd68 = extend(iommufd65, {
  id: 'iommufd-6.8',
  title: 'nested page tables and invalidation arrays (Linux 6.8)',
  doc: 'Nested page tables as merged: a data type names the driver payload, and the call itself carries the array of invalidations with its length and count.',
  structs: [
    bind16,
    attach12,
    detach8,
    hwptAlloc40({
      release: '6.8',
      flags: ['IOMMU_HWPT_ALLOC_NEST_PARENT', 'IOMMU_HWPT_ALLOC_DIRTY_TRACKING'],
      parents: 'Address space to follow, or nesting parent to put a nested page table on.',
      payloads: payloads.HWPT_6_8,
    }),
    hwptVtdS1,
    hwInfoVtd,
    hwInfoReserved({ release: '6.8', types: payloads.HW_INFO_6_8, capabilities: ['IOMMU_HW_CAP_DIRTY_TRACKING'] }),
    hwptSetDirtyTracking,
    hwptGetDirtyBitmap,
    hwptVtdS1Invalidate,
    hwptInvalidate({
      release: '6.8',
      hwptId: 'Nested page table whose cached translations are meant.',
      entries: payloads.ENTRIES_6_8,
    }),
    hwptSelftest4,
    hwptInvalidateSelftest,
    testHwInfo,
    ...vfioCompat.structs,
  ],
  constants: [...hwptConstants, ...vtdConstants, ...selftestConstants, ...vfioCompat.constants],
  ioctls: [...DEVICE_IOCTLS, ...vfioCompat.ioctls, ...HWPT_IOCTLS, TEST_IOCTL],
  quirks: [nestedParentFlushMissing, entryLimitsUnchecked, wrongKindIsEnoent, vtdS1Unchecked, oversizeIsEinval],
});
