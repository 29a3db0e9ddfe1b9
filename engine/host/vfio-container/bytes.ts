import { ERRNO } from '../../base/errno.ts';
import { getUint } from '../../uapi/index.ts';
import type { CallResult, Refusal } from '../check.ts';

export const u32At = (bytes: Uint8Array, offset: number): number => Number(getUint(bytes, offset, 4));
export const u64At = (bytes: Uint8Array, offset: number): bigint => getUint(bytes, offset, 8);

/** A call that the caller sees fail. */
export const failed = (refusal: Refusal, notes: readonly string[] = []): CallResult => ({
  returned: -ERRNO[refusal.check.errno].code,
  refusal,
  notes,
});

/** A call that failed while the caller sees 0. */
export const hidden = (refusal: Refusal, notes: readonly string[] = []): CallResult => ({
  returned: 0,
  refusal,
  hidden: refusal.check.errno,
  notes,
});
