/** The built command line from the outside: what it prints where, and how it ends. */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const CLI = join(ROOT, 'dist/cli.js');
const SAMPLE = join(ROOT, 'test/scenarios/language-section-1.vsva');

let directory = '';

beforeAll(() => {
  const built = spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs')], { encoding: 'utf8' });
  expect(built.stderr).toBe('');
  expect(built.status).toBe(0);
  directory = mkdtempSync(join(tmpdir(), 'vsva-cli-'));
}, 60_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs the tool in the scratch directory, without a terminal. */
function vsva(args: readonly string[], input: string | Buffer = '', env: Readonly<Record<string, string>> = {}): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    cwd: directory,
    input,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  return { code: status, out: stdout, err: stderr };
}

function write(name: string, text: string | Buffer): string {
  mkdirSync(dirname(join(directory, name)), { recursive: true });
  writeFileSync(join(directory, name), text);
  return name;
}

const PASSES = 'uapi vfio-2020-07\nscenario "holds" { note "x" }\n';
const FAILS = 'uapi vfio-2020-07\nscenario "does not hold" { expect 1 == 2 }\n';
const WARNS = `uapi vfio-2020-07
pasid_request short { argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID }
scenario "is warned of" { submit short expect EINVAL, returns -22 or ok }
scenario "is not expected" { submit short }
`;

