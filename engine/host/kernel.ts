import type { CallResult, FailPoints } from './check.ts';

/** Where a lifecycle step attaches a device: an object of the generation (`to E`) and a PASID, where it has them. */
export interface Target {
  /** Id of the iommufd object named by `to`. */
  readonly to?: bigint;
  readonly pasid?: number;
}

/** What reading a queue gave: the result of read(2), and the bytes where it returned any. */
export interface FdRead {
  readonly result: CallResult;
  readonly bytes?: Uint8Array;
  /** Puts back what was taken, where the caller's buffer turns out not to be writable. */
  restore?(): void;
}

/** What a device raises by itself: the bytes of a record, with the struct it was written as. */
export interface Injection {
  readonly struct: string | undefined;
  readonly bytes: Uint8Array;
}

/** A page that a device with PRI asked for, as the unit's page request queue holds it. */
export interface DevicePageRequest {
  /** Undefined where the request came without one. */
  readonly pasid: number | undefined;
  readonly address: bigint;
  readonly access: 'read' | 'write' | 'exec';
  readonly privileged: boolean;
}

/**
 * What a scenario step may ask of the kernel of one generation. Every call consumes bytes in user memory. A kernel that
 * lacks what a step asks for answers with a `Problem`; `KernelBase` does so for everything but the ioctl.
 */
export interface Kernel {
  /**
   * ioctl(2) on the generation's file descriptor, or on the device's own where a step says `on DEV`.
   * @param argument the address of the payload, or a plain number
   */
  ioctl(command: number, argument: bigint, fail: FailPoints, device?: string): CallResult | Problem;
  /** A function inside the kernel that another driver calls, in generations that post no ioctl. */
  call(name: string, argument: bigint, device: string | undefined, fail: FailPoints): CallResult | Problem;
  attach(device: string, target: Target, fail: FailPoints): CallResult | Problem;
  replace(device: string, target: Target, fail: FailPoints): CallResult | Problem;
  detach(device: string, target: Target): CallResult | Problem;
  /** The device leaves the file descriptor (VFIO_DEVICE_BIND_IOMMUFD undone). */
  unbind(device: string): CallResult | Problem;
  reset(device: string): CallResult | Problem;
  /** The owning process dies: its file descriptors close. */
  exit(): CallResult | Problem;
  /** Another process of the machine dies. */
  processExit(name: string): CallResult | Problem;
  /** The VMM edits the second stage; flushes are issued as the generation's driver does. */
  hostMap(gpa: bigint, hpa: bigint, size: bigint): CallResult | Problem;
  hostUnmap(gpa: bigint, size: bigint): CallResult | Problem;
  hostProtect(gpa: bigint, size: bigint, read: boolean, write: boolean): CallResult | Problem;
  /** read(2) of at most `size` bytes on the queue with this file descriptor. */
  readFd(fd: bigint, size: number, fail: FailPoints): FdRead | Problem;
  writeFd(fd: bigint, bytes: Uint8Array, fail: FailPoints): CallResult | Problem;
  /** The device raises a fault, a page request or an event. */
  inject(device: string, record: Injection): CallResult | Problem;
  /**
   * The hardware has queued a page request of the device; a kernel that has no use for it leaves it there.
   * @returns kernel log lines
   */
  pageRequest(device: string, request: DevicePageRequest): readonly string[];
  /**
   * The hardware has reported a fault: its handler takes the record from the queue.
   * @param words the record, 64 bits each. @returns kernel log lines
   */
  faultRecord(words: readonly bigint[]): readonly string[];
  /** Answers a page request. @param argument the address of the response in user memory */
  respond(argument: bigint, fail: FailPoints): CallResult | Problem;
  /** Whether the device has a page table bound to the PASID; without a PASID, whether it is attached. */
  isBound(device: string, target: Target): boolean | Problem;
  /** Why an access of the device with this PASID cannot be followed: what it would walk is not modelled. */
  notWalkable(device: string, pasid: number): Problem | undefined;
  /** The words of the kernel's own mock: of a nested hwpt (`iotlb`), or of a device (`devcache`). */
  mockWords(what: 'iotlb', hwpt: bigint): readonly number[] | Problem;
  mockWords(what: 'devcache', device: string): readonly number[] | Problem;
  /** The page table whose guest-owned stage translates a device's requests, where user space can invalidate it by an id. */
  nestedTableOf(device: string, pasid: number | undefined): bigint | undefined;
  /** The id that a guest has for a device, where the kernel knows it. */
  virtualIdOf(device: string): bigint | undefined;
  /** What the file descriptor knows by name: `dev0.id`, `ioas.id`; undefined for anything else. */
  member(object: string, path: readonly string[]): bigint | undefined;
  /** Commands queued to the hardware since the last time this was asked, without the waits that follow them. */
  takeIssued(): bigint[][];
}

