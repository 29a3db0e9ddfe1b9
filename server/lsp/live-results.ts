import { lineOf } from '../features/lines.ts';
import type { ScenarioReport } from '../features/run-file.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import type { ResultsParams, RunSummary, ScenarioOutcome, TextAnswer } from '../protocol.ts';
import type { JobEnd } from '../world/jobs.ts';
import { movedFailure, type ScenarioRun } from '../world/outcomes.ts';
import { type Runner, type Running, textsOf } from '../world/runner.ts';
import type { Snapshot } from '../world/snapshot.ts';
import { moved } from '../world/step-places.ts';
import type { World } from '../world/world.ts';
import type { Settings } from './settings.ts';

/** How long a text has to rest before it runs, in milliseconds: a part of what its last run took, within these. */
const SHORTEST_REST = 30;
const LONGEST_REST = 150;
const REST_PER_RUN = 0.2;
/** How long a run whose text has changed may take to stop: nobody waits for it but the next run. */
const OUTDATED = 1000;
/** How long a table walk, or a table of generations, may take. */
const WALK_TIME = 10_000;

export interface LiveResultsHost {
  readonly world: World;
  /** Runs scenarios; what takes long is cancelled with the text it belongs to. */
  readonly runner: Runner;
  /** Answers questions, and is never behind a long run. */
  readonly asides: Runner;
  settings(): Settings;
  send(results: ResultsParams): void;
  /** The results of a document are complete, or are gone. */
  changed(snapshot: Snapshot): void;
  log(text: string): void;
}

/** What is known of one document's runs. */
interface State {
  timer?: ReturnType<typeof setTimeout>;
  running?: { readonly job: Running; readonly snapshot: Snapshot; readonly scenario: string | undefined };
  /** The snapshot that `runs` belong to. */
  snapshot?: Snapshot;
  runs: Map<string, ScenarioRun>;
  done: boolean;
  /** How long the last run took. */
  took: number;
}

/**
 * Runs scenarios and says what came of them. A result belongs to a snapshot: as soon as the document or something that it
 * includes changes, its results are gone from here, and nothing is sent of them any more.
 */
export class LiveResults {
  readonly #host: LiveResultsHost;
  readonly #states = new Map<string, State>();

  constructor(host: LiveResultsHost) {
    this.#host = host;
  }

