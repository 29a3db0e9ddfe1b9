import type { Happened } from './expect.ts';
import type { Step } from './program.ts';
import type { Session } from './session.ts';

/** Steps of one scenario that are looked at; counting walks for every entry that goes, so loops go without. */
const MAX_COUNTED = 64;

/** Steps that a scenario writes to invalidate something, as opposed to those whose kernel flushes by the way. */
const isInvalidation = (session: Session, step: Step): boolean =>
  step.kind === 'invalidate' || step.kind === 'command' || (step.kind === 'submit' && session.submitsInvalidation());

/**
 * Carries out a step that may invalidate, and notes how many translations it dropped and how many of them were out of
 * date. More dropped than needed: something smaller would have done, for this scenario and at this point of it.
 */
export function counted(session: Session, step: Step, carryOut: () => Happened): Happened {
  const { machine } = session;
  if (!machine.hasHardware || MAX_COUNTED <= session.invalidationsCounted) return carryOut();
  const { unit } = machine;
  session.invalidationsCounted++;
  unit.countStale = true;
  unit.tally = { dropped: 0, needed: 0 };
  const happened = carryOut();
  unit.countStale = false;
  const { dropped, needed } = unit.tally;
  if (dropped <= needed || !isInvalidation(session, step)) return happened;
  const { detail } = happened;
  return {
    ...happened,
    detail: { ...detail, dropped, needed, notes: [...(detail.notes ?? []), `dropped ${dropped}, needed ${needed}`] },
  };
}
