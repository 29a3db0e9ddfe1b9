import {
  CHECKS,
  type Check,
  type Constant,
  ERRNO,
  type Errno,
  type Evidence,
  type Field,
  FORMATS,
  GENERATIONS,
  type Generation,
  hex,
  hexGrouped,
  KNOWN_GENERATION_IDS,
  MODELS,
  SKIPS,
  type Struct,
  WIDEST_LIMITS,
} from '../../engine/index.ts';
import type { BitField } from '../../engine/models/vtd/bit-layout.ts';
import { CAP, ECAP } from '../../engine/models/vtd/cap-fields.ts';
import { type CapName, DEFAULT_CAP_FIELDS, DEFAULT_HAW } from '../../engine/models/vtd/caps.ts';
import { DESCRIPTORS } from '../../engine/models/vtd/descriptors.ts';
import { type AtsAnswer, FAULTS } from '../../engine/models/vtd/faults.ts';
import { RULES } from '../language/rules/index.ts';
import type { Rule } from '../language/rules/rule.ts';

/** The whole of REFERENCE.md, made from the tables that engine and server work with. */
export function referenceMarkdown(): string {
  const sections = [
    rules(),
    ...GENERATIONS.map(generationSection),
    checks(),
    errnos(),
    formats(),
    faults(),
    capabilities(),
    commands(),
  ];
  const contents = sections.map(({ title }) => `- [${title}](#${anchor(title)})`).join('\n');
  const intro =
    'Everything that the tables of this tool know: what a rule means, what a struct looks like, in which order a kernel checks what, and where each fact comes from. `vsva reference --write REFERENCE.md` makes this page; the tables are the place to change it.';
  const body = sections.map(({ title, text }) => `## ${title}\n\n${text}`);
  return `${['# Reference', intro, contents, EVIDENCE, ...body].join('\n\n')}\n`;
}

interface Section {
  readonly title: string;
  readonly text: string;
}

const EVIDENCE_MEANS: Readonly<Record<Evidence, string>> = {
  source: 'read in the source of the release that is named',
  'posted patch': 'read in the patch as it was posted',
  'review thread': 'said in the review of that patch',
  derived: 'worked out from code, stated by nobody',
};
const EVIDENCE = `Evidence is one of: ${Object.entries(EVIDENCE_MEANS)
  .map(([word, means]) => `*${word}* (${means})`)
  .join(', ')}.`;

// Rules

function rules(): Section {
  const overview = table(
    ['rule', 'severity', 'errno', 'what is wrong'],
    RULES.map((rule) => [link(rule.id), rule.severity, rule.errno ?? '', rule.summary]),
  );
  const text = [
    'A rule that predicts what the kernel refuses or skips is a warning. It is silent where every submit of the payload expects that outcome. In the examples, carets mark the finding in the line above them.',
    overview,
    ...RULES.map(ruleText),
  ];
  return { title: 'Rules', text: text.join('\n\n') };
}

function ruleText(rule: Rule): string {
  const examples = [
    ...rule.examples.bad.map((example) => `Found:\n\n${fence(example)}`),
    ...rule.examples.good.map((example) => `Right:\n\n${fence(example)}`),
  ];
  const about = [`*${rule.severity}*`, ...(rule.errno ? [`\`${rule.errno}\``] : [])].join(', ');
  return [`### ${rule.id}`, `${about}: ${rule.summary}.`, rule.why, ...examples].join('\n\n');
}

const fence = (code: string): string => `\`\`\`vsva\n${code}\n\`\`\``;

// Generations

function generationSection(generation: Generation): Section {
  const { id, title, doc, model, structs, ioctls, kinds, quirks } = generation;
  const text = [
    `${title}. ${doc} The default machine has the model \`${model}\`.`,
    `### Quirks of ${id}`,
    `A quirk is written \`uapi ${id} { NAME = off }\`.`,
    table(
      ['quirk', 'default', 'what it does', 'evidence'],
      [...quirks.values()].map((q) => [code(q.name), q.on ? 'on' : 'off', q.doc, q.evidence]),
    ),
    `### Payload kinds of ${id}`,
    table(
      ['kind', 'struct', 'submitted by'],
      [...kinds.values()].map((k) => [code(k.kind), structLink(k.struct), k.ioctl ? code(k.ioctl) : 'embedded only']),
    ),
    `### Ioctls of ${id}`,
    table(
      ['ioctl', 'number', 'argument', 'what it does', 'source'],
      [...ioctls.values()].map((i) => [
        code(i.name),
        hex(i.number),
        i.struct ? structLink(i.struct) : 'a number or nothing',
        i.doc,
        i.source,
      ]),
    ),
    `### Structs of ${id}`,
    ...[...structs.values()].map((struct) => structText(struct, generation)),
    `### Constants of ${id}`,
    ...groups([...generation.constants.values()]).map(constantsText),
  ];
  return { title: id, text: text.join('\n\n') };
}

