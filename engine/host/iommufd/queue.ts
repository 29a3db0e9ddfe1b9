import { type CallResult, check, done, type Refusal, refuse } from '../check.ts';
import type { FdRead } from '../kernel.ts';
import { Obj } from './objects.ts';
import { failed } from './result.ts';

const SRC = 'Linux 7.2';

export const QUEUE_CHECKS = Object.freeze({
  readCount: check(
    'queue-read-count',
    'ESPIPE',
    'iommufd_fault_fops_read',
    'The room is no multiple of the size of a record.',
    'source',
    SRC,
  ),
  readShort: check(
    'queue-read-short',
    'EINVAL',
    'iommufd_fault_fops_read',
    'The first group of faults, or the first event, does not fit into the room that is given.',
    'source',
    SRC,
  ),
  writeCount: check(
    'queue-write-count',
    'ESPIPE',
    'iommufd_fault_fops_write',
    'What is written is no multiple of the size of a response.',
    'source',
    SRC,
  ),
  writeCode: check(
    'response-code',
    'EINVAL',
    'iommufd_fault_fops_write',
    'The code of a response is neither SUCCESS nor INVALID.',
    'source',
    SRC,
  ),
  writeCookie: check(
    'response-cookie',
    'EINVAL',
    'iommufd_fault_fops_write',
    'No fault that was read waits for this cookie.',
    'source',
    SRC,
  ),
  writeNoOp: check('queue-not-written', 'EINVAL', 'vfs_write', 'A queue of events is only read.', 'source', SRC),
  badFd: check('fd-unknown', 'EBADF', 'fget', 'No queue has this file descriptor.', 'source', SRC),
});

/** A queue with a file descriptor of its own: `struct iommufd_eventq`. */
export abstract class Queue extends Obj {
  readonly fd: number;

  constructor(fd: number) {
    super();
    this.fd = fd;
    // The open file is a user.
    this.users++;
  }

  /** read(2) of at most `size` bytes. */
  abstract read(size: number): FdRead;
  abstract write(bytes: Uint8Array): CallResult;
}

export const readFailed = (refusal: Refusal): FdRead => ({ result: failed(refusal) });
export const readDone = (bytes: Uint8Array, restore: () => void): FdRead => ({
  result: done(bytes.length),
  bytes,
  restore,
});
export const noSuchFd = (fd: bigint): Refusal => refuse(QUEUE_CHECKS.badFd, { found: `fd ${fd}` });
