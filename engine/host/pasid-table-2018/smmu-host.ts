import { GuestTables } from '../arm-smmu-v3/guest-tables.ts';
import { Smmu } from '../arm-smmu-v3/smmu.ts';
import type { CallResult } from '../check.ts';
import type { Problem } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { Platform, SmmuPlatform } from '../platform.ts';
import type { BoundTable } from './bind.ts';
import { smmuv3Commands } from './commands.ts';
import type { HostIommu, PageRequest } from './host-iommu.ts';

/** CMD_PRI_RESP.Resp for SUCCESS, INVALID and FAILURE. */
const RESP: readonly number[] = [2, 1, 0];
const SUCCESS = 0;

/**
 * An SMMUv3: the domain of the devices is a second stage, and the table of a guest takes the place of stage 1, one for
 * each device. No driver of the time did so; its entries are those of the posting of 2020.
 */
export class SmmuHost implements HostIommu {
  readonly notWalkable = undefined;
  readonly #smmu: Smmu;
  readonly #tables: GuestTables;

  constructor({ config }: Platform, hardware: SmmuPlatform) {
    this.#smmu = new Smmu(hardware, config.devices, { steUpdate: 'old', hasRanges: false });
    const root = this.#smmu.canNest ? hardware.root : undefined;
    this.#tables = new GuestTables(this.#smmu, { root, ram: config.ram });
    this.#tables.join(config.devices);
    this.#smmu.queue.take();
  }

  join(devices: readonly DeviceConfig[]): void {
    this.#tables.join(devices);
  }

  leave(devices: readonly DeviceConfig[]): void {
    this.#tables.leave(devices);
  }

  setTable(device: DeviceConfig, table: BoundTable | undefined): void {
    const guest = table && { base: table.basePtr, format: table.s1fmt, cdMax: table.pasidBits, dss: table.s1dss };
    this.#tables.setGuest(guest ?? 'bypass', device);
    const base = { device, pasid: 0, addr: 0n, order: 0, leaf: false };
    // The entry has flushed itself on the way.
    for (const cache of ['PASID table', 'TLB'] as const)
      this.issue(smmuv3Commands({ ...base, cache, scope: 'domain' }) ?? []);
  }

  issue(commands: readonly bigint[][]): void {
    this.#smmu.queue.issue(...commands);
  }

  answer({ device, group, pasid, stalled }: PageRequest, code: number): string[] {
    const { queue } = this.#smmu;
    if (stalled) queue.issueResume(device.sid, group, code === SUCCESS);
    else queue.issuePriResponse(device.sid, pasid, group & 0x1ff, RESP[code]!);
    return [];
  }

  /** The group of the page request that the SMMU has queued last. */
  takePageRequest(): number {
    return this.#smmu.takePageRequest();
  }

  map(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem {
    return this.#tables.map(gpa, hpa, size);
  }

  unmap(gpa: bigint, size: bigint): CallResult | Problem {
    return this.#tables.unmap(gpa, size);
  }

  protect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem {
    return this.#tables.protect(gpa, size, { read, write });
  }

  takeIssued(): bigint[][] {
    return this.#smmu.queue.take();
  }
}
