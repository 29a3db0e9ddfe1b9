import { ERRNO, GENERATIONS, KNOWN_FORMAT_NAMES } from '../engine/index.ts';
import { DESCRIPTORS } from '../engine/models/vtd/descriptors.ts';
import { FAULTS } from '../engine/models/vtd/faults.ts';
import { ASSERTIONS, MACHINE_ITEMS, OUTCOMES, STEP_OPTIONS } from '../server/language/words.ts';

const SCOPE = 'vsva';

/** Any of the words, longest first, with what JSON schemas and regular expressions dislike escaped. */
const any = (words: Iterable<string>): string =>
  `(?:${[...new Set(words)]
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
    .map((word) => word.replace(/[.*+?^${}()|[\]\\-]/g, '\\$&'))
    .join('|')})`;
const word = (words: Iterable<string>): string => `\\b${any(words)}\\b`;

const NAME = '[A-Za-z_]\\w*';

const kinds = GENERATIONS.flatMap((g) => [...g.kinds.keys()]);
const structs = GENERATIONS.flatMap((g) => [...g.structs.keys()]);
const constants = GENERATIONS.flatMap((g) => [...g.constants.keys(), ...g.ioctls.keys()]);
const optionWords = [...new Set(Object.values(STEP_OPTIONS).flat())];
/** Options that stand alone; behind the others comes a value. */
const FLAGS = ['priv', 'ats'];
/** What a step does, where its own word leaves that open. */
const ACCESS_WORDS = ['read', 'write', 'exec', 'map', 'unmap', 'protect', 'gpa', 'hpa', 'user'];
const stepWords = Object.keys(STEP_OPTIONS).filter((w) => w !== 'expect' && w !== 'let');

interface Rule {
  readonly name?: string;
  readonly match?: string;
  readonly begin?: string;
  readonly end?: string;
  readonly include?: string;
  readonly captures?: Readonly<Record<string, { readonly name: string }>>;
  readonly beginCaptures?: Readonly<Record<string, { readonly name: string }>>;
  readonly patterns?: readonly Rule[];
}

const scope = (name: string): string => `${name}.${SCOPE}`;
const rule = (name: string, match: string): Rule => ({ name: scope(name), match });
const captures = (match: string, ...names: readonly string[]): Rule => ({
  match,
  captures: Object.fromEntries(
    names.flatMap((name, i) => (name === '' ? [] : [[String(i + 1), { name: scope(name) }]])),
  ),
});
const use = (...names: readonly string[]): readonly Rule[] => names.map((name) => ({ include: `#${name}` }));