describe('exit codes', () => {
  test('0 when everything holds', () => expect(vsva(['run', write('passes.vsva', PASSES)]).code).toBe(0));
  test('1 when a scenario fails', () => expect(vsva(['run', write('fails.vsva', FAILS)]).code).toBe(1));
  test('1 when a file has errors, for check too', () => {
    write('errors.vsva', 'uapi vfio-2020-07\nlet a = nope\n');
    expect(vsva(['run', 'errors.vsva']).code).toBe(1);
    expect(vsva(['check', 'errors.vsva']).code).toBe(1);
  });
  test('warnings count with --strict only', () => {
    write('warns.vsva', WARNS);
    const lenient = vsva(['check', 'warns.vsva']);
    expect(lenient.out).toContain('warns.vsva:2:31: warning: argsz is 8');
    expect(lenient.code).toBe(0);
    expect(vsva(['check', '--strict', 'warns.vsva']).code).toBe(1);
  });
  test.each([
    ['a command that does not exist', ['rnu', 'a.vsva'], 'there is no command rnu'],
    ['an option that does not exist', ['run', '--colour', 'a.vsva'], "Unknown option '--colour'"],
    ['an option without its value', ['run', 'a.vsva', '--filter'], "'--filter <value>' argument missing"],
    ['no file', ['run'], 'run needs a file'],
    ['a bad regular expression', ['run', '--filter', '(', 'a.vsva'], 'Invalid regular expression'],
    ['a bad number', ['run', '--max-steps', '0', 'a.vsva'], '--max-steps takes a whole number from 1, not 0'],
    ['a reporter that does not exist', ['run', '--reporter', 'xml', 'a.vsva'], 'there are pretty, json, junit'],
    ['a reporter to come', ['run', '--reporter', 'tap', 'a.vsva'], '--reporter tap is not available yet'],
    ['an option to come', ['run', '--jobs=4', 'a.vsva'], '--jobs is not available yet'],
    ['a file that does not exist', ['run', 'missing.vsva'], 'missing.vsva: no such file or directory'],
    ['a pattern that matches nothing', ['run', 'none/*.vsva'], 'none/*.vsva: no file matches this pattern'],
    ['layout without a generation', ['layout'], 'layout needs --uapi ID; there are vfio-2018-02, '],
    ['layout of an unknown struct', ['layout', '--uapi', 'vfio-2020-07', 'nesting_opp'], 'did you mean nesting_op?'],
    ['a generation that is none', ['layout', '--uapi', 'barr'], 'barr is not a generation; did you mean bare?'],
  ])('2 for %s', (_what, args, message) => {
    const { code, out, err } = vsva(args);
    expect(err).toContain(message);
    expect(err).toMatch(/^vsva: /);
    expect(out).not.toContain(message);
    expect(code).toBe(2);
  });
  test.each(['fmt'])('2 for %s, which is not available yet', (command) => {
    expect(vsva([command, 'x'])).toEqual({ code: 2, out: '', err: `vsva: vsva ${command} is not available yet\n` });
  });
  test('2 without a command, with the usage', () => {
    const { code, out, err } = vsva([]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain('usage: vsva COMMAND');
  });
  test('the whole of a run counts: unreadable input outranks a failure, and the rest still runs', () => {
    const { code, out, err } = vsva(['run', 'missing.vsva', write('fails.vsva', FAILS)]);
    expect(out).toContain('FAIL fails.vsva:2 does not hold');
    expect(err).toContain('missing.vsva');
    expect(code).toBe(2);
  });
});

test('help and version', () => {
  expect(vsva(['--version']).out).toMatch(/^vsva \d+\.\d+\.\d+\n$/);
  expect(vsva(['help']).out).toContain('usage: vsva COMMAND');
  expect(vsva(['help', 'run']).out).toBe(vsva(['run', '--help']).out);
  expect(vsva(['help', 'layout']).out).toContain('--quirks');
  expect(vsva(['help', 'nope']).code).toBe(2);
});

test('the file that ships is executable and begins with a shebang', () => {
  expect(statSync(CLI).mode & 0o111).toBe(0o111);
  expect(readFileSync(CLI, 'utf8')).toMatch(/^#!\/usr\/bin\/env node\n/);
});

/** A report as those who parse it may rely on. */
interface Report {
  readonly version: number;
  readonly files: readonly {
    readonly file: string;
    readonly uapi: string | null;
    readonly diagnostics: readonly Record<string, unknown>[];
    readonly scenarios: readonly {
      readonly name: string;
      readonly line: number;
      readonly status: string;
      readonly message?: string;
      readonly steps: readonly {
        readonly line: number;
        readonly kind: string;
        readonly status: string;
        readonly outcome: string;
        readonly message: string;
        readonly run?: number;
        readonly afterFailure?: true;
        readonly detail: Record<string, unknown>;
      }[];
    }[];
  }[];
  readonly totals: Readonly<Record<'passed' | 'failed' | 'skipped' | 'errors', number>>;
}

function report(args: readonly string[], input = ''): Report {
  const { out, err } = vsva(['run', '--reporter', 'json', ...args], input);
  expect(err).toBe('');
  return JSON.parse(out);
}

describe('the JSON report', () => {
  test('of a small file, whole', () => {
    write(
      'small.vsva',
      `uapi vfio-2020-07
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 3, max = 9 } }

scenario "a PASID" {
  submit request as pasid
  expect pasid == 4
  for i in 0..2 { write gpa 0x1000 + i * 8 = 0xab }
}
`,
    );
    expect(report(['small.vsva'])).toEqual({
      version: 1,
      files: [
        {
          file: 'small.vsva',
          uapi: 'vfio-2020-07',
          diagnostics: [],
          scenarios: [
            {
              name: 'a PASID',
              line: 4,
              status: 'failed',
              steps: [
                { line: 5, kind: 'submit', status: 'passed', outcome: 'ok', message: '', detail: { returns: '0x3' } },
                {
                  line: 6,
                  kind: 'expect',
                  status: 'failed',
                  outcome: 'error',
                  message: expect.any(String),
                  detail: {},
                },
                {
                  line: 7,
                  kind: 'write',
                  run: 1,
                  status: 'passed',
                  outcome: 'ok',
                  message: '',
                  afterFailure: true,
                  detail: {},
                },
                {
                  line: 7,
                  kind: 'write',
                  run: 2,
                  status: 'passed',
                  outcome: 'ok',
                  message: '',
                  afterFailure: true,
                  detail: {},
                },
              ],
            },
          ],
        },
      ],
      totals: { passed: 0, failed: 1, skipped: 0, errors: 0 },
    });
  });

  test('of the sample file: addresses and values are hex strings, counts numbers, hits and staleness booleans', () => {
    const { files, totals } = report([SAMPLE]);
    expect(totals).toEqual({ passed: 1, failed: 0, skipped: 0, errors: 0 });
    const steps = files[0]!.scenarios[0]!.steps;
    expect(steps.map((s) => [s.kind, s.status, s.outcome])).toEqual([
      ['submit', 'passed', 'ok'],
      ['submit', 'passed', 'ok'],
      ['dma', 'passed', 'hpa'],
      ['dma', 'passed', 'hpa'],
      ['unmap', 'passed', 'ok'],
      ['dma', 'passed', 'hpa'],
      ['submit', 'passed', 'ok'],
      ['dma', 'passed', 'fault'],
      ['submit', 'passed', 'ok'],
    ]);
    const [cold, warm, , stale, , fault] = steps.slice(2).map((s) => s.detail);
    expect(cold).toEqual({
      hpa: '0x140000010',
      gpa: '0x40000010',
      refs: 24,
      config: expect.any(Number),
      hit: false,
      stale: false,
      value: '0x0',
    });
    expect(warm).toMatchObject({ hit: true, cache: 'iotlb', refs: 0, stale: false });
    const line = (i: number): number => steps[i]!.line;
    expect(stale).toMatchObject({
      stale: true,
      staleCause: {
        cache: 'IOTLB',
        filled: { line: line(2), run: 1 },
        edited: { line: line(4), run: 1 },
        missed: [],
        breach: false,
      },
    });
    expect(fault).toMatchObject({
      fault: 'SFS.2',
      code: '0x71',
      event: [expect.stringMatching(/^0x/), expect.stringMatching(/^0x/)],
    });
    expect(steps[1]!.detail['issued']).toEqual([['0x1000020031', '0x0', '0x0', '0x0']]);
  });

  test('is the same each time', () => {
    expect(vsva(['run', '--reporter', 'json', SAMPLE]).out).toBe(vsva(['run', '--reporter', 'json', SAMPLE]).out);
  });

  test('a hidden error names its errno, a refusal its check', () => {
    const text = readFileSync(SAMPLE, 'utf8').replace('addr_width = 48', 'addr_width = 40');
    const { files } = report(['-'], text);
    expect(files[0]!.file).toBe('<stdin>');
    expect(files[0]!.scenarios[0]!.steps[1]).toMatchObject({
      status: 'failed',
      outcome: 'ok',
      detail: {
        hidden: 'EINVAL',
        reason: 'addr-width-unsupported',
        returns: '0x0',
        refusal: { path: 'data.addr_width', found: '40' },
      },
    });
  });

  test('negative returns are the 64-bit pattern', () => {
    const { files } = report(['--filter', 'is not expected', write('warns.vsva', WARNS)]);
    expect(files[0]!.scenarios[0]!.steps[0]).toMatchObject({
      outcome: 'EINVAL',
      detail: { returns: '0xffffffffffffffea', reason: expect.any(String) },
    });
  });

  test('lines and columns count from 1, columns in UTF-16 units, over every kind of line end', () => {
    const { files, totals } = report(['-'], '\uFEFFuapi vfio-2020-07\r\nlet s = 1 /* 😀é */ + nope\rlet t = nope\n');
    expect(totals.errors).toBe(2);
    expect(files[0]!.diagnostics).toMatchObject([
      { line: 2, column: 23, endLine: 2, endColumn: 27, severity: 'error', code: 'unknown-name' },
      { line: 3, column: 9, endLine: 3, endColumn: 13, severity: 'error', code: 'unknown-name' },
    ]);
    expect(Object.keys(files[0]!.diagnostics[0]!)).toEqual([
      'line',
      'column',
      'endLine',
      'endColumn',
      'severity',
      'code',
      'message',
    ]);
  });

  test('a finding in an included file names that file', () => {
    write('lib/names.vsva', 'uapi vfio-2020-07\nlet a = nope\n');
    write('lib/user.vsva', 'uapi vfio-2020-07\ninclude "names.vsva"\nscenario "s" { expect a == 1 }\n');
    const { files } = report(['lib/user.vsva']);
    expect(files[0]!.diagnostics).toContainEqual(
      expect.objectContaining({ file: join('lib', 'names.vsva'), line: 2, column: 9 }),
    );
    expect(files[0]!.scenarios[0]).toMatchObject({ status: 'skipped' });
  });

  test('check prints the same object without runs', () => {
    const { code, out } = vsva(['check', '--reporter', 'json', write('warns.vsva', WARNS)]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      version: 1,
      files: [{ file: 'warns.vsva', diagnostics: [{ severity: 'warning', code: 'argsz-too-small' }], scenarios: [] }],
      totals: { passed: 0, failed: 0, skipped: 0, errors: 0 },
    });
  });
});

describe('a file with errors', () => {
  test('runs its intact scenarios and says why the others do not run', () => {
    const { files, totals } = report(
      ['-'],
      `uapi vfio-2020-07
let a = nope
let b = a + 1
bind_data guest { argsz = sizeof, gpasid = b }
nesting_op bind { argsz = sizeof, data = guest }
scenario "uses an error at third hand" { submit bind }
scenario "is wrong itself" { submit nothing }
scenario "cannot be parsed" { submit submit submit }
scenario "is intact" { note "x" }
`,
    );
    expect(files[0]!.scenarios.map((s) => [s.name, s.status, s.message])).toEqual([
      ['uses an error at third hand', 'skipped', expect.stringMatching(/has an error: line \d: nope is not known/)],
      ['is wrong itself', 'skipped', 'line 7: nothing is not known'],
      ['cannot be parsed', 'skipped', expect.stringMatching(/^line 8: /)],
      ['is intact', 'passed', undefined],
    ]);
    expect(totals).toMatchObject({ passed: 1, skipped: 3 });
  });

  test('skips a scenario for the mistake of a constant or table that it only names', () => {
    const { files } = report(
      ['-'],
      'uapi vfio-2020-07\nlet a = nope\npagetable t x86-64 at a { }\nscenario "root" { expect t.root == 0 }\nscenario "constant" { expect a == 0 }\n',
    );
    expect(files[0]!.diagnostics.filter((d) => d.severity === 'error').map((d) => d.line)).toEqual([2]);
    const why = 'a has an error: line 2: nope is not known';
    expect(files[0]!.scenarios.map((s) => [s.status, s.message])).toEqual([
      ['skipped', why],
      ['skipped', why],
    ]);
  });

  test.each([
    ['an unknown generation', 'uapi vfio-1999', 'vfio-1999', 'is not a generation'],
    ['no generation', '', null, 'a file begins with the generation it speaks'],
    ['an impossible machine', 'uapi vfio-2020-07\nmachine { iommu vtd { NOPE = 1 } }', 'vfio-2020-07', 'NOPE'],
  ])('%s skips every scenario and says so', (_what, head, uapi, why) => {
    const { files, totals } = report(['-'], `${head}\nscenario "a" { note "x" }\nscenario "b" { }\n`);
    expect(files[0]!.uapi).toBe(uapi);
    expect(files[0]!.scenarios.map((s) => s.status)).toEqual(['skipped', 'skipped']);
    expect(files[0]!.scenarios[0]!.message).toContain(why);
    expect(totals).toMatchObject({ skipped: 2, errors: 1 });
    expect(vsva(['run', '-'], `${head}\nscenario "a" { }\n`).code).toBe(1);
  });
});

describe('input', () => {
  test('directories give their .vsva files in order, patterns what they match, and each file counts once', () => {
    for (const name of [
      'tree/b.vsva',
      'tree/a.vsva',
      'tree/sub/c.vsva',
      'tree/node_modules/d.vsva',
      'tree/.git/e.vsva',
    ])
      write(name, PASSES);
    write('tree/readme.txt', 'not for us');
    const names = (...args: string[]): string[] => report(args).files.map((f) => f.file);
    expect(names('tree')).toEqual(['tree/a.vsva', 'tree/b.vsva', 'tree/sub/c.vsva']);
    expect(names('tree/*.vsva')).toEqual(['tree/a.vsva', 'tree/b.vsva']);
    expect(names('tree/**/*.vsva', 'tree/a.vsva', './tree/b.vsva')).toEqual(names('tree'));
    expect(names(join(directory, 'tree', '{a,b}.vsva'))).toEqual([
      join(directory, 'tree/a.vsva'),
      join(directory, 'tree/b.vsva'),
    ]);
    expect(vsva(['run', 'tree/.git']).code).toBe(0);
    mkdirSync(join(directory, 'empty'), { recursive: true });
    expect(vsva(['run', 'empty'])).toMatchObject({ code: 2, err: 'vsva: empty: no .vsva file in this directory\n' });
  });

  test.each([
    ['bytes', Buffer.from('uapi vfio-2020-07\n\0'), 'it is not text: it holds NUL bytes'],
    ['another encoding', Buffer.from('// caf\xe9\nuapi vfio-2020-07\n', 'latin1'), 'it is not UTF-8 text'],
    ['more than 16 MB', Buffer.alloc((16 << 20) + 1, 32), 'it has more than 16 MB'],
  ])('%s cannot be read', (_what, content, why) => {
    write('odd.vsva', content);
    for (const command of ['run', 'check']) {
      const { code, err } = vsva([command, 'odd.vsva']);
      expect(err).toBe(`vsva: odd.vsva cannot be read: ${why}\n`);
      expect(code).toBe(2);
    }
    expect(vsva(['run', '-'], content).code).toBe(2);
  });

  test('a file without permission cannot be read, but by root', () => {
    chmodSync(join(directory, write('secret.vsva', PASSES)), 0);
    const { code, err } = vsva(['run', 'secret.vsva']);
    if (process.getuid?.() === 0) expect({ code, err }).toEqual({ code: 0, err: '' });
    else expect(err).toContain('permission denied');
  });

  test('an include that cannot be read is a finding, not a crash', () => {
    write('odd.bin', Buffer.from([0]));
    const { files } = report(['-'], 'uapi vfio-2020-07\ninclude "odd.bin"\ninclude "gone.vsva"\ninclude "."\n');
    expect(files[0]!.diagnostics.map((d) => d['message'])).toEqual([
      'odd.bin cannot be read: it is not text: it holds NUL bytes',
      'gone.vsva cannot be read: no such file',
      '. cannot be read: it is a directory',
    ]);
  });
});

describe('which scenarios run, and how far', () => {
  const MANY = `uapi vfio-2020-07
scenario "first" { note "x" }
scenario "value" for X in [1, 2, 3] { expect X != 2 }
scenario "last" { note "x" }
`;
  const statuses = (...args: string[]): string[][] =>
    report([...args, write('many.vsva', MANY)]).files[0]!.scenarios.map((s) => [s.name, s.status]);

  test('--filter leaves the others out', () => {
    expect(statuses('--filter', 'X=[12]|last')).toEqual([
      ['value [X=1]', 'passed'],
      ['value [X=2]', 'failed'],
      ['last', 'passed'],
    ]);
    const none = vsva(['run', '--filter', 'nothing like it', 'many.vsva']);
    expect(none.err).toBe("vsva: no scenario's name matches /nothing like it/\n");
    expect(none.code).toBe(2);
  });

  test('--bail runs nothing after the first failure, and says so', () => {
    expect(statuses('--bail')).toEqual([
      ['first', 'passed'],
      ['value [X=1]', 'passed'],
      ['value [X=2]', 'failed'],
      ['value [X=3]', 'skipped'],
      ['last', 'skipped'],
    ]);
    expect(vsva(['run', '--bail', 'many.vsva']).out).toContain(
      'skip many.vsva:4 last: not run: a scenario failed and --bail is on',
    );
  });

  test('--max-steps ends a scenario that would run for ever', () => {
    write('forever.vsva', 'uapi vfio-2020-07\nscenario "s" { for i in 0..1000000000000 { note "x" } }\n');
    const began = performance.now();
    const { code, out } = vsva(['run', '--max-steps', '1000', 'forever.vsva']);
    expect(out).toContain('the step budget of 1000 is used up');
    expect(code).toBe(1);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(vsva(['run', 'forever.vsva']).out).toContain('the step budget of 1000000 is used up');
  });
});

describe('JUnit', () => {
  const junit = (input: string): string => vsva(['run', '--reporter', 'junit', '-'], input).out;

  test('has a suite per file and a case per scenario', () => {
    const xml = junit(
      'uapi vfio-2020-07\nscenario "a <&> \\"b\\"\\x01" { note "x" }\nscenario "c" { expect 1 == 2 }\nscenario "d" { submit nothing }\n',
    );
    expect(wellFormed(xml)).toEqual([]);
    expect(xml).toContain('name="a &lt;&amp;&gt; &quot;b&quot;\ufffd"');
    expect(xml).toMatch(/<testsuite name="&lt;stdin&gt;" tests="4" failures="1" errors="1" skipped="1" time="[\d.]+">/);
    expect(xml).toMatch(/<failure message="[^"]+">&lt;stdin&gt;:3: /);
    expect(xml).toContain('<skipped message="line 4: nothing is not known"/>');
    expect(xml).toMatch(/<error message="nothing is not known">/);
  });

  test('has no case but the scenarios in a file without errors', () => {
    const xml = junit(PASSES);
    expect(wellFormed(xml)).toEqual([]);
    expect(xml.match(/<testcase /g)).toHaveLength(1);
  });
});

describe('the terminal', () => {
  test('no colours without one, and control characters are spelt out', () => {
    const { out } = vsva(['run', '-'], 'uapi vfio-2020-07\nscenario "\\x1b[31mred" { expect 1 == 2 }\n');
    expect(out).not.toContain('\x1b');
    expect(out).toContain('\\x1b[31mred');
  });

  // `script` gives the tool a terminal.
  const onTerminal = (env: Record<string, string>): string => {
    write('passes.vsva', PASSES);
    const command = `${process.execPath} ${CLI} run passes.vsva`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      cwd: directory,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '', ...env },
    });
    return stdout ?? '';
  };
  test('colours on one, but not with NO_COLOR', () => {
    expect(onTerminal({})).toContain('\x1b[32mpass\x1b[0m');
    expect(onTerminal({ NO_COLOR: '1' })).not.toContain('\x1b[3');
  });

  test('a reader that leaves early does not crash it', async () => {
    write('long.vsva', `uapi vfio-2020-07\nscenario "s" for X in 0..2000 { expect X == 0 }\n`);
    const child = spawn(process.execPath, [CLI, 'run', 'long.vsva'], { cwd: directory });
    let err = '';
    child.stderr.on('data', (data) => {
      err += data;
    });
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(err).toBe('');
    expect(code).toBe(1);
  });

  test('a full disk is an error, not a crash', () => {
    write('passes.vsva', PASSES);
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'run', 'passes.vsva'], {
      cwd: directory,
      encoding: 'utf8',
      stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    });
    expect(stderr).toMatch(/^vsva: the output cannot be written: ENOSPC/);
    expect(status).toBe(2);
  });

  test.each(['pretty', 'json'])('Ctrl-C stops between steps and reports what ran (%s)', async (reporter) => {
    write(
      'spin.vsva',
      'uapi vfio-2020-07\nscenario "done" { note "x" }\nscenario "spins" { for i in 0..1000000000000 { note "x" } }\n',
    );
    const args = ['run', '--max-steps', '900000000', '--reporter', reporter, 'spin.vsva'];
    const child = spawn(process.execPath, [CLI, ...args], { cwd: directory });
    let [out, err] = ['', ''];
    child.stdout.on('data', (data) => {
      out += data;
    });
    child.stderr.on('data', (data) => {
      err += data;
    });
    // The pretty report says when the second scenario is under way.
    if (reporter === 'pretty') child.stdout.once('data', () => setTimeout(() => child.kill('SIGINT'), 100));
    else setTimeout(() => child.kill('SIGINT'), 1500);
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect(err).toBe('');
    expect(code).toBe(130);
    if (reporter === 'pretty') {
      expect(out).toMatch(/^pass spin\.vsva:2 done/);
      expect(out).toContain('skip spin.vsva:3 spins: not run to its end: interrupted');
    } else expect((JSON.parse(out) as Report).totals).toEqual({ passed: 1, failed: 0, skipped: 1, errors: 0 });
  });
});

