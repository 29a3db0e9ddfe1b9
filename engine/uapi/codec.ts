import type { Field, Struct } from './descriptor.ts';

/** A field with its place counted from the start of the outermost struct. */
export interface Located {
  readonly field: Field;
  readonly offset: number;
  readonly path: string;
  /** The struct or union the field is a member of. */
  readonly parent: Struct;
}

/**
 * Finds `a.b.c` in a struct, or says how far it got. A number behind an array names its element: `padding.0`. An alias
 * leads to its field, whose own name then stands in the path.
 */
export function locate(
  struct: Struct,
  path: readonly string[],
): Located | { readonly missing: number; readonly parent: Struct | undefined } {
  let parent: Struct | undefined = struct;
  let offset = 0;
  let found: Field | undefined;
  let full = '';
  for (let i = 0; i < path.length; i++) {
    const holder: Struct | undefined = parent;
    const field: Field | undefined = holder ? memberOf(holder, path[i]!) : elementOf(found, path[i]!);
    if (!field) return { missing: i, parent: holder };
    offset += field.offset;
    found = field;
    full = full === '' ? field.name : `${full}.${field.name}`;
    if (i === path.length - 1) return { field, offset, path: full, parent: holder ?? struct };
    parent = field.struct;
  }
  return { missing: 0, parent: struct };
}

function memberOf({ fields }: Struct, name: string): Field | undefined {
  for (const field of fields) if (field.name === name || field.aliases?.includes(name)) return field;
  return undefined;
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
    type: array.type.slice(0, array.type.indexOf('[')),
    kind: 'uint',
    offset,
    size: element,
    element,
  };
}

/** Every leaf and aggregate of a struct, depth first, with offsets from its start. */
export function walkFields(struct: Struct): readonly Located[] {
  const known = walked.get(struct);
  if (known) return known;
  const fields = struct.fields.flatMap((field): Located[] => [
    { field, offset: field.offset, path: field.name, parent: struct },
    ...(field.struct ? walkFields(field.struct) : []).map((inner) => {
      return { ...inner, offset: field.offset + inner.offset, path: `${field.name}.${inner.path}` };
    }),
  ]);
  walked.set(struct, fields);
  return fields;
}

/** Structs do not change, and every check of a payload walks its struct. */
const walked = new WeakMap<Struct, readonly Located[]>();

/** Little-endian store of the low `size` bytes of `value`; bytes past the end of the buffer are dropped. */
export function putUint(bytes: Uint8Array, offset: number, size: number, value: bigint): void {
  for (let i = 0, rest = value; i < size; i++, rest >>= 8n) bytes[offset + i] = Number(rest & 0xffn);
}

/** Little-endian load of `size` bytes; bytes past the end of the buffer read as 0. */
export function getUint(bytes: Uint8Array, offset: number, size: number): bigint {
  if (size <= 4) return BigInt(small(bytes, offset, size));
  return (BigInt(small(bytes, offset + 4, size - 4)) << 32n) | BigInt(small(bytes, offset, 4));
}

/** Up to 4 bytes as a number: multiplied, since a shift would bring the sign in. */
function small(bytes: Uint8Array, offset: number, size: number): number {
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[offset + i] ?? 0);
  return value;
}

/** First byte past a field: C's offsetofend. */
export const offsetofend = (located: Located): number => located.offset + located.field.size;
