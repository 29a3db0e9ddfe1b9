import { type BitLayout, fieldOf } from './bit-layout.ts';

/**
 * Reads chosen fields of a structure from int32 words, as unsigned numbers: for decoding where bigint would be too slow.
 * Fields that cross a 32-bit border are not for this. A field the layout does not have is a mistake and throws at load.
 */
export function intReader<const N extends string>(
  layout: BitLayout,
  names: readonly N[],
): (words: Int32Array, at: number) => Record<N, number> {
  const places = names.map((name) => {
    const field = fieldOf(layout, name);
    if (!field || (field.lo & 31) + field.width > 32) throw new RangeError(`${layout.name} has no int field ${name}`);
    return { name, word: field.lo >> 5, shift: field.lo & 31, mask: 2 ** field.width - 1 };
  });
  // A copy of one shape is quicker to fill than an object that grows.
  const blank = Object.fromEntries(names.map((name) => [name, 0])) as Record<N, number>;
  return (words, at) => {
    const values = { ...blank };
    for (const { name, word, shift, mask } of places) values[name] = ((words[at + word]! >>> shift) & mask) >>> 0;
    return values;
  };
}