  textChanged(snapshot: Snapshot): void {
    this.#drop(snapshot);
    if (this.#host.settings().live === 'onType') this.#schedule(snapshot);
  }

  /** An included file changed: the version is the same, and yet what was sent of it holds no more. */
  includesChanged(snapshot: Snapshot): void {
    const had = this.#drop(snapshot);
    const { live } = this.#host.settings();
    if (had) {
      const { uri, version } = snapshot;
      this.#host.send({ uri, version, done: live !== 'onType', scenarios: [] });
      this.#host.changed(snapshot);
    }
    if (live === 'onType') this.#schedule(snapshot);
  }

  saved(snapshot: Snapshot): void {
    const state = this.#stateOf(snapshot);
    if (this.#host.settings().live !== 'off' && !this.#isComplete(state, snapshot) && !state.running)
      void this.#start(snapshot, undefined);
  }

  closed(file: string): void {
    const state = this.#states.get(file);
    if (!state) return;
    clearTimeout(state.timer);
    state.running?.job.cancel(OUTDATED);
    this.#states.delete(file);
  }

  settingsChanged(): void {
    for (const snapshot of this.#host.world.all()) {
      const state = this.#stateOf(snapshot);
      const { live } = this.#host.settings();
      if (live !== 'onType') clearTimeout(state.timer);
      else if (!this.#isComplete(state, snapshot) && !state.running) this.#schedule(snapshot);
    }
  }

  /** Runs scenarios because somebody asked for it. */
  async run(
    snapshot: Snapshot,
    scenario: string | undefined,
    cancelled: (cancel: () => void) => void,
  ): Promise<RunSummary> {
    const state = this.#stateOf(snapshot);
    const interrupted = state.running?.snapshot === snapshot && state.running.scenario === undefined;
    const { runs, job } = this.#start(snapshot, scenario);
    cancelled(() => job.cancel());
    const end = await job.end;
    // What the question broke off goes on, unless it was told to stop.
    if (scenario !== undefined && interrupted && !end.cancelled && this.#isPresent(snapshot) && !state.running)
      this.#start(snapshot, undefined);
    const summary = { passed: 0, failed: 0, skipped: 0, cancelled: end.cancelled };
    for (const { outcome } of runs.values()) summary[outcome.status]++;
    return summary;
  }

  /** Stops the runs of one document, or all. */
  cancel(file?: string): void {
    for (const [of, state] of this.#states) {
      if (file !== undefined && of !== file) continue;
      clearTimeout(state.timer);
      state.running?.job.cancel();
    }
  }

  /** The table walk of a line's access, the line counted from 1. */
  async walk(snapshot: Snapshot, line: number): Promise<TextAnswer> {
    const job = this.#host.asides.run(() => ({ kind: 'walk', ...textsOf(snapshot), line }));
    const timer = setTimeout(() => job.cancel(), WALK_TIME);
    const { answer, problem } = await job.end;
    clearTimeout(timer);
    return answer ?? { problem: problem ?? 'the walk took too long; a smaller loop before this line helps' };
  }

  /** What every generation makes of the payload at an offset, or the line that counts who accepts, as the title. */
  async compat(snapshot: Snapshot, offset: number, summary: boolean): Promise<TextAnswer> {
    const job = this.#host.asides.run(() => ({ kind: 'compat', ...textsOf(snapshot), offset, summary }));
    const timer = setTimeout(() => job.cancel(), WALK_TIME);
    const { answer, problem } = await job.end;
    clearTimeout(timer);
    return answer ?? { problem: problem ?? 'asking all generations took too long' };
  }

  /** Results of exactly this snapshot; none while a first run is still on its way. */
  reportsOf(snapshot: Snapshot): readonly ScenarioReport[] {
    return this.#runsOf(snapshot).flatMap(placedReports);
  }

  outcomesOf(snapshot: Snapshot): readonly ScenarioOutcome[] {
    return this.#runsOf(snapshot).map((r) => r.outcome);
  }

  /** Failures of exactly this snapshot as findings. */
  failuresOf(snapshot: Snapshot): readonly Diagnostic[] {
    const { file } = snapshot;
    return this.#runsOf(snapshot).flatMap((run) =>
      run.failures
        .map((f) => movedFailure(f, run.start))
        .map(
          ({ start, end, code, message, related }): Diagnostic => ({
            file,
            start,
            end,
            code,
            severity: 'error',
            message,
            ...(related.length > 0 ? { related: related.map((r) => ({ ...r, file })) } : {}),
          }),
        ),
    );
  }

  #runsOf(snapshot: Snapshot): readonly ScenarioRun[] {
    const state = this.#states.get(snapshot.file);
    return state?.snapshot === snapshot && this.#isPresent(snapshot) ? inOrder(state.runs) : [];
  }

  #stateOf({ file }: Snapshot): State {
    let state = this.#states.get(file);
    if (!state) this.#states.set(file, (state = { runs: new Map(), done: true, took: 0 }));
    return state;
  }

  #isPresent(snapshot: Snapshot): boolean {
    return this.#host.world.get(snapshot.uri) === snapshot;
  }

