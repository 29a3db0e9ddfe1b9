import { lineOf } from '../features/lines.ts';
import { outcomeText } from '../features/outcome-text.ts';
import type { ScenarioReport } from '../features/run-file.ts';
import type { FileReport } from './totals.ts';

/** A file with how long its scenarios took, in milliseconds, in their order. */
export interface TimedFile extends FileReport {
  readonly times: readonly number[];
}

/**
 * JUnit XML: one suite per file, one case per scenario. A file with errors gets one case more, so that a reader that
 * looks at cases only goes red as well.
 */
export function junitReport(files: readonly TimedFile[]): string {
  const suites = files.map(suite);
  const all = totals(
    suites.flatMap((s) => s.cases),
    suites.reduce((sum, s) => sum + s.time, 0),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="vsva" ${all}>`,
    ...suites.flatMap(({ name, cases, time }) => [
      `  <testsuite name="${attribute(name)}" ${totals(cases, time)}>`,
      ...cases.map((c) => c.xml),
      '  </testsuite>',
    ]),
    '</testsuites>',
    '',
  ].join('\n');
}

interface Case {
  readonly kind: 'passed' | 'failure' | 'error' | 'skipped';
  readonly xml: string;
}

function suite(file: TimedFile): { name: string; cases: Case[]; time: number } {
  const errors = file.diagnostics.filter((d) => d.severity === 'error');
  const cases = file.scenarios.map((scenario, i) => scenarioCase(file, scenario, file.times[i] ?? 0));
  if (errors.length > 0) {
    const text = errors.map((d) => `${d.file}:${d.line}:${d.column}: ${d.message} [${d.code}]`).join('\n');
    cases.unshift(testCase(file.file, 'the file has no errors', 1, 0, 'error', errors[0]!.message, text));
  }
  return { name: file.file, cases, time: file.times.reduce((sum, t) => sum + t, 0) };
}

function scenarioCase(file: TimedFile, scenario: ScenarioReport, time: number): Case {
  const { name, line, status, message } = scenario;
  if (status === 'passed') return testCase(file.file, name, line, time, 'passed');
  if (status === 'skipped') return testCase(file.file, name, line, time, 'skipped', message);
  const lines = file.sources.get(file.file)!;
  const failed = scenario.steps.filter((s) => s.status === 'failed');
  const text = [
    ...(message ? [`${file.file}:${line}: ${message}`] : []),
    ...failed.map((step) => {
      const came = outcomeText(step, (offset) => lineOf(lines, offset));
      const after = step.afterFailure ? ' (after a failure)' : '';
      return `${file.file}:${step.line}: ${step.message}${after}\n    ${oneLine(lines.text.slice(step.step.start, step.step.end))}\n    got ${came}`;
    }),
  ].join('\n');
  return testCase(file.file, name, line, time, 'failure', message || failed[0]!.message, text);
}

function testCase(
  file: string,
  name: string,
  line: number,
  time: number,
  kind: Case['kind'],
  message = '',
  text = '',
): Case {
  const head = `    <testcase classname="${attribute(file)}" name="${attribute(name)}" file="${attribute(file)}" line="${line}" time="${seconds(time)}"`;
  if (kind === 'passed') return { kind, xml: `${head}/>` };
  const inner =
    kind === 'skipped'
      ? `      <skipped message="${attribute(message)}"/>`
      : `      <${kind} message="${attribute(message)}">${escapeXml(text)}</${kind}>`;
  return { kind, xml: [`${head}>`, inner, '    </testcase>'].join('\n') };
}

function totals(cases: readonly Case[], time: number): string {
  const n = (kind: Case['kind']): number => cases.filter((c) => c.kind === kind).length;
  return `tests="${cases.length}" failures="${n('failure')}" errors="${n('error')}" skipped="${n('skipped')}" time="${seconds(time)}"`;
}

const seconds = (ms: number): string => (ms / 1000).toFixed(3);
const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text for XML 1.0: characters that it cannot hold at all, not even escaped, become U+FFFD. */
export const escapeXml = (text: string): string =>
  text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"'\r]/g, (c) => ENTITIES[c] ?? '&#13;');

/** The same for an attribute, where a parser would turn line ends into spaces. */
const attribute = (text: string): string => escapeXml(text).replace(/[\t\n]/g, (c) => (c === '\n' ? '&#10;' : '&#9;'));
