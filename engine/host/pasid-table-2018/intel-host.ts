import type { CallResult } from '../check.ts';
import { IntelDriver } from '../intel/driver.ts';
import type { Problem } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { Platform, VtdPlatform } from '../platform.ts';
import { flushContext, vtdCommands } from './commands.ts';
import type { HostIommu, PageRequest } from './host-iommu.ts';

/** A VT-d unit: requests without PASID go by its second stage; a guest's own PASID table is not walked. */
export class IntelHost implements HostIommu {
  readonly notWalkable = {
    problem: "a PASID table of the guest's own is bound here as a whole, and no access is walked through it",
  };
  readonly #driver: IntelDriver;
  #issued: bigint[][] = [];

  constructor({ config, quirk }: Platform, vtd: VtdPlatform) {
    const { cap, ecap, devices } = config;
    this.#driver = new IntelDriver({ ...vtd, cap, ecap, devices, isAllocated: () => false, quirk });
    for (const group of this.#driver.groups()) this.#driver.attachGroup(group, false);
    this.#driver.queue.takeIssued();
  }

  join([device]: readonly DeviceConfig[]): void {
    if (device) this.#driver.attachGroup(this.#driver.groupOf(device.name), false);
  }

  leave([device]: readonly DeviceConfig[]): void {
    if (device) this.#driver.detachGroup(this.#driver.groupOf(device.name));
  }

  setTable(device: DeviceConfig): void {
    this.issue(flushContext(vtdCommands, device));
  }

  issue(commands: readonly bigint[][]): void {
    this.#issued.push(...commands);
    for (const words of commands) this.#driver.unit.invalidate(words);
  }

  /**
   * The driver's descriptor. It copies the code as it is, so FAILURE (2) reaches a device as a reserved value of RC, which
   * means failure as 0xF does (VT-d 7.4.3).
   */
  answer({ device, group, pasid }: PageRequest, code: number): string[] {
    this.#driver.queue.issue('page_grp_resp', {
      PP: pasid === undefined ? 0 : 1,
      RC: code,
      RID: device.sid,
      PASID: pasid ?? 0,
      LPIG: 1,
      PRGI: group & 0x1ff,
    });
    return 1 < code ? [`RC ${code} is reserved in hardware, which takes it as failure (0xf)`] : [];
  }

  map(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.#driver.mapSecondStage(gpa, hpa, size);
  }

  unmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.#driver.unmapSecondStage(gpa, size);
  }

  protect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.#driver.protectSecondStage(gpa, size, read, write);
  }

  takeIssued(): bigint[][] {
    const issued = [...this.#driver.queue.takeIssued(), ...this.#issued];
    this.#issued = [];
    return issued;
  }
}