describe('layout', () => {
  test('prints one struct, by name or kind, as pahole does', () => {
    const byName = vsva(['layout', '--uapi', 'vfio-2020-07', 'iommu_gpasid_bind_data']);
    expect(byName.out).toContain('/* size: 72, cachelines: 2, members: 10 */');
    expect(vsva(['layout', '--uapi', 'vfio-2020-07', 'bind_data'])).toEqual(byName);
  });

  test('prints every struct as data', () => {
    const { out } = vsva(['layout', '--uapi', 'vfio-2020-07', '--format', 'json']);
    const { structs } = JSON.parse(out) as { structs: { name: string; size: number; fields: unknown[] }[] };
    const bind = structs.find((s) => s.name === 'iommu_gpasid_bind_data');
    expect(bind).toMatchObject({ size: 72 });
    expect(bind!.fields).toContainEqual({
      name: 'vendor.vtd',
      offset: 56,
      size: 16,
      type: 'struct iommu_gpasid_bind_data_vtd',
    });
  });

  test('lists the quirks', () => {
    const { out } = vsva(['layout', '--uapi', 'vfio-2020-07', '--quirks']);
    expect(out).toMatch(/^bind_error_lost\s+on\s+\S/m);
    const { quirks } = JSON.parse(vsva(['layout', '--uapi', 'vfio-2020-07', '--quirks', '--format', 'json']).out);
    expect(quirks).toContainEqual(expect.objectContaining({ name: 'bind_error_lost', on: true }));
  });

  test('prints the default machine as one would write it', () => {
    const { out } = vsva(['layout', '--machine']);
    expect(out).toContain('iommu vtd {');
    expect(out).toMatch(/\/\/ NEST\s+1 {2}/);
    const { code, out: run } = vsva(
      ['run', '-'],
      `uapi vfio-2020-07\n${out}\nscenario "s" { attach dev0 expect EBUSY }\n`,
    );
    expect(run).toMatch(/^pass <stdin>/);
    expect(code).toBe(0);
  });

  test('prints the default machine of a generation with what that one has', () => {
    const machine = (id: string) => {
      const { out } = vsva(['layout', '--uapi', id, '--machine', '--format', 'json']);
      return (JSON.parse(out) as { machine: object }).machine;
    };
    expect(machine('vfio-2020-07')).toMatchObject({ container: { type: 6 }, iommu: { model: 'vtd' } });
    expect(machine('iommufd-6.8')).toMatchObject({ iommufd: { empty: 0 }, iommu: { model: 'vtd' } });
    expect(machine('iommufd-6.8')).not.toHaveProperty('container');
    const bare = machine('bare') as { readonly iommu: { readonly programmed: readonly Record<string, unknown>[] } };
    expect(bare).not.toHaveProperty('container');
    expect(bare.iommu.programmed.find(({ name }) => name === 'RTADDR')).toMatchObject({
      offset: '0x20',
      width: 64,
      access: 'rw',
      value: '0x0',
    });
    expect(vsva(['layout', '--uapi', 'bare', '--machine']).out).toMatch(/\/\/ RTADDR +rw +at 0x020 +0x0 /);
    expect(machine('vfio-2020-07')).not.toHaveProperty('iommu.programmed');
    expect(machine('vfio-arm-2020')).toMatchObject({ container: {}, iommu: { model: 'smmuv3' } });
  });
});

