import type { Detail, StaleCause, StepRef } from '../../engine/index.ts';
import type { ScenarioReport } from '../features/run-file.ts';
import type { Span, Step } from '../language/syntax.ts';

/** A report for a text in which its scenario stands elsewhere. Of its steps only the places are left. */
export function moved(report: ScenarioReport, by: number, lines: number): ScenarioReport {
  const stepOf = (step: Step): Step => movedStep(step, by);
  return {
    ...report,
    line: report.line + lines,
    steps: report.steps.map((result) => ({
      ...result,
      line: result.line + lines,
      step: stepOf(result.step),
      detail: withSteps(result.detail, stepOf),
    })),
  };
}

/** The places of a step. Whoever needs the rest finds it by its start in the tree. */
function movedStep({ kind, start, end, head, expect }: Step, by: number): Step {
  const move = (span: Span): Span => ({ start: span.start + by, end: span.end + by });
  const places = { kind, ...move({ start, end }), head: move(head) };
  return (expect ? { ...places, expect: { ...move(expect), groups: [] } } : places) as unknown as Step;
}

/** The same details with other nodes for the steps that they refer to. */
function withSteps(detail: Detail, stepOf: (step: Step) => Step): Detail {
  const { staleCause: cause, pieces } = detail;
  if (!cause && !pieces) return detail;
  const ref = ({ step, run }: StepRef): StepRef => ({ step: stepOf(step), run });
  const moveCause = (c: StaleCause): StaleCause => ({
    ...c,
    ...(c.filled ? { filled: ref(c.filled) } : {}),
    ...(c.edited ? { edited: ref(c.edited) } : {}),
    missed: c.missed.map((m) => ({ ...m, step: ref(m.step) })),
  });
  return {
    ...detail,
    ...(cause ? { staleCause: moveCause(cause) } : {}),
    ...(pieces ? { pieces: pieces.map((piece) => withSteps(piece, stepOf)) } : {}),
  };
}
