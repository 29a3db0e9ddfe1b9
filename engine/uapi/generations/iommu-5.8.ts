import { cacheInvalidateConstants } from '../constants/cache-invalidate.ts';
import { gpasidBindConstants } from '../constants/gpasid-bind.ts';
import { extend } from '../generation.ts';
import { IOMMU_H_5_8 } from '../sources.ts';
import { cacheInvalidateByVersion, iommuInvAddrInfo, iommuInvPasidInfo } from '../structs/cache-invalidate.ts';
import { gpasidBindByVersion, iommuGpasidBindDataVtd } from '../structs/gpasid-bind.ts';
import { iommu54 } from './iommu-5.4.ts';

/** Bind and invalidate came, in the form that only its version tells apart. */
export const iommu58 = extend(iommu54, {
  id: 'iommu-5.8',
  title: 'bind and invalidate by version as merged (Linux 5.8)',
  doc: 'The header linux/iommu.h as Linux 5.7 and 5.8 have it: guest binds and invalidations that tell their layout by version alone, with no ioctl that takes them.',
  header: true,
  structs: [
    iommuInvAddrInfo,
    iommuInvPasidInfo,
    cacheInvalidateByVersion('IOMMU_CACHE_INVALIDATE_INFO_VERSION_1', IOMMU_H_5_8),
    iommuGpasidBindDataVtd,
    gpasidBindByVersion('IOMMU_GPASID_BIND_VERSION_1', IOMMU_H_5_8),
  ],
  constants: [...cacheInvalidateConstants, ...gpasidBindConstants],
  kinds: [
    { kind: 'bind_data', struct: 'iommu_gpasid_bind_data' },
    { kind: 'cache_invalidate_info', struct: 'iommu_cache_invalidate_info' },
  ],
});
