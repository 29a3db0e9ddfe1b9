import { cacheInvalidateConstants } from '../constants/cache-invalidate.ts';
import { gpasidBindConstants, gpasidBindLimits } from '../constants/gpasid-bind.ts';
import { extend } from '../generation.ts';
import { iommu510 } from './iommu-5.10.ts';

const BIND_AND_INVALIDATE = [
  'iommu_inv_addr_info',
  'iommu_inv_pasid_info',
  'iommu_cache_invalidate_info',
  'iommu_gpasid_bind_data_vtd',
  'iommu_gpasid_bind_data',
];

/** What no ioctl ever reached was taken out again. */
export const iommu61 = extend(iommu510, {
  id: 'iommu-6.1',
  title: 'fault records and page response alone again (Linux 6.1)',
  doc: 'The header linux/iommu.h as Linux 5.19 to 6.x have it, after bind and invalidate were removed because no ioctl had ever used them.',
  header: true,
  drop: [
    ...BIND_AND_INVALIDATE,
    ...[...cacheInvalidateConstants, ...gpasidBindConstants, ...gpasidBindLimits].map(({ name }) => name),
    'bind_data',
    'cache_invalidate_info',
  ],
});
