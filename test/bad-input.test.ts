import { describe, expect, test } from 'vitest';
import { filesHost, runText, scenarioText } from './run-text.ts';

/** Input that is wrong in a way that could hang, crash or be skipped silently: a clear message at the right place. */
const HEAD = 'uapi vfio-2020-07\n';
const codes = (text: string, host = filesHost({})): string[] =>
  runText(text, { budget: 1000 }, host)
    .diagnostics.filter((d) => d.severity === 'error')
    .map((d) => `${d.code}: ${d.message}`);
const lastMessage = (steps: string, declarations = '', budget = 1000): string =>
  runText(scenarioText(steps, { declarations }), { budget }).scenarios[0]!.steps.at(-1)!.message;

test('an unknown page-table format comes with the nearest name', () => {
  expect(codes(`${HEAD}pagetable t aarch64-8k at 0x1000 { }`)).toEqual([
    'unknown-format: aarch64-8k is not a page-table format; did you mean aarch64-4k?',
  ]);
});

test('a page of a size that the format has not is told with those it has', () => {
  expect(codes(`${HEAD}pagetable t aarch64-16k at 0x4000 { 0x0 -> 0x0 page 4K }`)).toEqual([
    'mapping-impossible: aarch64-16k has no leaves of 4K, only of 16K, 32M',
  ]);
});

describe('what a later version brings gets one clear message', () => {
  const cases: readonly [what: string, text: string, message: RegExp][] = [
    [
      'SMMUv3',
      `${HEAD}machine { iommu smmuv3 { } }`,
      /^machine-impossible: vfio-2020-07 does not run on smmuv3; it runs on vtd$/,
    ],
    [
      'parallel',
      `${HEAD}scenario "s" { parallel { lane { exit } lane { exit } } }`,
      /^not-available: parallel is not available yet/,
    ],
    ['respond', `${HEAD}scenario "s" { respond page_response { } }`, /^not-available: respond is not available yet/],
    [
      'fault queues',
      `${HEAD}raw b size 8\nscenario "s" { read fd 3 into b }`,
      /^not-available: read fd and write fd are not available yet/,
    ],
    [
      'raw commands for what takes none',
      'uapi iommufd-6.8\nmachine { iommu selftest { } }\nscenario "s" { command iommu0 [1] }',
      /^not-available: command needs hardware, and iommu selftest has none here/,
    ],
  ];
  test.each(cases)('%s', (_what, text, message) => {
    const found = codes(text);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });
});

describe('a generation of which the header alone is known', () => {
  const payload = 'struct iommu_ioas_map m { size = sizeof, flags = IOMMU_IOAS_MAP_READABLE, length = 4K }';

  test('its payloads are checked', () => {
    expect(codes(`uapi iommufd-6.5\n${payload}`)).toEqual([]);
    expect(codes(`uapi iommufd-6.5\n${payload.replace('length', 'lenght')}`)).toEqual([
      expect.stringMatching(/^unknown-field: .*did you mean length\?$/),
    ]);
  });

  test('its scenarios fail and say why', () => {
    const { scenarios } = runText(`uapi iommufd-6.5\n${payload}\nscenario "s" { submit m }`);
    expect(scenarios).toEqual([
      {
        name: 's',
        status: 'failed',
        message: expect.stringMatching(/^iommufd-6\.5 is a header alone, .*; this version runs .*vfio-2020-07/),
        steps: [],
        stepsRun: 0,
      },
    ]);
  });
});

describe('recursion ends', () => {
  test('an include that includes itself', () => {
    const files = { 'a.vsva': `${HEAD}include "b.vsva"`, 'b.vsva': `${HEAD}include "a.vsva"` };
    expect(codes(`${HEAD}include "a.vsva"`, filesHost(files))).toEqual([
      'include-cycle: a.vsva includes itself: a.vsva -> b.vsva -> a.vsva',
    ]);
  });
  test('an include that is not there', () => {
    expect(codes(`${HEAD}include "gone.vsva"`)).toEqual(['include-unreadable: gone.vsva cannot be read: no such file']);
  });
  test('an include of another generation', () => {
    expect(codes(`${HEAD}include "a.vsva"`, filesHost({ 'a.vsva': 'uapi iommufd-6.8' }))).toEqual([
      'include-other-uapi: this file speaks iommufd-6.8, but the one that includes it vfio-2020-07',
    ]);
  });
  test('a second machine in an include', () => {
    expect(codes(`${HEAD}machine { }\ninclude "a.vsva"`, filesHost({ 'a.vsva': `${HEAD}machine { }` }))).toEqual([
      'second-machine: a machine is declared already',
    ]);
  });
  test('a payload that is its own base', () => {
    expect(codes(`${HEAD}bind_data a = b { }\nbind_data b = a { }`)).toEqual([
      'payload-cycle: b is its own base',
      'payload-cycle: a is its own base',
    ]);
  });
  test('a payload that carries itself', () => {
    expect(codes(`${HEAD}nesting_op a { argsz = sizeof, data = a }`)).toContain('payload-cycle: a contains itself');
  });
  test('a constant that is defined by itself', () => {
    expect(codes(`${HEAD}let a = b + 1\nlet b = a`)).toEqual([
      'let-cycle: b is defined by itself',
      'let-cycle: a is defined by itself',
    ]);
  });
});

