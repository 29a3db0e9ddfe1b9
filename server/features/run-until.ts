import { runScenario, type ScenarioFile, type Step, variantsOf, whyNotRunnable } from '../../engine/index.ts';
import type { Session } from '../../engine/scenario/session.ts';
import type { ScenarioDecl } from '../language/syntax.ts';

/** Steps that may run before the one that is asked for; beyond it a replay would keep the editor waiting. */
export const MAX_STEPS = 20_000;

/**
 * Runs the first variant of a scenario until `look` has seen what it wants. @param look asked before each step; anything
 * but undefined ends the run
 */
export function runUntil<T>(
  file: ScenarioFile,
  scenario: ScenarioDecl,
  look: (step: Step, session: Session) => T | undefined,
): T | undefined {
  if (whyNotRunnable(file.generation.id, file.machine.model) !== undefined) return undefined;
  const variants = variantsOf(file, scenario);
  const variant = 'problem' in variants ? undefined : variants[0];
  if (!variant) return undefined;
  let seen: T | undefined;
  runScenario(file, variant, {
    budget: MAX_STEPS,
    keep: 0,
    advise: false,
    beforeStep: (step, _run, session) => {
      seen = look(step, session);
      return seen === undefined ? undefined : 'stop';
    },
  });
  return seen;
}
