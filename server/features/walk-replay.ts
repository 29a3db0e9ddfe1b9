import {
  type Happened,
  runScenario,
  type ScenarioFile,
  type Variant,
  variantsOf,
  whyNotRunnable,
} from '../../engine/index.ts';
import type { Request } from '../../engine/models/translation.ts';
import type { Session } from '../../engine/scenario/session.ts';
import { runStep } from '../../engine/scenario/steps.ts';
import type { ScenarioDecl, Step } from '../language/syntax.ts';
import { MAX_STEPS } from './run-until.ts';
import { requestsOf, type Trouble } from './step-access.ts';
import { type EntryText, entryText } from './walk-entries.ts';

/** Runs of a scenario with `for` that are searched for a failure. */
const MAX_VARIANTS = 50;
/** Pieces of an access that crosses pages. */
const MAX_PIECES = 4;

/** What a cache held of an access before it happened. */
export interface CacheText {
  readonly cache: string;
  /** Empty where the cache had nothing. */
  readonly lines: readonly { readonly text: string; readonly filled: Step | undefined }[];
}

/** One piece of an access: what was asked, what the caches held, and the walk through memory as it was then. */
export interface PieceWalk {
  readonly request: { readonly sid: number; readonly pasid: number; readonly address: bigint };
  readonly caches: readonly CacheText[];
  readonly entries: readonly EntryText[];
  readonly verdict: string;
  readonly stages: 'none' | 'first' | 'second' | 'nested' | 'pass-through';
}

export interface AccessWalk {
  readonly scenario: string;
  readonly step: Step;
  /** Which time the step ran, from 1. */
  readonly run: number;
  readonly access: 'read' | 'write' | 'exec';
  readonly device: string;
  readonly privileged: boolean;
  readonly ats: boolean;
  readonly pieces: readonly PieceWalk[];
  /** Pieces that are left out. */
  readonly morePieces: number;
  /** What the step then did; absent for an assertion, which does nothing. */
  readonly happened: Happened | undefined;
}

export interface WalkChoice {
  /** Title of a scenario, or the name of one of its runs. */
  readonly scenario?: string;
  /** Which time the step ran, from 1. Without it the first time that it failed, or the first. */
  readonly run?: number;
}

/**
 * Runs a scenario up to a step and walks the step's access right before it happens, so that what is shown is what the
 * access met: its own accessed and dirty bits are not set yet and its own fills are not made.
 */
export function replayAccess(
  file: ScenarioFile,
  scenario: ScenarioDecl,
  step: Step,
  choice: WalkChoice = {},
): AccessWalk | Trouble {
  const unavailable = whyNotRunnable(file.generation.id, file.machine.model);
  if (unavailable !== undefined) return { problem: unavailable };
  const variants = variantsOf(file, scenario);
  if ('problem' in variants) return variants;
  const chosen = variants.filter(
    (v) => choice.scenario === undefined || choice.scenario === v.name || choice.scenario === scenario.title,
  );
  if (chosen.length === 0)
    return { problem: `"${scenario.title}" has no run called ${choice.scenario ?? ''}`.trimEnd() };
  let [variant, run] = [chosen[0]!, choice.run ?? 1];
  const repeats = chosen.length > 1 || !scenario.steps.includes(step);
  if (choice.run === undefined && repeats) {
    for (const candidate of chosen.slice(0, MAX_VARIANTS)) {
      const failed = firstFailure(file, candidate, step);
      if (failed === undefined) continue;
      [variant, run] = [candidate, failed];
      break;
    }
  }
  return walkBefore(file, variant, step, run);
}

/** The run of a step that first failed, as far as the budget reaches. */
function firstFailure(file: ScenarioFile, variant: Variant, step: Step): number | undefined {
  const { steps } = runScenario(file, variant, { budget: MAX_STEPS, keep: MAX_STEPS });
  return steps.find((s) => s.step === step && s.status === 'failed')?.run;
}

/** Runs a scenario until the step begins for the wanted time, and walks its access then. */
function walkBefore(file: ScenarioFile, variant: Variant, target: Step, wanted: number): AccessWalk | Trouble {
  let found: AccessWalk | Trouble | undefined;
  const { stepsRun } = runScenario(file, variant, {
    budget: MAX_STEPS,
    keep: 0,
    beforeStep: (step, run, session) => {
      if (step !== target || run !== wanted) return undefined;
      found = new Capture(session, variant.name).access(step, run);
      return 'stop';
    },
  });
  if (found) return found;
  if (MAX_STEPS <= stepsRun) return { problem: `more than ${MAX_STEPS} steps run before this one` };
  return { problem: `the step does not run${wanted > 1 ? ` ${wanted} times` : ' in this scenario'}` };
}

/** What an access is about to meet, taken from a running scenario. */
class Capture {
  readonly #session: Session;
  readonly #scenario: string;

  constructor(session: Session, scenario: string) {
    this.#session = session;
    this.#scenario = scenario;
  }

  access(step: Step, run: number): AccessWalk | Trouble {
    const access = requestsOf(this.#session, step);
    if ('problem' in access) return access;
    const { asked, device, requests } = access;
    const pieces = requests.slice(0, MAX_PIECES).map((request) => this.#piece(request, device.ats));
    return {
      scenario: this.#scenario,
      step,
      run,
      access: asked.access,
      device: device.name,
      privileged: asked.privileged,
      ats: asked.ats,
      pieces,
      morePieces: Math.max(0, requests.length - MAX_PIECES),
      happened: step.kind === 'dma' ? runStep(this.#session, step) : undefined,
    };
  }

  #piece(request: Request, ats: boolean): PieceWalk {
    const { unit } = this.#session.machine;
    const caches = this.#caches(request, ats);
    const { steps, outcome, verdict } = unit.explain(request);
    const stages = (['none', 'first', 'second', 'nested', 'pass-through'] as const)[outcome.stages] ?? 'none';
    const entries = steps.map(entryText);
    const { sid, pasid, address } = request;
    return { request: { sid, pasid, address }, caches, entries, verdict, stages };
  }

  #caches(request: Request, ats: boolean): CacheText[] {
    const filled = (time: number): Step | undefined => this.#session.stepAt(time)?.step;
    return this.#session.machine.unit
      .held(request)
      .filter(({ cache }) => ats || !DEVICE_CACHES.has(cache))
      .map(({ cache, lines }) => ({
        cache,
        lines: lines.map(({ text, filledAt }) => ({ text, filled: filled(filledAt) })),
      }));
  }
}

/** Caches of a device, which only those with ATS have. */
const DEVICE_CACHES: ReadonlySet<string> = new Set(['device TLB', 'ATC']);
