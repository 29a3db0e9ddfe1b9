import { type Refusal, refuse } from '../check.ts';
import type { IntelDevice } from '../intel/driver.ts';
import { VfioContainer } from '../vfio-container/container.ts';
import { iovaRangeCapability } from '../vfio-container/get-info.ts';
import { CHECKS } from './checks.ts';

/** A container whose nesting type holds one group and reports what its IOMMU can nest: vSVA from version 6 on. */
export abstract class NestingContainer extends VfioContainer {
  /** Whether page tables are bound to PASIDs of a vfio_mm, which the container must then have. */
  abstract readonly hasVmm: boolean;
  protected abstract nestingCapability(): Uint8Array;

  /** The series fills nesting_info when the first group joins a container of the nesting type. */
  get hasNestingInfo(): boolean {
    return this.isNesting && this.hasDomain;
  }

  /** Devices of the one group that a nesting container holds. */
  groupDevices(): readonly IntelDevice[] {
    return this.driver.attached();
  }

  override capabilities(): readonly Uint8Array[] {
    const nesting = this.hasNestingInfo ? [this.nestingCapability()] : [];
    return [iovaRangeCapability(this.driver), ...nesting];
  }

  protected override secondGroup(): Refusal | undefined {
    if (!this.isNesting) return undefined;
    const attached = this.driver.attached().map((d) => d.name);
    return refuse(CHECKS.attachSecond, {
      found: `${attached.join(', ')} attached already`,
      wanted: 'an empty container',
    });
  }

  /** vfio_iommu_type1_detach_group: unbinds every PASID of the process from the group. */
  protected override leaving(group: readonly IntelDevice[]): string[] {
    return this.hasNestingInfo ? this.driver.unbindAll(group) : [];
  }
}
