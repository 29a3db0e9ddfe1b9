import { judge, type Verdict } from './expect.ts';
import type { Bound } from './file.ts';
import { type LoopRange, loopValues } from './loop.ts';
import type { ForStep, Step } from './program.ts';
import { QuietAccess } from './quiet-access.ts';
import type { StepResult } from './result.ts';
import type { RunOptions } from './run.ts';
import type { Session } from './session.ts';
import { runStep } from './steps.ts';

/** Turns and accesses of a loop, a few hundred microseconds of them, for which nobody is let in between. */
const BETWEEN_PAUSES = 256;

/** A step of a running scenario. */
interface Prepared {
  readonly step: Step;
  /** How often it has begun. */
  run: number;
  /** Steps of a `for`. */
  readonly body: readonly Prepared[];
  /** Made ready when it runs again; null for what has to go the long way. */
  quiet: QuietAccess | null | undefined;
}

const prepare = (steps: readonly Step[]): Prepared[] =>
  steps.map((step) => ({ step, run: 0, body: step.kind === 'for' ? prepare(step.steps) : [], quiet: undefined }));

/** Steps that run one after the other: those of the scenario, or those of a loop in one of its turns. */
interface Frame {
  readonly steps: readonly Prepared[];
  /** The step that comes next. */
  at: number;
  readonly loop?: Loop;
}

interface Loop {
  readonly name: string;
  readonly values: LoopRange;
  /** The turn that comes next. */
  turn: number;
  /** What the name meant outside. */
  readonly outer: Bound | undefined;
}

/** Carries out the steps of a scenario in order and keeps their results. */
export class Runner {
  readonly results: StepResult[] = [];
  failed = false;
  ran = 0;
  /** Why the scenario had to end early, if it had to. */
  end: string | undefined;
  readonly #session: Session;
  readonly #budget: number;
  readonly #keep: number;
  readonly #beforeStep: RunOptions['beforeStep'];
  /** The innermost loop comes last. */
  readonly #frames: Frame[];
  #failuresKept = 0;

  constructor(
    session: Session,
    steps: readonly Step[],
    { budget, keep, beforeStep }: RunOptions & Required<Pick<RunOptions, 'budget' | 'keep'>>,
  ) {
    this.#session = session;
    this.#budget = budget;
    this.#keep = keep;
    this.#beforeStep = beforeStep;
    this.#frames = [{ steps: prepare(steps), at: 0 }];
  }

  /** Goes on up to where others can be let in: behind a step, or a number of quick ones. False: the scenario is over. */
  advance(): boolean {
    for (let quick = 0; quick < BETWEEN_PAUSES; quick++) {
      const frame = this.#frames.at(-1);
      if (!frame || this.end !== undefined) return false;
      const prepared = frame.steps[frame.at];
      if (!prepared) this.#turn(frame);
      else if (this.#mayGoOn()) {
        frame.at++;
        const { step } = prepared;
        if (step.kind === 'for') this.#enter(step, prepared);
        else if (!this.#step(prepared)) return this.end === undefined;
      }
    }
    return true;
  }

  #mayGoOn(): boolean {
    if (this.ran < this.#budget) return true;
    this.end = `the step budget of ${this.#budget} is used up; a smaller loop or --max-steps N helps`;
    return false;
  }

  #enter(step: ForStep, { body }: Prepared): void {
    const { names } = this.#session;
    const values = loopValues(step.values, names.scope());
    if ('problem' in values) {
      this.#record({ step, run: 1 }, { outcome: 'problem', detail: {} }, { passed: false, message: values.problem });
      return;
    }
    const name = step.name.text;
    this.#frames.push({
      steps: body,
      at: body.length,
      loop: { name, values, turn: 0, outer: names.locals.get(name) },
    });
  }

  /** The next turn of the innermost loop, or its end. */
  #turn(frame: Frame): void {
    const { loop } = frame;
    const { locals } = this.#session.names;
    if (loop && loop.turn < loop.values.count) {
      if (0 < loop.turn && !this.#mayGoOn()) return;
      locals.set(loop.name, loop.values.bound(loop.turn++));
      // A turn counts as a step, so that an empty body cannot spin for ever.
      this.ran++;
      frame.at = 0;
      return;
    }
    this.#frames.pop();
    if (loop?.outer) locals.set(loop.name, loop.outer);
    else if (loop) locals.delete(loop.name);
  }

  /** @returns whether it was a quick one */
  #step(prepared: Prepared): boolean {
    const { step } = prepared;
    const session = this.#session;
    this.ran++;
    const run = ++prepared.run;
    session.beginStep(step, run);
    if (this.#beforeStep?.(step, run, session) === 'stop') {
      this.end = 'the run was stopped before this step';
      return false;
    }
    const quietly = this.#keep <= this.results.length && 1 < run ? this.#quietly(prepared) : undefined;
    if (quietly === 'passed') return true;
    const happened = quietly ?? runStep(session, step);
    const verdict = judge(step.expect, happened, session.names.scope(), session.fieldScope());
    this.#record(prepared, happened, verdict);
    return false;
  }

  #quietly(prepared: Prepared): ReturnType<QuietAccess['run']> {
    if (prepared.quiet === undefined) prepared.quiet = QuietAccess.of(this.#session, prepared.step) ?? null;
    return prepared.quiet?.run();
  }

  #record(
    { step, run }: Pick<Prepared, 'step' | 'run'>,
    { outcome, detail }: ReturnType<typeof runStep>,
    { passed, message }: Verdict,
  ): void {
    const keep = this.results.length < this.#keep || (!passed && this.#failuresKept++ < this.#keep);
    if (keep)
      this.results.push({
        step,
        run,
        status: passed ? 'passed' : 'failed',
        outcome,
        message,
        detail,
        afterFailure: this.failed,
      });
    if (!passed) this.failed = true;
  }
}