test('reference prints, writes and checks the reference', () => {
  const { out } = vsva(['reference']);
  expect(out).toMatch(/^# /);
  expect(vsva(['reference', '--write', 'ref.md']).code).toBe(0);
  expect(readFileSync(join(directory, 'ref.md'), 'utf8')).toBe(out);
  expect(vsva(['reference', '--check', 'ref.md'])).toEqual({ code: 0, out: '', err: '' });
  write('ref.md', `${out}\n`);
  expect(vsva(['reference', '--check', 'ref.md'])).toMatchObject({ code: 1, out: '' });
  expect(vsva(['reference', '--check', 'gone.md']).code).toBe(2);
});

/** What is wrong with an XML document, as far as nesting, quoting, entities and characters go. */
function wellFormed(xml: string): string[] {
  const wrong: string[] = [];
  const open: string[] = [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(xml)) wrong.push('a character that XML cannot hold');
  const rest = xml
    .replace(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/, '')
    .replace(/<(\/?)([a-z]+)((?: [a-z]+="[^"<]*")*)(\/?)>/g, (_all, end, name, _attributes, alone) => {
      if (end) {
        const last = open.pop();
        if (last !== name) wrong.push(`</${name}> closes ${last}`);
      } else if (!alone) open.push(name);
      return '';
    });
  if (open.length > 0) wrong.push(`${open.join(', ')} left open`);
  if (/[<>"]/.test(rest)) wrong.push(`stray markup: ${rest.trim()}`);
  if (/&(?!(?:amp|lt|gt|quot|apos|#\d+);)/.test(xml)) wrong.push('a stray &');
  return wrong;
}
