import type { Handler } from './context.ts';
import { destroy } from './destroy.ts';
import { setDeviceData, unsetDeviceData } from './device-data.ts';
import { getDirtyBitmap, setDirtyTracking } from './dirty-tracking.ts';
import { faultQueueAlloc } from './fault-queue-alloc.ts';
import { getHwInfo } from './hw-info.ts';
import { hwQueueAlloc } from './hw-queue-alloc.ts';
import { hwptAlloc } from './hwpt-alloc.ts';
import { hwptInvalidate } from './hwpt-invalidate.ts';
import { ioasAlloc, ioasAllowIovas, ioasIovaRanges } from './ioas.ts';
import { ioasChangeProcess, ioasCopy, ioasMap, ioasMapFile, ioasUnmap } from './ioas-map.ts';
import { option, vfioIoas } from './option.ts';
import { resvIovaRanges } from './resv-iova-ranges.ts';
import { vdeviceAlloc } from './vdevice-alloc.ts';
import { veventqAlloc } from './veventq-alloc.ts';
import { viommuAlloc } from './viommu-alloc.ts';

/** The call of each ioctl, by the name its generation's table gives it; the number is that table's. */
export const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['IOMMU_DESTROY', destroy],
  ['IOMMU_IOAS_ALLOC', ioasAlloc],
  ['IOMMU_IOAS_ALLOW_IOVAS', ioasAllowIovas],
  ['IOMMU_IOAS_COPY', ioasCopy],
  ['IOMMU_IOAS_IOVA_RANGES', ioasIovaRanges],
  ['IOMMU_IOAS_MAP', ioasMap],
  ['IOMMU_IOAS_UNMAP', ioasUnmap],
  ['IOMMU_OPTION', option],
  ['IOMMU_VFIO_IOAS', vfioIoas],
  ['IOMMU_HWPT_ALLOC', hwptAlloc],
  ['IOMMU_GET_HW_INFO', getHwInfo],
  ['IOMMU_RESV_IOVA_RANGES', resvIovaRanges],
  ['IOMMU_SET_DEV_DATA', setDeviceData],
  ['IOMMU_UNSET_DEV_DATA', unsetDeviceData],
  ['IOMMU_HWPT_SET_DIRTY_TRACKING', setDirtyTracking],
  ['IOMMU_HWPT_GET_DIRTY_BITMAP', getDirtyBitmap],
  ['IOMMU_HWPT_INVALIDATE', hwptInvalidate],
  ['IOMMU_FAULT_QUEUE_ALLOC', faultQueueAlloc],
  ['IOMMU_IOAS_MAP_FILE', ioasMapFile],
  ['IOMMU_VIOMMU_ALLOC', viommuAlloc],
  ['IOMMU_VDEVICE_ALLOC', vdeviceAlloc],
  ['IOMMU_IOAS_CHANGE_PROCESS', ioasChangeProcess],
  ['IOMMU_VEVENTQ_ALLOC', veventqAlloc],
  ['IOMMU_HW_QUEUE_ALLOC', hwQueueAlloc],
]);
