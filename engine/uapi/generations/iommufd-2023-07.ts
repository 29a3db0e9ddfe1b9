import { vtdConstants } from '../constants/iommufd/hwpt.ts';
import { posted2023Constants } from '../constants/iommufd/posted-2023.ts';
import { extend } from '../generation.ts';
import { attach12, bind16, detach8 } from '../structs/iommufd/device.ts';
import * as posted from '../structs/iommufd/posted-2023.ts';
import { hwInfoVtd, hwptVtdS1 } from '../structs/iommufd/vtd.ts';
import { iommufd65 } from './iommufd-6.5.ts';
import { DEVICE_IOCTLS, POSTED_2023_IOCTLS } from './iommufd-ioctls.ts';
import { minimumUnchecked, vtdS1Unchecked } from './iommufd-quirks.ts';
import { vfioCompat } from './iommufd-vfio.ts';

/** The posting whose review moved the array of invalidations into the call itself. */
export const iommufd202307 = extend(iommufd65, {
  id: 'iommufd-2023-07',
  title: 'nested page tables with an invalidation container (iommufd nesting, July 2023)',
  doc: 'Core series v3 and VT-d series v4 of 24 July 2023, with the SMMUv3 parts of a tree that carried both: what an invalidation holds follows from the page table, and VT-d keeps its array behind a container.',
  structs: [
    bind16,
    attach12,
    detach8,
    hwptVtdS1,
    posted.hwptArmSmmuv3,
    posted.hwptAlloc,
    hwInfoVtd,
    posted.hwInfo,
    posted.resvIovaRange,
    posted.resvIovaRanges,
    posted.hwptVtdS1InvalidateDesc,
    posted.hwptVtdS1Invalidate,
    posted.hwptArmSmmuv3Invalidate,
    posted.hwptInvalidate,
    posted.setDevData,
    posted.unsetDevData,
    posted.hwptSelftest,
    ...vfioCompat.structs,
  ],
  constants: [...posted2023Constants, ...vtdConstants, ...vfioCompat.constants],
  ioctls: [...DEVICE_IOCTLS, ...vfioCompat.ioctls, ...POSTED_2023_IOCTLS],
  quirks: [minimumUnchecked, vtdS1Unchecked],
});
