import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { runScenario, variantsOf } from '../engine/index.ts';
import { analyse } from '../server/language/analyse.ts';
import { type FileHost, resolve } from '../server/language/resolve.ts';
import { cases } from './property.ts';

/**
 * Mutated examples through parser, checker and engine: nothing throws, every finding lies inside its file, and a run ends
 * within its step budget.
 */
const EXAMPLES = new URL('../examples/', import.meta.url);
const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.vsva'))
  .sort();
const texts = new Map(files.map((name) => [name, readFileSync(new URL(name, EXAMPLES), 'utf8')]));
const host: FileHost = {
  resolve: (from, path) => new URL(path, new URL(from, 'file:///')).pathname.slice(1),
  read: (file) => texts.get(file) ?? { problem: 'no such file' },
};

/** Pieces that have broken parsers and engines before: brackets, huge numbers, self references, odd steps. */
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  '"',
  '/*',
  '*/',
  '//',
  '\n',
  ',',
  ';',
  '->',
  '..',
  '=',
  '\0',
  '\ufeff',
  '\u{1f600}',
  '0xffff_ffff_ffff_ffff',
  '0',
  '1 << 63',
  '~0',
  '-1',
  '99999999999999999999',
  '1T',
  'sizeof',
  'pasid',
  'gpt.root',
  'iommu0.CAP',
  'expect any',
  'expect stale or hidden',
  'fail_nth 2',
  'mapped 9',
  'size 3',
  'priv',
  'ats',
  'at 0xfee0_0000',
  'page 1G',
  'size 1G',
  '\nunmap gpt 0x7f00_0000_0000\n',
  '\nhost unmap gpa 0x1000_0000 size 1M\n',
  '\nwrite gpa 0x1000_0000 = 0x1000_0027\n',
  '\ndetach dev0\n',
  '\nexit\n',
  '\nfor i in 0..1000000000000 { dma read dev0 pasid 1 at i * 4K expect any }\n',
  '\nmachine { ram 0 size 4K -> 0 }\n',
  '\ninclude "include/guest.vsva"\n',
  '\nbind_data loop = loop { }\n',
  '\nlet a = a\n',
  '\nnesting_op self { data = self }\n',
  '\nparallel { lane { exit } }\n',
];

type Edit = { readonly at: number; readonly remove: number; readonly insert: string };
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 2, arbitrary: fc.nat(8) },
    { weight: 1, arbitrary: fc.nat(400) },
  ),
  insert: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...PIECES) },
    { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
  ),
});

const mutate = (text: string, edits: readonly Edit[]): string =>
  edits.reduce((t, { at, remove, insert }) => {
    const from = Math.floor(at * t.length);
    return t.slice(0, from) + insert + t.slice(from + remove);
  }, text);

function exercise(name: string, text: string): void {
  const resolved = resolve(name, text, host);
  const lengths = new Map(resolved.sources.map((s) => [s.file, s.text.length]));
  for (const d of analyse(resolved)) {
    expect(0 <= d.start && d.start <= d.end && d.end <= lengths.get(d.file)!, `${d.code} at ${d.start}..${d.end}`).toBe(
      true,
    );
    expect(d.message).not.toBe('');
  }
  const file = resolved.scenarioFile;
  for (const scenario of file?.scenarios ?? []) {
    const variants = variantsOf(file!, scenario);
    if ('problem' in variants) continue;
    for (const variant of variants.slice(0, 2)) {
      const result = runScenario(file!, variant, { budget: 500 });
      expect(result.stepsRun).toBeLessThanOrEqual(501);
    }
  }
}

describe('fuzz', () => {
  test('mutated examples never throw and always end', { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...files.filter((f) => !f.includes('/'))),
        fc.array(edit, { minLength: 1, maxLength: 6 }),
        (name, edits) => exercise(name, mutate(texts.get(name)!, edits)),
      ),
      cases(300),
    );
  });

  test('noise never throws', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 2000 }), (text) =>
        exercise('noise.vsva', `uapi vfio-2020-07\n${text}`),
      ),
      cases(300),
    );
  });
});
