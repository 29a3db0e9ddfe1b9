import { type Declared, encodePayload, evaluate, type Field, type Image, type Struct } from '../../engine/index.ts';
import type { Expr, Payload } from '../language/syntax.ts';
import { type CNames, designator, exprC, NotInC } from './export-c-expr.ts';
import { byOffset } from './export-c-structs.ts';

/** A payload as C has it: a type, and what its members are set to in order. */
export interface CPayload {
  /** A struct for a header with what follows it, to stand before `type` is used; else empty. */
  readonly definition: string;
  /** `struct S`, `__u8`. */
  readonly type: string;
  /** `[4]`, or empty. */
  readonly array: string;
  /** In front of the payload's own fields: `.head` where the type wraps a header. */
  readonly prefix: string;
  readonly members: readonly { readonly path: string; readonly text: string }[];
  readonly size: number;
  /** Members of one union are set through more than one name, which an initialiser would undo. */
  readonly overlaps: boolean;
  /** Why a field is 0 here: its path, and what C cannot know. */
  readonly unknown: readonly string[];
}

/**
 * A payload in C, value by value as its text gives them.
 * @param variable what it will be called, for the type of a header with what follows it
 * @param place the expression that is the payload, for `sizeof`
 */
export function payloadC(declared: Declared<Payload>, at: CNames, variable: string, place = variable): CPayload {
  return imageC(encodePayload(declared, at.names), at, variable, place);
}

function imageC(image: Image, at: CNames, variable: string, place: string): CPayload {
  const { struct, payload, bytes } = image;
  const plain = { definition: '', array: '', prefix: '', size: bytes.length, overlaps: false, unknown: [] };
  if (!struct) {
    const members = bytes.length > 0 ? bytesMembers(bytes) : [];
    return { ...plain, type: '__u8', array: `[${Math.max(1, bytes.length)}]`, members };
  }
  const tag = at.needs.struct(struct);
  const writer = new Members({ ...at, self: { variable: place, size: bytes.length } }, image);
  const own = { members: writer.members(), unknown: writer.unknown, overlaps: writer.overlaps(struct) };
  if (payload.elements) return { ...plain, ...own, type: `struct ${tag}`, array: `[${payload.elements.length}]` };
  const flexible = struct.fields.find(({ kind }) => kind === 'flex');
  const behind = flexible ? bytes.subarray(flexible.offset) : bytes.subarray(bytes.length);
  if (!flexible || behind.length === 0) return { ...plain, ...own, type: `struct ${tag}` };
  return withData(image, struct, flexible, own, at, variable, place);
}

/** A header and what lies in its flexible array, as one type. */
function withData(
  image: Image,
  struct: Struct,
  flexible: Field,
  own: Pick<CPayload, 'members' | 'unknown' | 'overlaps'>,
  at: CNames,
  variable: string,
  place: string,
): CPayload {
  const behind = image.bytes.subarray(struct.size);
  const inner: CPayload = image.embedded
    ? imageC(image.embedded, at, `${variable}_${flexible.name}`, `${place}.${flexible.name}`)
    : {
        ...{ definition: '', prefix: '', overlaps: false, unknown: [], size: behind.length },
        ...{ type: '__u8', array: `[${behind.length}]`, members: bytesMembers(behind) },
      };
  const name = `${variable}_with_${flexible.name}`;
  const definition = [
    inner.definition,
    `struct ${name} {\n\tstruct ${at.needs.struct(struct)} head;\n\t${inner.type} ${flexible.name}${inner.array};\n} __attribute__((packed));`,
    `_Static_assert(offsetof(struct ${name}, ${flexible.name}) == ${flexible.offset}, "${flexible.name} follows the header");`,
  ];
  return {
    definition: definition.filter(Boolean).join('\n'),
    type: `struct ${name}`,
    array: '',
    prefix: '.head',
    members: [
      ...own.members.map(({ path, text }) => ({ path: `.head${path}`, text })),
      ...inner.members.map(({ path, text }) => ({ path: `.${flexible.name}${path}`, text })),
    ],
    size: image.bytes.length,
    overlaps: own.overlaps || inner.overlaps,
    unknown: [...own.unknown, ...inner.unknown],
  };
}

const bytesMembers = (bytes: Uint8Array): CPayload['members'] =>
  [...bytes].flatMap((byte, i) => (byte === 0 ? [] : [{ path: `[${i}]`, text: `0x${byte.toString(16)}` }]));

/** The values of one struct's fields, the last one given for a path counting. */
class Members {
  readonly unknown: string[] = [];
  readonly #at: CNames;
  readonly #texts = new Map<string, string>();

  constructor(at: CNames, image: Image) {
    this.#at = at;
    this.#add(image, []);
  }

