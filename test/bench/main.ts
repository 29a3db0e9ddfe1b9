/**
 * `npm run bench`: what the parts cost on this machine. Prints medians of seven with the range; asserts nothing,
 * because machines differ. Compare before and after on one machine only.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkFile, runFile } from '../../server/features/run-file.ts';
import { analyse } from '../../server/language/analyse.ts';
import { parse } from '../../server/language/parser.ts';
import { type FileHost, resolve } from '../../server/language/resolve.ts';
import { generateFile } from './generate.ts';
import { benches } from './vtd.bench.ts';

const RUNS = 7;
const HOST: FileHost = { resolve: (_from, path) => path, read: () => ({ problem: 'benches have no files' }) };

const [cpu] = cpus();
console.log(
  `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} cores, Node ${process.version}, ${process.platform}`,
);
console.log('median of 7 (min to max)\n');

for (const lines of [1_000, 10_000]) {
  const text = generateFile(lines);
  const title = lines.toLocaleString('en');
  show(
    `parse ${title} lines`,
    'ms',
    measure(() => parse(text), 40),
  );
  show(
    `parse and check ${title} lines`,
    'ms',
    measure(() => analyse(resolve('bench.vsva', text, HOST)), 40),
  );
}
const { coldNestedWalk, iotlbHit, provenHit } = benches;
show('nested 4 x 4 walk, IOTLB empty', 'ns', coldNestedWalk());
show('IOTLB hit', 'ns', iotlbHit());
show('IOTLB hit after an edit elsewhere', 'ns', provenHit());
show('scenario', 'steps/s', scenarioSteps());
show('vsva run of one small file, cold', 'ms', coldRun());

interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

function figure(values: number[]): Figure {
  values.sort((a, b) => a - b);
  return { median: values[values.length >> 1]!, min: values[0]!, max: values.at(-1)! };
}

function show(name: string, unit: string, value: Figure | number): void {
  const text = (n: number): string => (n < 100 ? n.toFixed(1) : Math.round(n).toLocaleString('en'));
  const range = typeof value === 'number' ? '' : `  (${text(value.min)} to ${text(value.max)})`;
  console.log(
    `${name.padEnd(36)} ${text(typeof value === 'number' ? value : value.median).padStart(9)} ${unit}${range}`,
  );
}

/** Milliseconds that a piece of work takes once it is warm. */
function measure(work: () => unknown, warmUp: number): Figure {
  for (let i = 0; i < warmUp; i++) work();
  return figure(Array.from({ length: RUNS }, () => timed(work)));
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Steps per second of whole scenarios, each with its machine. */
function scenarioSteps(): Figure {
  const check = checkFile('bench.vsva', generateFile(5_000), HOST);
  const run = (): number => {
    let steps = 0;
    const time = timed(() => {
      for (const scenario of runFile(check)) steps += scenario?.stepsRun ?? 0;
    });
    return (1000 * steps) / time;
  };
  run();
  return figure(Array.from({ length: RUNS }, run));
}

/** Wall time of a process from start to end, that of Node included. */
function coldRun(): Figure {
  const directory = mkdtempSync(join(tmpdir(), 'vsva-bench-'));
  try {
    const file = join(directory, 'small.vsva');
    writeFileSync(file, generateFile(50));
    const run = (): number =>
      timed(() => {
        const { status } = spawnSync(process.execPath, [join(import.meta.dirname, 'cli.js'), 'run', file]);
        if (status !== 0) throw new Error(`vsva run ended with ${status}`);
      });
    run();
    return figure(Array.from({ length: RUNS }, run));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
