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
const LOOP_STEPS = 100_000;
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
const { coldNestedWalk, iotlbHit, iotlbHitFew, provenHit } = benches;
show('nested 4 x 4 walk, IOTLB empty', 'ns', coldNestedWalk());
show('IOTLB hit, 1,024 pages', 'ns', iotlbHitFew());
show('IOTLB hit, 16,384 pages', 'ns', iotlbHit());
show('IOTLB hit after an edit elsewhere', 'ns', provenHit());
const steps = scenarioOf200Steps();
show('scenario of 200 steps with its machine', 'ms', steps);
const loop = loopOfHits();
show('steps of a loop of 100,000 DMA hits', 'steps/s', {
  median: LOOP_STEPS / (loop.median / 1000),
  min: LOOP_STEPS / (loop.max / 1000),
  max: LOOP_STEPS / (loop.min / 1000),
});
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

/** Translations, edits and flushes in turn, with the machine brought up and the guest's table built each time. */
function scenarioOf200Steps(): Figure {
  const text = `${generateFile(50)}
scenario "200 steps" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } } as pasid
  submit bind_0
  for i in 0..49 {
    dma read dev0 pasid pasid at PAGE expect hpa 0x1_4000_0000
    map table_0 PAGE -> 0x4000_0000 r
    submit flush_0
    dma read dev0 pasid pasid at PAGE expect miss
  }
  dma read dev0 pasid pasid at PAGE expect hit
  submit unbind_0
}
`.replaceAll('PAGE', '0x7f00_0000_0000');
  return measureScenario(text, '200 steps');
}

/** One page hit again and again: what a step costs once a machine is up. */
function loopOfHits(): Figure {
  const text = `${generateFile(50)}
scenario "a loop" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } } as pasid
  submit bind_0
  for i in 0..${LOOP_STEPS} { dma read dev0 pasid pasid at 0x7f00_0000_0000 }
}
`;
  return measureScenario(text, 'a loop');
}

function measureScenario(text: string, name: string): Figure {
  const check = checkFile('bench.vsva', text, HOST);
  const run = (): void => {
    for (const scenario of runFile(check, { include: (each) => each === name }))
      if (scenario && scenario.status !== 'passed')
        throw new Error(scenario.message || scenario.steps.find((s) => s.status === 'failed')?.message);
  };
  return measure(run, 5);
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
