import { ERRNO } from '../../base/errno.ts';
import type { CallResult, Refusal } from '../check.ts';

/** A call that the caller sees fail. */
export const failed = (refusal: Refusal, notes: readonly string[] = []): CallResult => ({
  returned: -ERRNO[refusal.check.errno].code,
  refusal,
  notes,
});
