import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { globSync } from 'tinyglobby';
import { describe, expect, test } from 'vitest';
import { runFile, traceOf } from './trace.ts';

const EXAMPLES = path.join(import.meta.dirname, '../examples');
const GOLDEN = path.join(import.meta.dirname, 'golden');
const examples = globSync('*.vsva', { cwd: EXAMPLES }).sort();
const included = globSync('include/*.vsva', { cwd: EXAMPLES }).sort();

describe.each([...examples, ...included])('examples/%s', (name) => {
  const run = runFile(path.join(EXAMPLES, name));

  test('has no findings', () => {
    expect(run.findings).toEqual([]);
  });

  test('passes', () => {
    expect(run.results.length).toBeGreaterThan(0);
    const failed = run.results.flatMap((result) =>
      result.steps.filter((step) => step.status !== 'passed').map((step) => `${result.name}: ${step.message}`),
    );
    expect(failed).toEqual([]);
    expect(run.results.filter((result) => result.status !== 'passed')).toEqual([]);
  });
});

/** `UPDATE_GOLDEN=1 npx vitest run test/examples.test.ts` writes them anew. */
describe.each(examples)('the trace of examples/%s', (name) => {
  test('is the golden one', () => {
    const golden = path.join(GOLDEN, name.replace(/\.vsva$/, '.trace'));
    const trace = traceOf(runFile(path.join(EXAMPLES, name)));
    if (process.env['UPDATE_GOLDEN']) {
      mkdirSync(GOLDEN, { recursive: true });
      writeFileSync(golden, trace);
    }
    expect(existsSync(golden), 'no golden trace: run with UPDATE_GOLDEN=1').toBe(true);
    expect(trace).toBe(readFileSync(golden, 'utf8'));
  });
});

test('every golden trace has an example', () => {
  const names = examples.map((name) => name.replace(/\.vsva$/, '.trace'));
  expect(globSync('*.trace', { cwd: GOLDEN }).sort()).toEqual(names);
});
