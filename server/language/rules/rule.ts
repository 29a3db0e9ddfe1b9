import type { Check, Errno, Field, Image, MachineConfig, ScenarioFile, Skip, Struct } from '../../../engine/index.ts';
import type { Related, Severity } from '../diagnostic.ts';
import type { Resolved } from '../resolve.ts';
import type { Expr, Payload, ScenarioDecl, Span, Step, SubmitStep } from '../syntax.ts';

/** A field as a payload gives it, its own or inherited from a base; the last one given wins. */
export interface FieldView {
  readonly path: string;
  readonly field: Field;
  /** Bytes from the start of the payload. */
  readonly offset: number;
  readonly nameSpan: Span;
  readonly expr: Expr;
  /** Undefined when only a run knows it, or when it is no integer. */
  readonly value: bigint | undefined;
  readonly file: string;
}

/** A submit that carries a payload to the kernel, directly or inside another payload. */
export interface Use {
  readonly scenario: ScenarioDecl;
  readonly step: SubmitStep;
}

/** A payload with its struct, fields and uses, as rules look at it. */
export interface PayloadView {
  readonly payload: Payload;
  readonly file: string;
  /** The short kind (`bind_data`) of its struct, if it has one. */
  readonly kind: string | undefined;
  readonly struct: Struct;
  readonly image: Image;
  readonly fields: ReadonlyMap<string, FieldView>;
  /** Where a finding about the payload as a whole is drawn: its name, or its first word. */
  readonly title: Span;
  readonly uses: readonly Use[];
  /** What a nesting_op carries in `data`, when that is a payload. */
  readonly data: PayloadView | undefined;
  /** Nothing submits or carries it; it only serves as the base of others. */
  readonly lends: boolean;
  /** Payloads that carry this one in their `data`. */
  readonly carriers: readonly PayloadView[];
}

/** Everything a rule may look at. */
export interface RuleContext {
  readonly resolved: Resolved;
  readonly file: ScenarioFile;
  readonly machine: MachineConfig;
  readonly payloads: readonly PayloadView[];
  /** The view of a payload node, inline ones included. */
  viewOf(payload: Payload): PayloadView | undefined;
  /** The views of a declared payload and of those inline in it, or of what a scenario submits in place. */
  viewsIn(declaration: Payload | ScenarioDecl): readonly PayloadView[];
  constant(name: string): bigint;
  /** Notes that the answer hangs on the ranges that requests of the whole file ask for (`pasid-requests.ts`). */
  askedForRanges(): void;
}

/** What a rule found. */
export interface Finding {
  readonly at: Span;
  readonly file: string;
  /** Names the value found and the value wanted; no full stop. */
  readonly message: string;
  /** The check that will refuse, or what the driver will skip: makes the finding a prediction. */
  readonly predicts?: Check | Skip;
  /** No check is named, but one may refuse for this: silent where every submit expects a refusal, like a prediction. */
  readonly mayRefuse?: true;
  /** For a prediction that is not of one payload: the submit it is about. */
  readonly use?: Use;
  readonly related?: readonly Related[];
  /** Overrides the rule's severity. */
  readonly severity?: Severity;
}

/** A rule: its documentation, its examples and its check in one file whose name is its id. */
export interface Rule {
  readonly id: string;
  /** One line: what is wrong. */
  readonly summary: string;
  /** Why that matters and what the kernel does; shown in the manual. */
  readonly why: string;
  /** Predictions are warnings; hints and errors say so. */
  readonly severity: Severity;
  readonly errno?: Errno;
  /** The checks that it predicts and that have another id: handlers name the call too, where a rule serves all calls. */
  readonly checks?: readonly (Check | Skip)[];
  /** The structs that `payload` looks at; absent: all of them. */
  readonly structs?: readonly string[];
  /**
   * Whole files that run as tests. In `bad`, a line `// ^^^ message` under a line claims this rule's finding at those
   * columns; `good` has no finding of this rule.
   */
  readonly examples: { readonly bad: readonly string[]; readonly good: readonly string[] };
  /**
   * Looks at one payload: at what it names and what names it, at the scenarios that submit it, and at the machine, each at
   * any hand. What it finds is kept until one of these changes (`kept-findings.ts`), so it must look at nothing else.
   */
  payload?(view: PayloadView, context: RuleContext): Iterable<Finding>;
  /** Looks at one scenario, in order: at what it names, and at the machine. Kept like what is found in a payload. */
  scenario?(scenario: ScenarioDecl, context: RuleContext): Iterable<Finding>;
  /** Looks at the whole file, after every change. */
  file?(context: RuleContext): Iterable<Finding>;
}

/** Whether a step says that it expects a refusal, whichever it is. */
export const expectsRefusal = ({ expect }: Pick<Step, 'expect'>): boolean =>
  (expect?.groups ?? []).some((group) => group.some(({ kind }) => REFUSED.has(kind)));

const REFUSED: ReadonlySet<string> = new Set(['any', 'hidden', 'errno', 'returns', 'reason']);

export const rule = (r: Rule): Rule => Object.freeze(r);

/** A finding at a field's value. */
export const atValue = (
  field: FieldView,
  message: string,
  more: Omit<Finding, 'at' | 'file' | 'message'> = {},
): Finding => ({ at: field.expr, file: field.file, message, ...more });

/** A finding about a payload as a whole. */
export const atTitle = (
  view: PayloadView,
  message: string,
  more: Omit<Finding, 'at' | 'file' | 'message'> = {},
): Finding => ({ at: view.title, file: view.file, message, ...more });
