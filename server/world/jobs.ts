import type { Diagnostic } from '../language/diagnostic.ts';
import type { TextAnswer } from '../protocol.ts';
import type { ScenarioRun } from './outcomes.ts';

/** A file with what it includes, as texts: a worker has no disk. */
export interface Texts {
  readonly file: string;
  readonly text: string;
  readonly included: readonly (readonly [file: string, text: string])[];
}

/** Run scenarios: all of them, or those with this title. */
export interface RunJob extends Texts {
  readonly kind: 'run';
  readonly scenario?: string;
  /** Errors of the file: what they concern is skipped. */
  readonly errors: readonly Diagnostic[];
  /** Steps that a scenario may take. */
  readonly budget: number;
}

/** Show the table walk of the access on a line, from 1. */
export interface WalkJob extends Texts {
  readonly kind: 'walk';
  readonly line: number;
}

/** Hold the payload at an offset against every generation: the whole table, or its one-line summary as the title. */
export interface CompatJob extends Texts {
  readonly kind: 'compat';
  readonly offset: number;
  readonly summary: boolean;
}

export type Job = RunJob | WalkJob | CompatJob;

export type ToWorker = { readonly id: number; readonly job: Job } | { readonly id: number; readonly cancel: true };

export type FromWorker = {
  readonly id: number;
} /** Scenarios that ended since the last part; none when it only says that the run goes on. */ & (
  | { readonly part: readonly ScenarioRun[] }
  | { readonly end: JobEnd }
);

/** How a job ended. */
export interface JobEnd {
  readonly cancelled: boolean;
  /** Scenarios that ended since the last part. */
  readonly runs?: readonly ScenarioRun[];
  /** Why it could not be done, if it could not. */
  readonly problem?: string;
  /** What a walk or compat job was for. */
  readonly answer?: TextAnswer;
}
