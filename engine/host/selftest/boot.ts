import { bootIommufd } from '../iommufd/index.ts';
import { versionOf } from '../iommufd/versions.ts';
import type { Kernel } from '../kernel.ts';
import type { Platform } from '../platform.ts';
import { SelftestDriver } from './driver.ts';

/** An iommufd over the kernel's own mock. */
export const bootSelftest = (platform: Platform): Kernel =>
  bootIommufd(platform, new SelftestDriver(platform.config.devices, versionOf(platform.generation.id).pasid));
