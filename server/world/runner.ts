import type { FromWorker, Job, JobEnd, Texts, ToWorker } from './jobs.ts';
import type { ScenarioRun } from './outcomes.ts';
import type { Snapshot } from './snapshot.ts';

/** A worker as its starter sees it. */
export interface WorkerHandle {
  post(message: ToWorker): void;
  terminate(): void;
}

/** Starts a worker. `ended` is told when it ends without being asked to, and why. */
export type SpawnWorker = (heard: (message: FromWorker) => void, ended: (why: string) => void) => WorkerHandle;

/** A job that is waiting, worked on or over. */
export interface Running {
  readonly end: Promise<JobEnd>;
  /** @param patience how long the worker may take to see it, in milliseconds; then another takes its place */
  cancel(patience?: number): void;
}

interface Entry {
  readonly id: number;
  readonly job: () => Job;
  readonly part: (runs: readonly ScenarioRun[]) => void;
  readonly settle: (end: JobEnd) => void;
  cancelled: boolean;
}

/** For somebody who waits for a cancelled job to end. */
const PATIENCE = 60;

/** Gives jobs to a worker, one at a time. The worker is replaced when it crashes or does not listen. */
export class Runner {
  readonly #spawn: SpawnWorker;
  readonly #log: (text: string) => void;
  readonly #waiting: Entry[] = [];
  #worker: WorkerHandle | undefined;
  #active: Entry | undefined;
  #lastId = 0;

  constructor(spawn: SpawnWorker, log: (text: string) => void) {
    this.#spawn = spawn;
    this.#log = log;
  }

  /** Puts a job in the queue; it is made when its turn has come. */
  run(job: () => Job, part: (runs: readonly ScenarioRun[]) => void = () => undefined): Running {
    let settle: (end: JobEnd) => void = () => undefined;
    const end = new Promise<JobEnd>((resolve) => {
      settle = resolve;
    });
    const entry: Entry = { id: ++this.#lastId, job, part, settle, cancelled: false };
    this.#waiting.push(entry);
    this.#next();
    return { end, cancel: (patience = PATIENCE) => this.#cancel(entry, patience) };
  }

  /** Starts the worker before it is needed. */
  warmUp(): void {
    try {
      this.#worker ??= this.#start();
    } catch (error) {
      this.#log(`the worker that runs scenarios cannot be started: ${reasonOf(error)}`);
    }
  }

  dispose(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(): void {
    if (this.#active) return;
    // The newest first: that is where somebody types.
    const entry = this.#waiting.pop();
    if (!entry) return;
    this.#active = entry;
    try {
      this.#worker ??= this.#start();
      this.#worker.post({ id: entry.id, job: entry.job() });
    } catch (error) {
      this.#finish(entry, { cancelled: false, problem: reasonOf(error) });
    }
  }

  #start(): WorkerHandle {
    const worker: WorkerHandle = this.#spawn(
      (message) => {
        // One that was given up may still have something to say.
        if (this.#worker === worker) this.#heard(message);
      },
      (why) => {
        if (this.#worker !== worker) return;
        this.#worker = undefined;
        this.#log(`the worker that runs scenarios ended: ${why}; another takes its place`);
        if (this.#active)
          this.#finish(this.#active, { cancelled: false, problem: `the worker that runs scenarios ended: ${why}` });
      },
    );
    return worker;
  }

  #heard(message: FromWorker): void {
    const entry = this.#active;
    if (message.id !== entry?.id) return;
    if ('end' in message) this.#finish(entry, message.end);
    else entry.part(message.part);
  }

  #cancel(entry: Entry, patience: number): void {
    if (entry.cancelled) return;
    entry.cancelled = true;
    const at = this.#waiting.indexOf(entry);
    if (0 <= at) {
      this.#waiting.splice(at, 1);
      entry.settle({ cancelled: true });
    } else if (this.#active === entry) {
      this.#worker?.post({ id: entry.id, cancel: true });
      setTimeout(() => {
        if (this.#active !== entry) return;
        this.dispose();
        this.#finish(entry, { cancelled: true });
        this.warmUp();
      }, patience);
    }
  }

  #finish(entry: Entry, end: JobEnd): void {
    this.#active = undefined;
    entry.settle(entry.cancelled ? { ...end, cancelled: true } : end);
    this.#next();
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What a worker needs to see a document as the server does. */
export function textsOf({ file, resolved }: Snapshot): Texts {
  const [own, ...included] = resolved.sources;
  return { file, text: own!.text, included: included.map((s) => [s.file, s.text]) };
}
