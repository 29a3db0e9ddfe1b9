import type { Span } from '../base/span.ts';
import { nearest, sizeText } from '../base/text.ts';
import { type BitField, type BitLayout, decode, fieldMax, fieldOf } from '../models/bit-layout.ts';
import { isNoValue, type NoValue, type Value } from './evaluate.ts';
import type { Expr } from './expr.ts';
import type { FieldInit } from './program.ts';

/** What is wrong with a field of a hardware command or record. */
export interface BitTrouble extends Span {
  readonly code: string;
  readonly message: string;
  /** What was probably meant: the text to write at that place. */
  readonly fix?: string;
  /** As in `NoValue`. */
  readonly through?: string;
}

export interface BitValues {
  /** Values by the names of the fields, for `encode`. */
  readonly values: Readonly<Record<string, bigint>>;
  readonly troubles: readonly BitTrouble[];
  /** Values that only a run makes. */
  readonly later: readonly NoValue[];
}

/** Fields that a file may write: not those that make a command what it is. */
export const openFields = (layout: BitLayout, fixed: object = {}): readonly BitField[] =>
  layout.fields.filter((field) => !(field.name in fixed));

/**
 * `{ NAME = VALUE, .. }` of a hardware command or record. A value is a number or one of the field's words; of an address
 * what lies below its page is cut off, as hardware ignores it.
 * @param fixed fields that a file does not write
 */
export function bitValues(
  layout: BitLayout,
  inits: readonly FieldInit[],
  evaluate: (expr: Expr) => Value | NoValue,
  fixed: object = {},
): BitValues {
  const values: Record<string, bigint> = {};
  const troubles: BitTrouble[] = [];
  const later: NoValue[] = [];
  const trouble = ({ start, end }: Span, code: string, message: string, more: object = {}): void => {
    troubles.push({ start, end, code, message, ...more });
  };
  for (const init of inits) {
    const name = init.path.map((p) => p.text).join('.');
    if (name === '') continue;
    const at = { start: init.path[0]!.start, end: init.path.at(-1)!.end };
    const field = name in fixed ? undefined : fieldOf(layout, name);
    if (!field || !init.value) {
      const known = openFields(layout, fixed).map((f) => f.name);
      const near = nearest(name, known);
      const more = near ? `did you mean ${near}?` : `it has ${known.join(', ') || 'none'}`;
      trouble(at, 'unknown-field', `${layout.name} has no field ${name}; ${more}`, near ? { fix: near } : {});
      continue;
    }
    const given = init.value.kind === 'name' ? field.values?.[init.value.name] : undefined;
    const number = given ?? evaluate(init.value);
    // A granule is a word of its field, and a number to the language: `TG = 4K`.
    const isTooLarge = typeof number === 'bigint' && fieldMax(field) < number;
    const value = isTooLarge ? (field.values?.[sizeText(number)] ?? number) : number;
    if (typeof value !== 'bigint') {
      if (!isNoValue(value)) trouble(init.value, 'not-a-number', `${name} is a number`);
      else if (value.noValue === 'later') later.push(value);
      else if (field.values && init.value.kind === 'name') {
        const words = Object.keys(field.values);
        const near = nearest(init.value.name, words);
        trouble(init.value, 'unknown-name', `${name} is one of ${words.join(', ')}`, near ? { fix: near } : {});
      } else trouble(value.at, value.code, value.message, value);
    } else if (fieldMax(field) < (field.addressLg2 === undefined ? value : value & ~lowBits(field)))
      trouble(init.value, 'value-too-wide', `0x${value.toString(16)} does not fit ${name}, ${widthText(field)}`);
    else values[name] = value & ~lowBits(field);
  }
  return { values, troubles, later };
}

const lowBits = ({ addressLg2 = 0 }: BitField): bigint => (1n << BigInt(addressLg2)) - 1n;

function widthText({ width, rest, addressLg2 = 0 }: BitField): string {
  const bits = width + (rest?.width ?? 0) + addressLg2;
  return `which has ${bits} bit${bits === 1 ? '' : 's'}`;
}

/** One field of a structure with what it holds. */
export interface DecodedField {
  readonly field: BitField;
  readonly value: bigint;
  /** The field's own name for the value, where it has one. */
  readonly word: string | undefined;
}

/** The fields of a structure that are not 0, and those whose 0 has a name. @param words 64 bits each */
export function decodedFields(layout: BitLayout, words: readonly bigint[]): DecodedField[] {
  const values = decode(layout, words);
  return layout.fields.flatMap((field): DecodedField[] => {
    const value = values[field.name]!;
    const word = Object.entries(field.values ?? {}).find(([, each]) => each === value)?.[0];
    return value === 0n && word === undefined ? [] : [{ field, value, word }];
  });
}
