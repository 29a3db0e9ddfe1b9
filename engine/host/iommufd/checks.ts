import { ATTACH_CHECKS } from './attach-checks.ts';
import { DEVICE_DATA_CHECKS } from './device-data.ts';
import { DIRTY_CHECKS } from './dirty-tracking.ts';
import { DISPATCH_CHECKS } from './dispatch.ts';
import { FAULT_ALLOC_CHECKS } from './fault-queue-alloc.ts';
import { HW_INFO_CHECKS } from './hw-info.ts';
import { HW_QUEUE_CHECKS } from './hw-queue-alloc.ts';
import { HWPT_CHECKS } from './hwpt-checks.ts';
import { INVALIDATE_CHECKS } from './hwpt-invalidate.ts';
import { IOPT_CHECKS } from './io-pagetable-checks.ts';
import { IOAS_CHECKS } from './ioas.ts';
import { MAP_CHECKS } from './ioas-map.ts';
import { OBJECT_CHECKS } from './object-table.ts';
import { OPTION_CHECKS } from './option.ts';
import { QUEUE_CHECKS } from './queue.ts';
import { EVENT_CHECKS } from './reports.ts';
import { RESV_CHECKS } from './resv-iova-ranges.ts';
import { USER_DATA_CHECKS } from './user-data.ts';
import { VDEVICE_CHECKS } from './vdevice-alloc.ts';
import { VEVENTQ_CHECKS } from './veventq-alloc.ts';
import { VFIO_COMPAT_CHECKS } from './vfio-compat.ts';
import { VFIO_DEVICE_CHECKS } from './vfio-device.ts';
import { VIOMMU_CHECKS } from './viommu-alloc.ts';

/** Every check of the core, by call, in the order in which the kernel meets them within each. */
export const IOMMUFD_CHECKS = Object.freeze({
  dispatch: DISPATCH_CHECKS,
  object: OBJECT_CHECKS,
  userData: USER_DATA_CHECKS,
  ioas: IOAS_CHECKS,
  ioPagetable: IOPT_CHECKS,
  map: MAP_CHECKS,
  option: OPTION_CHECKS,
  hwInfo: HW_INFO_CHECKS,
  hwpt: HWPT_CHECKS,
  invalidate: INVALIDATE_CHECKS,
  dirty: DIRTY_CHECKS,
  faultQueue: FAULT_ALLOC_CHECKS,
  queue: QUEUE_CHECKS,
  viommu: VIOMMU_CHECKS,
  vdevice: VDEVICE_CHECKS,
  veventq: VEVENTQ_CHECKS,
  event: EVENT_CHECKS,
  hwQueue: HW_QUEUE_CHECKS,
  attach: ATTACH_CHECKS,
  vfioDevice: VFIO_DEVICE_CHECKS,
  vfioCompat: VFIO_COMPAT_CHECKS,
  resvRanges: RESV_CHECKS,
  deviceData: DEVICE_DATA_CHECKS,
});
