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
/** Client to server: what every generation would make of the payload at a position, as read-only text of at most 100 columns. */
export const COMPAT = 'vsva/compat';
/** Client to server: the payload at a position as C or hex. */
export const EXPORT = 'vsva/export';
/** Client to server: hex, a dump or a trace as a payload for a document. Nothing is edited. */
export const DECODE = 'vsva/decode';
/**
 * Server to client, for clients that say `readFiles: true` in their initializationOptions: the text of a file that is not
 * on the server's disk, as in a browser or a virtual workspace.
 */
export const READ = 'vsva/read';

/** The source of diagnostics that a run has found; those of checks have `vsva`. */
export const RUN_SOURCE = 'vsva run';

export interface ReadParams {
  readonly uri: string;
}

export type ReadAnswer = { readonly text: string } | { readonly problem: string };

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

export interface ExportParams extends PositionParams {
  readonly as: 'c' | 'hex';
}

export interface DecodeParams extends PositionParams {
  readonly hex: string;
  /** The struct that was chosen; absent: the one that the bytes fit. */
  readonly struct?: string;
}

/** Declarations and the line to insert them at, or the structs to choose from, the likeliest first, or why there is none. */
export type DecodeAnswer =
  | { readonly text: string; readonly line: number }
  | { readonly choose: readonly { readonly struct: string; readonly detail: string }[]; readonly problem: string }
  | { readonly problem: string };

/** A read-only text to open, or why there is none. */
export type TextAnswer = { readonly title: string; readonly text: string } | { readonly problem: string };
