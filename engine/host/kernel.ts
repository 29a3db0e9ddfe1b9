import type { CallResult, FailPoints } from './check.ts';

/** What a scenario step may ask of the kernel of one generation. Every call consumes bytes in user memory. */
export interface Kernel {
  /** ioctl(2) on the generation's file descriptor. @param argument the address of the payload, or a plain number */
  ioctl(command: number, argument: bigint, fail: FailPoints): CallResult;
  attach(device: string, fail: FailPoints): CallResult;
  detach(device: string): CallResult;
  reset(device: string): CallResult;
  /** The owning process dies: its file descriptors close. */
  exit(): CallResult;
  /** The VMM edits the second stage; flushes are issued as the generation's driver does. */
  hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem;
  hostUnmap(gpa: bigint, size: bigint): CallResult | Problem;
  hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem;
  /** Whether the device has a page table bound to the PASID; without a PASID, whether it is attached. */
  isBound(device: string, pasid: number | undefined): boolean;
}

/** A request that makes no sense, as opposed to one that the kernel refuses. */
export interface Problem {
  readonly problem: string;
}

export const isProblem = (value: object): value is Problem => 'problem' in value;
