import { count } from '../../engine/index.ts';
import { explainResult } from '../features/explain-result.ts';
import { type Lines, lineOf } from '../features/lines.ts';
import { outcomeText } from '../features/outcome-text.ts';
import type { ScenarioReport, StepReport } from '../features/run-file.ts';
import type { ScenarioDecl, Span } from '../language/syntax.ts';
import type { LineOutcome, ScenarioOutcome } from '../protocol.ts';
import { moved } from './step-places.ts';

/** A failure of a run as a finding; all places are in the file that ran. */
export interface RunFailure extends Span {
  readonly code: 'stale' | 'hidden' | 'expectation' | 'problem' | 'errno' | 'fault' | 'scenario';
  readonly message: string;
  readonly related: readonly (Span & { readonly message: string })[];
}

/**
 * What the runs of one scenario came to, one per value of its `for`. Offsets in it count from the start of the scenario, so
 * that it stays what it is when something in front of it changes.
 */
export interface ScenarioRun {
  readonly start: number;
  readonly outcome: ScenarioOutcome;
  readonly failures: readonly RunFailure[];
  /** For hovers, lenses and fixes: of a step that ran often the first runs and the first failed ones. */
  readonly reports: readonly ScenarioReport[];
}

/** One run of one step. */
interface Happened {
  readonly result: StepReport;
  readonly scenario: string;
}

/** Failures of one scenario that are reported as findings. */
const MAX_FAILURES = 100;
/** Runs of one step that are kept for features, and as many failed ones. */
const KEEP = 20;

/** Puts the runs of one scenario together, one outcome per line. A step is known by its place: reports may be copies. */
export function scenarioRun(scenario: ScenarioDecl, reports: readonly ScenarioReport[], lines: Lines): ScenarioRun {
  const byLine = new Map<number, Happened[]>();
  const failed = new Map<number, Happened[]>();
  for (const { name, steps } of reports)
    for (const result of steps) {
      const { step, status } = result;
      const happened = { scenario: name, result };
      add(byLine, lineOf(lines, Math.max(step.start, step.end - 1)), happened);
      if (status === 'failed') add(failed, step.start, happened);
    }
  const bad = reports.find((r) => r.status === 'failed') ?? reports.find((r) => r.status === 'skipped');
  const outside = reports.find((r) => r.message !== '');
  const truncated = reports.some((r) => r.truncated);
  const { start, titleSpan } = scenario;
  const failures = [...failed.values()]
    .slice(0, MAX_FAILURES)
    .map((happened) => failure(happened, lines, reports.length));
  if (outside?.status === 'failed')
    failures.unshift({ ...titleSpan, code: 'scenario', message: outside.message, related: [] });
  return {
    start,
    outcome: {
      name: scenario.title,
      line: lineOf(lines, scenario.start) - 1,
      status: bad?.status ?? 'passed',
      message: outside?.message ?? '',
      lines: [...byLine]
        .sort(([a], [b]) => a - b)
        .map(([line, happened]) => ({ line: line - 1, ...outcomeOf(happened, lines, { truncated }) })),
    },
    failures: failures.map((f) => movedFailure(f, -start)),
    reports: reports.map((r) => moved(slim(r), -start, 0)),
  };
}

function add<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key);
  if (known) known.push(value);
  else map.set(key, [value]);
}

function outcomeOf(
  happened: readonly Happened[],
  lines: Lines,
  { truncated }: { readonly truncated: boolean },
): Omit<LineOutcome, 'line'> {
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
const RANK: Readonly<Record<LineOutcome['kind'], number>> = {
  stale: 0,
  hidden: 1,
  failed: 2,
  errno: 3,
  fault: 4,
  ok: 5,
  note: 6,
};

function kindOf({ step, outcome, detail, status }: StepReport): LineOutcome['kind'] {
  if (outcome === 'problem') return 'failed';
  if (detail.stale) return 'stale';
  if (detail.hidden) return 'hidden';
  if (outcome === 'fault') return 'fault';
  if (outcome === 'ok' || outcome === 'hpa' || outcome === 'request' || outcome === 'interrupt')
    return status === 'failed' ? 'failed' : step.kind === 'note' ? 'note' : 'ok';
  return 'errno';
}

/** A step's outcome in one line; one that failed also says what was expected, where that is short. */
function stepText(result: StepReport, lines: Lines): string {
  const { outcome, step, status, message } = result;
  if (outcome === 'problem' && step.kind === 'assert') return oneLine(`failed: ${message}`);
  const text = outcomeText(result, (offset) => lineOf(lines, offset));
  const expected = status === 'failed' ? /^expected [^;]*?(?=, got )/.exec(message)?.[0] : undefined;
  return oneLine(expected ? `${text} · ${expected}` : text);
}

/** `3 runs: 2 ok, 1 STALE`. */
function summary(happened: readonly Happened[], truncated: boolean): string {
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
      return `fault ${detail.fault ?? ''}`.trim();
    case 'errno':
      return outcome;
    case 'failed':
      return 'failed';
    default:
      return 'ok';
  }
}

/** The steps of a line one after the other, each with all its runs. */
function hover(happened: readonly Happened[], lines: Lines): string {
  const steps = new Map<number, Happened[]>();
  for (const h of happened) add(steps, h.result.step.start, h);
  return [...steps.values()].map((runs) => explainResult(runs, lines)).join('\n\n---\n\n');
}

function failure(happened: readonly Happened[], lines: Lines, variants: number): RunFailure {
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
    code: codeOf(result),
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

function codeOf({ step, outcome, detail }: StepReport): RunFailure['code'] {
  if (detail.staleCause) return 'stale';
  if (detail.hidden) return 'hidden';
  if (step.kind === 'assert' || (step.expect && outcome !== 'problem')) return 'expectation';
  if (outcome === 'problem') return 'problem';
  return outcome === 'fault' ? 'fault' : 'errno';
}

/** A report with the first runs of each step and the first failed ones, so that it travels light. */
function slim(report: ScenarioReport): ScenarioReport {
  const seen = new Map<number, { passed: number; failed: number }>();
  const isKept = ({ step, status }: StepReport): boolean => {
    const n = seen.get(step.start) ?? { passed: 0, failed: 0 };
    seen.set(step.start, n);
    return (status === 'failed' ? ++n.failed : ++n.passed) <= KEEP;
  };
  return { ...report, steps: report.steps.filter(isKept) };
}

export function movedFailure(failure: RunFailure, by: number): RunFailure {
  const move = <S extends Span>(span: S): S => ({ ...span, start: span.start + by, end: span.end + by });
  return { ...move(failure), related: failure.related.map(move) };
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
