import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { indexLines, lineOf } from '../server/features/lines.ts';
import type { FromWorker, Job, JobEnd, RunJob, ToWorker } from '../server/world/jobs.ts';
import type { ScenarioRun } from '../server/world/outcomes.ts';
import { Runner, type SpawnWorker, textsOf } from '../server/world/runner.ts';
import { baseName, canonicalUri, includeUri } from '../server/world/uri.ts';
import { serveJobs } from '../server/world/worker.ts';
import { World } from '../server/world/world.ts';
import { cases } from './property.ts';
import { GUEST } from './run-text.ts';

const EXAMPLES = join(dirname(dirname(fileURLToPath(import.meta.url))), 'examples');

describe('a file has one URI', () => {
  test.each([
    ['file:///a%20b/c.vsva', 'file:///a b/c.vsva'],
    ['file:///C:/x.vsva', 'file:///c%3A/x.vsva'],
    ['FILE:///x/%70art.vsva', 'file:///x/part.vsva'],
    ['file:///x/(1)+@.vsva', 'file:///x/%281%29%2B%40.vsva'],
  ])('%s is %s', (one, other) => {
    expect(canonicalUri(one)).toBe(canonicalUri(other));
  });
  test('others stay apart, and nothing is too odd', () => {
    expect(canonicalUri('file:///a')).not.toBe(canonicalUri('file:///A'));
    for (const odd of ['', 'x', 'file:///%', 'untitled:Untitled-1', '%%%:'])
      expect(typeof canonicalUri(odd)).toBe('string');
  });
  test.each([
    ['file:///a/b.vsva', 'c d.vsva', 'file:///a/c%20d.vsva'],
    ['file:///a/b.vsva', '../c#1.vsva', 'file:///c%231.vsva'],
    ['file:///a/b.vsva', '/x/y.vsva', 'file:///x/y.vsva'],
    ['vscode-vfs://github/o/r/a.vsva', 'lib/b.vsva', 'vscode-vfs://github/o/r/lib/b.vsva'],
  ])('from %s, %s is %s', (from, path, target) => {
    expect(includeUri(from, path)).toBe(canonicalUri(target));
  });
  test('the name that people call it', () => {
    expect(baseName('file:///x/a%20b.vsva')).toBe('a b.vsva');
  });
});

describe('snapshots', () => {
  const disk: Record<string, string> = {};
  const world = new World((uri) => disk[uri] ?? { problem: 'no such file' });
  const MAIN = 'uapi vfio-2020-07\ninclude "part.vsva"\nscenario "s" { expect page == 1 }\n';

  test('are computed once and shared, until the document or an included file changes', () => {
    world.set('file:///main.vsva', 1, MAIN);
    const first = world.get('file:///main.vsva')!;
    expect(first.resolved).toBe(first.resolved);
    expect(first.diagnostics.map((d) => d.code)).toContain('include-unreadable');
    expect(world.set('file:///other.vsva', 1, MAIN).length).toBe(0);
    const renewed = world.set('file:///part.vsva', 1, 'let page = 1\n');
    expect(renewed.map((s) => [s.uri, s.version])).toEqual([['file:///main.vsva', 1]]);
    expect(world.get('file:///main.vsva')).not.toBe(first);
    expect(world.get('file:///main.vsva')!.diagnostics).toEqual([]);
  });
  test('when an include is closed, what the disk has counts again', () => {
    disk['file:///part.vsva'] = 'let page = ';
    expect(world.close('file:///part.vsva').map((s) => s.uri)).toEqual(['file:///main.vsva']);
    expect(world.get('file:///main.vsva')!.diagnostics.length).toBeGreaterThan(0);
  });
  test('what changed on disk is found without being told', () => {
    expect(world.renewOutdated()).toEqual([]);
    disk['file:///part.vsva'] = 'let page = 1\n';
    expect(world.renewOutdated().map((s) => s.uri)).toEqual(['file:///main.vsva']);
  });
  test('a document that nobody looked at for a while gives up its tree, and answers from the same texts', () => {
    let part = 'let page = 1\n';
    const own = new World(() => part);
    own.set('file:///0.vsva', 1, 'uapi vfio-2020-07\ninclude "part.vsva"\nlet other = page\n');
    const first = own.get('file:///0.vsva')!;
    const [tree, findings] = [first.resolved, first.diagnostics];
    expect(first.resolved).toBe(tree);
    for (let i = 1; i <= 20; i++) {
      own.set(`file:///${i}.vsva`, 1, 'uapi vfio-2020-07\n');
      expect(own.get(`file:///${i}.vsva`)!.diagnostics).toEqual([]);
    }
    // Nobody has said that this file changed: the snapshot stands for what was read for it.
    part = 'let page = ';
    expect(first.resolved).not.toBe(tree);
    expect(first.resolved.sources.map((s) => s.text)).toEqual(tree.sources.map((s) => s.text));
    expect(first.diagnostics).toBe(findings);
  });
  test('an open file shows its own findings and those that only its includers see', () => {
    const own = new World(() => ({ problem: 'no disk' }));
    own.set('file:///part.vsva', 1, 'uapi vfio-2020-07\nlet page = 1\n');
    own.set('file:///main.vsva', 1, 'uapi vfio-2020-07\nlet page = 2\ninclude "part.vsva"\n');
    const part = own.get('file:///part.vsva')!;
    const before = own.findingsIn(part).map(({ finding }) => finding.code);
    expect(own.get('file:///main.vsva')!.diagnostics.length).toBeGreaterThan(0);
    const after = own.findingsIn(part).map(({ finding }) => finding.code);
    expect(after).toEqual([...before, 'duplicate-name']);
  });
});

