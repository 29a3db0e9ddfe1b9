import type { CallResult } from '../check.ts';
import type { Problem } from '../kernel.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { BoundTable } from './bind.ts';

/** A page request or a stalled access that waits for its answer; the answer repeats group and PASID. */
export interface PageRequest {
  readonly device: DeviceConfig;
  readonly group: number;
  /** Undefined for a request without PASID. */
  readonly pasid: number | undefined;
  /** The access waits in the IOMMU, under its group as the tag. */
  readonly stalled?: boolean;
}

/** The IOMMU of the host, with the domain of the devices and their tables in memory. */
export interface HostIommu {
  /** Why an access with a PASID cannot be followed; undefined where it can. */
  readonly notWalkable: Problem | undefined;
  join(devices: readonly DeviceConfig[]): void;
  leave(devices: readonly DeviceConfig[]): void;
  /** The table of a guest takes its place in the context of a device, or leaves it, and what was cached goes. */
  setTable(device: DeviceConfig, table: BoundTable | undefined): void;
  issue(commands: readonly bigint[][]): void;
  /** Sends the answer. @param code 0 success, 1 invalid, 2 failure. @returns what is worth a note */
  answer(request: PageRequest, code: number): string[];
  map(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem;
  unmap(gpa: bigint, size: bigint): CallResult | Problem;
  protect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem;
  takeIssued(): bigint[][];
}