  #isComplete(state: State, snapshot: Snapshot): boolean {
    return state.snapshot === snapshot && state.done && state.runs.size >= scenariosOf(snapshot).length;
  }

  /** Forgets what is known of the document before this snapshot. Says whether there was anything. */
  #drop(snapshot: Snapshot): boolean {
    const state = this.#stateOf(snapshot);
    const had = state.runs.size > 0 || state.running !== undefined;
    clearTimeout(state.timer);
    state.running?.job.cancel(OUTDATED);
    delete state.running;
    delete state.snapshot;
    state.runs = new Map();
    return had;
  }

  #schedule(snapshot: Snapshot): void {
    const state = this.#stateOf(snapshot);
    clearTimeout(state.timer);
    const rest = Math.min(Math.max(SHORTEST_REST, state.took * REST_PER_RUN), LONGEST_REST);
    state.timer = setTimeout(() => {
      if (!this.#isPresent(snapshot) || state.running) return;
      try {
        this.#start(snapshot, undefined);
      } catch (error) {
        this.#host.log(`running ${snapshot.uri}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }, rest);
  }

  /** Starts a run in place of what runs. Answers the job and the runs that it has brought so far. */
  #start(
    snapshot: Snapshot,
    scenario: string | undefined,
  ): { readonly job: Running; readonly runs: Map<string, ScenarioRun> } {
    const state = this.#stateOf(snapshot);
    clearTimeout(state.timer);
    state.running?.job.cancel();
    // A run is deterministic: what is known of this very text stays true while it runs again.
    if (state.snapshot !== snapshot) Object.assign(state, { snapshot, runs: new Map() });
    const mine = new Map<string, ScenarioRun>();
    const began = performance.now();
    let said = false;
    const isCurrent = (): boolean => state.running?.job === job && this.#isPresent(snapshot);
    const add = (runs: readonly ScenarioRun[]): void => {
      for (const run of runs) {
        mine.set(keyOf(run), run);
        state.runs.set(keyOf(run), run);
      }
    };
    const job = this.#host.runner.run(
      () => ({
        kind: 'run',
        ...textsOf(snapshot),
        errors: snapshot.diagnostics.filter((d) => d.severity === 'error'),
        budget: this.#host.settings().maxSteps,
        ...(scenario === undefined ? {} : { scenario }),
      }),
      (runs) => {
        if (!isCurrent() || (said && runs.length === 0)) return;
        said = true;
        add(runs);
        this.#send(snapshot, state);
      },
    );
    state.running = { job, snapshot, scenario };
    state.done = false;
    const ended = (end: JobEnd): void => {
      if (!isCurrent()) return;
      add(end.runs ?? []);
      if (end.problem !== undefined) this.#host.log(`running ${snapshot.uri}: ${end.problem}`);
      const why = end.problem ?? (end.cancelled ? 'cancelled before it ended' : undefined);
      if (why !== undefined)
        add(
          unended(snapshot, scenario, why).filter(
            (run) => !mine.has(keyOf(run)) && !hasOutcome(state.runs.get(keyOf(run))),
          ),
        );
      delete state.running;
      state.done = true;
      if (!end.cancelled) state.took = performance.now() - began;
      this.#send(snapshot, state);
      this.#host.changed(snapshot);
    };
    const end = job.end.then((how) => {
      ended(how);
      return how;
    });
    return { job: { end, cancel: job.cancel }, runs: mine };
  }

  #send({ uri, version }: Snapshot, { runs, done }: State): void {
    this.#host.send({ uri, version, done, scenarios: inOrder(runs).map((r) => r.outcome) });
  }
}

/** The reports of a run where its scenario stands; every menu and hover asks for them. */
function placedReports(run: ScenarioRun): readonly ScenarioReport[] {
  let reports = placed.get(run);
  if (!reports) placed.set(run, (reports = run.reports.map((r) => moved(r, run.start, 0))));
  return reports;
}
const placed = new WeakMap<ScenarioRun, readonly ScenarioReport[]>();

const scenariosOf = ({ resolved }: Snapshot) =>
  resolved.sources[0]!.program.declarations.filter((d) => d.kind === 'scenario');

const keyOf = ({ outcome }: ScenarioRun): string => `${outcome.line}:${outcome.name}`;

const inOrder = (runs: ReadonlyMap<string, ScenarioRun>): ScenarioRun[] =>
  [...runs.values()].sort((a, b) => a.outcome.line - b.outcome.line);

/** Whether a run of this very text has come to something that is not lost because another was broken off. */
const hasOutcome = (run: ScenarioRun | undefined): boolean => run !== undefined && run.outcome.status !== 'skipped';

/** What is said of scenarios that were to run, for those that did not come to an end. */
function unended(snapshot: Snapshot, only: string | undefined, why: string): ScenarioRun[] {
  return scenariosOf(snapshot)
    .filter(({ title }) => only === undefined || title === only)
    .map(({ title, start }): ScenarioRun => {
      const line = lineOf(snapshot.lines, start) - 1;
      const outcome = { name: title, line, status: 'skipped', message: why, lines: [] } as const;
      return { start, outcome, failures: [], reports: [] };
    });
}
