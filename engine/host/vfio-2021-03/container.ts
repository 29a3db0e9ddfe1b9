import { putUint } from '../../uapi/index.ts';
import type { CallResult, FailPoints } from '../check.ts';
import type { Platform } from '../platform.ts';
import { capability } from '../vfio-container/get-info.ts';
import { NestingContainer } from '../vfio-type1/nesting-container.ts';
import { nestingOp } from '../vfio-type1/nesting-op.ts';

const CAP_NESTING = 4;
const INFO_SIZE = 64;
const FORMAT_INTEL_VTD = 1;
/** BIND_PGTBL and CACHE_INVLD; what was bit 0 in version 6 is gone. */
const FEATURES = 0b11;
const PASID_MAX = 0xf_ffff;

/**
 * vSVA v8 (2021-03): NESTING_OP as in version 6, but a bind returns its error. PASIDs come from a file descriptor of their
 * own, which is not part of the container: every number that a device can send counts as allocated there.
 */
export class Container202103 extends NestingContainer {
  /** A bind does not ask the container for a vfio_mm any more. */
  readonly hasVmm = true;

  protected series(name: string, argument: bigint, fail: FailPoints): CallResult | undefined {
    return name === 'VFIO_IOMMU_NESTING_OP' ? nestingOp(this, argument, fail) : undefined;
  }

  protected isAllocated(pasid: number): boolean {
    return 0 < pasid && pasid <= PASID_MAX;
  }

  /** vfio_iommu_type1_info_cap_nesting with iommu_nesting_info, whose vendor member is iommu_nesting_info_vtd. */
  protected nestingCapability(): Uint8Array {
    const bytes = capability(CAP_NESTING, 8 + INFO_SIZE);
    putUint(bytes, 8, 4, BigInt(INFO_SIZE));
    putUint(bytes, 16, 4, BigInt(FORMAT_INTEL_VTD));
    putUint(bytes, 20, 4, BigInt(FEATURES));
    putUint(bytes, 24, 2, BigInt(this.driver.addressWidth));
    putUint(bytes, 26, 2, BigInt(this.driver.pasidBits));
    putUint(bytes, 56, 8, this.driver.cap);
    putUint(bytes, 64, 8, this.driver.ecap);
    return bytes;
  }
}

export const bootVfio202103 = (platform: Platform): Container202103 => new Container202103(platform).boot();
