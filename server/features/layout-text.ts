import {
  type Declared,
  encodePayload,
  evaluate,
  type Field,
  type Generation,
  getUint,
  hex,
  hexGrouped,
  type Image,
  isNoStruct,
  isNoValue,
  type Names,
  recordOf,
  type Struct,
  structOf,
  wordsOf,
} from '../../engine/index.ts';
import { type BitLayout, decode } from '../../engine/models/bit-layout.ts';
import type { Resolved } from '../language/resolve.ts';
import type { Expr, Payload } from '../language/syntax.ts';
import { bitsText } from './hover-commands.ts';
import { isAt, isKnown, type KnownPlace, payloadOf, placeAt, staticNames, textOf } from './hover-context.ts';
import { bitsOf, constantFor, numberText } from './hover-values.ts';

/** Columns of a text that can be pasted into a mail. */
export const MAIL_WIDTH = 72;
/** Bytes of a dump; what lies beyond is counted. */
const MAX_DUMP = 1024;
/** Payloads inside payloads that are followed; one that contains itself has no end. */
const MAX_DEPTH = 16;
/** Rows of an array that are shown. */
const MAX_ROWS = 400;

export interface LayoutRow {
  readonly offset: number;
  readonly size: number;
  /** How deep it is nested. */
  readonly depth: number;
  /** Empty for bytes that no field covers. */
  readonly name: string;
  /** The value, and further lines below it: the bits of a flags field. Empty for what only holds others. */
  readonly value: readonly string[];
}

/** A payload's bytes, which of them only a run knows, and its fields in the order of their offsets. */
export interface PayloadLayout {
  readonly title: string;
  readonly struct: Struct | undefined;
  readonly source: string;
  readonly bytes: Uint8Array;
  /** 1 for each byte that only a run knows. */
  readonly unknown: Uint8Array;
  readonly rows: readonly LayoutRow[];
  /** What is wrong with the payload, so that some bytes are not what is meant. */
  readonly troubles: readonly string[];
}

/** The bytes of the payload at an offset as a table, for the payload whose declaration, name or use stands there. */
export function layoutOfPayload(
  resolved: Resolved,
  offset: number,
): { readonly title: string; readonly text: string } | { readonly problem: string } {
  const place = placeAt(resolved, offset);
  if (place && !isKnown(place)) return { problem: 'the file names no generation that can be laid out' };
  const declared = place && payloadAround(place);
  if (!place || !declared) return { problem: 'no payload stands here; put the cursor on one, or on the name of one' };
  const layout = payloadLayout(declared, place);
  return 'problem' in layout ? layout : { title: layout.title, text: layoutText(layout) };
}

/** The payload that is named at a place, else the innermost one around it, else the one that the step submits. */
export function payloadAround(place: KnownPlace): Declared<Payload> | undefined {
  const named = namedPayload(place);
  if (named) return named;
  const inner = place.payloads.at(-1);
  if (inner) return { node: inner, file: place.resolved.file };
  const step = place.steps.at(-1);
  return step?.kind === 'submit' ? payloadOf(place, step.payload) : undefined;
}

/** The payload whose name the token is. */
export function namedPayload(place: KnownPlace): Declared<Payload> | undefined {
  const { file, token, payloads, exprs } = place;
  const inner = payloads.at(-1);
  if (inner?.base && isAt(place, inner.base)) return file.payloads.get(token.text);
  if (inner && isAt(place, inner.name)) return { node: inner, file: place.resolved.file };
  const expr = exprs.at(-1);
  switch (expr?.kind) {
    case 'name':
      return payloadOf(place, expr);
    case 'address-of':
      return isAt(place, expr.name) ? file.payloads.get(token.text) : undefined;
    case 'sizeof':
      return expr.name && isAt(place, expr.name) ? file.payloads.get(token.text) : undefined;
    case 'member':
      return isAt(place, expr.object) ? file.payloads.get(token.text) : undefined;
    default:
      return undefined;
  }
}

/** Encodes a payload as far as is known before a run. */
export function payloadLayout(
  declared: Declared<Payload>,
  place: Pick<KnownPlace, 'resolved' | 'file' | 'generation'>,
): PayloadLayout | { readonly problem: string } {
  const { node } = declared;
  const names = staticNames(place);
  const record = recordOf(node, place.file.machine);
  if (record) return recordLayout(declared, record, names);
  const struct = structOf(node, place.generation);
  if (isNoStruct(struct)) return { problem: struct.message };
  const image = encodePayload(declared, names);
  const maker = new Rows(place, names);
  const unknown = maker.unknownBytes(image);
  const title = titleOf(node, struct);
  const rows = maker.rows(image, unknown, 0, 0);
  const troubles = [...new Set(image.troubles.filter((t) => t.code !== 'unknown-name').map((t) => t.message))];
  return { title, struct, source: struct?.source ?? '', bytes: image.bytes, unknown, rows, troubles };
}

