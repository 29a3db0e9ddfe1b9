/**
 * The errnos these UAPIs return, with their Linux numbers and what they mean here.
 * Source: include/uapi/asm-generic/errno-base.h, errno.h; ENOTSUPP is the kernel-internal 524.
 */
export const ERRNO = {
  EPERM: { code: 1, means: 'the caller may not do this' },
  ENOENT: { code: 2, means: 'an object, PASID or capability with that number does not exist' },
  ESRCH: { code: 3, means: 'no such process' },
  EINTR: { code: 4, means: 'a signal interrupted the call' },
  EIO: { code: 5, means: 'the hardware or its descriptor refused the request' },
  E2BIG: { code: 7, means: 'non-zero bytes lie past the part this kernel understands' },
  EBADF: { code: 9, means: 'not an open file descriptor' },
  EAGAIN: { code: 11, means: 'nothing to read now' },
  ENOMEM: { code: 12, means: 'the kernel ran out of memory' },
  EACCES: { code: 13, means: 'access to the object is denied' },
  EFAULT: { code: 14, means: 'a user address could not be read or written' },
  EBUSY: { code: 16, means: 'the object is in use or already attached' },
  EEXIST: { code: 17, means: 'the object exists already' },
  ENODEV: { code: 19, means: 'no such device, or its driver lacks the operation' },
  EINVAL: { code: 22, means: 'a field has a value that the call does not accept' },
  ENOTTY: { code: 25, means: 'the file descriptor does not know this ioctl' },
  ENOSPC: { code: 28, means: 'no number or quota is left' },
  ESPIPE: { code: 29, means: 'position or length does not fit a record' },
  ERANGE: { code: 34, means: 'a result is out of range' },
  EOVERFLOW: { code: 75, means: 'a range wraps or does not fit' },
  EMSGSIZE: { code: 90, means: 'the buffer is too small for all there is' },
  EOPNOTSUPP: { code: 95, means: 'this kernel, container or hardware does not support the request' },
  EADDRINUSE: { code: 98, means: 'a range is in use already' },
  ETIMEDOUT: { code: 110, means: 'the hardware did not answer in time' },
  ENOTSUPP: { code: 524, means: 'kernel-internal "not supported" (524) that leaks to user space; not EOPNOTSUPP (95)' },
} as const;

export type Errno = keyof typeof ERRNO;

export const isErrno = (name: string): name is Errno => Object.hasOwn(ERRNO, name);

/** The errno name of a positive code, if it is one of ours. */
export const errnoName = (code: number): Errno | undefined =>
  (Object.keys(ERRNO) as Errno[]).find((name) => ERRNO[name].code === code);