/** A worker in this thread, with a memory of its last runs or without. */
function runs(): (job: Omit<RunJob, 'kind'>) => Promise<readonly ScenarioRun[]> {
  let settle: (end: JobEnd) => void = () => undefined;
  let parts: ScenarioRun[] = [];
  const work = serveJobs((message: FromWorker) => {
    if ('part' in message) parts.push(...message.part);
    else settle(message.end);
  });
  let id = 0;
  return async (job) => {
    parts = [];
    const end = new Promise<JobEnd>((resolve) => {
      settle = resolve;
    });
    work({ id: id++, job: { kind: 'run', ...job } });
    const { runs: last = [], problem } = await end;
    expect(problem).toBeUndefined();
    return [...parts, ...last].sort((a, b) => a.outcome.line - b.outcome.line);
  };
}

describe('runs after an edit', () => {
  const files = readdirSync(EXAMPLES).filter((name) => name.endsWith('.vsva'));
  const disk = new World((uri) => readFileSync(new URL(uri), 'utf8'));
  const jobFor = (text: string): Omit<RunJob, 'kind'> => {
    const uri = `file://${EXAMPLES}/edited.vsva`;
    disk.set(uri, 1, text);
    const snapshot = disk.get(uri)!;
    const errors = snapshot.diagnostics.filter((d) => d.severity === 'error');
    return { ...textsOf(snapshot), errors, budget: 2000 };
  };

  /** Edits as they happen: a line goes, comes twice, moves, or a number changes. */
  const edit = (text: string, kind: number, where: number): string => {
    const lines = text.split('\n');
    const at = where % lines.length;
    if (kind === 0) lines.splice(at, 1);
    else if (kind === 1) lines.splice(at, 0, lines[at]!);
    else if (kind === 2) lines.splice(at, 0, '', '// a remark');
    else if (kind === 3) lines[at] = lines[at]!.replace(/\d(?!.*\d)/, (d) => String((Number(d) + 1) % 10));
    else lines.splice((at * 7) % lines.length, 0, ...lines.splice(at, 1));
    return lines.join('\n');
  };

  test('come to what running everything comes to', async () => {
    const edits = fc.array(fc.tuple(fc.nat(4), fc.nat(1000)), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...files), edits, async (name, changes) => {
        const remembering = runs();
        let text = readFileSync(join(EXAMPLES, name), 'utf8');
        await remembering(jobFor(text));
        for (const [kind, where] of changes) {
          text = edit(text, kind, where);
          const [one, all] = [await remembering(jobFor(text)), await runs()(jobFor(text))];
          expect(one.map((r) => [r.outcome.line, r.outcome.name])).toEqual(
            all.map((r) => [r.outcome.line, r.outcome.name]),
          );
          expect(one).toEqual(all);
        }
      }),
      cases(100),
    );
  }, 120_000);

  const TEXT = `uapi vfio-2020-07\n${GUEST}
scenario "uses" { submit alloc as pasid; submit bind }
scenario "endless" { for i in 0..1000 { note "x" } }
`;
  test('take no time where nothing changed that they use', async () => {
    const remembering = runs();
    const first = await remembering(jobFor(TEXT));
    const moved = TEXT.replace('scenario "uses"', '// further down\nscenario "uses"');
    const second = await remembering(jobFor(moved));
    expect(second.map((r) => r.outcome.line)).toEqual(first.map((r) => r.outcome.line + 1));
    const changed = await remembering(jobFor(moved.replace('addr_width = 48', 'addr_width = 40')));
    expect(changed.map((r) => r.outcome.status)).toEqual(['failed', 'passed']);
    expect(changed[0]!.failures.map((f) => lineOf(indexLines(moved), changed[0]!.start + f.start))).toEqual([
      second[0]!.outcome.line + 1,
    ]);
  });
  test('meet page tables as the present text has them, whatever else was kept', async () => {
    const remembering = runs();
    const text = `uapi vfio-2020-07
let target = 0x4000_0000
${GUEST.replace('-> 0x4000_0000', '-> target')}
scenario "a" { submit alloc as pasid; submit bind; dma read dev0 pasid pasid at 0x7f00_0000_0000 expect hpa 0x1_4000_0000 }
`;
    const statuses = async (now: string): Promise<string[]> =>
      (await remembering(jobFor(now))).map((r) => r.outcome.status);
    expect(await statuses(text)).toEqual(['passed']);
    // The scenario runs again on the tables of the last version, laid once.
    expect(await statuses(text.replace('"a"', '"b"'))).toEqual(['passed']);
    for (const [from, to] of [
      ['-> target', '-> target + 4K'],
      ['let target = 0x4000_0000', 'let target = 0x4100_0000'],
      ['uapi', 'machine { ram 0 size 2G -> 0x2_0000_0000 page 4K }\nuapi'],
    ] as const) {
      expect(await statuses(text.replace(from, to)), to).toEqual([from === 'uapi' ? 'skipped' : 'failed']);
      expect(await statuses(text)).toEqual(['passed']);
    }
    expect(await statuses(`${text}machine { ram 0 size 2G -> 0x2_0000_0000 }\n`)).toEqual(['failed']);
    expect(await statuses(text)).toEqual(['passed']);
  });
  test('of a name that nobody declared hang on all names, since one of them may be meant', async () => {
    const remembering = runs();
    const text = 'uapi vfio-2020-07\nscenario "a" { for i in 0..1 { let late = 1 }; expect late == 1 }\n';
    for (const now of [text, text.replace('scenario', 'let latf = 1\nscenario'), text])
      expect(await remembering(jobFor(now))).toEqual(await runs()(jobFor(now)));
  });
});