function structText(struct: Struct, generation: Generation): string {
  const rows = [...rowsOf(struct, 0, '')].map(({ field, offset, path }) => [
    `${offset}`,
    `${field.size}`,
    code(field.type),
    code(path),
    meaning(field, generation),
  ]);
  return [
    `#### struct ${struct.name}`,
    `${struct.doc} ${struct.size} bytes, ${struct.source}.`,
    table(['offset', 'size', 'type', 'field', 'meaning'], rows),
  ].join('\n\n');
}

/** Members of what is defined in place follow it; named structs have a table of their own. */
function* rowsOf(
  struct: Struct,
  base: number,
  prefix: string,
): Generator<{ field: Field; offset: number; path: string }> {
  for (const field of struct.fields) {
    const path = prefix + field.name;
    const offset = base + field.offset;
    yield { field, offset, path };
    if (field.struct && field.inline) yield* rowsOf(field.struct, offset, `${path}.`);
  }
}

function meaning(field: Field, { constants }: Generation): string {
  const value = (name: string): string => `${code(name)} (${number(constants.get(name)?.value ?? 0n)})`;
  const facts = [
    field.doc,
    field.flags && `Bits: ${field.flags.map(value).join(', ')}.`,
    field.oneOf && `One of: ${field.oneOf.map(value).join(', ')}.`,
    field.selector &&
      `${code(field.selector.field)} chooses: ${Object.entries(field.selector.members)
        .map(([constant, member]) => `${code(constant)} ${code(member)}`)
        .join(', ')}.`,
    field.space && `Address space: ${field.space === 'user' ? 'the caller' : field.space}.`,
    field.aligned && `Aligned to ${field.aligned}.`,
    field.unit && `In ${field.unit}.`,
    field.out && 'Written by the kernel.',
  ];
  return facts.filter(Boolean).join(' ');
}

function groups(constants: readonly Constant[]): (readonly [Constant, ...Constant[]])[] {
  const byGroup = new Map<string, [Constant, ...Constant[]]>();
  for (const constant of constants) {
    const group = byGroup.get(constant.group);
    if (group) group.push(constant);
    else byGroup.set(constant.group, [constant]);
  }
  return [...byGroup.values()];
}

function constantsText(constants: readonly [Constant, ...Constant[]]): string {
  const sources = [...new Set(constants.map((c) => c.source))];
  const rows = constants.map((c) => [code(c.name), number(c.value), c.doc]);
  return [
    `#### ${constants[0].group}`,
    `From ${sources.join('; ')}.`,
    table(['constant', 'value', 'meaning'], rows),
  ].join('\n\n');
}

// Kernel

function checks(): Section {
  const ids = new Set(RULES.map((rule) => rule.id));
  const row = (check: Check): string[] => [
    ids.has(check.id) ? link(check.id) : check.id,
    check.errno,
    code(check.at),
    check.doc,
    `${check.evidence}: ${check.source}`,
  ];
  const skips = Object.values(SKIPS).map((skip) => [
    ids.has(skip.id) ? link(skip.id) : skip.id,
    skip.doc,
    `${skip.evidence}: ${skip.source}`,
  ]);
  const text = [
    `The checks of ${GENERATIONS.map((g) => g.id).join(', ')}, in the order in which the kernel meets them within each call. \`expect reason ID\` names the one that refused.`,
    table(['check', 'errno', 'function', 'condition', 'evidence'], Object.values(CHECKS).map(row)),
    'What the driver leaves undone while the call returns 0 (`expect hidden`):',
    table(['id', 'what happens', 'evidence'], skips),
  ];
  const planned = [...KNOWN_GENERATION_IDS].filter(([id]) => !GENERATIONS.some((g) => g.id === id));
  if (planned.length > 0)
    text.push(
      'Generations that the language names and this version does not run yet:',
      table(
        ['generation', 'what it is'],
        planned.map(([id, title]) => [code(id), title]),
      ),
    );
  return { title: 'Kernel checks', text: text.join('\n\n') };
}

