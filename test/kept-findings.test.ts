import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { analyse } from '../server/language/analyse.ts';
import { KeptFindings } from '../server/language/kept-findings.ts';
import { type FileHost, type Resolved, resolve } from '../server/language/resolve.ts';
import { RULES } from '../server/language/rules/index.ts';
import { ruleContext } from '../server/language/views.ts';
import { generateFile } from './bench/generate.ts';
import { cases } from './property.ts';

/** What every text below may include; the edits reach it too. */
const PART = `uapi vfio-2020-07
let page = 4K
pasid_request lent { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = limit } }
bind_data shared { argsz = sizeof, version = 2, format = 1, addr_width = 48, gpgd = page, hpasid = pasid }
`;
const EXAMPLES = new URL('../examples/', import.meta.url);
const examples = readdirSync(EXAMPLES)
  .filter((name) => name.endsWith('.vsva'))
  .map((name) => readFileSync(new URL(name, EXAMPLES), 'utf8'));
/** Every rule has something to find in one of these. */
const texts: readonly string[] = [
  ...RULES.flatMap(({ examples: { bad } }) => bad),
  ...examples,
  ...examples.map((text) => `${text}\ninclude "part.vsva"\nlet limit = 9\nnesting_op of_part { data = shared }\n`),
  generateFile(150),
];

const resolved = (text: string, part: string): Resolved => {
  const host: FileHost = {
    resolve: (_from, path) => path,
    read: (file) => (file === 'part.vsva' ? part : { problem: 'no such file' }),
  };
  return resolve('main.vsva', text, host);
};

/** Words of the file itself and words that have a meaning in many places. */
const WORDS = [
  'sizeof',
  'pasid',
  'page',
  '0',
  '1',
  '9',
  '0x1001',
  '=',
  '{',
  '}',
  '\n',
  '//',
  '/*',
  '"',
  ',',
  'let x = 1\n',
  'expect any',
];

interface Edit {
  readonly kind: number;
  readonly at: number;
  readonly other: number;
  readonly inPart: boolean;
}
const edits = fc.array(
  fc.record({
    kind: fc.nat(9),
    at: fc.nat(1_000_000),
    other: fc.nat(1_000_000),
    inPart: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { minLength: 1, maxLength: 12 },
);

/** What people and editors do: keys, words, lines that come, go, move or come twice, names that change everywhere. */
function edited(text: string, { kind, at, other }: Edit, first: string): string {
  const lines = text.split('\n');
  const line = at % lines.length;
  const offset = at % (text.length + 1);
  const word = [...text.matchAll(/\w+/g)];
  const some = word[at % Math.max(1, word.length)];
  switch (kind) {
    case 0:
      return text.slice(0, offset) + WORDS[other % WORDS.length]! + text.slice(offset);
    case 1:
      return text.slice(0, offset) + text.slice(offset + 1 + (other % 3));
    case 2:
      return lines.toSpliced(line, 1).join('\n');
    case 3:
      return lines.toSpliced(line, 0, lines[other % lines.length]!).join('\n');
    case 4:
      return lines.toSpliced(other % lines.length, 0, ...lines.splice(line, 1 + (other % 4))).join('\n');
    case 5:
      return lines
        .with(
          line,
          lines[line]!.replace(/\d(?!.*\d)/, (d) => String((Number(d) + 1) % 10)),
        )
        .join('\n');
    case 6:
      // One word in place of another of the file.
      if (!some) return text;
      return text.slice(0, some.index) + word[other % word.length]![0] + text.slice(some.index + some[0].length);
    case 7:
      return some ? text.replaceAll(some[0], `${some[0]}x`) : text;
    case 8:
      return lines.toSpliced(line, 0, '', '// a remark').join('\n');
    default:
      return first;
  }
}

/** Checks a text after each edit with what the versions before left, and afresh. */
function compare(text: string, changes: readonly Edit[]): void {
  const kept = new KeptFindings();
  const versions = { main: text, part: PART };
  analyse(resolved(text, PART), kept);
  for (const change of changes) {
    if (change.inPart) versions.part = edited(versions.part, change, PART);
    else versions.main = edited(versions.main, change, text);
    const { main, part } = versions;
    expect(analyse(resolved(main, part), kept), main).toEqual(analyse(resolved(main, part)));
  }
}

describe('findings kept from one version to the next', () => {
  test('are those of a fresh look, with their places, messages and related places, whatever is edited', () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), edits, (text, changes) => compare(text, changes)),
      cases(300),
    );
  }, 120_000);

  test('are not looked for again where nothing that they hang on has changed', () => {
    const kept = new KeptFindings();
    /** The first lines of what is checked of a text, after what was checked before it. */
    const checked = (text: string): string[] => {
      const all = resolved(text, PART);
      const file = all.scenarioFile!;
      const asked: string[] = [];
      const declarations = all.sources[0]!.program.declarations.filter((d) => d.kind !== 'uapi');
      kept.of(declarations, kept.partsOf(all, file), ruleContext(all, file), ({ start, end }) => {
        asked.push(text.slice(start, end).split(/ *\{| at |:/)[0]!);
        return { found: [], usesRanges: false };
      });
      return asked;
    };
    const text = generateFile(500);
    expect(checked(text)).toHaveLength(10 * 7);
    expect(checked(text)).toEqual([]);
    expect(checked(text.replace('uapi vfio', '// a remark\nuapi vfio'))).toEqual([]);
    // The payload, what carries it, the scenario that submits it, and what else that submits; not the table.
    const group = ['bind_data guest_0', 'nesting_op bind_0', 'nesting_op unbind_0', 'cache_invalidate_info page_0'];
    expect(checked(text.replace('addr_width = 48', 'addr_width = 49'))).toEqual([
      ...group,
      'nesting_op flush_0',
      'scenario "process 0',
    ]);
    expect(checked(text).length).toBeLessThan(10);
    expect(checked(text.replace('rw   ', 'r    '))).toContain('pagetable table_0 x86-64');
    expect(checked(`${text}machine { iommu vtd { NEST = 0 } }`)).toHaveLength(10 * 7 + 1);
  });
});
