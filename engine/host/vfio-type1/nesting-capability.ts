import { putUint } from '../../uapi/index.ts';
import type { IntelDriver } from '../intel/driver.ts';
import { capability } from '../vfio-container/get-info.ts';

const CAP_NESTING = 3;
const FORMAT_INTEL_VTD = 1;
/** SYSWIDE_PASID, BIND_PGTBL and CACHE_INVLD. */
const FEATURES = 0b111;

/** vfio_iommu_type1_info_cap_nesting with iommu_nesting_info and iommu_nesting_info_vtd behind it: 8 + 48 bytes. */
export function nestingCapability(driver: IntelDriver): Uint8Array {
  const bytes = capability(CAP_NESTING, 8 + 24 + 24);
  putUint(bytes, 8, 4, 48n);
  putUint(bytes, 16, 4, BigInt(FORMAT_INTEL_VTD));
  putUint(bytes, 20, 4, BigInt(FEATURES));
  putUint(bytes, 24, 2, BigInt(driver.addressWidth));
  putUint(bytes, 26, 2, BigInt(driver.pasidBits));
  putUint(bytes, 40, 8, driver.cap);
  putUint(bytes, 48, 8, driver.ecap);
  return bytes;
}
