import type { Errno } from '../base/errno.ts';
import type { Refusal, Skip } from '../host/check.ts';
import type { CommandAdvice } from '../models/unit.ts';
import type { Step } from './program.ts';

/** Where a DMA used a translation that the present structures would not give. */
export interface StaleCause {
  /** The cache that kept it, with the tag that matched: `IOTLB, DID 2, PASID 1, page 0x7f00_0000_0000 (4K)`. */
  readonly cache: string;
  readonly tag: string;
  /** Offset of the step that filled the cache, and of the one that edited; undefined where no step did. */
  readonly filled?: StepRef;
  readonly edited?: StepRef;
  /** What was edited: `PTE at GPA 0x1000_3000 (HPA 0x1_1000_3000)`. */
  readonly entry?: string;
  /** What a walk would answer now. */
  readonly now: string;
  /** Invalidations between the edit and this access that did not reach the entry. */
  readonly missed: readonly { readonly step: StepRef; readonly what: string }[];
  /** The smallest call that covers it, as source text; undefined where no call of this generation does. */
  readonly remedy?: string;
  /** What the step needs declared beside the scenario, where it cannot say everything by itself. */
  readonly remedyDeclaration?: string;
  /** The same as a step that can be pasted in front of the access. */
  readonly remedyStep?: string;
  /** Hardware commands to be tried, where a scenario sends its own; the smallest that is enough becomes the remedy. */
  readonly candidates?: readonly (readonly CommandAdvice[])[];
  /** The same in a few words: `IOTLB by ADDR, PASID 1, 0x7f00_0000_0000 size 4K`. */
  readonly remedyText?: string;
  /** Who owes the invalidation, where that is not the scenario; a clause without full stop. */
  readonly owed?: string;
  /** The access fell into memory that has a new owner. */
  readonly breach: boolean;
}

export interface StepRef {
  readonly step: Step;
  /** Which time the step ran, from 1; loops run a step more than once. */
  readonly run: number;
}

/** What is known of a step's outcome; fields that do not apply are absent. Names are those of the JSON report. */
export interface Detail {
  hpa?: bigint;
  gpa?: bigint;
  refs?: number;
  config?: number;
  /** The cache that answered, or false when a walk did. */
  hit?: 'iotlb' | 'devtlb' | false;
  /** A paging-structure cache shortened the walk. */
  psc?: true;
  stale?: boolean;
  staleCause?: StaleCause;
  hidden?: Errno | 'skipped';
  skip?: Skip & { readonly found: string };
  /** Fault name and code. */
  fault?: string;
  code?: number;
  /** The fault in words. */
  faultText?: string;
  /** The access faulted and was answered as if it had not: a read with 0, a write with nothing. */
  ignored?: true;
  /** The tag under which a stalled access waits. */
  stag?: number;
  reason?: string;
  refusal?: Refusal;
  returns?: bigint;
  fields?: Record<string, bigint>;
  value?: bigint;
  /** The fault record as logged. */
  event?: readonly bigint[];
  issued?: readonly (readonly bigint[])[];
  /** The same in words. */
  issuedText?: readonly string[];
  /** The command error that a hardware command raised: `IQE`. */
  commandError?: string;
  /** Why it did. */
  commandErrorText?: string;
  /** Of an invalidation that dropped more than it had to: translations that went, and those that were out of date. */
  dropped?: number;
  needed?: number;
  /** Kernel log lines and side effects. */
  notes?: readonly string[];
  /** Pieces of an access that crossed a page, when there was more than one. */
  pieces?: readonly Detail[];
}

export type StepStatus = 'passed' | 'failed' | 'skipped';

/** How a step ended: `ok`, an errno name, `hpa`, `fault`, `request`, `stall`, or `problem` when the step itself makes no sense. */
export type OutcomeWord = 'ok' | 'hpa' | 'fault' | 'request' | 'stall' | 'interrupt' | 'problem' | Errno;

export interface StepResult {
  readonly step: Step;
  /** Which time this step ran, from 1. */
  readonly run: number;
  readonly status: StepStatus;
  readonly outcome: OutcomeWord;
  /** Why it failed; empty when it passed. No full stop. */
  readonly message: string;
  readonly detail: Detail;
  /** An earlier step of this scenario failed. */
  readonly afterFailure: boolean;
}

export interface ScenarioResult {
  readonly name: string;
  readonly status: StepStatus;
  /** Why a scenario was skipped, or failed outside of any step. */
  readonly message: string;
  readonly steps: readonly StepResult[];
  /** Steps that ran, of which `steps` may keep only the first and the failed ones. */
  readonly stepsRun: number;
}
