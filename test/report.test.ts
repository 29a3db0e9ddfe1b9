/** What the reports say, as texts that a person reads. */
import { describe, expect, test } from 'vitest';
import { indexLines, lineOf, lineText, placeOf } from '../server/features/lines.ts';
import { outcomeText } from '../server/features/outcome-text.ts';
import { checkFile, runFile, type ScenarioReport } from '../server/features/run-file.ts';
import { escapeXml } from '../server/report/junit.ts';
import { prettyDiagnostic, prettyScenario, prettyTotals } from '../server/report/pretty.ts';
import { filesHost, scenarioText } from './run-text.ts';

const PLAIN = { colour: false, verbose: false };
const AT = '0x7f00_0000_0000';

/** The pretty report of a file's scenarios, with times left out. */
function pretty(text: string, style = PLAIN): string {
  const check = checkFile('t.vsva', text, filesHost({}));
  return [...runFile(check)]
    .filter((s) => s !== undefined)
    .map((s) => prettyScenario(check, s, 0, style))
    .join('')
    .replaceAll(/ \(0\.0 ms\)/g, '');
}

/** The step list of a verbose report: line, step, outcome. */
const verbose = (steps: string, options?: Parameters<typeof scenarioText>[1]): string[] =>
  pretty(scenarioText(steps, options), { colour: false, verbose: true })
    .split('\n')
    .filter((line) => /^ {2,}\d+ /.test(line))
    .map((line) => line.replace(/^ +\d+(?: #\d+)? {2}.{64} {2}/, ''));

const lineNumber = (text: string, step: string): number => text.split('\n').findIndex((l) => l.includes(step)) + 1;

describe('a stale access reads like an incident report', () => {
  test('with nothing invalidated since the edit', () => {
    const text = scenarioText(`submit alloc as pasid
submit bind
dma read dev0 pasid pasid at ${AT} expect miss
unmap gpt ${AT}
dma read dev0 pasid pasid at ${AT}`);
    const line = lineNumber(text, 'unmap gpt');
    const out = pretty(text);
    expect(out).toContain(`  t.vsva:${line + 1}:1
    ${line + 1} | dma read dev0 pasid pasid at ${AT}
       | ${'^'.repeat(29 + AT.length)}
  expected success, since the step has no expect
  STALE    \`dma read dev0 pasid pasid at ${AT}\` got HPA 0x1_4000_0000 · hit IOTLB
  cached   IOTLB: DID 2, PASID 1, page ${AT} (4K)
  filled   line ${line - 1}  \`dma read dev0 pasid pasid at ${AT}\`
  edited   line ${line}  \`unmap gpt ${AT}\`
  entry    the first-stage entry at GPA`);
    expect(out).toMatch(/^ {2}now {6}a walk gives fault SFS\.2/m);
    expect(out).toMatch(/^ {2}missed {3}nothing was invalidated since the edit$/m);
    expect(out).toMatch(/^ {2}covers {3}IOTLB by ADDR, PASID 1, .* would have covered it:\n {11}\S/m);
    expect(out).toContain('addr = 0x7f00_0000_0000');
    expect(out).not.toContain('BREACH');
  });

  test('with what the expectation missed besides', () => {
    const out = pretty(
      scenarioText(`submit alloc as pasid
submit bind
dma read dev0 pasid pasid at ${AT}
unmap gpt ${AT}
dma read dev0 pasid pasid at ${AT} expect miss`),
    );
    expect(out).toMatch(/^ {2}expected miss\n {2}why {6}expected a miss, got hpa .*\n {2}STALE {4}/m);
  });

  test('with the invalidation that missed, and the breach', () => {
    const text = scenarioText(`submit alloc as pasid
submit bind
dma read dev0 pasid pasid at ${AT} + 4K expect miss
unmap gpt ${AT} + 4K
submit flush
reuse gpa 0x4000_1000
dma read dev0 pasid pasid at ${AT} + 4K expect any`);
    const out = pretty(text);
    const flush = lineNumber(text, 'submit flush');
    expect(out).toMatch(new RegExp(`^ {2}missed {3}line ${flush} {2}p_iotlb_inv page: .*ADDR ${AT}`, 'm'));
    expect(out).toMatch(/^ {2}BREACH {3}the access reached memory that has a new owner$/m);
  });

  test('in a loop, the run of each step is named', () => {
    const out = pretty(
      scenarioText(`submit alloc as pasid
submit bind
for i in 0..2 {
  dma read dev0 pasid pasid at ${AT} + i * 4K
  unmap gpt ${AT} + i * 4K
}
dma read dev0 pasid pasid at ${AT} + 4K`),
    );
    expect(out).toMatch(/^ {2}filled {3}line \d+ \(run 2\)/m);
    expect(out).toMatch(/^ {2}edited {3}line \d+ \(run 2\)/m);
  });
});

describe('other failures', () => {
  test('a hidden error says what was refused, where, how that is known, and that the caller cannot see it', () => {
    const text = scenarioText('submit alloc as pasid\nsubmit bind').replace('addr_width = 48', 'addr_width = 40');
    const out = pretty(text);
    expect(out).toMatch(/^ {2}hidden {3}EINVAL: the call returned 0 and the caller cannot see that it was refused$/m);
    expect(out).toMatch(/^ {2}refused {2}data\.addr_width is 40, wanted 48 or 57$/m);
    expect(out).toMatch(/^ {2}check {4}addr-width-unsupported in intel_\w+: /m);
    expect(out).toMatch(/^ {2}evidence source: /m);
  });

  test('a plain refusal says which check, and what was expected', () => {
    const out = pretty(scenarioText('submit alloc mapped 4 expect ok'));
    expect(out).toMatch(/^ {2}expected ok$/m);
    expect(out).toMatch(/^ {2}got {6}EFAULT: /m);
    expect(out).toMatch(/^ {2}check {4}\S+ in \w+: /m);
  });

  test('steps behind a failure are marked, and only the first failures are told in full', () => {
    const text = scenarioText('for i in 0..9 { expect i == 9 }\nnote "x"');
    const out = pretty(text, { colour: false, verbose: true });
    expect(out).toMatch(/ <- failed\n/);
    expect(out).toMatch(/note "x".*\(after a failure\)/);
    expect(out).toMatch(/, run 2 of this step, after a failure$/m);
    expect(out).toContain('and 4 more failed steps');
    expect(pretty(text)).toContain('and 4 more failed steps; --verbose lists them');
  });

  test('a passing scenario is one line', () => {
    const text = scenarioText('note "x"');
    expect(pretty(text)).toBe(`pass t.vsva:${lineNumber(text, 'scenario "s"')} s\n`);
  });
});

describe('outcomes in one line', () => {
  test('translations', () => {
    expect(
      verbose(`submit alloc as pasid
submit bind
dma read dev0 pasid pasid at ${AT} + 0x10
dma read dev0 pasid pasid at ${AT} + 0x10
unmap gpt ${AT}
dma read dev0 pasid pasid at ${AT} expect stale
submit flush
dma read dev0 pasid pasid at ${AT} expect fault`).slice(2),
    ).toEqual([
      'HPA 0x1_4000_0010 · 24 refs · miss',
      'HPA 0x1_4000_0010 · hit IOTLB',
      'ok',
      expect.stringMatching(/^STALE: edited line \d+, cached line \d+$/),
      expect.stringMatching(/^ok · p_iotlb_inv page: DID 2, PASID 1, ADDR 0x7f00_0000_0000/),
      expect.stringMatching(/^fault SFS\.2: .* · 8 refs · miss · paging-structure cache$/),
    ]);
  });

  test('calls and values', () => {
    const text = scenarioText(`submit alloc as pasid
let a = 0x1_0000 + 1
note "said"
expect a
submit bind expect hidden
expect a == 0`).replace('addr_width = 48', 'addr_width = 40');
    const check = checkFile('t.vsva', text, filesHost({}));
    const report = [...runFile(check)].find((s): s is ScenarioReport => s !== undefined)!;
    const lines = indexLines(text);
    expect(report.steps.map((s) => outcomeText(s, (offset) => lineOf(lines, offset)))).toEqual([
      'ok · returned 0x1',
      '0x1_0001',
      'said',
      '0x1_0001',
      'EINVAL hidden: addr_width 40, wanted 48 or 57',
      expect.stringMatching(/^error: /),
    ]);
  });
});

describe('findings', () => {
  const show = (text: string): string => {
    const check = checkFile('t.vsva', text, filesHost({}));
    return check.diagnostics.map((d) => prettyDiagnostic(d, check.sources, PLAIN)).join('');
  };

  test('stand with their line, carets, and the place in the kernel', () => {
    expect(
      show(`uapi vfio-2020-07
\tpasid_request r { argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID }
scenario "s" { submit r }`),
    ).toMatch(
      new RegExp(
        [
          '^t\\.vsva:2:28: warning: argsz is 8, but vfio_iommu_type1_pasid_request needs at least 16 \\[argsz-too-small\\]',
          '     2 \\| \tpasid_request r \\{ argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID \\}',
          '       \\| \t {26}\\^',
          '  EINVAL in \\w+, .+: .+',
        ].join('\n'),
      ),
    );
  });

  test('a related place follows', () => {
    expect(show('uapi vfio-2020-07\nlet a = 1\nlet a = 2\nscenario "s" { expect a }')).toContain(
      '\n  t.vsva:2:5: the first one\n',
    );
  });

  test('a span over several lines is drawn on its first', () => {
    expect(show('uapi vfio-2020-07\nmachine { }\nmachine {\n}\n')).toContain('     3 | machine {\n       | ^^^^^^^\n');
  });
});

test('totals name only what there is', () => {
  const totals = { passed: 2, failed: 0, skipped: 0, errors: 0, warnings: 0 };
  expect(prettyTotals(totals, 5, PLAIN)).toBe('2 passed in 5.0 ms\n');
  expect(prettyTotals({ passed: 0, failed: 1, skipped: 2, errors: 1, warnings: 2 }, 1234, PLAIN)).toBe(
    '0 passed, 1 failed, 2 skipped, 1 error, 2 warnings in 1.2 s\n',
  );
});

describe('lines', () => {
  test('end as editors end them', () => {
    const lines = indexLines('a\r\nb\rc\n\nd');
    expect(lines.starts).toEqual([0, 3, 5, 7, 8]);
    expect([1, 2, 3, 4, 5, 6].map((n) => lineText(lines, n))).toEqual(['a', 'b', 'c', '', 'd', '']);
  });
  test('every offset has a place, those outside the nearest', () => {
    const lines = indexLines('ab\ncd');
    const places = [-1, 0, 2, 3, 5, 9].map((offset) => placeOf(lines, offset));
    expect(places.map((p) => `${p.line}:${p.column}`)).toEqual(['1:1', '1:1', '1:3', '2:1', '2:3', '2:3']);
  });
});

test('XML text holds what XML can', () => {
  expect(escapeXml('a<b>&"c"\u0000\u001b\ud800\ufffe\t\r\n😀')).toBe(
    'a&lt;b&gt;&amp;&quot;c&quot;\ufffd\ufffd\ufffd\ufffd\t&#13;\n😀',
  );
});