function errnos(): Section {
  const rows = Object.entries(ERRNO).map(([name, { code: value, means }]) => [
    code(name),
    `${value}`,
    means,
    checkedBy(name as Errno),
  ]);
  return { title: 'Errnos', text: table(['errno', 'number', 'meaning here', 'checks that return it'], rows) };
}

const checkedBy = (errno: Errno): string =>
  [
    ...new Set(
      Object.values(CHECKS)
        .filter((check) => check.errno === errno)
        .map((check) => check.id),
    ),
  ].join(', ');

// Hardware

function formats(): Section {
  const rows = FORMATS.map(({ name, stage, make }) => {
    const { data } = make(WIDEST_LIMITS);
    return [
      code(name),
      `${stage}`,
      `${data.levels}`,
      `${data.inputBits}`,
      Object.keys(data.attributes).join(', '),
      data.source,
    ];
  });
  const text = table(['format', 'stage', 'levels', 'input bits', 'attributes of a mapping', 'source'], rows);
  return { title: 'Page-table formats', text };
}

const ATS: Readonly<Record<AtsAnswer, string>> = {
  error: 'an error',
  null: 'success without permissions, which becomes a page request with PRI',
  none: 'cannot meet it',
};

function faults(): Section {
  const rows = FAULTS.map((f) => [
    code(f.name),
    hex(f.code),
    f.text,
    f.qualified ? 'unless FPD is set' : 'always',
    ATS[f.ats],
  ]);
  return {
    title: 'VT-d faults',
    text: [
      'Fault reasons of scalable mode (VT-d 7.1.3). `expect fault NAME` or `expect fault CODE` asks for one.',
      table(['fault', 'code', 'meaning', 'logged', 'answer to a translation request'], rows),
    ].join('\n\n'),
  };
}

function capabilities(): Section {
  const model = MODELS.find((m) => m.id === 'vtd');
  const rows = [...CAP, ...ECAP].map((field) => [
    code(field.name),
    `${field.register} ${bits(field)}`,
    `${DEFAULT_CAP_FIELDS[field.name as CapName] ?? 0}`,
    field.doc,
    field.aliases.map(code).join(', '),
  ]);
  return {
    title: 'VT-d capabilities',
    text: [
      `${model?.title ?? 'VT-d'}: \`iommu vtd { NAME = VALUE }\` sets a field over these defaults, \`cap = ..\` and \`ecap = ..\` whole registers, and \`haw = ${DEFAULT_HAW}\` the host address width, which no register holds.`,
      table(['field', 'bits', 'default', 'meaning', 'older names'], rows),
    ].join('\n\n'),
  };
}

function commands(): Section {
  const text = DESCRIPTORS.map(({ name, doc, source, fields, granularity, needs }) => {
    const words = Object.entries(granularity ?? {}).map(([word, value]) => `${code(word)} (${value})`);
    const facts = [doc, words.length > 0 && `G is ${words.join(', ')}.`, needs && `Needs ${needs}.`, `${source}.`];
    const rows = fields.map((field) => [code(field.name), bits(field), field.doc]);
    return [`### ${name}`, facts.filter(Boolean).join(' '), table(['field', 'bits', 'meaning'], rows)].join('\n\n');
  });
  return {
    title: 'VT-d commands',
    text: ['`invalidate iommu0 NAME { FIELD = VALUE }` issues one; fields that are not given are 0.', ...text].join(
      '\n\n',
    ),
  };
}

const bits = ({ lo, width, rest }: BitField): string =>
  [{ lo, width }, ...(rest ? [rest] : [])]
    .map((part) => (part.width === 1 ? `${part.lo}` : `${part.lo + part.width - 1}:${part.lo}`))
    .join(' and ');

// Markdown

const code = (text: string): string => `\`${text}\``;
const link = (id: string): string => `[${id}](#${anchor(id)})`;
const structLink = (name: string): string => `[${name}](#struct-${anchor(name)})`;
const number = (value: bigint): string => (value < 10n ? `${value}` : hexGrouped(value));

/** The anchor that GitHub and VS Code give a heading. */
const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
