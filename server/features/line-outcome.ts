import { count } from '../../engine/index.ts';
import { explainResult, type StepRun } from './explain-result.ts';
import { type Lines, lineOf } from './lines.ts';
import { outcomeText } from './outcome-text.ts';
import type { StepReport } from './run-file.ts';

/** How an outcome is drawn. */
export type OutcomeKind = 'ok' | 'errno' | 'fault' | 'hidden' | 'stale' | 'note' | 'failed';

/** What stands at the end of a line, for everything that its steps did. */
export interface LineSummary {
  /** One line of text. */
  readonly text: string;
  readonly kind: OutcomeKind;
  readonly failed: boolean;
  /** Whether a step in front of it failed, so that this may only be a consequence. */
  readonly afterFailure: boolean;
  /** Markdown; empty where the text says everything. */
  readonly hover: string;
}

/** All runs of the steps of one line. With `truncated` there were more of them than are given. */
export function summariseLine(
  happened: readonly StepRun[],
  lines: Lines,
  { truncated }: { readonly truncated: boolean },
): LineSummary {
  const failed = happened.filter(({ result }) => result.status === 'failed');
  const speaking = failed.length > 0 ? failed : happened;
  const worst = speaking.reduce((a, b) => (RANK[kindOf(b.result)] < RANK[kindOf(a.result)] ? b : a)).result;
  const kind = kindOf(worst);
  return {
    text: happened.length === 1 ? stepText(worst, lines) : summary(happened, truncated),
    kind,
    failed: failed.length > 0,
    afterFailure: speaking.every(({ result }) => result.afterFailure),
    // What the line says in full already needs no hover.
    hover:
      happened.length === 1 && failed.length === 0 && (kind === 'ok' || kind === 'note') ? '' : hover(happened, lines),
  };
}

/** Which outcome speaks for its line when there are several. */
const RANK: Readonly<Record<OutcomeKind, number>> = {
  stale: 0,
  hidden: 1,
  failed: 2,
  errno: 3,
  fault: 4,
  ok: 5,
  note: 6,
};

function kindOf({ step, outcome, detail, status }: StepReport): OutcomeKind {
  if (outcome === 'problem') return 'failed';
  if (detail.stale) return 'stale';
  if (detail.hidden) return 'hidden';
  if (outcome === 'fault' || outcome === 'stall') return 'fault';
  if (outcome === 'ok' || outcome === 'hpa' || outcome === 'request' || outcome === 'interrupt')
    return status === 'failed' ? 'failed' : step.kind === 'note' ? 'note' : 'ok';
  return 'errno';
}

/** A step's outcome in one line; one that failed also says what was expected, where that is short. */
export function stepText(result: StepReport, lines: Lines): string {
  const { outcome, step, status, message } = result;
  if (outcome === 'problem' && step.kind === 'assert') return oneLine(`failed: ${message}`);
  const text = outcomeText(result, (offset) => lineOf(lines, offset));
  const expected = status === 'failed' ? /^expected [^;]*?(?=, got )/.exec(message)?.[0] : undefined;
  return oneLine(expected ? `${text} · ${expected}` : text);
}

/** `3 runs: 2 ok, 1 STALE`. */
function summary(happened: readonly StepRun[], truncated: boolean): string {
  const words = new Map<string, number>();
  for (const { result } of happened) words.set(wordOf(result), (words.get(wordOf(result)) ?? 0) + 1);
  const steps = new Set(happened.map(({ result }) => result.step.start)).size;
  const what = truncated ? `first ${happened.length} runs` : count(happened.length, steps === 1 ? 'run' : 'step');
  return oneLine(`${what}: ${[...words].map(([word, n]) => `${n} ${word}`).join(', ')}`);
}

function wordOf(result: StepReport): string {
  const { detail, outcome } = result;
  switch (kindOf(result)) {
    case 'stale':
      return detail.staleCause?.breach ? 'BREACH' : 'STALE';
    case 'hidden':
      return detail.hidden === 'skipped' ? 'skipped, hidden' : `${detail.hidden} hidden`;
    case 'fault':
      return `${outcome} ${detail.fault ?? ''}`.trim();
    case 'errno':
      return outcome;
    case 'failed':
      return 'failed';
    default:
      return 'ok';
  }
}

/** The steps of a line one after the other, each with all its runs. */
function hover(happened: readonly StepRun[], lines: Lines): string {
  const steps = new Map<number, StepRun[]>();
  for (const run of happened) {
    const known = steps.get(run.result.step.start);
    if (known) known.push(run);
    else steps.set(run.result.step.start, [run]);
  }
  return [...steps.values()].map((runs) => explainResult(runs, lines)).join('\n\n---\n\n');
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
