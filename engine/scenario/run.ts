import { errnoName } from '../base/errno.ts';
import { count } from '../base/text.ts';
import { whyNotRunnable } from '../host/index.ts';
import { adviseCommands, MAX_REPLAY } from './advice.ts';
import type { ScenarioFile } from './file.ts';
import { loopValues } from './loop.ts';
import type { ScenarioDecl, Step } from './program.ts';
import type { ScenarioResult } from './result.ts';
import { Runner } from './runner.ts';
import { Session } from './session.ts';

export interface RunOptions {
  /** Steps a scenario may take before it is ended. */
  readonly budget?: number;
  /** Results kept per scenario: the first ones, and every failure up to as many again. */
  readonly keep?: number;
  /** Whether stale accesses are advised about, which runs the scenario again; so by default. */
  readonly advise?: boolean;
  /**
   * Called right before each step but `for`, when time has come to it and nothing of it has happened. `run` counts from 1
   * how often the step has begun. What the call changes in the session the scenario sees; `stop` ends it there.
   */
  readonly beforeStep?: (step: Step, run: number, session: Session) => 'stop' | undefined;
}

export const DEFAULT_BUDGET = 1_000_000;
const DEFAULT_KEEP = 10_000;
/** Values one `for` may have. */
const MAX_VALUES = 10_000;

/** One run of a scenario: the scenario, and the loop value it runs with. */
export interface Variant {
  readonly scenario: ScenarioDecl;
  readonly name: string;
  readonly value?: bigint;
}

/** The runs of a scenario: one, or one per `for` value; or why its values cannot be had. */
export function variantsOf(
  file: ScenarioFile,
  scenario: ScenarioDecl,
): readonly Variant[] | { readonly problem: string } {
  if (!scenario.loop) return [{ scenario, name: scenario.title }];
  const values = loopValues(scenario.loop.values, new Session(file, 'values only').names.scope());
  if ('problem' in values) return values;
  if (MAX_VALUES < values.count) return { problem: `${count(values.count, 'value')} are more than ${MAX_VALUES}` };
  const name = scenario.loop.name.text;
  const list =
    'list' in scenario.loop.values && scenario.loop.values.list.kind === 'list' ? scenario.loop.values.list.items : [];
  return Array.from({ length: values.count }, (_, i) => {
    const value = values.at(i);
    const written = list[i];
    // A literal is shown as it was written, so that the report and the file speak of the same thing.
    const shown =
      written?.kind === 'int'
        ? file.text.slice(written.start, written.end)
        : 0xffff_ffffn < value
          ? `0x${value.toString(16)}`
          : `${value}`;
    return { scenario, value, name: `${scenario.title} [${name}=${shown}]` };
  });
}

/** Runs a scenario on a fresh machine to its end. Deterministic. */
export function runScenario(file: ScenarioFile, variant: Variant, options: RunOptions = {}): ScenarioResult {
  const run = startScenario(file, variant, options);
  for (;;) {
    const next = run.next();
    if (next.done) return next.value;
  }
}

/**
 * The same, giving back control after every step but the quick ones of a loop, behind some hundred of which it does so too:
 * a caller can stop it or serve others in between.
 */
export function* startScenario(
  file: ScenarioFile,
  variant: Variant,
  options: RunOptions = {},
): Generator<void, ScenarioResult> {
  const { scenario, value, name } = variant;
  const unavailable = whyNotRunnable(file.generation.id, file.machine.model);
  if (unavailable !== undefined) return { name, status: 'failed', message: unavailable, steps: [], stepsRun: 0 };
  const session = new Session(file);
  if (scenario.loop && value !== undefined) session.names.locals.set(scenario.loop.name.text, { value });
  const { budget = DEFAULT_BUDGET, keep = DEFAULT_KEEP, beforeStep } = options;
  const runner = new Runner(session, scenario.steps, { budget, keep, ...(beforeStep ? { beforeStep } : {}) });
  while (runner.advance()) yield;
  const { end } = runner;
  const { hardware } = session.machine;
  session.machine.scrap();
  if (hardware && options.advise !== false)
    adviseCommands(runner.results, hardware, (beforeStep) => {
      runScenario(file, variant, { budget: MAX_REPLAY, keep: 0, advise: false, beforeStep });
    });
  const trouble = session.trouble();
  const failed = runner.failed || end !== undefined || trouble !== undefined;
  return {
    name,
    status: failed ? 'failed' : 'passed',
    message: end ?? trouble ?? '',
    steps: runner.results,
    stepsRun: runner.ran,
  };
}

/** The errno word of a negative return value. */
export const errnoOf = (returned: number): ReturnType<typeof errnoName> =>
  returned < 0 ? errnoName(-returned) : undefined;
