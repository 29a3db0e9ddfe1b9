import {
  type Constant,
  type Field,
  findGeneration,
  GENERATIONS,
  type Generation,
  hex,
  KNOWN_GENERATION_IDS,
  type Struct,
  whyNotRunnable,
} from '../../engine/index.ts';
import { code, link, number, type Section, structLink, table } from './reference-markdown.ts';
import { targetText } from './target-text.ts';

/** Every generation with its calls, then each struct and each group of constants once, with who shares it. */
export const uapiSections = (): Section[] => [
  generations(),
  ...GENERATIONS.map(generationSection),
  { title: 'Structs', text: [STRUCTS, ...namesOf((g) => g.structs).map(structText)].join('\n\n') },
  { title: 'Constants', text: [CONSTANTS, ...groupNames().map(groupText)].join('\n\n') },
];

const STRUCTS =
  'Every struct by its name. Generations that share a layout and its meaning stand together; where a name means different bytes, each form has its own table.';
const CONSTANTS = 'Every constant by the enum or the prefix it belongs to, with the generations that have it.';

function generations(): Section {
  const runs = (id: string, header: true | undefined): string =>
    header ? 'the header alone' : whyNotRunnable(id) === undefined ? 'yes' : 'not yet';
  const rows = GENERATIONS.map(({ id, title, structs, header }) => [
    link(id),
    title,
    `${structs.size}`,
    runs(id, header),
  ]);
  for (const [id, title] of KNOWN_GENERATION_IDS) if (!findGeneration(id)) rows.push([code(id), title, '', 'not yet']);
  return { title: 'Generations', text: table(['generation', 'what it is', 'structs', 'scenarios run'], rows) };
}

function generationSection(generation: Generation): Section {
  const { id, title, doc, model, structs, kinds, quirks, ioctls, calls } = generation;
  const part = (what: string, rows: readonly string[][], head: readonly string[], before = ''): string[] =>
    rows.length > 0 ? [`### ${what} of ${id}`, ...(before ? [before] : []), table(head, rows)] : [];
  const text = [
    `${title}. ${doc} The default machine has the model ${code(model)}.`,
    ...part(
      'Quirks',
      [...quirks.values()].map((q) => [code(q.name), q.on ? 'on' : 'off', q.doc, q.evidence]),
      ['quirk', 'default', 'what it does', 'evidence'],
      `A quirk is written ${code(`uapi ${id} { NAME = off }`)}.`,
    ),
    ...part(
      'Payload kinds',
      [...kinds.values()].map((k) => [code(k.kind), structLink(k.struct), k.ioctl ? code(k.ioctl) : 'embedded only']),
      ['kind', 'struct', 'submitted by'],
    ),
    ...part(
      'Ioctls',
      [...ioctls.values()].map((i) => [
        code(i.name),
        hex(i.number),
        i.struct ? structLink(i.struct) : 'a number or nothing',
        i.minimum === undefined ? '' : `${i.minimum}`,
        i.doc,
        i.source,
      ]),
      ['ioctl', 'number', 'argument', 'least size', 'what it does', 'source'],
    ),
    ...part(
      'Calls',
      [...calls.values()].map((c) => [code(c.name), structLink(c.struct), c.doc, c.source]),
      ['call', 'argument', 'what it does', 'source'],
      `Functions inside the kernel, which a step names: ${code('submit P to NAME on DEV')}.`,
    ),
    `### Structs of ${id}`,
    `${[...structs.keys()].map(structLink).join(', ')}.`,
  ];
  return { title: id, text: text.join('\n\n') };
}

/** The names of a table over all generations, in the order in which they came. */
const namesOf = (table: (generation: Generation) => ReadonlyMap<string, unknown>): string[] => [
  ...new Set(GENERATIONS.flatMap((g) => [...table(g).keys()])),
];

/** Texts, each with the generations that it is true of, in the order of the first ones. */
function sharedBy(textOf: (generation: Generation) => string | undefined): [text: string, ids: string][] {
  const shared = new Map<string, string[]>();
  for (const generation of GENERATIONS) {
    const text = textOf(generation);
    if (text !== undefined) shared.set(text, [...(shared.get(text) ?? []), generation.id]);
  }
  return [...shared].map(([text, ids]) => [text, ids.map(code).join(', ')]);
}

function structText(name: string): string {
  const forms = sharedBy((generation) => {
    const struct = generation.structs.get(name);
    return struct && formText(struct, generation);
  });
  return [`### struct ${name}`, ...forms.map(([text, ids]) => `In ${ids}. ${text}`)].join('\n\n');
}

function formText(struct: Struct, generation: Generation): string {
  const rows = [...rowsOf(struct, 0, '')].map(({ field, offset, path }) => [
    `${offset}`,
    `${field.size}`,
    code(field.type),
    code(path),
    meaning(field, generation),
  ]);
  return [
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
  const target = targetText(field);
  const facts = [
    field.doc,
    field.flags && `Bits: ${field.flags.map(value).join(', ')}.`,
    field.oneOf && `One of: ${field.oneOf.map(value).join(', ')}.`,
    field.selector &&
      `${code(field.selector.field)} chooses: ${Object.entries(field.selector.members)
        .map(([constant, member]) => `${code(constant)} ${code(member)}`)
        .join(', ')}.`,
    target && `${target}.`,
    field.space && `Address space: ${field.space === 'user' ? 'the caller' : field.space}.`,
    field.aligned && `Aligned to ${field.aligned}.`,
    field.unit && `In ${field.unit}.`,
    field.out && 'Written by the kernel.',
    field.inout && 'Read and written back by the kernel.',
    field.aliases && `Also called ${field.aliases.map(code).join(', ')}.`,
  ];
  return facts.filter(Boolean).join(' ');
}

const groupNames = (): string[] => [
  ...new Set(GENERATIONS.flatMap((g) => [...g.constants.values()].map((c) => c.group))),
];

/** The constants of a group; those that the same generations have stand in one table. */
function groupText(name: string): string {
  const constants = new Map<string, { readonly constant: Constant; readonly ids: string[] }>();
  for (const { id, constants: all } of GENERATIONS)
    for (const constant of all.values()) {
      if (constant.group !== name) continue;
      const key = [constant.name, constant.value, constant.doc, constant.source].join('\n');
      const known = constants.get(key);
      if (known) known.ids.push(id);
      else constants.set(key, { constant, ids: [id] });
    }
  const blocks = new Map<string, Constant[]>();
  for (const { constant, ids } of constants.values()) {
    const head = `In ${ids.map(code).join(', ')}, from ${constant.source}.`;
    blocks.set(head, [...(blocks.get(head) ?? []), constant]);
  }
  const tables = [...blocks].flatMap(([head, rows]) => [
    head,
    table(
      ['constant', 'value', 'meaning'],
      rows.map((c) => [code(c.name), number(c.value), c.doc]),
    ),
  ]);
  return [`### ${name}`, ...tables].join('\n\n');
}
