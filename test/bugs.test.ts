import path from 'node:path';
import { globSync } from 'tinyglobby';
import { expect, test } from 'vitest';
import { complaints, failures, lineAt, runFile } from './trace.ts';

/**
 * Public bug classes as pairs. `NAME.buggy.vsva` fails at exactly the lines that carry `// BUG: part of the message`;
 * `NAME.fixed.vsva` is the same story done right and is silent.
 */
const BUGS = path.join(import.meta.dirname, 'scenarios/bugs');
const names = globSync('*.vsva', { cwd: BUGS }).sort();
const buggy = names.filter((name) => name.endsWith('.buggy.vsva'));
const fixed = names.filter((name) => name.endsWith('.fixed.vsva'));

const MARK = /\/\/ BUG: (.+)$/;

test.each(buggy)('%s fails where it says and for the reason it says', (name) => {
  const run = runFile(path.join(BUGS, name));
  expect(run.findings.filter((finding) => finding.includes(': error '))).toEqual([]);
  const wanted = run.text.split('\n').flatMap((line, i) => {
    const message = MARK.exec(line)?.[1];
    return message === undefined ? [] : [{ line: i + 1, message: expect.stringContaining(message.trim()) as string }];
  });
  expect(wanted).not.toEqual([]);
  const failed = run.results.flatMap((result) =>
    result.steps
      .filter((step) => step.status === 'failed')
      .map((step) => ({ line: lineAt(run.text, step.step.start), message: step.message })),
  );
  expect(failed).toEqual(wanted);
});

test.each(fixed)('%s is silent', (name) => {
  const run = runFile(path.join(BUGS, name));
  expect(complaints(run)).toEqual([]);
  expect(run.results).toHaveLength(1);
  expect(failures(run)).toEqual([]);
});

test('every bug has its fix', () => {
  expect(fixed.map((name) => name.replace('.fixed.', '.buggy.'))).toEqual(buggy);
  expect(buggy.length).toBeGreaterThanOrEqual(12);
});
