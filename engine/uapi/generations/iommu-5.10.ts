import { gpasidBindLimits } from '../constants/gpasid-bind.ts';
import { needsPasidConstants } from '../constants/iommu-fault.ts';
import { extend } from '../generation.ts';
import { iommuCacheInvalidateInfo } from '../structs/cache-invalidate.ts';
import { iommuGpasidBindData } from '../structs/gpasid-bind.ts';
import { iommuFaultNeedsPasid, iommuFaultPageRequestNeedsPasid } from '../structs/iommu-fault.ts';
import { iommuPageResponse } from '../structs/page-response.ts';
import { iommu58 } from './iommu-5.8.ts';

/** Every payload grew an argsz, and the unions got names. */
export const iommu510 = extend(iommu58, {
  id: 'iommu-5.10',
  title: 'bind and invalidate with argsz as merged (Linux 5.10)',
  doc: 'The header linux/iommu.h as Linux 5.10 has it: every payload tells its size with argsz, with helpers for an ioctl that was never merged.',
  header: true,
  structs: [
    iommuFaultPageRequestNeedsPasid,
    iommuFaultNeedsPasid,
    iommuPageResponse,
    iommuCacheInvalidateInfo,
    iommuGpasidBindData,
  ],
  constants: [...needsPasidConstants, ...gpasidBindLimits],
});
