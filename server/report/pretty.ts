import { ERRNO, isErrno, type StaleCause, type StepRef } from '../../engine/index.ts';
import { type Lines, lineOf, lineText, placeOf } from '../features/lines.ts';
import { noRemedyText, outcomeText } from '../features/outcome-text.ts';
import type { PlacedDiagnostic, ScenarioReport, StepReport } from '../features/run-file.ts';
import type { FileReport, Totals } from './totals.ts';

export interface Style {
  readonly colour: boolean;
  /** Show every step, not only what went wrong. */
  readonly verbose: boolean;
}

type Paint = (colour: keyof typeof COLOURS, text: string) => string;
const COLOURS = { red: 31, green: 32, yellow: 33, cyan: 36, bold: 1, dim: 2 } as const;
const painter =
  ({ colour }: Style): Paint =>
  (name, text) =>
    colour ? `\x1b[${COLOURS[name]}m${text}\x1b[0m` : text;

/** Failed steps of one scenario that are told in full. */
const MAX_FAILURES = 5;
/** Columns of a step's text in a list of steps. */
const STEP_WIDTH = 64;
const LABEL_WIDTH = 9;

/** One line for a scenario, and below it what went wrong. `ms` is the time it took. */
export function prettyScenario(
  file: Pick<FileReport, 'file' | 'sources'>,
  scenario: ScenarioReport,
  ms: number,
  style: Style,
): string {
  const paint = painter(style);
  const lines = file.sources.get(file.file)!;
  const { name, status, message, steps } = scenario;
  const where = paint('dim', `${file.file}:${scenario.line}`);
  if (status === 'skipped') return `${paint('yellow', 'skip')} ${where} ${visible(name)}: ${visible(message)}\n`;
  const mark = status === 'passed' ? paint('green', 'pass') : paint('red', 'FAIL');
  const out = [`${mark} ${where} ${visible(name)} ${paint('dim', `(${milliseconds(ms)})`)}`];
  if (style.verbose) out.push(...stepList(scenario, lines, paint));
  if (message) out.push(`${INDENT}${visible(message)}`);
  const failed = steps.filter((s) => s.status === 'failed');
  for (const step of failed.slice(0, MAX_FAILURES)) out.push('', ...failure(file.file, step, lines, paint));
  if (MAX_FAILURES < failed.length)
    out.push(
      '',
      `${INDENT}and ${failed.length - MAX_FAILURES} more failed steps${style.verbose ? '' : '; --verbose lists them'}`,
    );
  if (status === 'failed') out.push('');
  return `${out.join('\n')}\n`;
}

const INDENT = '  ';

function stepList({ steps, truncated }: ScenarioReport, lines: Lines, paint: Paint): string[] {
  const digits = String(steps.at(-1)?.line ?? 0).length + 1;
  const rows = steps.map((step) => {
    const text = clip(oneLine(sourceOf(lines, step.step.head)), STEP_WIDTH).padEnd(STEP_WIDTH);
    const run = step.repeated ? ` #${step.run}` : '';
    const came = visible(outcomeText(step, (offset) => lineOf(lines, offset)));
    const note =
      step.status === 'failed' ? paint('red', '  <- failed') : step.afterFailure ? '  (after a failure)' : '';
    return `${INDENT}${String(step.line).padStart(digits)}${run}  ${text}  ${paint('cyan', came)}${note}`;
  });
  if (truncated) rows.push(`${INDENT}more steps ran; listed are the first of them and the failed ones`);
  return rows;
}

