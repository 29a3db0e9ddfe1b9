/**
 * What client and server say to each other beyond LSP: types and method names only, shared by both. Positions are LSP
 * lines from 0; texts are ready to be shown.
 */

/** Server to client: results of one document version, replacing all earlier ones. Sent while scenarios end, then once whole. */
export const RESULTS = 'vsva/results';
/** Client to server: run now, whatever `vsva.run.live` says. Answered when the run has ended or was cancelled. */
export const RUN = 'vsva/run';
/** Client to server: cancel the run of a document, or of all when no uri is given. */
export const CANCEL = 'vsva/cancel';
/** Client to server: the table walk of the access on a line, as read-only text of at most 72 columns. */
export const WALK = 'vsva/walk';
/** Client to server: a payload's bytes as a table, for the payload at a position. */
export const LAYOUT = 'vsva/layout';

export interface ResultsParams {
  readonly uri: string;
  /** The document version the results belong to. */
  readonly version: number;
  /** False while scenarios are still running. */
  readonly done: boolean;
  readonly scenarios: readonly ScenarioOutcome[];
}

export interface ScenarioOutcome {
  readonly name: string;
  /** Line of the scenario's head. */
  readonly line: number;
  readonly status: 'passed' | 'failed' | 'skipped';
  /** Why it was skipped or failed outside of any step; else empty. */
  readonly message: string;
  readonly lines: readonly LineOutcome[];
}

/** What stands at the end of one line: one step, or the summary of one that ran several times. */
export interface LineOutcome {
  readonly line: number;
  /** `HPA 0x1_4000_0010 · 24 refs · miss`; one line, no icon. */
  readonly text: string;
  readonly kind: 'ok' | 'fault' | 'errno' | 'hidden' | 'stale' | 'failed' | 'note';
  readonly failed: boolean;
  readonly afterFailure: boolean;
  /** Markdown for the hover: details, every run of a step that ran several times. */
  readonly hover: string;
}

export interface RunParams {
  readonly uri: string;
  /** Title of one scenario; absent: all. */
  readonly scenario?: string;
}

export interface RunSummary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cancelled: boolean;
}

export interface CancelParams {
  readonly uri?: string;
}

export interface PositionParams {
  readonly uri: string;
  readonly line: number;
  readonly character: number;
}

/** A read-only text to open, or why there is none. */
export type TextAnswer = { readonly title: string; readonly text: string } | { readonly problem: string };
