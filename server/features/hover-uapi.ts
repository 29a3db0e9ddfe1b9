import {
  type Check,
  type Constant,
  checksOf,
  ERRNO,
  type Errno,
  type Field,
  findGeneration,
  GENERATIONS,
  type Generation,
  hex,
  hexGrouped,
  KNOWN_GENERATION_IDS,
  paholeText,
  type Quirk,
  type Struct,
  sizeText,
  skipsOf,
  walkFields,
  whyNotRunnable,
} from '../../engine/index.ts';
import { RULES } from '../language/rules/index.ts';
import type { Rule } from '../language/rules/rule.ts';
import { atMost, block, code, list, paragraphs } from './hover-markdown.ts';
import { bitsOf, constantFor, numberText } from './hover-values.ts';
import { JUDGES } from './judges.ts';
import { targetText } from './target-text.ts';

/** Rules and checks that a field's hover lists. */
const MAX_DECIDERS = 8;

/** `bind_data`, `iommu_gpasid_bind_data`: the struct with its layout. */
export function structMarkdown(struct: Struct, generation: Generation): string {
  const kind = [...generation.kinds.values()].find((k) => k.struct === struct.name);
  const ioctl = kind?.ioctl ?? [...generation.ioctls.values()].find((i) => i.struct === struct.name)?.name;
  const facts = [
    `${struct.size} bytes`,
    ...(kind ? [`kind ${code(kind.kind)}`] : []),
    ...(ioctl ? [`submitted by ${code(ioctl)}`] : kind ? ['not submitted by itself'] : []),
  ];
  return paragraphs(
    `${code(`struct ${struct.name}`)} · ${facts.join(' · ')}`,
    struct.doc,
    block(paholeText(struct), 'c'),
    `Source: ${struct.source}`,
  );
}

/** A field at its place in the outermost struct; `here` is what this payload gives it. */
export interface FieldPlace {
  readonly field: Field;
  readonly path: string;
  /** From the start of the outermost struct. */
  readonly offset: number;
  /** The outermost struct. */
  readonly struct: Struct;
  readonly here?: { readonly value: bigint } | { readonly later: string } | undefined;
}

export function fieldMarkdown(place: FieldPlace, generation: Generation): string {
  const { field, path, offset, struct } = place;
  const bytes = field.kind === 'flex' ? `from byte ${offset}` : `bytes ${offset} to ${offset + field.size - 1}`;
  const facts = [
    code(field.type),
    field.kind === 'uint' && field.size === 1 ? `byte ${offset}` : bytes,
    code(`struct ${struct.name}`),
  ];
  return paragraphs(
    `**${path}** · ${facts.join(' · ')}`,
    field.doc,
    hereText(place, generation),
    list(factsOf(field, generation)),
    field.struct &&
      !field.inline &&
      `Holds ${code(`struct ${field.struct.name}`)}, ${field.struct.size} bytes. ${field.struct.doc}`,
    deciders(struct, path, field, generation),
  );
}

function hereText({ here, field }: FieldPlace, generation: Generation): string {
  if (!here) return '';
  if ('later' in here) return `Here: ${code(here.later)}, known only when a scenario runs.`;
  const { value } = here;
  const names = field.flags
    ? bitsOf(value, field.flags, generation).map(({ bit, name }) => name ?? `bit ${bit}, unknown`)
    : [constantFor(value, field, generation) ?? (field.oneOf ? 'no known value' : '')];
  const meant = names.filter(Boolean).map(code).join(' | ');
  return `Here: ${code(field.flags && value !== 0n ? hex(value) : numberText(value, field))}${meant ? `, ${meant}` : ''}`;
}

function factsOf(field: Field, { constants }: Generation): string[] {
  const value = (name: string): Constant | undefined => constants.get(name);
  const named = (name: string, how: (c: Constant) => string): string => {
    const constant = value(name);
    return constant ? `${how(constant)} ${code(name)}: ${constant.doc}` : code(name);
  };
  const space = field.space && (field.space === 'user' ? "the caller's memory" : field.space);
  return [
    ...(field.flags ?? []).map((name) => named(name, (c) => bitText(c.value))),
    ...(field.oneOf ?? []).map((name) => named(name, (c) => code(numberText(c.value)))),
    ...(field.selector
      ? Object.entries(field.selector.members).map(
          ([name, member]) => `${code(member)} when ${code(field.selector!.field)} is ${code(name)}`,
        )
      : []),
    ...(space ? [`Address space: ${space}`] : []),
    ...(field.aligned ? [`Alignment: ${sizeText(field.aligned)}`] : []),
    ...(field.unit ? [`Unit: ${field.unit}`] : []),
    ...(field.out ? ['Written by the kernel'] : field.inout ? ['Read and written back by the kernel'] : []),
    ...[targetText(field)].filter((text) => text !== undefined),
    ...(field.aliases ? [`Also called ${field.aliases.map(code).join(', ')}`] : []),
    ...(!field.out && (field.role === 'padding' || field.role === 'reserved') ? ['Must be zero'] : []),
  ];
}

