import type { CallResult, FailPoints } from '../check.ts';
import { IoasidAllocator } from '../ioasid.ts';
import type { Platform } from '../platform.ts';
import { nestingCapability } from './nesting-capability.ts';
import { NestingContainer } from './nesting-container.ts';
import { nestingOp } from './nesting-op.ts';
import { pasidRequest } from './pasid-request.ts';

/** vSVA v6 (2020-07): a container that hands out PASIDs and carries every nesting payload in one ioctl. */
export class Container extends NestingContainer {
  readonly ioasids = new IoasidAllocator();

  /** The vfio_mm exists exactly when SYSWIDE_PASID is offered, which VT-d always does. */
  get hasVmm(): boolean {
    return this.hasNestingInfo;
  }

  protected series(name: string, argument: bigint, fail: FailPoints): CallResult | undefined {
    if (name === 'VFIO_IOMMU_PASID_REQUEST') return pasidRequest(this, argument, fail);
    if (name === 'VFIO_IOMMU_NESTING_OP') return nestingOp(this, argument, fail);
    return undefined;
  }

  protected isAllocated(pasid: number): boolean {
    return this.ioasids.has(pasid);
  }

  protected nestingCapability(): Uint8Array {
    return nestingCapability(this.driver);
  }

  protected override released(): string[] {
    this.ioasids.freeAll();
    return [];
  }
}

export const bootVfio202007 = (platform: Platform): Container => new Container(platform).boot();
