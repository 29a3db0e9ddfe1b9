import {
  type Declared,
  encodePayload,
  type Field,
  getUint,
  hex,
  type Image,
  layoutOf,
  type Names,
  type Struct,
} from '../../engine/index.ts';
import type { Payload } from '../language/syntax.ts';
import { byOffset } from './export-c-structs.ts';

/**
 * A payload as Rust: `#[repr(C)]` types, asserts of their layout, and a constant with the payload's bytes as fields.
 * Values are numbers; members of unions that are not set stay zero.
 */
export function payloadRust(declared: Declared<Payload>, names: Names, name: string): string {
  const image = encodePayload(declared, names);
  const types = new Types();
  const value = imageRust(image, types, name, typeName(name));
  const constant = `pub const ${constantName(name)}: ${value.type} = ${value.text};`;
  const size = `const _: () = assert!(core::mem::size_of::<${value.type}>() == ${image.bytes.length});`;
  return `${['#![allow(non_camel_case_types, dead_code)]', ...types.texts, constant, size].join('\n\n')}\n`;
}

interface Rust {
  readonly type: string;
  readonly text: string;
}

function imageRust(image: Image, types: Types, name: string, wrapper: string): Rust {
  const { struct, payload, bytes } = image;
  if (!struct) return bytesRust(bytes);
  const type = types.struct(struct);
  if (payload.elements) {
    const items = payload.elements.map((_, i) => structRust(struct, bytes, i * struct.size, types, '    '));
    return { type: `[${type}; ${items.length}]`, text: `[${items.map((item) => `\n    ${item},`).join('')}\n]` };
  }
  const head = structRust(struct, bytes, 0, types, '');
  const flexible = struct.fields.find(({ kind }) => kind === 'flex');
  const behind = flexible ? bytes.subarray(struct.size) : bytes.subarray(bytes.length);
  if (!flexible || behind.length === 0) return { type, text: head };
  const inner = image.embedded ? imageRust(image.embedded, types, name, `${wrapper}Data`) : bytesRust(behind);
  types.add(
    wrapper,
    `#[repr(C, packed)]\n#[derive(Clone, Copy)]\npub struct ${wrapper} {\n    pub head: ${type},\n    pub ${flexible.name}: ${inner.type},\n}\nconst _: () = assert!(core::mem::offset_of!(${wrapper}, ${flexible.name}) == ${flexible.offset});`,
  );
  const indented = (text: string): string => text.replaceAll('\n', '\n    ');
  return {
    type: wrapper,
    text: `${wrapper} {\n    head: ${indented(head)},\n    ${flexible.name}: ${indented(inner.text)},\n}`,
  };
}

const bytesRust = (bytes: Uint8Array): Rust => ({
  type: `[u8; ${bytes.length}]`,
  text: `[${[...bytes].map((byte) => hex(byte)).join(', ')}]`,
});

/** `S { field: value, .. }`. */
function structRust(struct: Struct, bytes: Uint8Array, base: number, types: Types, indent: string): string {
  const inner = `${indent}    `;
  const fields = byOffset(struct.fields).map((together) => {
    const [first] = together;
    if (together.length > 1) {
      const size = Math.max(...together.map((field) => field.size));
      return `${unnamed(first)}: ${unionRust(types.union(struct, first), together, bytes, base, size, types, inner)}`;
    }
    return `${fieldName(first.name)}: ${valueRust(first, struct, bytes, base + first.offset, types, inner)}`;
  });
  return `${types.struct(struct)} {\n${fields.map((field) => `${inner}${field},\n`).join('')}${indent}}`;
}

function valueRust(field: Field, parent: Struct, bytes: Uint8Array, at: number, types: Types, indent: string): string {
  if (field.kind === 'flex') return '[]';
  if (field.kind === 'union')
    return unionRust(types.inner(parent, field), field.struct!.fields, bytes, at, field.size, types, indent);
  if (field.struct)
    return structRust(field.inline ? types.renamed(parent, field) : field.struct, bytes, at, types, indent);
  if (field.kind === 'array') {
    const items = Array.from({ length: field.size / field.element }, (_, i) =>
      hex(getUint(bytes, at + i * field.element, field.element)),
    );
    return items.every((item) => item === '0x0') ? `[0; ${items.length}]` : `[${items.join(', ')}]`;
  }
  const value = getUint(bytes, at, field.size);
  if (field.type.startsWith('__s')) return `${BigInt.asIntN(field.size * 8, value)}`;
  return field.space || 9999n < value ? hex(value) : `${value}`;
}

