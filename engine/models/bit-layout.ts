/**
 * Hardware structures as data: a field is a name, a place and a sentence. Encoder, decoder, reserved masks, hovers and
 * the manual read the same table.
 */
export interface BitField {
  readonly name: string;
  /** First bit, counted within the whole structure. */
  readonly lo: number;
  readonly width: number;
  /** One sentence in our own words, with a full stop. */
  readonly doc: string;
  /** The value is a full address whose bits below this one are not stored. */
  readonly addressLg2?: number;
  /** Capability field without which hardware treats these bits as reserved. */
  readonly needs?: string;
  /** Further bits: the value continues here once `width` bits are used up. */
  readonly rest?: { readonly lo: number; readonly width: number };
  /** Named values. */
  readonly values?: Readonly<Record<string, bigint>>;
}

export interface BitLayout {
  readonly name: string;
  readonly doc: string;
  readonly source: string;
  readonly bits: number;
  readonly fields: readonly BitField[];
}

/** Values of a layout's fields: plain integers, and full addresses for address fields. */
export type FieldValues = Readonly<Record<string, bigint | number>>;

const ones = (width: number): bigint => (1n << BigInt(width)) - 1n;

export const fieldOf = (layout: BitLayout, name: string): BitField | undefined =>
  layout.fields.find((field) => field.name === name);

/** The largest value a field can hold; for an address field, the largest full address. */
export const fieldMax = (field: BitField): bigint =>
  ones(field.width + (field.rest?.width ?? 0)) << BigInt(field.addressLg2 ?? 0);

/** The structure's 64-bit words. Unknown names and values that do not fit are the caller's mistake and throw. */
export function encode(layout: BitLayout, values: FieldValues): bigint[] {
  let whole = 0n;
  for (const [name, given] of Object.entries(values)) {
    const field = fieldOf(layout, name);
    if (!field) throw new RangeError(`${layout.name} has no field ${name}`);
    const value = BigInt(given) >> BigInt(field.addressLg2 ?? 0);
    if (value < 0n || fieldMax(field) < BigInt(given)) throw new RangeError(`${name} does not fit: ${given}`);
    whole |= (value & ones(field.width)) << BigInt(field.lo);
    if (field.rest) whole |= (value >> BigInt(field.width)) << BigInt(field.rest.lo);
  }
  return Array.from({ length: layout.bits / 64 }, (_, i) => (whole >> BigInt(64 * i)) & ones(64));
}

/** Every field of the structure, in the layout's order. Missing words count as 0. */
export function decode(layout: BitLayout, qwords: readonly bigint[]): Record<string, bigint> {
  const whole = qwords.reduce((sum, word, i) => sum | (word << BigInt(64 * i)), 0n);
  const values: Record<string, bigint> = {};
  for (const field of layout.fields) {
    let value = (whole >> BigInt(field.lo)) & ones(field.width);
    if (field.rest) value |= ((whole >> BigInt(field.rest.lo)) & ones(field.rest.width)) << BigInt(field.width);
    values[field.name] = value << BigInt(field.addressLg2 ?? 0);
  }
  return values;
}

/** The bits no field covers, and the fields whose capability is absent, as int32 words from the low end. */
export function reservedWords(layout: BitLayout, has: (capability: string) => boolean): Int32Array {
  let known = 0n;
  for (const field of layout.fields) {
    if (field.needs && !has(field.needs)) continue;
    known |= ones(field.width) << BigInt(field.lo);
    if (field.rest) known |= ones(field.rest.width) << BigInt(field.rest.lo);
  }
  const reserved = ones(layout.bits) & ~known;
  return Int32Array.from(
    { length: layout.bits / 32 },
    (_, i) => Number((reserved >> BigInt(32 * i)) & 0xffff_ffffn) | 0,
  );
}
