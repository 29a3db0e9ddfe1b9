import { bootIommufd } from '../iommufd/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Platform } from '../platform.ts';
import { IntelIommufd } from './driver.ts';

export { INTEL_IOMMUFD_CHECKS } from './checks.ts';

/** /dev/iommu over VT-d. */
export const bootIntelIommufd = (platform: Platform): Kernel => bootIommufd(platform, new IntelIommufd(platform));
