import type { Errno } from '../base/errno.ts';
import type { Evidence } from '../uapi/generation.ts';

/** One check of a handler: data, so that results, rules and the manual name the same thing. */
export interface Check {
  /** Stable id in kebab-case; a rule that predicts the refusal has the same id. */
  readonly id: string;
  readonly errno: Errno;
  /** The kernel function that decides. */
  readonly at: string;
  /** One sentence: when the call is refused. */
  readonly doc: string;
  readonly evidence: Evidence;
  /** The release, patch or thread the evidence is from. */
  readonly source: string;
}

export const check = (id: string, errno: Errno, at: string, doc: string, evidence: Evidence, source: string): Check =>
  Object.freeze({ id, errno, at, doc, evidence, source });

/** A check that refused, with what it saw. */
export interface Refusal {
  readonly check: Check;
  /** The field that decided, e.g. `data.addr_width`. */
  readonly path?: string;
  readonly found?: string;
  readonly wanted?: string;
  /** Set when an injected failure decided instead of the check's own condition. */
  readonly injected?: boolean;
}

export const refuse = (check: Check, seen: Omit<Refusal, 'check'> = {}): Refusal => ({ check, ...seen });

/** A request that the driver left undone without setting an errno. */
export interface Skip {
  readonly id: string;
  readonly doc: string;
  readonly evidence: Evidence;
  readonly source: string;
}

/** What a call did, seen from both sides of the kernel boundary. */
export interface CallResult {
  /** What ioctl(2) hands back: a value of 0 or more, or a negative errno. */
  readonly returned: number;
  /** The check that refused, whether or not the caller learns of it. */
  readonly refusal?: Refusal;
  /** Set when the caller saw success: the errno that was lost, or `skipped`. */
  readonly hidden?: Errno | 'skipped';
  readonly skip?: Skip & { readonly found: string };
  /** Kernel log lines and side effects worth showing. */
  readonly notes: readonly string[];
  /** What an in-kernel call hands back by pointer, by name: `as NAME` makes it `NAME.pt_id`. */
  readonly out?: Readonly<Record<string, bigint>>;
}

export const done = (returned = 0, notes: readonly string[] = []): CallResult => ({ returned, notes });

/** Counts fallible points and fails the Nth: `fail_nth`. */
export class FailPoints {
  readonly nth: number;
  reached = 0;
  constructor(nth = 0) {
    this.nth = nth;
  }
  /** True when the point that is being passed is the one to fail. */
  hit(): boolean {
    this.reached++;
    return this.reached === this.nth;
  }
}
