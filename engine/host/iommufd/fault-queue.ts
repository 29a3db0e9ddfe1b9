import type { Struct } from '../../uapi/index.ts';
import { type CallResult, done, refuse } from '../check.ts';
import type { FdRead } from '../kernel.ts';
import type { PageFault } from './driver.ts';
import { QUEUE_CHECKS as CHECKS, Queue, readDone, readFailed } from './queue.ts';
import { failed } from './result.ts';
import { View } from './user-data.ts';

/** `IOMMUFD_PAGE_RESP_*`. */
export const RESPONSE = { success: 0, invalid: 1 } as const;
/** `IOMMU_PGFAULT_FLAGS_*`. */
export const FAULT_FLAG = { pasidValid: 1, lastPage: 2 } as const;

/** `struct iopf_group`: the page requests of one group, which are answered together. */
interface FaultGroup {
  readonly faults: readonly PageFault[];
  readonly devId: number;
  /** 0 for the device itself. */
  readonly pasid: number;
  readonly answer: ((code: number) => void) | undefined;
  cookie: number;
}

/** `struct iommufd_fault`: page requests that wait to be read, and those that wait to be answered. */
export class PageFaultQueue extends Queue {
  readonly type = 'fault queue';
  readonly #record: Struct;
  readonly #response: Struct;
  readonly #shortReadRefused: boolean;
  #deliver: FaultGroup[] = [];
  readonly #responses = new Map<number, FaultGroup>();

  constructor(fd: number, structs: { record: Struct; response: Struct }, shortReadRefused: boolean) {
    super(fd);
    this.#record = structs.record;
    this.#response = structs.response;
    this.#shortReadRefused = shortReadRefused;
  }

  /** `iommufd_fault_iopf_handler`. */
  push(devId: number, pasid: number, faults: readonly PageFault[], answer?: (code: number) => void): void {
    this.#deliver.push({ faults, devId, pasid, answer, cookie: 0 });
  }

  read(size: number): FdRead {
    const each = this.#record.size;
    if (size % each !== 0)
      return readFailed(refuse(CHECKS.readCount, { found: `${size} bytes`, wanted: `a multiple of ${each}` }));
    const chunks: Uint8Array[] = [];
    const taken: FaultGroup[] = [];
    let left = size;
    for (;;) {
      const group = this.#deliver[0];
      if (!group) break;
      if (left < group.faults.length * each) {
        if (chunks.length === 0 && this.#shortReadRefused)
          return readFailed(
            refuse(CHECKS.readShort, { found: `${size} bytes`, wanted: `${group.faults.length * each}` }),
          );
        break;
      }
      this.#deliver.shift();
      taken.push(group);
      group.cookie = this.#freeCookie();
      this.#responses.set(group.cookie, group);
      for (const fault of group.faults) chunks.push(this.#message(group, fault));
      left -= group.faults.length * each;
    }
    return readDone(concat(chunks), () => {
      for (const group of taken) this.#responses.delete(group.cookie);
      this.#deliver.unshift(...taken);
    });
  }

  /** The lowest free number from 1 on, as an xarray gives it. */
  #freeCookie(): number {
    let cookie = 1;
    while (this.#responses.has(cookie)) cookie++;
    return cookie;
  }

  #message(group: FaultGroup, fault: PageFault): Uint8Array {
    const view = new View(this.#record);
    view.set('flags', fault.flags);
    view.set('dev_id', group.devId);
    view.set('pasid', fault.pasid);
    view.set('grpid', fault.grpid);
    view.set('perm', fault.perm);
    view.set('addr', fault.addr);
    view.set('cookie', group.cookie);
    return view.bytes;
  }

  /** Responses are taken one by one; what was taken before one that is refused counts. */
  write(bytes: Uint8Array): CallResult {
    const each = this.#response.size;
    if (bytes.length % each !== 0)
      return failed(refuse(CHECKS.writeCount, { found: `${bytes.length} bytes`, wanted: `a multiple of ${each}` }));
    let taken = 0;
    while (taken < bytes.length) {
      const view = new View(this.#response, bytes.slice(taken, taken + each));
      const [cookie, code] = [view.u32('cookie'), view.u32('code')];
      const group = this.#responses.get(cookie);
      const refusal =
        code !== RESPONSE.success && code !== RESPONSE.invalid
          ? refuse(CHECKS.writeCode, { path: 'code', found: `${code}`, wanted: '0 or 1' })
          : group
            ? undefined
            : refuse(CHECKS.writeCookie, { path: 'cookie', found: `${cookie}` });
      if (refusal) return taken === 0 ? failed(refusal) : done(taken);
      this.#responses.delete(cookie);
      group!.answer?.(code);
      taken += each;
    }
    return done(taken);
  }

  /** `iommufd_auto_response_faults`: what waits for an attachment that goes is answered with INVALID. */
  drop(devId: number, pasid: number): void {
    const gone = (group: FaultGroup): boolean => group.devId === devId && group.pasid === pasid;
    for (const group of this.#deliver.filter(gone)) group.answer?.(RESPONSE.invalid);
    this.#deliver = this.#deliver.filter((group) => !gone(group));
    for (const [cookie, group] of [...this.#responses]) {
      if (!gone(group)) continue;
      this.#responses.delete(cookie);
      group.answer?.(RESPONSE.invalid);
    }
  }

  destroy(): void {
    for (const group of [...this.#deliver, ...this.#responses.values()]) group.answer?.(RESPONSE.invalid);
    this.#deliver = [];
    this.#responses.clear();
  }
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
