import { count, ERRNO, hexGrouped, isErrno, type StaleCause, type StepRef } from '../../engine/index.ts';
import { atMost, block, code, list, paragraphs } from './hover-markdown.ts';
import { type Lines, lineOf } from './lines.ts';
import { noRemedyText, outcomeText } from './outcome-text.ts';
import type { ScenarioReport, StepReport } from './run-file.ts';

/** One time that a step ran, with the run of the scenario it ran in. */
export interface StepRun {
  readonly scenario: string;
  readonly result: StepReport;
}

/** Runs that a hover lists one by one. */
const MAX_RUNS = 10;
const MAX_COMMANDS = 8;

/** Every result of the step that begins at an offset: results may come from another thread, so nodes are not compared. */
export function resultsAt(reports: readonly ScenarioReport[], start: number): StepRun[] {
  return reports.flatMap(({ name, steps }) =>
    steps.filter((s) => s.step.start === start).map((result) => ({ scenario: name, result })),
  );
}

/**
 * What a step did, as Markdown: outcome, who decided and how that is known, and for a stale access the incident. Of a
 * step that ran several times all runs, and the first failed one in full. `walk` is the text of its table walk.
 */
export function explainResult(runs: readonly StepRun[], lines: Lines, walk?: string): string {
  const shown = chosenRun(runs);
  if (!shown) return '';
  return paragraphs(
    runs.length > 1 && summary(runs, shown, lines),
    one(shown.result, lines),
    walk !== undefined && block(walk),
  );
}

/** The run that is explained: the first that failed, or the first. */
export const chosenRun = (runs: readonly StepRun[]): StepRun | undefined =>
  runs.find(({ result }) => result.status === 'failed') ?? runs[0];

const at = (lines: Lines) => (offset: number) => lineOf(lines, offset);

function summary(runs: readonly StepRun[], shown: StepRun, lines: Lines): string {
  const failed = runs.filter(({ result }) => result.status === 'failed').length;
  const rows = runs.map(({ scenario, result }) => {
    const mark = result.status === 'failed' ? ', **failed**' : '';
    return `${code(scenario)}${result.repeated ? `, run ${result.run}` : ''}: ${code(outcomeText(result, at(lines)))}${mark}`;
  });
  const { scenario, result } = shown;
  return paragraphs(
    `Ran ${runs.length} times, ${failed === 0 ? 'none failed' : `${failed} failed`}.`,
    list(atMost(rows, MAX_RUNS)),
    `In full: ${code(scenario)}${result.repeated ? `, run ${result.run}` : ''}.`,
  );
}

function one(result: StepReport, lines: Lines): string {
  const { status, outcome, detail, message, afterFailure } = result;
  const head = [
    status === 'failed' ? '**Failed**' : status === 'skipped' ? '**Skipped**' : '**Passed**',
    code(outcomeText(result, at(lines))),
    ...(afterFailure ? ['after a failure'] : []),
  ];
  // The incident below says what a stale step's message would.
  const why = status === 'failed' && outcome !== 'problem' && !detail.staleCause ? message : '';
  return paragraphs(
    head.join(' · '),
    why && `${sentence(why)}`,
    refusal(result),
    detail.staleCause && incident(result, detail.staleCause, lines),
    effects(result),
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** Which check decided, on what it saw, and how that is known. */
function refusal({ outcome, detail }: StepReport): string {
  const { hidden, skip, refusal: refused } = detail;
  const items: string[] = [];
  if (hidden === 'skipped') items.push('Hidden: the call returned 0 and the caller cannot see that nothing was done.');
  else if (hidden) items.push(`Hidden ${hidden}: the call returned 0 and the caller cannot see that it was refused.`);
  else if (isErrno(outcome)) items.push(`${code(outcome)} (${ERRNO[outcome].code}): ${ERRNO[outcome].means}.`);
  if (skip) {
    items.push(`Skipped: ${skip.found} (${code(skip.id)}).`, skip.doc, `Evidence: ${skip.evidence}, ${skip.source}.`);
  }
  if (refused) {
    const { check, path, found, wanted, injected } = refused;
    if (injected) items.push(`An injected failure in ${code(check.at)}${found ? ` (${found})` : ''}.`);
    else {
      const saw = [path && code(path), found && (path ? `is ${code(found)}` : found)].filter(Boolean).join(' ');
      if (saw) items.push(`${[sentenceStart(saw), wanted && `wanted ${code(wanted)}`].filter(Boolean).join(', ')}.`);
      items.push(`Check ${code(check.id)} in ${code(check.at)}: ${check.doc}`);
    }
    items.push(`Evidence: ${check.evidence}, ${check.source}.`);
  }
  return list(items);
}

const sentenceStart = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A stale access: what was used, who kept it, who edited, what missed it and what would have covered it. */
function incident({ detail }: StepReport, cause: StaleCause, lines: Lines): string {
  const line = ({ step, run }: StepRef): string => `line ${lineOf(lines, step.start)}${1 < run ? ` (run ${run})` : ''}`;
  const source = ({ step }: StepRef): string => code(lines.text.slice(step.head.start, step.head.end));
  const step = (ref: StepRef): string => `${line(ref)}, ${source(ref)}`;
  const used = detail.hpa === undefined ? `fault ${detail.fault ?? ''}` : `HPA ${hexGrouped(detail.hpa)}`;
  const items = [
    `Used: ${code(used)}, kept by the ${cause.cache} (${cause.tag}).`,
    `Cached: ${cause.filled ? step(cause.filled) : 'before the first step'}.`,
    `Edited: ${cause.edited ? step(cause.edited) : 'by no step of this scenario'}${cause.entry ? `: ${cause.entry}` : ''}.`,
    `A walk now gives ${cause.now}.`,
    ...(cause.missed.length === 0
      ? ['Nothing was invalidated since the edit.']
      : cause.missed.map(({ step: ref, what }) => `Missed it: ${line(ref)}, ${code(what)}.`)),
  ];
  const covers = cause.remedy
    ? `Would have covered it: ${cause.remedyText ?? 'this invalidation'}.`
    : sentence(noRemedyText(cause));
  return paragraphs(
    cause.breach ? '**Breach**: a stale translation reached memory that has a new owner.' : '**Stale** translation.',
    list(items),
    covers,
    cause.remedy !== undefined && block(cause.remedy, 'vsva'),
  );
}

/** What else came of the step: commands, notes, the fault record, the pieces of a split access. */
function effects({ detail, outcome, step }: StepReport): string {
  const { issuedText, notes, event, pieces, value, gpa, fields } = detail;
  const written = Object.entries(fields ?? {}).map(([path, v]) => code(`${path} = ${hexGrouped(v)}`));
  const items = [
    ...(value === undefined || outcome !== 'hpa' ? [] : [`Value: ${code(hexGrouped(value))}.`]),
    ...(gpa === undefined ? [] : [`Guest-physical address: ${code(hexGrouped(gpa))}.`]),
    ...(pieces ? [`Split into ${count(pieces.length, 'piece')} at page boundaries.`] : []),
    ...(written.length > 0 ? [`Written by the kernel: ${atMost(written, MAX_COMMANDS).join(', ')}.`] : []),
    ...(event
      ? [
          `${step.kind === 'inject' ? 'Sent' : 'Fault record'}: ${code(`[${event.map((w) => hexGrouped(w)).join(', ')}]`)}.`,
        ]
      : []),
    ...atMost(
      (issuedText ?? []).map((text) => `Issued: ${code(text)}.`),
      MAX_COMMANDS,
    ),
    ...(notes ?? []).map((note) => `Note: ${code(note)}.`),
  ];
  return list(items);
}
