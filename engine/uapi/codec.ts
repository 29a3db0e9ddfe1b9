import type { Field, Struct } from './descriptor.ts';

/** A field with its place counted from the start of the outermost struct. */
export interface Located {
  readonly field: Field;
  readonly offset: number;
  readonly path: string;
  /** The struct or union the field is a member of. */
  readonly parent: Struct;
}

/** Finds `a.b.c` in a struct, or says how far it got. A number behind an array names its element: `padding.0`. */
export function locate(
  struct: Struct,
  path: readonly string[],
): Located | { readonly missing: number; readonly parent: Struct | undefined } {
  let parent: Struct | undefined = struct;
  let offset = 0;
  let found: Field | undefined;
  for (const [i, name] of path.entries()) {
    const holder: Struct | undefined = parent;
    const field: Field | undefined = holder ? holder.fields.find((f) => f.name === name) : elementOf(found, name);
    if (!field) return { missing: i, parent: holder };
    offset += field.offset;
    found = field;
    if (i === path.length - 1) return { field, offset, path: path.join('.'), parent: holder ?? struct };
    parent = field.struct;
  }
  return { missing: 0, parent: struct };
}

function elementOf(array: Field | undefined, index: string): Field | undefined {
  if (array?.kind !== 'array' || !/^\d+$/.test(index)) return undefined;
  const offset = Number(index) * array.element;
  if (array.size <= offset) return undefined;
  const { doc, role, element } = array;
  return {
    name: index,
    doc,
    ...(role ? { role } : {}),
    type: `__u${element * 8}`,
    kind: 'uint',
    offset,
    size: element,
    element,
  };
}

/** Every leaf and aggregate of a struct, depth first, with offsets from its start. */
export function* walkFields(struct: Struct, base = 0, prefix = ''): Generator<Located> {
  for (const field of struct.fields) {
    const path = prefix + field.name;
    const offset = base + field.offset;
    yield { field, offset, path, parent: struct };
    if (field.struct) yield* walkFields(field.struct, offset, `${path}.`);
  }
}

/** Little-endian store of the low `size` bytes of `value`; bytes past the end of the buffer are dropped. */
export function putUint(bytes: Uint8Array, offset: number, size: number, value: bigint): void {
  for (let i = 0, rest = value; i < size; i++, rest >>= 8n) bytes[offset + i] = Number(rest & 0xffn);
}

/** Little-endian load of `size` bytes; bytes past the end of the buffer read as 0. */
export function getUint(bytes: Uint8Array, offset: number, size: number): bigint {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
  return value;
}

/** First byte past a field: C's offsetofend. */
export const offsetofend = (located: Located): number => located.offset + located.field.size;
