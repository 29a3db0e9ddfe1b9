import { bootIommufd } from '../iommufd/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Platform } from '../platform.ts';
import { ArmSmmuDriver } from './driver.ts';

/** /dev/iommu over SMMUv3. */
export const bootArmIommufd = (platform: Platform): Kernel => bootIommufd(platform, new ArmSmmuDriver(platform));
