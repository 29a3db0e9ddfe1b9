import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  type Check,
  checksOf,
  RUNNABLE_GENERATION_IDS,
  runScenario,
  type Skip,
  type StepResult,
  skipsOf,
  variantsOf,
} from '../engine/index.ts';
import { analyse } from '../server/language/analyse.ts';
import type { Diagnostic } from '../server/language/diagnostic.ts';
import { type FileHost, type Resolved, resolve } from '../server/language/resolve.ts';
import { RULES } from '../server/language/rules/index.ts';
import type { Finding, Rule } from '../server/language/rules/rule.ts';
import { ruleContext } from '../server/language/views.ts';

const FOLDER = new URL('../server/language/rules/', import.meta.url);
const SECTION_1 = new URL('scenarios/language-section-1.vsva', import.meta.url);
const NO_FILES: FileHost = { resolve: (_, path) => path, read: () => ({ problem: 'an example is one file' }) };

const resolved = (text: string): Resolved => resolve('example.vsva', text, NO_FILES);
const diagnostics = (text: string): Diagnostic[] => analyse(resolved(text));

describe('the registry', () => {
  test('holds every rule of the folder once, under the name of its file', () => {
    const files = readdirSync(FOLDER).filter((name) => RULE_FILE.test(readFileSync(new URL(name, FOLDER), 'utf8')));
    expect(RULES.map((rule) => `${rule.id}.ts`).sort()).toEqual(files.sort());
  });
});