/** A hardware record: its fields are bits, so a row is as many bytes as they touch. */
function recordLayout(declared: Declared<Payload>, record: BitLayout, names: Names): PayloadLayout {
  const { bytes, troubles } = encodePayload(declared, names);
  const values = decode(record, wordsOf(bytes));
  const rows = record.fields.map((field): LayoutRow => {
    const { lo, width, values: words = {} } = field;
    const value = values[field.name]!;
    const word = Object.entries(words).find(([, each]) => each === value)?.[0];
    return {
      offset: lo >> 3,
      size: ((lo + width - 1) >> 3) - (lo >> 3) + 1,
      depth: 0,
      name: field.name,
      value: [`${word ?? (value < 10n ? value : hexGrouped(value))}, ${bitsText(field)}`],
    };
  });
  return {
    title: [record.name, declared.node.name?.text].filter(Boolean).join(' '),
    struct: undefined,
    source: record.source,
    bytes,
    unknown: new Uint8Array(bytes.length),
    rows,
    troubles: [...new Set(troubles.map((t) => t.message))],
  };
}

const titleOf = ({ name, word, elements }: Payload, struct: Struct | undefined): string =>
  [elements && 'array of', struct ? `struct ${struct.name}` : word.text, name?.text].filter(Boolean).join(' ');

class Rows {
  readonly #place: Pick<KnownPlace, 'resolved' | 'generation'>;
  readonly #names: Names;

  constructor(place: Pick<KnownPlace, 'resolved' | 'generation'>, names: Names) {
    this.#place = place;
    this.#names = names;
  }

