import type { StepRun } from '../features/explain-result.ts';
import { explainFailure, type RunFailure } from '../features/failure.ts';
import { summariseLine } from '../features/line-outcome.ts';
import { type Lines, lineOf } from '../features/lines.ts';
import type { ScenarioReport, StepReport } from '../features/run-file.ts';
import type { ScenarioDecl, Span } from '../language/syntax.ts';
import type { ScenarioOutcome } from '../protocol.ts';
import { moved } from './step-places.ts';

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

/** Failures of one scenario that are reported as findings. */
const MAX_FAILURES = 100;
/** Runs of one step that are kept for features, and as many failed ones. */
const KEEP = 20;

/** Puts the runs of one scenario together, one outcome per line. A step is known by its place: reports may be copies. */
export function scenarioRun(scenario: ScenarioDecl, reports: readonly ScenarioReport[], lines: Lines): ScenarioRun {
  const byLine = new Map<number, StepRun[]>();
  const failed = new Map<number, StepRun[]>();
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
    .map((happened) => explainFailure(happened, lines, reports.length));
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
        .map(([line, happened]) => ({ line: line - 1, ...summariseLine(happened, lines, { truncated }) })),
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
