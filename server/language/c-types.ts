/** C's type names, for the casts of initialisers that are pasted in. x86-64 ABI: int 4 bytes, long and pointers 8. */

/** How a cast reads a value: the low bits that it keeps, and whether the topmost one is a sign. */
export interface CType {
  readonly bits: number;
  readonly signed: boolean;
}

const POINTER: CType = { bits: 64, signed: false };

/** Names of one word with their sizes; the kernel's, those of stdint.h and stddef.h. */
const NAMES = new Map<string, CType>([
  ...[8, 16, 32, 64].flatMap((bits): [string, CType][] => [
    ...[`__u${bits}`, `u${bits}`, `uint${bits}_t`, `u_int${bits}_t`, `__le${bits}`, `__be${bits}`].map(
      (name): [string, CType] => [name, { bits, signed: false }],
    ),
    ...[`__s${bits}`, `s${bits}`, `int${bits}_t`].map((name): [string, CType] => [name, { bits, signed: true }]),
  ]),
  ['size_t', POINTER],
  ['uintptr_t', POINTER],
  ['ssize_t', { bits: 64, signed: true }],
  ['intptr_t', { bits: 64, signed: true }],
  ['ptrdiff_t', { bits: 64, signed: true }],
  ['dma_addr_t', POINTER],
  ['phys_addr_t', POINTER],
]);

/** The words that C's own integer types are made of. */
const WORDS: ReadonlySet<string> = new Set(['signed', 'unsigned', 'char', 'short', 'int', 'long']);
const QUALIFIERS: ReadonlySet<string> = new Set(['const', 'volatile', '__user']);
const TAGS: ReadonlySet<string> = new Set(['struct', 'union', 'enum']);

/** The type that words and a following `*` name; undefined where they name none that a value can be cast to. */
export function cType(words: readonly string[], isPointer: boolean): CType | undefined {
  const plain = words.filter((word) => !QUALIFIERS.has(word));
  const [first, ...rest] = plain;
  if (first === undefined) return undefined;
  if (TAGS.has(first)) return rest.length !== 1 ? undefined : tagged(first, isPointer);
  const named = rest.length === 0 ? NAMES.get(first) : undefined;
  const type = named ?? (plain.every((word) => WORDS.has(word)) ? basic(plain) : undefined);
  if (isPointer) return type || (first === 'void' && rest.length === 0) ? POINTER : undefined;
  return type;
}

const tagged = (tag: string, isPointer: boolean): CType | undefined =>
  isPointer ? POINTER : tag === 'enum' ? { bits: 32, signed: false } : undefined;

function basic(words: readonly string[]): CType {
  const bits = words.includes('char') ? 8 : words.includes('short') ? 16 : words.includes('long') ? 64 : 32;
  return { bits, signed: !words.includes('unsigned') };
}