function bitText(value: bigint): string {
  const bit = value.toString(2).length - 1;
  return value === 1n << BigInt(bit) ? `bit ${bit}` : code(hex(value));
}

/** The checks of the kernel and the rules of this tool that mention a field. */
function deciders(struct: Struct, path: string, field: Field, { id }: Generation): string {
  const mentions = mentionOf(path, field);
  const checks = checksOf(id).filter(
    (c) =>
      JUDGES[c.at]?.includes(struct.name) && c.id !== 'driver-without-op' && (mentions(c.doc) || isAboutFlags(c, path)),
  );
  const ids = new Set(checks.map((c) => c.id));
  const rules = RULES.filter((r) => !ids.has(r.id) && isAbout(r, struct, field, mentions));
  const rows = [
    ...checks.map((c) => `${code(c.id)} (${c.errno}, ${code(c.at)}): ${c.doc}`),
    ...rules.map((r) => `${code(r.id)} (${r.severity}): ${r.summary}.`),
  ];
  return rows.length === 0 ? '' : paragraphs('Decided by:', list(atMost(rows, MAX_DECIDERS)));
}

/** Last words of constants that other sentences use in a wider sense. */
const COMMON = new Set(['PASID', 'ADDR', 'DOMAIN', 'IOTLB', 'VAL', 'ALLOC', 'FREE']);

/** Whether a sentence speaks of the field: by its path, its name alone, or a flag or value that it may hold. */
function mentionOf(path: string, { name, flags = [], oneOf = [] }: Field): (text: string) => boolean {
  const last = flags
    .map((flag) => flag.split('_').at(-1)!)
    .filter((word) => /^[A-Z]{2,}$/.test(word) && !COMMON.has(word));
  const words = [path, ...flags, ...oneOf, ...last].map((word) => word.replaceAll('.', '\\.'));
  const whole = new RegExp(`(?<![\\w.])(?:${words.join('|')})(?![\\w]|\\.\\w)`);
  // A name behind a dot belongs to a longer path, which is another field; flags are spoken of everywhere.
  const alone = new RegExp(`(?<![\\w.])${name}(?![\\w]|\\.\\w)`);
  return (text) =>
    (path !== 'flags' && whole.test(text)) ||
    (name !== 'flags' && alone.test(text)) ||
    [...flags, ...oneOf].some((c) => text.includes(c));
}

/** Checks of flags speak of "flag bits", not of the field. */
const isAboutFlags = ({ id, doc }: Check, path: string): boolean =>
  path === 'flags' && (id === 'unknown-flag-bits' || id === 'unknown-op') && !/\.flags|^\w+ may name/.test(doc);

/** A field in which an example marks a finding; empty where the finding is about the payload as a whole. */
interface Marked {
  readonly struct: string;
  readonly field: string;
}

const marks = new WeakMap<Rule, readonly Marked[]>();

/** Whether a rule judges a field: its examples mark a finding there, or in its struct and the summary speaks of it. */
function isAbout(rule: Rule, struct: Struct, field: Field, mentions: (text: string) => boolean): boolean {
  let found = marks.get(rule);
  if (!found) {
    found = rule.examples.bad.flatMap(marksOf);
    marks.set(rule, found);
  }
  const own = found.filter((m) => m.struct === struct.name);
  return own.some((m) => m.field === field.name) || (own.length > 0 && mentions(rule.summary));
}

/** The payloads and fields in which an example marks findings: `//   ^^^ message` below their line. */
function marksOf(example: string): Marked[] {
  const generation = findGeneration(/^\s*uapi ([\w.-]+)/.exec(example)?.[1] ?? '');
  if (!generation) return [];
  const found: Marked[] = [];
  let struct: string | undefined;
  let before = '';
  for (const line of example.split('\n')) {
    const column = /^\s*\/\/\d?\s*[\^|]/.exec(line)?.[0].length;
    if (column !== undefined) {
      const field = /(\w+)\s*=\s*$/.exec(before.slice(0, column - 1))?.[1] ?? '';
      if (struct !== undefined) found.push({ struct, field });
      continue;
    }
    before = line;
    for (const [word] of line.matchAll(/\b\w+\b/g))
      struct = generation.kinds.get(word)?.struct ?? (generation.structs.has(word) ? word : struct);
  }
  return found;
}

export function constantMarkdown(constant: Constant, generation: Generation): string {
  const { name, value, group, doc, source } = constant;
  const users: string[] = [];
  for (const struct of generation.structs.values())
    for (const { field, path } of walkFields(struct)) {
      // Members of a named struct are listed with that struct.
      if (path.includes('.') && !isInline(struct, path)) continue;
      if (field.flags?.includes(name)) users.push(`${bitText(value)} of ${code(`${struct.name}.${path}`)}`);
      else if (field.oneOf?.includes(name)) users.push(`a value of ${code(`${struct.name}.${path}`)}`);
      const member = field.selector?.members[name];
      if (member) users.push(`chooses ${code(member)} in ${code(`${struct.name}.${path}`)}`);
    }
  const number = numberText(value);
  return paragraphs(
    `**${name}** = ${code(value < 10n ? number : `${value}`)}${value < 10n ? '' : ` (${code(hexGrouped(value))})`} · ${group}`,
    doc,
    list(atMost(users, MAX_DECIDERS)),
    `Source: ${source}`,
  );
}

