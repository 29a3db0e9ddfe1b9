import type { Check } from '../check.ts';
import { CHECKS as V6 } from '../vfio-type1/checks.ts';

/** Checks of version 6 that went with VFIO_IOMMU_PASID_REQUEST and with the PASIDs of the container. */
const GONE = /^request|^bindNoVmm$/;

/** Every check of the vfio-2021-03 calls, in the order in which the kernel meets them within each call. */
export const CHECKS: Readonly<Record<string, Check>> = Object.freeze(
  Object.fromEntries(Object.entries(V6).filter(([name]) => !GONE.test(name))),
);
