import { errnoName } from '../base/errno.ts';
import type { CallResult } from '../host/check.ts';
import { isProblem, type Problem } from '../host/kernel.ts';
import type { NoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import type { Detail } from './result.ts';
import type { Session } from './session.ts';

/** A step that makes no sense on this machine, as opposed to one that the kernel or the hardware refuses. */
export const problem = (message: string): Happened => ({ outcome: 'problem', detail: {}, problem: message });
export const plain = (detail: Detail = {}): Happened => ({ outcome: 'ok', detail });
export const noValue = (value: NoValue): Happened => problem(value.message);

/** Notes the commands that a step made the kernel send. */
export function noteIssued(session: Session): bigint[][] {
  const issued = session.machine.kernel.takeIssued();
  for (const words of issued) session.noteInvalidation(words);
  return issued;
}

/** Turns what a call did into an outcome, and notes the commands it made the kernel send. */
export function fromCall(session: Session, result: CallResult | Problem): Happened {
  const issued = noteIssued(session);
  if (isProblem(result)) return problem(result.problem);
  const errno = result.returned < 0 ? errnoName(-result.returned) : undefined;
  const reason = result.refusal?.check.id ?? result.skip?.id;
  const detail: Detail = {
    returns: BigInt(result.returned),
    ...(result.refusal ? { refusal: result.refusal } : {}),
    ...(reason ? { reason } : {}),
    ...(result.hidden ? { hidden: result.hidden } : {}),
    ...(result.skip ? { skip: result.skip } : {}),
    ...(issued.length > 0 ? { issued } : {}),
    ...(issued.length > 0 ? { issuedText: issued.map((words) => session.machine.describe(words)) } : {}),
    ...(result.notes.length > 0 ? { notes: result.notes } : {}),
  };
  return { outcome: errno ?? 'ok', detail };
}