  members(): CPayload['members'] {
    return [...this.#texts].map(([path, text]) => ({ path, text }));
  }

  #add(image: Image, prefix: readonly string[]): void {
    for (const { path, field, expr, value, file } of image.entries) {
      const names = [...prefix, ...path.split('.')];
      if (field.kind === 'flex') continue;
      if (field.struct) {
        const inner = this.#payload(expr, file);
        if (inner) this.#add(inner, names);
        continue;
      }
      this.#set(names, field, expr, value);
    }
  }

  #payload(expr: Expr, file: string): Image | undefined {
    const { names } = this.#at;
    const declared =
      expr.kind === 'payload'
        ? { node: expr.payload, file }
        : expr.kind === 'name'
          ? names.payload(expr.name)
          : undefined;
    return declared && encodePayload(declared, names);
  }

  #set(names: readonly string[], field: Field, expr: Expr, value: bigint | undefined): void {
    const path = designator(names);
    try {
      this.#texts.delete(path);
      this.#texts.set(
        path,
        field.kind === 'array' ? this.#array(field, expr, value) : this.#number(expr, value, field),
      );
    } catch (error) {
      if (!(error instanceof NotInC)) throw error;
      this.unknown.push(`${path.slice(1)}: ${error.message}`);
      this.#texts.set(path, '0');
    }
  }

  #number(expr: Expr, value: bigint | undefined, field: Field): string {
    const text = exprC(expr, this.#at);
    // What the field cuts off is cut off here, where the author saw it, and not behind the compiler's back.
    const whole =
      value === undefined ? undefined : evaluate(expr, this.#at.names.scope(BigInt(this.#at.self?.size ?? 0)));
    if (value !== undefined && field.type.startsWith('__s') && value >> BigInt(field.size * 8 - 1) === 1n)
      return `${BigInt.asIntN(field.size * 8, value)}`;
    if (value !== undefined && whole !== value) return `0x${value.toString(16)}${field.size === 8 ? 'ULL' : ''}`;
    return text;
  }

  #array(field: Field, expr: Expr, value: bigint | undefined): string {
    if (value !== undefined) {
      const items = Array.from({ length: field.size / field.element }, (_, i) =>
        BigInt.asUintN(field.element * 8, value >> BigInt(i * field.element * 8)),
      );
      return braces(items.map((item) => `0x${item.toString(16)}`));
    }
    if (expr.kind === 'list' && !expr.places) return braces(expr.items.map((item) => exprC(item, this.#at)));
    const list = evaluate(expr, this.#at.names.scope());
    if (list instanceof Uint8Array) return braces([...list].map((byte) => `0x${byte.toString(16)}`));
    if (!Array.isArray(list)) throw new NotInC('the list is known only when a scenario runs');
    return braces(list.map((item) => `0x${BigInt.asUintN(field.element * 8, item as bigint).toString(16)}`));
  }

  /** Whether two members of one union are set, named or not. */
  overlaps(struct: Struct): boolean {
    const chosen = new Map<string, string>();
    for (const path of this.#texts.keys()) {
      const names = path
        .replaceAll(/\[(\d+)\]/g, '.$1')
        .split('.')
        .filter(Boolean);
      let parent: Struct | undefined = struct;
      let union = false;
      for (const [i, name] of names.entries()) {
        const field: Field | undefined = parent?.fields.find((f) => f.name === name);
        if (!parent || !field) continue;
        const shared = union || byOffset(parent.fields).some((g) => g.length > 1 && g.includes(field));
        const key = `${names.slice(0, i).join('.')}@${field.offset}`;
        if (shared && (chosen.get(key) ?? name) !== name) return true;
        if (shared) chosen.set(key, name);
        parent = field.struct;
        union = field.kind === 'union';
      }
    }
    return false;
  }
}

const braces = (items: readonly string[]): string => `{ ${(items.length > 0 ? items : ['0']).join(', ')} }`;

/** `{ .argsz = sizeof(x), .. }` over several lines; `indent` stands in front of the closing brace. */
export function initialiserC({ members }: CPayload, indent: string): string {
  if (members.length === 0) return '{ 0 }';
  const bytes = members.every(({ path }) => /^\[\d+\]$/.test(path)) && 8 < members.length;
  if (bytes) {
    const lines = [];
    for (let i = 0; i < members.length; i += 8)
      lines.push(
        members
          .slice(i, i + 8)
          .map(({ path, text }) => `${path} = ${text},`)
          .join(' '),
      );
    return `{\n${lines.map((line) => `${indent}\t${line}\n`).join('')}${indent}}`;
  }
  return `{\n${members.map(({ path, text }) => `${indent}\t${path} = ${text},\n`).join('')}${indent}}`;
}