function isInline(struct: Struct, path: string): boolean {
  const parts = path.split('.').slice(0, -1);
  let holder: Struct | undefined = struct;
  for (const part of parts) {
    const field: Field | undefined = holder?.fields.find((f) => f.name === part);
    if (!field?.inline) return false;
    holder = field.struct;
  }
  return true;
}

export function ioctlMarkdown(name: string, generation: Generation): string | undefined {
  const ioctl = generation.ioctls.get(name);
  if (!ioctl) return undefined;
  const argument = ioctl.struct ? `argument ${code(`struct ${ioctl.struct} *`)}` : 'argument: a number or nothing';
  return paragraphs(
    `**${name}** = ${code(hex(ioctl.number))} · ioctl · ${argument}`,
    ioctl.doc,
    `Source: ${ioctl.source}`,
  );
}

/** A function inside the kernel that a step names with `to`. */
export function callMarkdown(name: string, generation: Generation): string | undefined {
  const call = generation.calls.get(name);
  return (
    call &&
    paragraphs(
      `**${name}** · call inside the kernel · argument ${code(`struct ${call.struct} *`)}`,
      call.doc,
      `Source: ${call.source}`,
    )
  );
}

/** @param generation whose checks may return it; absent: of no generation */
export function errnoMarkdown(name: Errno, generation: Generation | undefined): string {
  const { code: number, means } = ERRNO[name];
  const checks = generation ? checksOf(generation.id).filter((c) => c.errno === name) : [];
  return paragraphs(
    `**${name}** (${number}): ${means}.`,
    checks.length > 0 && 'Returned by:',
    list(
      atMost(
        checks.map((c) => `${code(c.id)} in ${code(c.at)}: ${c.doc}`),
        MAX_DECIDERS,
      ),
    ),
  );
}

/** A check or rule by its id, behind `reason`: as this generation has it, else with the generations that do. */
export function reasonMarkdown(id: string, generation: Generation | undefined): string | undefined {
  const own = generation ? checksOf(generation.id).filter((c) => c.id === id) : [];
  const skip = generation && skipsOf(generation.id).find((s) => s.id === id);
  const elsewhere = own.length > 0 || skip ? [] : GENERATIONS.filter((g) => checksOf(g.id).some((c) => c.id === id));
  const checks = own.length > 0 ? own : elsewhere.slice(0, 1).flatMap((g) => checksOf(g.id).filter((c) => c.id === id));
  const rule = RULES.find((r) => r.id === id);
  if (checks.length === 0 && !skip && !rule) return undefined;
  return paragraphs(
    `**${id}**${rule ? ` · ${rule.severity}: ${rule.summary}.` : ''}`,
    rule?.why,
    skip && `${skip.doc} Evidence: ${skip.evidence}, ${skip.source}.`,
    elsewhere.length > 0 && `Not a check of this generation; ${elsewhere.map((g) => code(g.id)).join(', ')}:`,
    list(checks.map((c) => `${c.errno}, ${code(c.at)}: ${c.doc} (${c.evidence}: ${c.source})`)),
  );
}

export function quirkMarkdown({ name, on, doc, evidence }: Quirk, now: boolean | undefined): string {
  const here = now === undefined || now === on ? '' : ` · here ${now ? 'on' : 'off'}`;
  return paragraphs(`**${name}** · quirk · by default ${on ? 'on' : 'off'}${here}`, doc, `Evidence: ${evidence}`);
}

export function generationMarkdown(id: string): string | undefined {
  const title = KNOWN_GENERATION_IDS.get(id);
  if (title === undefined) return undefined;
  const generation = findGeneration(id);
  if (!generation) return paragraphs(`**${id}** · ${title}`, 'Not available yet.');
  const { kinds: known, ioctls, calls, quirks, doc } = generation;
  const named = (what: string, names: Iterable<string>): string[] => {
    const all = [...names].map(code);
    return all.length > 0 ? [`${what}: ${all.join(', ')}`] : [];
  };
  const unavailable = whyNotRunnable(id);
  return paragraphs(
    `**${id}** · ${title}`,
    doc,
    list([
      ...named('Payload kinds', known.keys()),
      ...named('Ioctls', ioctls.keys()),
      ...named('Calls inside the kernel', calls.keys()),
      ...named('Quirks', quirks.keys()),
    ]),
    ...(unavailable === undefined ? [] : [`Scenarios do not run: ${unavailable}.`]),
  );
}