const RULE_FILE = /^export default rule\(/m;

describe.each(RULES.map((rule) => [rule.id, rule] as const))('%s', (_, rule) => {
  test('is documented', () => {
    expect(rule.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(rule.summary).toMatch(/^[^\n]*[^.\s]$/);
    expect(rule.why).toMatch(/^[^\n]*\.$/);
    expect(rule.examples.bad.length * rule.examples.good.length).toBeGreaterThan(0);
  });

  test.each(rule.examples.bad)('finds what the example marks: %#', (example) => {
    const source = withoutMarkers(example);
    const own = diagnostics(source).filter((d) => d.code === rule.id);
    expect(own.length).toBeGreaterThan(0);
    expect(draw(source, own)).toBe(draw(source, markersOf(example)));
    for (const { message } of own) expect(message).not.toMatch(/\.$/);
  });

  test.each(rule.examples.good)('is silent where nothing is wrong: %#', (example) => {
    const noise = diagnostics(example).filter((d) => d.code === rule.id || d.severity === 'error');
    expect(draw(example, noise)).toBe(example);
    expect(failuresOf(example)).toEqual([]);
  });

  // A rule and the kernel model state the same check independently; here they meet.
  test.each(rule.examples.bad)('predicts what the kernel model does: %#', (example) => {
    const source = withoutMarkers(example);
    const predicted = findingsOf(rule, source).flatMap((f) =>
      f.predicts ? [`${f.predicts.id}: ${f.predicts.doc}`] : [],
    );
    const decided = decidedIn(source);
    expect(predicted.filter((check) => !decided.includes(check))).toEqual([]);
  });

  test('names the checks that it predicts', () => {
    const predicted = rule.examples.bad.flatMap((example) =>
      findingsOf(rule, withoutMarkers(example)).flatMap(({ predicts }) => (predicts ? [predicts] : [])),
    );
    const strange = predicted.filter((check) => check.id !== rule.id && !isListed(rule, check));
    expect(strange.map(({ id }) => id)).toEqual([]);
    const known = new Set(RUNNABLE_GENERATION_IDS.flatMap((id) => [...checksOf(id), ...skipsOf(id)].map((c) => c.id)));
    expect((rule.checks ?? []).map(({ id }) => id).filter((id) => !known.has(id))).toEqual([]);
  });

  // One rule serves all generations: the same text in another one must meet that one's checks.
  test.each(rule.examples.bad)('predicts in no other generation what its kernel does not do: %#', (example) => {
    for (const id of RUNNABLE_GENERATION_IDS) {
      const source = withoutMarkers(example).replace(/^uapi \S+/, `uapi ${id}`);
      const readable = diagnostics(source).every((d) => d.severity !== 'error');
      if (!readable || source === withoutMarkers(example)) continue;
      const predicted = findingsOf(rule, source).flatMap(({ predicts: p }) => (p ? [`${p.id}: ${p.doc}`] : []));
      const decided = decidedIn(source);
      expect([id, ...predicted.filter((check) => !decided.includes(check))]).toEqual([id]);
    }
  });
});

const isListed = (rule: Rule, check: Check | Skip): boolean =>
  (rule.checks ?? []).some(({ id, doc }) => id === check.id && doc === check.doc);

/** What refused or was skipped in the scenarios of a file. */
const decidedIn = (text: string): string[] =>
  runsOf(text).flatMap(({ detail: { refusal, skip } }) => {
    const check = refusal?.check ?? skip;
    return check ? [`${check.id}: ${check.doc}`] : [];
  });

test('the sample of the language page has no finding and passes', () => {
  const sample = readFileSync(SECTION_1, 'utf8');
  expect(draw(sample, diagnostics(sample))).toBe(sample);
  expect(failuresOf(sample)).toEqual([]);
});

describe('a prediction is silent where every submit expects it', () => {
  const seven = (...steps: string[]): string[] =>
    diagnostics(
      ['uapi vfio-2020-07', 'nesting_op seven { argsz = sizeof, flags = 7 }', 'scenario "s" {', ...steps, '}'].join(
        '\n',
      ),
    ).map((d) => d.code);
  const secondVersion = (expectation: string): string[] =>
    diagnostics(`uapi vfio-2020-07
bind_data two { argsz = sizeof, version = 2, format = IOMMU_PASID_FORMAT_INTEL_VTD, vendor.vtd.flags = 0 }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = two }
scenario "s" { submit bind ${expectation} }`).flatMap((d) => (d.code === 'version-wrong' ? [d.code] : []));

  test.each([
    ['nothing', ''],
    ['ok', 'expect ok'],
  ])('spoken: %s', (_, expectation) => {
    expect(seven(`submit seven ${expectation}`)).toContain('unknown-op');
  });

  test.each([
    ['the errno', 'expect EINVAL'],
    ['the negative errno', 'expect -EINVAL'],
    ['the reason', 'expect reason unknown-op'],
    ['any', 'expect any'],
    ['one of two', 'expect ok or EINVAL'],
    ['a refusal that decides earlier', 'expect EFAULT'],
    ['the reason of one', 'expect reason argsz-too-small'],
  ])('silent: %s', (_, expectation) => {
    expect(seven(`submit seven ${expectation}`)).not.toContain('unknown-op');
  });

  test('spoken: one of two submits expects it', () => {
    expect(seven('submit seven expect EINVAL', 'submit seven')).toContain('unknown-op');
  });

  test.each([
    ['hidden', 'expect hidden'],
    ['hidden with its errno', 'expect hidden EINVAL'],
    ['hidden or ok', 'expect ok or hidden'],
    ['any', 'expect any'],
  ])('silent about what a carrier hides: %s', (_, expectation) => {
    expect(secondVersion(expectation)).toEqual([]);
  });

  test.each([['nothing', '']])('spoken about what a carrier hides: %s', (_, expectation) => {
    expect(secondVersion(expectation)).toEqual(['version-wrong']);
  });
});

describe('a prediction waits for the operation that reads the field', () => {
  const file = (steps: string): string[] =>
    diagnostics(`uapi vfio-2020-07
bind_data none { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, hpasid = 1 }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = none }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = none }
scenario "s" { ${steps} }`)
      .map((d) => d.code)
      .filter((code) => code === 'format-unsupported');

  test('the bind expects it, and the unbind does not ask', () => {
    expect(file('submit bind expect hidden; submit unbind')).toEqual([]);
  });

  test('the bind does not expect it', () => {
    expect(file('submit bind; submit unbind')).toEqual(['format-unsupported']);
  });

  test('a value that only a run knows', () => {
    const text = `uapi vfio-2020-07
nesting_op op { argsz = sizeof, flags = n }
scenario "s" for n in 3..5 { submit op }`;
    expect(diagnostics(text)).toEqual([]);
  });
});

describe('a derived payload', () => {
  test('is not said to lack what its broken base may give', () => {
    const found = diagnostics('uapi vfio-2020-07\nbind_data short = nowhere { argsz = sizeof }');
    expect(found.map((d) => d.code)).not.toContain('version-wrong');
  });

  test('is blamed for the field with which it breaks a sound base', () => {
    const text = `uapi vfio-2020-07
cache_invalidate_info whole_pasid {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
cache_invalidate_info everything = whole_pasid { granularity = IOMMU_INV_GRANU_DOMAIN }
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = everything }
scenario "s" { submit flush }`;
    const line = text.slice(0, text.indexOf('cache_invalidate_info everything')).length;
    const found = diagnostics(text).filter((d) => d.severity === 'warning');
    expect(found.map((d) => [d.code, text.slice(d.start, d.end), line < d.start])).toEqual([
      ['union-member-mismatch', 'everything', true],
      ['cache-granularity-skipped', 'IOMMU_INV_GRANU_DOMAIN', true],
    ]);
  });
});

/** What a rule finds before expectations are asked, from every side it looks at a file. */
function findingsOf(rule: Rule, text: string): Finding[] {
  const all = resolved(text);
  const file = all.scenarioFile;
  if (!file) throw new Error('an example must name a generation');
  const context = ruleContext(all, file);
  return [
    ...context.payloads.flatMap((view) => [...(rule.payload?.(view, context) ?? [])]),
    ...file.scenarios.flatMap((scenario) => [...(rule.scenario?.(scenario, context) ?? [])]),
    ...(rule.file?.(context) ?? []),
  ];
}

/** The steps of every scenario of a file, each on its fresh machine. */
function runsOf(text: string): StepResult[] {
  const file = resolved(text).scenarioFile;
  return (file?.scenarios ?? []).flatMap((scenario) => {
    const variants = variantsOf(file!, scenario);
    if ('problem' in variants) throw new Error(variants.problem);
    return variants.flatMap((variant) => runScenario(file!, variant).steps);
  });
}

const failuresOf = (text: string): string[] =>
  runsOf(text).flatMap((step) => (step.status === 'failed' ? [`${step.step.kind}: ${step.message}`] : []));

interface Marked {
  readonly start: number;
  readonly end: number;
  readonly message: string;
}

/** `// ^^^ message` or `//^^^ message` below a line; `//1 ^^^ message` where the line has no room for the slashes. */
const MARKER = /^(\s*\/\/)(\d?)( *)(\^+|\|) (.*)$/;

const withoutMarkers = (example: string): string =>
  example
    .split('\n')
    .filter((line) => !MARKER.test(line))
    .join('\n');

/** What the markers of an example claim, in offsets of the text without them. */
function markersOf(example: string): Marked[] {
  const marked: Marked[] = [];
  let [above, next] = [0, 0];
  for (const line of example.split('\n')) {
    const [, slashes, digit, gap, carets, message] = MARKER.exec(line) ?? [];
    if (carets === undefined) {
      above = next;
      next += line.length + 1;
      continue;
    }
    const column = digit ? Number(digit) : slashes!.length + gap!.length;
    const start = above + column;
    marked.push({ start, end: start + (carets === '|' ? 0 : carets.length), message: message! });
  }
  return marked;
}

/** The text with findings drawn below the lines on which they begin, up to the end of that line. */
function draw(text: string, found: readonly Marked[]): string {
  let start = 0;
  return text
    .split('\n')
    .flatMap((line) => {
      const end = start + line.length;
      const here = found.filter((f) => start <= f.start && f.start <= end).sort((a, b) => a.start - b.start);
      const notes = here.map((f) => note(f.start - start, Math.min(f.end, end) - f.start, f.message));
      start = end + 1;
      return [line, ...notes];
    })
    .join('\n');
}

function note(column: number, width: number, message: string): string {
  const slashes = column < 3 ? `//${column}` : `${' '.repeat(column - 3)}//`;
  return `${slashes} ${width === 0 ? '|' : '^'.repeat(width)} ${message}`;
}
