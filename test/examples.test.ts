import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { globSync } from 'tinyglobby';
import { expect, test } from 'vitest';
import { complaints, failures, runFile, traceOf } from './trace.ts';

const EXAMPLES = path.join(import.meta.dirname, '../examples');
const GOLDEN = path.join(import.meta.dirname, 'golden');
const examples = globSync('*.vsva', { cwd: EXAMPLES }).sort();
const included = globSync('include/*.vsva', { cwd: EXAMPLES }).sort();

test.each([...examples, ...included])('examples/%s passes without errors and warnings', (name) => {
  const run = runFile(path.join(EXAMPLES, name));
  expect(complaints(run)).toEqual([]);
  expect(run.results.length).toBeGreaterThan(0);
  expect(failures(run)).toEqual([]);
});

/** `UPDATE_GOLDEN=1 npx vitest run test/examples.test.ts` writes them anew. */
test.each(examples)('the trace of examples/%s is the golden one', (name) => {
  const golden = path.join(GOLDEN, name.replace(/\.vsva$/, '.trace'));
  const trace = traceOf(runFile(path.join(EXAMPLES, name)));
  if (process.env['UPDATE_GOLDEN']) {
    mkdirSync(GOLDEN, { recursive: true });
    writeFileSync(golden, trace);
  }
  expect(existsSync(golden), 'no golden trace: run with UPDATE_GOLDEN=1').toBe(true);
  expect(trace).toBe(readFileSync(golden, 'utf8'));
});

test('every golden trace has an example', () => {
  const names = examples.map((name) => name.replace(/\.vsva$/, '.trace'));
  expect(globSync('*.trace', { cwd: GOLDEN }).sort()).toEqual(names);
});