/** A failed step: where, what was expected, what came and why. */
function failure(file: string, step: StepReport, lines: Lines, paint: Paint): string[] {
  const { detail } = step;
  const at = step.step.expect ?? step.step.head;
  const { line, column } = placeOf(lines, at.start);
  const run = step.repeated ? `, run ${step.run} of this step` : '';
  const after = step.afterFailure ? ', after a failure' : '';
  const out = [`${paint('bold', `${file}:${line}:${column}`)}${run}${after}`, ...quote(lines, at, paint)];
  const row = (label: string, text: string): void => {
    out.push(
      `${paint('cyan', label.padEnd(LABEL_WIDTH))}${visible(text).replaceAll('\n', `\n${' '.repeat(LABEL_WIDTH)}`)}`,
    );
  };

  if (step.outcome === 'problem') row('problem', step.message);
  else {
    row('expected', step.step.expect ? oneLine(sourceOf(lines, step.step.expect)).replace(/^expect /, '') : SUCCESS);
    if (detail.staleCause && step.outcome !== 'fault') {
      // The engine's message tells the incident in one sentence; what it says before that is about the expectation.
      const [why] = step.message.split('; STALE: ');
      if (why && !why.startsWith('STALE') && !detail.staleCause.breach) row('why', why);
      incident(step, detail.staleCause, lines, row);
    } else if (detail.hidden) hidden(step, row);
    else {
      row(
        'got',
        outcomeText(step, (offset) => lineOf(lines, offset)),
      );
      if (detail.refusal) refusal(step, row);
      else if (isErrno(step.outcome)) row('means', ERRNO[step.outcome].means);
      if (detail.staleCause) incident(step, detail.staleCause, lines, row);
      else if (step.step.expect) row('why', step.message);
    }
  }
  for (const note of detail.notes ?? []) row('note', note);
  return out.map((text) => text.replaceAll(/^(?=.)/gm, INDENT));
}

const SUCCESS = 'success, since the step has no expect';

type Row = (label: string, text: string) => void;

/** A stale access as an incident: what was used, who kept it, who edited, what missed it and what would have covered it. */
function incident({ step, detail }: StepReport, cause: StaleCause, lines: Lines, row: Row): void {
  const line = (ref: StepRef): string =>
    `line ${lineOf(lines, ref.step.start)}${1 < ref.run ? ` (run ${ref.run})` : ''}`;
  const at = (ref: StepRef): string => `${line(ref)}  \`${oneLine(sourceOf(lines, ref.step.head))}\``;
  const used = detail.fault === undefined ? outcomeOfHit(detail) : `fault ${detail.fault} from a cache`;
  row('STALE', `\`${oneLine(sourceOf(lines, step.head))}\` got ${used}`);
  row('cached', `${cause.cache}: ${cause.tag}`);
  row('filled', cause.filled ? at(cause.filled) : 'before the first step');
  row('edited', cause.edited ? at(cause.edited) : 'by no step of this scenario');
  if (cause.entry) row('entry', cause.entry);
  row('now', `a walk gives ${cause.now}`);
  if (cause.missed.length === 0) row('missed', 'nothing was invalidated since the edit');
  for (const { step: ref, what } of cause.missed) row('missed', `${line(ref)}  ${what}`);
  if (cause.remedyStep)
    row(
      'covers',
      `${cause.remedyText ?? 'the smallest invalidation'} would have covered it:\n${[cause.remedyDeclaration, cause.remedyStep].filter(Boolean).join('\n')}`,
    );
  else row('covers', noRemedyText(cause));
  if (cause.remedyStep && cause.owed) row('owed', cause.owed);
  if (cause.breach) row('BREACH', 'the access reached memory that has a new owner');
}

const outcomeOfHit = (detail: StepReport['detail']): string =>
  outcomeText({ outcome: 'hpa', detail: { ...detail, stale: false }, message: '' }, () => 0);

/** An error that the call lost: what was refused, where, how that is known, and that the caller cannot see it. */
function hidden(step: StepReport, row: Row): void {
  const { hidden: errno, skip } = step.detail;
  if (errno === 'skipped') {
    row('hidden', 'the call returned 0 and the caller cannot see that nothing was done');
    if (skip) {
      row('skipped', `${skip.found} (${skip.id})`);
      row('rule', skip.doc);
      row('evidence', `${skip.evidence}: ${skip.source}`);
    }
    return;
  }
  row('hidden', `${errno}: the call returned 0 and the caller cannot see that it was refused`);
  refusal(step, row);
}

