import { type Field, type Generation, getUint, hex, hexGrouped, type Struct } from '../../engine/index.ts';

/** The struct around a field, with its bytes. */
export interface Around {
  readonly generation: Generation;
  readonly parent: Struct;
  /** The bytes of the whole payload, and where `parent` begins in them. */
  readonly bytes: Uint8Array;
  readonly base: number;
  /** What `sizeof` alone means there. */
  readonly self: number;
}

/** The expression for an integer field: by name where the tables have one, so that it encodes to the same value. */
export function valueText(value: bigint, field: Field, around: Around): string {
  const { generation } = around;
  const names = field.oneOf ?? field.flags;
  if (names) {
    const exact = names.find((name) => generation.constants.get(name)?.value === value);
    if (exact !== undefined) return exact;
  }
  if (field.flags) return flagsText(value, field.flags, generation);
  if (field.role === 'version' && meansAnother(value, around)) return `(${field.type})${value}`;
  return sizeofText(value, field, around) ?? numberText(value, field);
}

/** Whether this number, written plainly, would choose a later version of the struct than the bytes have. */
function meansAnother(value: bigint, { parent, generation }: Around): boolean {
  const newest = generation.evolved?.get(parent.name)?.at(-1);
  return (
    newest !== undefined &&
    1n < value &&
    value <= BigInt(newest.version) &&
    generation.structs.get(parent.name) === parent
  );
}

/** `A | B | 0x40`: unknown bits stay a number. */
function flagsText(value: bigint, names: readonly string[], { constants }: Generation): string {
  const words: string[] = [];
  let rest = value;
  for (const name of names) {
    const bits = constants.get(name)?.value ?? 0n;
    if (bits === 0n || (rest & bits) !== bits) continue;
    words.push(name);
    rest &= ~bits;
  }
  return [...words, ...(rest === 0n && words.length > 0 ? [] : [hex(rest)])].join(' | ');
}

function sizeofText(value: bigint, field: Field, around: Around): string | undefined {
  if (field.role === 'size') {
    if (value === BigInt(around.self)) return 'sizeof';
    if (value === BigInt(around.parent.size) && isName(around.parent.name))
      return `sizeof(struct ${around.parent.name})`;
  }
  // The length of what a sibling points at, where the tables know what that is.
  const pointer = around.parent.fields.find(({ target }) => [target?.length, target?.element].includes(field.name));
  const there = pointer && pointedAt(pointer, around);
  return there && value === BigInt(there.size) ? `sizeof(struct ${there.name})` : undefined;
}

function pointedAt({ target }: Field, around: Around): Struct | undefined {
  const name = target?.struct ?? chosen(target?.by, target?.to, around);
  return name === undefined ? undefined : around.generation.structs.get(name);
}

/** What the value of a sibling stands for in a table from constants to names. */
export function chosen(
  sibling: string | undefined,
  to: Readonly<Record<string, string>> | undefined,
  { generation, parent, bytes, base }: Around,
): string | undefined {
  const field = parent.fields.find(({ name }) => name === sibling);
  if (!field) return undefined;
  const value = getUint(bytes, base + field.offset, field.size);
  const constant = Object.keys(to ?? {}).find((name) => generation.constants.get(name)?.value === value);
  return constant === undefined ? undefined : to![constant];
}

/** Whether C and the language can name it: a posting's second form of a struct has a remark in its name. */
export const isName = (name: string): boolean => /^[A-Za-z_]\w*$/.test(name);

function numberText(value: bigint, field: Field): string {
  if (field.type === '__s32' && 0x7fff_ffffn < value) return `${BigInt.asIntN(32, value)}`;
  return field.space || 9999n < value ? hexGrouped(value) : `${value}`;
}

/** `bytes "de ad"`. */
export const bytesText = (bytes: Uint8Array): string => `bytes "${spaced(bytes)}"`;

export const spaced = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');

/** An array's elements as far as they are not 0: bytes as bytes, wider ones as a list. */
export function arrayText(bytes: Uint8Array, element: number): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const used = Math.ceil(end / element);
  if (element === 1) return bytesText(bytes.subarray(0, used));
  const items = Array.from({ length: used }, (_, i) => hexGrouped(getUint(bytes, i * element, element)));
  return `[${items.join(', ')}]`;
}