const repository: Readonly<Record<string, Rule>> = {
  comment: {
    patterns: [
      rule('comment.line.documentation', '//(?:!|/(?!/)).*$'),
      rule('comment.line.double-slash', '//.*$'),
      { name: scope('comment.block'), begin: '/\\*', end: '\\*/' },
    ],
  },
  string: {
    name: scope('string.quoted.double'),
    begin: '"',
    end: '"|$',
    patterns: [rule('constant.character.escape', '\\\\.')],
  },
  declaration: {
    patterns: [
      captures('^\\s*(uapi)\\b(?:\\s+([\\w.-]+))?', 'keyword.declaration', 'entity.name.namespace'),
      captures('^\\s*(include)\\b', 'keyword.control.import'),
      captures(`^\\s*(let)\\b(?:\\s+(${NAME}))?`, 'keyword.declaration', 'variable.other.constant'),
      captures('^\\s*(machine|evolve)\\b', 'keyword.declaration'),
      captures(
        `^\\s*(pagetable)\\b(?:\\s+(${NAME}))?(?:\\s+(${any(KNOWN_FORMAT_NAMES)})(?![\\w-]))?(?:\\s+(at)\\b)?`,
        'keyword.declaration',
        'entity.name.type',
        'support.type',
        'keyword.other.option',
      ),
      captures(
        `^\\s*(struct)\\s+(${NAME})(?:\\s+(${NAME}))?`,
        'keyword.declaration',
        'support.type',
        'entity.name.type',
      ),
      captures(
        `^\\s*(array)\\b(?:\\s+(${NAME}))?(?:\\s+(of)\\b)?`,
        'keyword.declaration',
        'entity.name.type',
        'keyword.other.option',
      ),
      captures(`^\\s*(raw)\\b(?:\\s+(${NAME}))?`, 'keyword.declaration', 'entity.name.type'),
      captures(`^\\s*(${any(kinds)})\\s+(${NAME})`, 'storage.type', 'entity.name.type'),
      {
        begin: '^\\s*(scenario)\\b',
        beginCaptures: { 1: { name: scope('keyword.declaration') } },
        end: '(?=\\{)|$',
        patterns: [...use('comment', 'string'), rule('keyword.control', '\\b(?:for|in)\\b'), ...use('expression')],
      },
    ],
  },
  machine: {
    patterns: [
      captures(`^\\s*(${any(MACHINE_ITEMS)})\\s+(${NAME})`, 'keyword.other.machine', 'entity.name.type'),
      captures(`^\\s*(${any(MACHINE_ITEMS)})\\b(?!\\s*=)`, 'keyword.other.machine'),
    ],
  },
  step: {
    begin: `(?:^|(?<=[{;]))\\s*(${any(stepWords)})\\b(?!\\s*(?:=|\\.|->|,))(?:\\s+(${any(ACCESS_WORDS)})\\b(?=\\s))?`,
    beginCaptures: { 1: { name: scope('keyword.control.step') }, 2: { name: scope('keyword.other.access') } },
    end: '$',
    patterns: [
      ...use('comment', 'string', 'expect', 'property'),
      captures(`\\b(${any(Object.keys(invalidations()))})\\b(?=\\s*\\{)`, 'support.function'),
      captures(`\\b(as)\\s+(${NAME})`, 'keyword.other.option', 'variable.other.readwrite'),
      // The word twice: `pasid pasid` is the option and a name.
      captures(`\\b(pasid)\\s+(${NAME})`, 'keyword.other.option', 'variable.other.readwrite'),
      rule(
        'keyword.other.option',
        `${word([...optionWords.filter((o) => !FLAGS.includes(o)), 'page', 'in'])}(?=\\s+[\\w"(&~!-])`,
      ),
      rule('keyword.other.option', word(FLAGS)),
      rule('keyword.other.access', '\\bgpa\\b(?=\\s)'),
      rule('storage.type', '\\bu(?:8|16|32|64)\\b'),
      ...use('expression'),
    ],
  },
  expect: {
    begin: '(?:^\\s*|\\b)(expect)\\b',
    beginCaptures: { 1: { name: scope('keyword.control.expect') } },
    end: '$',
    patterns: [
      ...use('comment', 'string'),
      rule('keyword.control.expect', '\\bor\\b'),
      captures('\\b(reason)\\s+([a-z][\\w-]*)', 'keyword.other.outcome', 'constant.other.reason'),
      captures(`\\b(pasid)\\s+(${NAME})`, 'keyword.other.option', 'variable.other.readwrite'),
      rule('keyword.other.option', '\\bat\\b(?=\\s)'),
      rule(
        'keyword.other.outcome',
        `(?<=expect\\s|,\\s|\\bor\\s|,)\\s*${word([...OUTCOMES, ...ASSERTIONS])}(?!\\s*(?:[=!<>]=|[<>]))`,
      ),
      rule('keyword.other.outcome', '(?<=hit\\s|cached\\s)\\s*\\b(?:iotlb|devtlb|psc)\\b'),
      ...use('expression'),
    ],
  },
  property: {
    patterns: [
      captures(`(?:^|(?<=[{,;]))\\s*(\\.?${NAME}(?:\\.${NAME}|\\[\\d+\\])*)\\s*(?==(?!=))`, 'variable.other.property'),
      captures(`(?:^|(?<=[{,;]))\\s*(\\.?${NAME}(?:\\.${NAME})*)\\s*(?=\\{)`, 'variable.other.property'),
    ],
  },
  expression: {
    patterns: [
      rule('keyword.other.option', '\\b(?:size|page|mapped)\\b(?=\\s+[0-9(])'),
      ...use('number'),
      rule('constant.other.fault', word(FAULTS.map((f) => f.name))),
      rule('constant.other.errno', word(Object.keys(ERRNO))),
      rule('support.constant', word(constants)),
      rule('keyword.operator.word', '\\b(?:sizeof|offsetof|offsetofend|ARRAY_SIZE|bytes)\\b'),
      rule('support.type', word(structs)),
      rule('storage.type', `${word(kinds)}(?=\\s*(?:\\{|=))`),
      rule('keyword.operator', '->|\\.\\.|<<|>>|&&|\\|\\||[-+*/%&|^~!<>=]=?'),
    ],
  },
  number: rule(
    'constant.numeric',
    '\\b(?:0[xX][0-9A-Fa-f_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*[KMGT]?)(?:[uU]?[lL]{0,2}|[lL]{1,2}[uU])\\b',
  ),
};

function invalidations(): Readonly<Record<string, true>> {
  return Object.fromEntries(DESCRIPTORS.map((d) => [d.name, true]));
}

/** The TextMate grammar, made from the same tables as parser, checks and completion. */
export const grammar = {
  name: 'vsva',
  scopeName: `source.${SCOPE}`,
  patterns: use('comment', 'declaration', 'machine', 'step', 'expect', 'property', 'string', 'expression'),
  repository,
};
