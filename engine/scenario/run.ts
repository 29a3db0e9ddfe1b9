import { errnoName } from '../base/errno.ts';
import { count } from '../base/text.ts';
import { whyNotRunnable } from '../host/index.ts';
import { evaluate, integer, isNoValue, type Value } from './evaluate.ts';
import { judge } from './expect.ts';
import type { ScenarioFile } from './file.ts';
import type { ForStep, LoopValues, ScenarioDecl, Step } from './program.ts';
import type { ScenarioResult, StepResult } from './result.ts';
import { Session } from './session.ts';
import { runStep } from './steps.ts';

export interface RunOptions {
  /** Steps a scenario may take before it is ended. */
  readonly budget?: number;
  /** Results kept per scenario: the first ones, and every failure up to as many again. */
  readonly keep?: number;
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

/** The same, giving back control after every step, so that a caller can stop it or serve others in between. */
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
  const runner = new Runner(session, options);
  const end = yield* runner.steps(scenario.steps);
  session.machine.scrap();
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

class Runner {
  readonly results: StepResult[] = [];
  failed = false;
  ran = 0;
  readonly #session: Session;
  readonly #budget: number;
  readonly #keep: number;
  readonly #beforeStep: RunOptions['beforeStep'];
  readonly #runs = new Map<Step, number>();
  #failuresKept = 0;

  constructor(session: Session, options: RunOptions) {
    this.#session = session;
    this.#budget = options.budget ?? DEFAULT_BUDGET;
    this.#keep = options.keep ?? DEFAULT_KEEP;
    this.#beforeStep = options.beforeStep;
  }

  /** Runs steps in order. Returns why the scenario had to end early, if it had to. */
  *steps(steps: readonly Step[]): Generator<void, string | undefined> {
    for (const step of steps) {
      if (this.#budget <= this.ran)
        return `the step budget of ${this.#budget} is used up; a smaller loop or --max-steps N helps`;
      const end = step.kind === 'for' ? yield* this.#loop(step) : this.#step(step);
      if (end !== undefined) return end;
      yield;
    }
    return undefined;
  }

  *#loop(step: ForStep): Generator<void, string | undefined> {
    const { locals } = this.#session.names;
    const values = loopValues(step.values, this.#session.names.scope());
    if ('problem' in values) {
      this.#record(step, { outcome: 'problem', detail: {} }, { passed: false, message: values.problem });
      return undefined;
    }
    const outer = locals.get(step.name.text);
    for (let i = 0; i < values.count; i++) {
      locals.set(step.name.text, { value: values.at(i) });
      // A turn counts as a step, so that an empty body cannot spin for ever.
      this.ran++;
      const end = yield* this.steps(step.steps);
      if (end !== undefined) return end;
      if (step.steps.length === 0) yield;
      if (this.#budget <= this.ran && i + 1 < values.count)
        return `the step budget of ${this.#budget} is used up; a smaller loop or --max-steps N helps`;
    }
    if (outer) locals.set(step.name.text, outer);
    else locals.delete(step.name.text);
    return undefined;
  }

  #step(step: Step): string | undefined {
    this.ran++;
    const run = (this.#runs.get(step) ?? 0) + 1;
    this.#runs.set(step, run);
    this.#session.beginStep({ step, run });
    if (this.#beforeStep?.(step, run, this.#session) === 'stop') return 'the run was stopped before this step';
    const happened = runStep(this.#session, step);
    const verdict = judge(step.expect, happened, this.#session.names.scope(), this.#session.fieldScope());
    this.#record(step, happened, verdict, run);
    return undefined;
  }

  #record(
    step: Step,
    happened: ReturnType<typeof runStep>,
    verdict: { passed: boolean; message: string },
    run = 1,
  ): void {
    const status = verdict.passed ? 'passed' : 'failed';
    const keep = this.results.length < this.#keep || (status === 'failed' && this.#failuresKept++ < this.#keep);
    if (keep)
      this.results.push({
        step,
        run,
        status,
        outcome: happened.outcome,
        message: verdict.message,
        detail: happened.detail,
        afterFailure: this.failed,
      });
    if (status === 'failed') this.failed = true;
  }
}

interface LoopRange {
  readonly count: number;
  at(i: number): bigint;
}

function loopValues(
  values: LoopValues,
  scope: ReturnType<Session['names']['scope']>,
): LoopRange | { readonly problem: string } {
  if ('list' in values) {
    const list: Value | ReturnType<typeof evaluate> = evaluate(values.list, scope);
    if (isNoValue(list)) return { problem: list.message };
    if (!Array.isArray(list)) return { problem: 'for needs a list of numbers or a range A..B' };
    if (!list.every((v) => typeof v === 'bigint')) return { problem: 'for goes over numbers only' };
    return { count: list.length, at: (i) => list[i] as bigint };
  }
  const [from, to] = [integer(values.from, scope), integer(values.to, scope)];
  if (isNoValue(from)) return { problem: from.message };
  if (isNoValue(to)) return { problem: to.message };
  const span = to < from ? 0n : to - from;
  return { count: Number(span), at: (i) => from + BigInt(i) };
}

/** The errno word of a negative return value. */
export const errnoOf = (returned: number): ReturnType<typeof errnoName> =>
  returned < 0 ? errnoName(-returned) : undefined;