describe('the runner', () => {
  const job = { kind: 'run', file: 'f', text: '', included: [], errors: [], budget: 1 } satisfies Job;
  /** Workers that do what the test tells them. */
  const workers: {
    heard: ToWorker[];
    say: (message: FromWorker) => void;
    crash: (why: string) => void;
    terminated: boolean;
  }[] = [];
  const spawn: SpawnWorker = (say, crash) => {
    const worker = { heard: [] as ToWorker[], say, crash, terminated: false };
    workers.push(worker);
    return {
      post: (message) => void worker.heard.push(message),
      terminate: () => {
        worker.terminated = true;
      },
    };
  };
  const log: string[] = [];
  const runner = (): Runner => {
    workers.length = log.length = 0;
    return new Runner(spawn, (text) => log.push(text));
  };

  test('replaces a worker that crashed, says why, and goes on with what waits', async () => {
    const r = runner();
    const first = r.run(() => job);
    const second = r.run(() => job);
    workers[0]!.crash('out of memory');
    expect((await first.end).problem).toContain('out of memory');
    expect(log).toEqual([expect.stringContaining('out of memory')]);
    expect(workers.length).toBe(2);
    workers[1]!.say({ id: workers[1]!.heard[0]!.id, end: { cancelled: false } });
    expect(await second.end).toEqual({ cancelled: false });
  });
  test('replaces a worker that does not hear, within the time promised', async () => {
    const r = runner();
    const deaf = r.run(() => job);
    const began = performance.now();
    deaf.cancel();
    expect((await deaf.end).cancelled).toBe(true);
    expect(performance.now() - began).toBeLessThan(500);
    expect(workers.map((w) => w.terminated)).toEqual([true, false]);
    // What the dead one still says is not heard.
    const next = r.run(() => job);
    workers[0]!.say({ id: 2, end: { cancelled: false, problem: 'a ghost' } });
    workers[1]!.say({ id: 2, end: { cancelled: false } });
    expect((await next.end).problem).toBeUndefined();
  });
  test('a job that waits is cancelled without the worker hearing of it, and the newest goes first', async () => {
    const r = runner();
    void r.run(() => job);
    const waits = r.run(() => job);
    void r.run(() => job);
    waits.cancel();
    expect((await waits.end).cancelled).toBe(true);
    workers[0]!.say({ id: 1, end: { cancelled: false } });
    expect(workers[0]!.heard.map((m) => m.id)).toEqual([1, 3]);
  });
  test('a worker that cannot be started is a problem of the job, not of the server', async () => {
    const r = new Runner(
      () => {
        throw new Error('no threads here');
      },
      () => undefined,
    );
    r.warmUp();
    expect((await r.run(() => job).end).problem).toBe('no threads here');
  });
});
