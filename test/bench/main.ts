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
import * as smmuv3 from './smmuv3.bench.ts';
import { runTwin, type TwinGuest } from './twin.ts';
import * as vtd from './vtd.bench.ts';

const RUNS = 7;
const LOOP_STEPS = 100_000;
/** The argument that asks for the benches of that model alone. */
const SMMUV3 = 'smmuv3';
const HOST: FileHost = { resolve: (_from, path) => path, read: () => ({ problem: 'benches have no files' }) };

if (process.argv[2] === SMMUV3) {
  benchSmmuv3();
  process.exit();
}
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
const cold = vtd.coldWalk();
const hit = vtd.iotlbHit(16_384);
show('nested 4 x 4 walk, 24 reads', 'ns', cold);
show('the same, filling empty structure caches', 'ns', vtd.coldWalkWithFill());
show('nested walk, structure caches warm', 'ns', vtd.warmWalk());
show('IOTLB hit, 1,024 pages', 'ns', vtd.iotlbHit(1_024));
show('IOTLB hit, 16,384 pages', 'ns', hit);
show('IOTLB hit after an edit elsewhere', 'ns', vtd.provenHit());
show('page invalidation, 4,096 live', 'ns', vtd.pageInvalidation());
show('PASID invalidation, 256 of 4,096 live', 'ns', vtd.pasidInvalidation());
compare('vtd', { ...vtd.nestedGuest(false), request: vtd.newRequest() }, cold, hit);
// In a process of its own: code that was compiled for one model is slower for the next.
spawnSync(process.execPath, [import.meta.filename, SMMUV3], { stdio: 'inherit' });
const steps = scenarioOf200Steps();
show('scenario of 200 steps with its machine', 'ms', steps);
const loop = loopOfHits();
show('steps of a loop of 100,000 DMA hits', 'steps/s', {
  median: LOOP_STEPS / (loop.median / 1000),
  min: LOOP_STEPS / (loop.max / 1000),
  max: LOOP_STEPS / (loop.min / 1000),
});
show('vsva run of one small file, cold', 'ms', runOfFile(generateFile(50)));
show('loop of 1,000,000 dma through vsva run', 'ms', runOfFile(millionAccesses()));

function benchSmmuv3(): void {
  const cold = smmuv3.coldWalk();
  const hit = smmuv3.tlbHit(16_384);
  show('SMMUv3: nested 4 x 4 walk, 24 reads', 'ns', cold);
  show('the same, filling empty walk caches', 'ns', smmuv3.coldWalkWithFill());
  show('nested walk, walk caches warm', 'ns', smmuv3.warmWalk());
  show('TLB hit, 1,024 pages', 'ns', smmuv3.tlbHit(1_024));
  show('TLB hit, 16,384 pages', 'ns', hit);
  show('TLB hit after an edit elsewhere', 'ns', smmuv3.provenHit());
  compare('vmsa', { ...smmuv3.nestedGuest(false), request: smmuv3.newRequest() }, cold, hit);
}

/** Sets a model's figures against those of its twin in C. */
function compare(format: 'vtd' | 'vmsa', guest: TwinGuest, walk: number, hit: number): void {
  const twin = runTwin(format, guest);
  if (!twin) {
    console.log('no C compiler, so no comparison with C');
    return;
  }
  const line = (name: string, ours: number, theirs: number): void =>
    console.log(`  ${name.padEnd(17)} ${theirs.toFixed(1).padStart(7)} ns  ${(ours / theirs).toFixed(1)} x`);
  console.log(`\nC (-O2) over the same memory, and what the engine takes of it`);
  line('walk, hash index', walk, twin.hashed);
  line('walk, flat', walk, twin.flat);
  line('hit', hit, twin.hit);
  console.log('');
}

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
    `${name.padEnd(40)} ${text(typeof value === 'number' ? value : value.median).padStart(9)} ${unit}${range}`,
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

/** Accesses over 1,024 pages of a guest, in turn; the first thousand walk. */
function millionAccesses(): string {
  return `${generateFile(50)}
let BASE = 0x7f00_0000_0000
pagetable wide x86-64 at 0x2000_0000 { BASE size 4M -> 0x4000_0000 rw }
bind_data wide_guest = guest_0 { gpgd = wide.root }
nesting_op bind_wide = bind_0 { data = wide_guest }
scenario "a million" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } } as pasid
  submit bind_wide
  for i in 0..1000000 { dma read dev0 pasid pasid at BASE + (i & 0x3ff) * 4K + 0x10 }
}
`;
}

/** Wall time of `vsva run` from start to end, that of Node included. */
function runOfFile(text: string): Figure {
  const directory = mkdtempSync(join(tmpdir(), 'vsva-bench-'));
  try {
    const file = join(directory, 'bench.vsva');
    writeFileSync(file, text);
    const command = [join(import.meta.dirname, 'cli.js'), 'run', '--max-steps', '2000010', file];
    const run = (): number =>
      timed(() => {
        const { status } = spawnSync(process.execPath, command);
        if (status !== 0) throw new Error(`vsva run ended with ${status}`);
      });
    run();
    return figure(Array.from({ length: RUNS }, run));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