/** The smallest member that has all that is set; bytes where none has. */
function unionRust(
  name: string,
  members: readonly Field[],
  bytes: Uint8Array,
  at: number,
  size: number,
  types: Types,
  indent: string,
): string {
  const from = Math.min(...members.map((member) => member.offset));
  const shown = bytes.subarray(at + from, at + from + size);
  const used = shown.findLastIndex((byte) => byte !== 0) + 1;
  // Bytes behind a smaller member would not be written, so the union's own bytes are there as well.
  const whole = members.find((member) => member.size === size && used > 0 && isClosed(member));
  if (!whole) return `${name} { bytes: [${[...shown].map((byte) => hex(byte)).join(', ')}] }`;
  return `${name} { ${fieldName(whole.name)}: ${valueRust(whole, types.parent(name), bytes, at + whole.offset, types, indent)} }`;
}

/** Whether fields cover every byte, so that nothing is left to what a compiler puts between them. */
function isClosed({ struct, size }: Field): boolean {
  if (!struct) return true;
  let end = 0;
  for (const [field] of byOffset(struct.fields)) {
    if (field.offset !== end || field.kind === 'union') return false;
    end = field.offset + field.size;
  }
  return end === size;
}

/** Type definitions in the order in which they were needed. */
class Types {
  readonly #texts = new Map<string, string>();
  readonly #renamed = new Map<string, Struct>();

  get texts(): readonly string[] {
    return [...this.#texts.values()];
  }

  add(name: string, text: string): void {
    this.#texts.set(name, text);
  }

  /** The Rust name of a struct, which it defines with those that it holds. */
  struct(struct: Struct): string {
    if (this.#texts.has(struct.name)) return struct.name;
    const lines = byOffset(struct.fields).map((together) => {
      const [first] = together;
      if (together.length === 1) return `    pub ${fieldName(first.name)}: ${this.#type(first, struct)},`;
      this.#union(this.union(struct, first), together, this.parent(this.union(struct, first)));
      return `    pub ${unnamed(first)}: ${this.union(struct, first)},`;
    });
    const asserts = layoutOf(struct)
      .fields.filter(({ name }) =>
        struct.fields.some((f) => f.name === name && byOffset(struct.fields).some((g) => g.length === 1 && g[0] === f)),
      )
      .map(
        ({ name, offset }) =>
          `const _: () = assert!(core::mem::offset_of!(${struct.name}, ${fieldName(name)}) == ${offset});`,
      );
    const text = `#[repr(C)]\n#[derive(Clone, Copy)]\npub struct ${struct.name} {\n${lines.join('\n')}\n}\nconst _: () = assert!(core::mem::size_of::<${struct.name}>() == ${struct.size});\n${asserts.join('\n')}`;
    this.#texts.set(struct.name, text.trimEnd());
    return struct.name;
  }

  /** The name of the unnamed union that begins with a field. */
  union = (parent: Struct, first: Field): string => `${parent.name}_${unnamed(first)}`;

  /** The name of a type that is defined in place. */
  inner = (parent: Struct, field: Field): string => `${parent.name}_${field.name}`;

  /** A struct that is defined in place, under a name of its own. */
  renamed(parent: Struct, field: Field): Struct {
    const name = this.inner(parent, field);
    const known = this.#renamed.get(name) ?? { ...field.struct!, name };
    this.#renamed.set(name, known);
    return known;
  }

  /** A union as if it were the struct around its members. */
  parent = (name: string): Struct => ({ name, doc: '', source: '', size: 0, align: 1, fields: [] });

  #type(field: Field, parent: Struct): string {
    if (field.kind === 'union') {
      this.#union(this.inner(parent, field), field.struct!.fields, this.parent(this.inner(parent, field)));
      return this.inner(parent, field);
    }
    if (field.struct) return this.struct(field.inline ? this.renamed(parent, field) : field.struct);
    const element = `${field.type.startsWith('__s') ? 'i' : 'u'}${field.element * 8}`;
    if (field.kind === 'flex') {
      const named = /^struct (\w+)\[/.exec(field.type)?.[1];
      return named === undefined ? `[${element}; 0]` : `[[u8; ${field.element}]; 0]`;
    }
    return field.kind === 'array' ? `[${element}; ${field.size / field.element}]` : element;
  }

  #union(name: string, members: readonly Field[], parent: Struct): void {
    const size = Math.max(...members.map((member) => member.size));
    const lines = members.map((member) => `    pub ${fieldName(member.name)}: ${this.#type(member, parent)},`);
    this.#texts.set(
      name,
      `#[repr(C)]\n#[derive(Clone, Copy)]\npub union ${name} {\n${lines.join('\n')}\n    pub bytes: [u8; ${size}],\n}`,
    );
  }
}

const KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'ref',
  'in',
  'move',
  'match',
  'use',
  'where',
  'mod',
  'fn',
  'self',
]);
const fieldName = (name: string): string => (KEYWORDS.has(name) ? `r#${name}` : name);
const unnamed = (first: Field): string => `or_${first.name}`;
const typeName = (name: string): string =>
  name
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
const constantName = (name: string): string => name.toUpperCase();