describe('a mistake in a declaration is told once, where it stands', () => {
  const at = (text: string): string[] => {
    const { diagnostics } = runText(text);
    return diagnostics
      .filter((d) => d.severity === 'error')
      .map((d) => `${text.slice(0, d.start).split('\n').length}: ${d.message}`);
  };

  test('of a constant, not at its uses', () => {
    const text = `${HEAD}let a = nope
let b = a + 1
bind_data f { argsz = a, gpgd = b }
pagetable t x86-64 at b { }
scenario "s" {
  for i in a..3 { note "x" }
  submit bind_data = f { hpasid = a }
  expect a == 1 && b == 2
}`;
    expect(at(text)).toEqual(['2: nope is not known']);
  });
  test('of a page table, not where its root is asked for', () => {
    const text = `${HEAD}pagetable t x86-64 at nope { }\nbind_data f { gpgd = t.root }\nscenario "s" { expect f.gpgd == t.root }`;
    expect(at(text)).toEqual(['2: nope is not known']);
  });
  test('of a machine too, as no scenario can run on it', () => {
    expect(at(`${HEAD}let bits = nope\nmachine { device d { pasid = bits } }`)).toEqual([
      '2: nope is not known',
      '3: bits has an error: nope is not known',
    ]);
  });
  test('but what a scenario has not bound yet is told at the use', () => {
    const text = `${HEAD}let next = pasid + 1
scenario "s" {
  expect next == 2
  let pasid = 1
  expect next == 2
}`;
    expect(at(text)).toEqual(['4: pasid is not known']);
  });
});

describe('runs are bounded', () => {
  test('a loop of 10^12 steps', () => {
    const { scenarios } = runText(scenarioText('for i in 0..1000000000000 { note "x" }'), { budget: 5000 });
    expect(scenarios[0]).toMatchObject({
      status: 'failed',
      message: 'the step budget of 5000 is used up; a smaller loop or --max-steps N helps',
    });
  });
  test('an empty loop of 10^12 turns', () => {
    const { scenarios } = runText(scenarioText('for i in 0..1000000000000 { }'), { budget: 5000 });
    expect(scenarios[0]!.status).toBe('failed');
  });
  test('10^12 runs of a scenario', () => {
    expect(() => runText(`${HEAD}scenario "s" for x in 0..1000000000000 { note "x" }`)).toThrow(
      '1000000000000 values are more than 10000',
    );
  });
});

describe('addresses that lead nowhere', () => {
  const BOUND = 'submit alloc as pasid\nsubmit bind\n';
  test('a table that points outside of RAM', () => {
    expect(
      lastMessage(
        `${BOUND}write gpa 0x1000_0000 + (0x7f00_0000_0000 >> 39) * 8 = 0x9_0000_0027\ndma read dev0 pasid pasid at 0x7f00_0000_0000`,
      ),
    ).toMatch(/^fault SSS\.2/);
  });
  test('a table that points at itself', () => {
    const slot = '0x1000_0000 + (0x7f00_0000_0000 >> 39) * 8';
    // Every level is then the root again: the walk ends after its levels and reads the page behind the root's own entry.
    expect(
      lastMessage(`${BOUND}write gpa ${slot} = 0x1000_0027\ndma read dev0 pasid pasid at 0x7f00_0000_0000`),
    ).toMatch(/^fault SFS\.2/);
  });
  test('a table outside of RAM cannot be written', () => {
    expect(codes(`${HEAD}pagetable t x86-64 at 0x9_0000_0000 { 0 -> 0 }`)[0]).toMatch(/^table-outside-ram/);
  });
  test('guest memory that is not RAM', () => {
    expect(lastMessage('write gpa 0x9_0000_0000 = 1')).toBe('GPA 0x9_0000_0000 is not RAM');
  });
  test('user memory that is not mapped', () => {
    expect(lastMessage('read user 0x1000')).toBe('EFAULT: user address 0x1000 is not mapped');
    expect(lastMessage('write user 0x1000 = 1')).toBe('EFAULT: user address 0x1000 is not mapped');
    const expected = 'read user 0x1000 expect EFAULT, returns -14\nwrite user 0x1000 = 1 expect EFAULT';
    const { diagnostics, scenarios } = runText(`${HEAD}scenario "s" {\n${expected}\n}`);
    expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
    expect(scenarios[0]!.steps.map((step) => [step.status, step.outcome])).toEqual([
      ['passed', 'EFAULT'],
      ['passed', 'EFAULT'],
    ]);
  });
  test('a PASID wider than 20 bits', () => {
    expect(lastMessage('dma read dev0 pasid 0x100000 at 0')).toBe(
      'PASID 0x100000 has more than 20 bits, which no request can carry',
    );
  });
  test('an access of no bytes, and of too many', () => {
    expect(lastMessage('dma read dev0 at 0 size 0')).toBe('an access has 1 to 1M bytes, not 0');
    expect(lastMessage('dma read dev0 at 0 size 1G')).toBe('an access has 1 to 1M bytes, not 1073741824');
  });
});

describe('machines that cannot be', () => {
  const cases: readonly [string, RegExp][] = [
    ['device dev0 { pri = 1 }', /pri = 1 needs ats = 1/],
    ['iommu vtd { NEST = 1, FSTS = 0 }', /no hardware reports this: NEST is 1, but it needs FSTS/],
    ['iommu vtd { PSS = 40 }', /40 does not fit PSS|PSS is 40/],
    ['iommu vtd { haw = 99 }', /haw/],
    ['iommu vtd { NESTING = 1 }', /the VT-d unit has no NESTING/],
    ['ram 0x123 size 4K -> 0', /0x123 is not a multiple of the 4K leaf/],
    ['ram 0 size 1T -> 0x1_0000_0000', /use a larger page/],
    ['ram 0 size 1G -> 0, ram 0 size 4K -> 0x8000_0000', /overlaps an earlier one/],
    ['device dev0 { bdf = "nonsense" }', /a bdf is written/],
    ['container { type = 99 }', /no container type has the number 99/],
  ];
  test.each(cases)('%s', (items, message) => {
    const found = codes(`${HEAD}machine { ${items} }`);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(message);
  });
});