/** A request that makes no sense, as opposed to one that the kernel refuses. */
export interface Problem {
  readonly problem: string;
}

export const isProblem = (value: unknown): value is Problem =>
  typeof value === 'object' && value !== null && 'problem' in value;

/** A kernel that has nothing but its ioctl: each generation adds what it has. */
export abstract class KernelBase implements Kernel {
  /** What the answers call this kernel: `a VFIO container`. */
  protected abstract readonly what: string;

  abstract ioctl(command: number, argument: bigint, fail: FailPoints, device?: string): CallResult | Problem;

  call(name: string, _argument: bigint, _device: string | undefined, _fail: FailPoints): CallResult | Problem {
    return this.lacks(`a call ${name}`);
  }
  attach(_device: string, _target: Target, _fail: FailPoints): CallResult | Problem {
    return this.lacks('attach');
  }
  replace(_device: string, _target: Target, _fail: FailPoints): CallResult | Problem {
    return this.lacks('replace');
  }
  detach(_device: string, _target: Target): CallResult | Problem {
    return this.lacks('detach');
  }
  unbind(_device: string): CallResult | Problem {
    return this.lacks('unbind');
  }
  reset(_device: string): CallResult | Problem {
    return this.lacks('reset');
  }
  exit(): CallResult | Problem {
    return this.lacks('exit');
  }
  processExit(_name: string): CallResult | Problem {
    return this.lacks('a process that it has to do with');
  }
  hostMap(_gpa: bigint, _hpa: bigint, _size: bigint): CallResult | Problem {
    return this.lacks('a second stage to edit');
  }
  hostUnmap(_gpa: bigint, _size: bigint): CallResult | Problem {
    return this.lacks('a second stage to edit');
  }
  hostProtect(_gpa: bigint, _size: bigint, _read: boolean, _write: boolean): CallResult | Problem {
    return this.lacks('a second stage to edit');
  }
  readFd(_fd: bigint, _size: number, _fail: FailPoints): FdRead | Problem {
    return this.lacks('a queue to read');
  }
  writeFd(_fd: bigint, _bytes: Uint8Array, _fail: FailPoints): CallResult | Problem {
    return this.lacks('a queue to write');
  }
  inject(_device: string, _record: Injection): CallResult | Problem {
    return this.lacks('a way to report what a device raises');
  }
  pageRequest(_device: string, _request: DevicePageRequest): readonly string[] {
    return [];
  }
  faultRecord(_words: readonly bigint[]): readonly string[] {
    return [];
  }
  respond(_argument: bigint, _fail: FailPoints): CallResult | Problem {
    return this.lacks('a page response');
  }
  isBound(_device: string, _target: Target): boolean | Problem {
    return this.lacks('bindings');
  }
  notWalkable(_device: string, _pasid: number): Problem | undefined {
    return undefined;
  }
  mockWords(_what: 'iotlb' | 'devcache', _object: bigint | string): readonly number[] | Problem {
    return this.lacks('the words of the mock: they need "iommu selftest"');
  }
  nestedTableOf(_device: string, _pasid: number | undefined): bigint | undefined {
    return undefined;
  }
  virtualIdOf(_device: string): bigint | undefined {
    return undefined;
  }
  member(_object: string, _path: readonly string[]): bigint | undefined {
    return undefined;
  }
  takeIssued(): bigint[][] {
    return [];
  }

  protected lacks(feature: string): Problem {
    return { problem: `${this.what} has no such thing as ${feature}` };
  }
}
