import { type Field, type Generation, hex, hexGrouped, sizeText } from '../../engine/index.ts';

/** One bit of a value, with the constant that names it. */
export interface NamedBit {
  readonly bit: number;
  /** Undefined where the table knows no name. */
  readonly name: string | undefined;
}

/** The bits that are set in a value, lowest first, named by constants of one bit. */
export function bitsOf(value: bigint, names: readonly string[], { constants }: Generation): NamedBit[] {
  const byValue = new Map(names.map((name) => [constants.get(name)?.value ?? 0n, name]));
  const bits: NamedBit[] = [];
  for (let bit = 0, rest = value; rest !== 0n; bit++, rest >>= 1n)
    if (rest & 1n) bits.push({ bit, name: byValue.get(1n << BigInt(bit)) });
  return bits;
}

/** The constant of a field that has exactly this value. */
export const constantFor = (value: bigint, { oneOf }: Field, { constants }: Generation): string | undefined =>
  oneOf?.find((name) => constants.get(name)?.value === value);

/** `48`, `0x1000_0000 (256M)`: a number as its field is best read. */
export function numberText(value: bigint, field?: Field): string {
  if (field?.space) return hexGrouped(value);
  if (0xffffn < value) return isRound(value) ? `${hexGrouped(value)} (${sizeText(value)})` : hexGrouped(value);
  if (value < 10n || field?.unit === 'bits') return `${value}`;
  return `${value} (${isRound(value) ? `${sizeText(value)}, ` : ''}${hex(value)})`;
}

/** Whether a number is worth showing as a size: `4K`, `127T`, and not `136365211652K`. */
export const isRound = (value: bigint): boolean => value !== 0n && value % 1024n === 0n && sizeText(value).length <= 5;