function refusal({ detail }: StepReport, row: Row): void {
  if (!detail.refusal) return;
  const { check, path, found, wanted, injected } = detail.refusal;
  const seen = [path, found && (path ? `is ${found}` : found)].filter(Boolean).join(' ');
  if (injected) row('injected', `a failure in ${check.at}${found ? ` (${found})` : ''}`);
  else {
    row('refused', [seen || check.doc, wanted && `wanted ${wanted}`].filter(Boolean).join(', '));
    row('check', `${check.id} in ${check.at}: ${check.doc}`);
  }
  row('evidence', `${check.evidence}: ${check.source}`);
}

/** A finding as compilers print it, with its line, the place in the kernel and the other places it concerns. */
export function prettyDiagnostic(d: PlacedDiagnostic, sources: FileReport['sources'], style: Style): string {
  const paint = painter(style);
  const colour = d.severity === 'error' ? 'red' : d.severity === 'warning' ? 'yellow' : 'cyan';
  const out = [
    `${paint('bold', `${d.file}:${d.line}:${d.column}`)}: ${paint(colour, d.severity)}: ${visible(d.message)} ${paint('dim', `[${d.code}]`)}`,
    ...quote(sources.get(d.file)!, d, paint),
  ];
  if (d.errno) out.push(`${d.errno}${d.decidedAt ? ` in ${d.decidedAt}` : ''}`);
  for (const { file, start, message } of d.related ?? []) {
    const lines = sources.get(file);
    const place = lines && placeOf(lines, start);
    out.push(`${file}${place ? `:${place.line}:${place.column}` : ''}: ${visible(message)}`);
  }
  return `${out.map((text, i) => (i === 0 ? text : INDENT + text)).join('\n')}\n`;
}

/** The last line of a run. */
export function prettyTotals(totals: Totals, ms: number, style: Style): string {
  const paint = painter(style);
  const { passed, failed, skipped, errors, warnings } = totals;
  const parts = [
    paint(passed > 0 && failed === 0 ? 'green' : 'dim', `${passed} passed`),
    ...(failed > 0 ? [paint('red', `${failed} failed`)] : []),
    ...(skipped > 0 ? [paint('yellow', `${skipped} skipped`)] : []),
    ...findings(errors, warnings, paint),
  ];
  return `${parts.join(', ')} ${paint('dim', `in ${milliseconds(ms)}`)}\n`;
}

/** The last line of a check. */
export function prettyCheckTotals(files: number, { errors, warnings }: Totals, style: Style): string {
  const found = findings(errors, warnings, painter(style));
  return `${files} ${files === 1 ? 'file' : 'files'}: ${found.join(', ') || 'no findings'}\n`;
}

const findings = (errors: number, warnings: number, paint: Paint): string[] => [
  ...(errors > 0 ? [paint('red', `${errors} ${errors === 1 ? 'error' : 'errors'}`)] : []),
  ...(warnings > 0 ? [paint('yellow', `${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`)] : []),
];

/** The first line of a span with carets below it. */
function quote(lines: Lines, span: { readonly start: number; readonly end: number }, paint: Paint): string[] {
  const { line, column } = placeOf(lines, span.start);
  const text = lineText(lines, line);
  const before = visible(text.slice(0, column - 1)).replace(/[^\t]/g, ' ');
  const under = visible(text.slice(column - 1, column - 1 + Math.max(1, span.end - span.start)));
  const number = String(line).padStart(4);
  return [
    paint('dim', `${number} | `) + visible(text),
    paint('dim', `${' '.repeat(number.length)} | `) +
      before +
      paint('red', '^'.repeat(Math.max(1, under.trimEnd().length))),
  ];
}

const sourceOf = ({ text }: Lines, { start, end }: { start: number; end: number }): string => text.slice(start, end);
const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();
const clip = (text: string, width: number): string => (text.length <= width ? text : `${text.slice(0, width - 3)}...`);
const milliseconds = (ms: number): string =>
  ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(1)} s`;

/** Text of a file may not steer the terminal: control and direction characters are spelt out. */
const visible = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, (c) => {
    const code = c.charCodeAt(0);
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`;
  });
