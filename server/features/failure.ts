import type { Span } from '../language/syntax.ts';
import type { StepRun } from './explain-result.ts';
import { stepText } from './line-outcome.ts';
import type { Lines } from './lines.ts';
import type { StepReport } from './run-file.ts';

/** Under which code a failure is shown; `scenario` is one that no step is to blame for. */
export type FailureCode = 'stale' | 'hidden' | 'expectation' | 'problem' | 'errno' | 'fault' | 'scenario';

/** A failure of a run as a finding; all places are in the file that ran. */
export interface RunFailure extends Span {
  readonly code: FailureCode;
  readonly message: string;
  readonly related: readonly (Span & { readonly message: string })[];
}

/** The failed runs of one step as one finding: the first in full. `variants` is how many runs the scenario has. */
export function explainFailure(happened: readonly StepRun[], lines: Lines, variants: number): RunFailure {
  const { result, scenario } = happened[0]!;
  const { step, detail, message, repeated, run, afterFailure } = result;
  const cause = detail.staleCause;
  const value = 1 < variants ? /\[([^[\]]*)\]$/.exec(scenario)?.[1] : undefined;
  const which = [value, repeated ? `run ${run}` : undefined].filter(Boolean).join(', ');
  const related = (span: Span | undefined, text: string): RunFailure['related'] =>
    span ? [{ start: span.start, end: span.end, message: text }] : [];
  return {
    start: (step.expect ?? step.head).start,
    end: (step.expect ?? step.head).end,
    code: failureCode(result),
    message: [
      which && `${which}: `,
      message || stepText(result, lines),
      1 < happened.length && `; ${happened.length} runs of this step failed`,
      afterFailure && ' (after a failure)',
    ]
      .filter(Boolean)
      .join(''),
    related: cause
      ? [
          ...related(cause.filled?.step.head, `cached here: ${cause.cache}, ${cause.tag}`),
          ...related(cause.edited?.step.head, `edited here: ${cause.entry ?? 'what the walk reads'}`),
          ...cause.missed.flatMap(({ step: ref, what }) => related(ref.step.head, `does not reach it: ${what}`)),
        ]
      : [],
  };
}

export function failureCode({ step, outcome, detail }: StepReport): FailureCode {
  if (detail.staleCause) return 'stale';
  if (detail.hidden) return 'hidden';
  if (step.kind === 'assert' || (step.expect && outcome !== 'problem')) return 'expectation';
  if (outcome === 'problem') return 'problem';
  return outcome === 'fault' ? 'fault' : 'errno';
}