  /** Marks the bytes that wait for a run; a field that is given twice counts as it was given last. */
  unknownBytes(image: Image, depth = 0): Uint8Array {
    const mask = new Uint8Array(image.bytes.length);
    if (MAX_DEPTH < depth) return mask;
    for (const { expr, field, offset, value, file } of image.entries) {
      const size = field.kind === 'flex' ? mask.length - offset : field.size;
      const inner = image.embedded && field.kind === 'flex' ? image.embedded : undefined;
      const given = !inner && field.struct ? this.#payload(expr, file) : inner;
      if (given) mask.set(this.unknownBytes(given, depth + 1).subarray(0, size), offset);
      else if (value === undefined && isNoValue(evaluate(expr, this.#names.scope(BigInt(image.bytes.length)))))
        mask.fill(1, offset, offset + size);
      else mask.fill(0, offset, offset + size);
    }
    return mask;
  }

  #payload(expr: Expr, file: string): Image | undefined {
    const declared =
      expr.kind === 'payload'
        ? { node: expr.payload, file }
        : expr.kind === 'name'
          ? this.#names.payload(expr.name)
          : undefined;
    return declared && encodePayload(declared, this.#names);
  }

  rows(image: Image, unknown: Uint8Array, base: number, depth: number): LayoutRow[] {
    const { struct, payload, bytes } = image;
    if (!struct) return [];
    const filled = this.#filled(image);
    if (!payload.elements) return this.#structRows(struct, { image, bytes, unknown, filled }, base, depth, '');
    return payload.elements.slice(0, MAX_ROWS).flatMap((_, i) => {
      const at = base + i * struct.size;
      const head = { offset: at, size: struct.size, depth, name: `[${i}]`, value: [] };
      return [head, ...this.#structRows(struct, { image, bytes, unknown, filled }, at, depth + 1, `[${i}].`)];
    });
  }

  /** The source text of each field's value, by path. */
  #filled(image: Image): Map<string, string> {
    return new Map(
      image.entries.map(({ path, expr, file }) => [
        path,
        textOf(this.#place.resolved, file, expr).replace(/\s+/g, ' ').slice(0, 24),
      ]),
    );
  }

  #structRows(struct: Struct, from: Filled, base: number, depth: number, prefix: string): LayoutRow[] {
    const rows: LayoutRow[] = [];
    let end = 0;
    for (const field of visibleFields(struct.fields, from.filled, prefix)) {
      if (end < field.offset) rows.push(hole(base + end, field.offset - end, depth, from.bytes));
      rows.push(...this.#fieldRows(field, from, base + field.offset, depth, prefix, struct, base));
      end = Math.max(end, field.offset + field.size);
    }
    if (end < struct.size) rows.push(hole(base + end, struct.size - end, depth, from.bytes));
    return rows;
  }

  #fieldRows(
    field: Field,
    from: Filled,
    offset: number,
    depth: number,
    prefix: string,
    parent: Struct,
    parentBase: number,
  ): LayoutRow[] {
    const { bytes, unknown, image } = from;
    const path = prefix + field.name;
    const size = field.kind === 'flex' ? bytes.length - offset : field.size;
    const row = (...value: readonly string[]): LayoutRow => ({ offset, size, depth, name: field.name, value });
    if (field.kind === 'flex') {
      if (size <= 0) return [row('empty')];
      if (!image.embedded) return [row(bytesText(bytes, unknown, offset, size))];
      const { embedded } = image;
      const kind = titleOf(embedded.payload, embedded.struct).replace(/^struct /, '');
      return [
        row(kind),
        ...this.rows(embedded, this.unknownBytes(embedded), 0, depth + 1).map((r) => ({
          ...r,
          offset: r.offset + offset,
        })),
      ];
    }
    if (field.kind === 'union') {
      const members = this.#unionMembers(field, from, path, parent, parentBase);
      const chosen = members.flatMap((member) =>
        this.#fieldRows(member, from, offset + member.offset, depth + 1, `${path}.`, field.struct!, offset),
      );
      return [row(...(members.length === 0 ? [bytesText(bytes, unknown, offset, size)] : [])), ...chosen];
    }
    if (field.struct) return [row(), ...this.#structRows(field.struct, from, offset, depth + 1, `${path}.`)];
    if (unknown.subarray(offset, offset + size).some((b) => b === 1)) {
      const text = from.filled.get(path);
      return [row(`?? ${text === undefined ? '' : `(${text})`}`.trimEnd())];
    }
    if (field.kind === 'array') return [row(bytesText(bytes, unknown, offset, size))];
    return [row(...valueLines(getUint(bytes, offset, size), field, this.#place.generation))];
  }

  /** The members of a union that the payload sets, or else the one that its selector chooses. */
  #unionMembers(field: Field, from: Filled, path: string, parent: Struct, base: number): readonly Field[] {
    const members = field.struct?.fields ?? [];
    const set = members.filter((m) => isSet(from.filled, `${path}.${m.name}`));
    if (set.length > 0) return set;
    const selector = field.selector && parent.fields.find((f) => f.name === field.selector!.field);
    if (!field.selector || !selector) return [];
    const value = getUint(from.bytes, base + selector.offset, selector.size);
    const constant = constantFor(value, selector, this.#place.generation);
    const chosen = constant === undefined ? undefined : field.selector.members[constant];
    return members.filter((m) => m.name === chosen);
  }
}

interface Filled {
  readonly image: Image;
  readonly bytes: Uint8Array;
  readonly unknown: Uint8Array;
  readonly filled: ReadonlyMap<string, string>;
}

const isSet = (filled: ReadonlyMap<string, string>, path: string): boolean =>
  filled.has(path) || [...filled.keys()].some((key) => key.startsWith(`${path}.`));

/** Members of an unnamed union lie at one offset: those that are given count, else the first. */
function visibleFields(fields: readonly Field[], filled: ReadonlyMap<string, string>, prefix: string): Field[] {
  return fields.filter((field, i) => {
    const together = fields.filter((f) => f.offset === field.offset && f.size > 0);
    if (together.length < 2) return true;
    const set = together.filter((f) => isSet(filled, prefix + f.name));
    return set.length > 0 ? set.includes(field) : fields.indexOf(together[0]!) === i;
  });
}

/** Bytes that the compiler leaves between fields: they have no name. */
const hole = (offset: number, size: number, depth: number, bytes: Uint8Array): LayoutRow => ({
  offset,
  size,
  depth,
  name: '',
  value: [`padding, ${bytes.subarray(offset, offset + size).some((b) => b !== 0) ? 'not zero' : 'zero'}`],
});

function valueLines(value: bigint, field: Field, generation: Generation): string[] {
  if (field.role === 'padding' || field.role === 'reserved')
    return [value === 0n ? 'zero' : `${numberText(value, field)}, not zero`];
  if (field.oneOf) {
    const name = constantFor(value, field, generation);
    return [name ? `${value} ${name}` : `${numberText(value, field)}, not a known value`];
  }
  if (!field.flags) return [numberText(value, field)];
  const bits = bitsOf(value, field.flags, generation).map(({ bit, name }) => `bit ${bit} ${name ?? 'unknown'}`);
  return bits.length === 1 ? [`${hex(value)} ${bits[0]}`] : [value === 0n ? '0' : hex(value), ...bits];
}

function bytesText(bytes: Uint8Array, unknown: Uint8Array, offset: number, size: number): string {
  const shown = [...bytes.subarray(offset, offset + size)];
  if (unknown.subarray(offset, offset + size).some((b) => b === 1)) return '??';
  if (shown.every((b) => b === 0)) return 'zero';
  const text = shown.slice(0, 8).map(hexByte).join(' ');
  return size <= 8 ? text : `${text} ..`;
}

const hexByte = (byte: number): string => byte.toString(16).padStart(2, '0');

/** The layout as read-only text: a table of fields, then the bytes. At most 72 columns wide. */
export function layoutText(layout: PayloadLayout, maxDump = MAX_DUMP): string {
  const { title, source, bytes, unknown, rows, troubles } = layout;
  const out = [...wrap(`${title}, ${bytes.length} bytes`, '  '), ...(source ? [source] : []), ''];
  if (rows.length > 0) out.push(...table(rows), '');
  out.push(...dump(bytes, unknown, maxDump));
  if (unknown.some((b) => b === 1)) out.push('', '?? is known only when a scenario runs.');
  for (const trouble of troubles.slice(0, 8)) out.push('', ...wrap(`Error: ${trouble}`, '  '));
  return `${out.flatMap((line) => chop(line, '    ')).join('\n')}\n`;
}

function table(rows: readonly LayoutRow[]): string[] {
  const label = ({ depth, name }: LayoutRow): string => '  '.repeat(depth) + name;
  const width = Math.max(5, ...rows.map((r) => label(r).length));
  const digits = Math.max(4, ...rows.map((r) => r.offset.toString(16).length + 2));
  const column = digits + 2 + 4 + 2 + width + 2;
  const out = [`${'at'.padEnd(digits)}  size  ${'field'.padEnd(width)}  value`];
  for (const row of rows) {
    const place = `0x${row.offset.toString(16).padStart(digits - 2, '0')}  ${String(row.size).padStart(4)}  `;
    const [first = '', ...more] = row.value;
    const line = `${place}${label(row).padEnd(width)}  `;
    if (line.length + first.length <= MAIL_WIDTH) out.push((line + first).trimEnd());
    else out.push(line.trimEnd(), indented(first, column));
    for (const text of more) out.push(indented(text, column));
  }
  return out;
}

/** A line below a column, moved to the left where it would stand out on the right. */
const indented = (text: string, column: number): string =>
  ' '.repeat(Math.max(0, Math.min(column, MAIL_WIDTH - text.length))) + text;

function dump(bytes: Uint8Array, unknown: Uint8Array, max: number): string[] {
  const shown = Math.min(bytes.length, max);
  const lines: string[] = [];
  for (let at = 0; at < shown; at += 16) {
    const cells = Array.from({ length: Math.min(16, shown - at) }, (_, i) =>
      unknown[at + i] === 1 ? '??' : hexByte(bytes[at + i]!),
    );
    const halves = [cells.slice(0, 8), cells.slice(8)].filter((half) => half.length > 0);
    lines.push(`0x${at.toString(16).padStart(4, '0')}  ${halves.map((half) => half.join(' ')).join('  ')}`);
  }
  if (shown < bytes.length) lines.push(`and ${bytes.length - shown} more bytes`);
  return lines.length > 0 ? lines : ['no bytes'];
}

/** Breaks a sentence into lines of mail width; further lines begin with the indent. */
export function wrap(text: string, indent = '', first = ''): string[] {
  const lines: string[] = [];
  let line = first;
  for (const word of text.split(' ')) {
    const next = line === '' || line.endsWith(' ') ? line + word : `${line} ${word}`;
    if (next.length <= MAIL_WIDTH || line.trim() === '') line = next;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line].flatMap((l) => chop(l, indent));
}

/** What has no space to break at is cut. */
function chop(line: string, indent: string): string[] {
  if (line.length <= MAIL_WIDTH) return [line];
  return [line.slice(0, MAIL_WIDTH), ...chop(indent + line.slice(MAIL_WIDTH), indent)];
}
