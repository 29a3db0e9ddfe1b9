/** Reads integer, string and byte literals, which the scanner only delimits. */

import { U64_MASK } from '../../engine/base/addr.ts';
import type { Expr } from '../../engine/scenario/expr.ts';
import type { Cursor } from './cursor.ts';

/** Values that files are full of, so that most literals allocate nothing. */
const SMALL = Array.from({ length: 256 }, (_, i) => BigInt(i));
const SUFFIX: Readonly<Record<string, number>> = { k: 10, m: 20, g: 30, t: 40 };
const UNDERSCORE = 95;

/** The integer at the cursor: `0x`, `0b`, `0o` or decimal, `_` between digits, `K M G T`; C's `U` and `L` do nothing. */
export function readInt(p: Cursor): Expr {
  const { text } = p;
  const start = p.start;
  const end = p.ends[p.pos]!;
  const value = fastInt(text, start, end) ?? slowInt(p, text.slice(start, end));
  p.advance();
  return { kind: 'int', value, start, end };
}

/** Plain decimal or hexadecimal digits with underscores and `K`, up to 52 bits; the rest is left to `slowInt`. */
function fastInt(text: string, start: number, end: number): bigint | undefined {
  const hex = end - start > 2 && text.charCodeAt(start) === 48 && (text.charCodeAt(start + 1) | 32) === 120;
  const radix = hex ? 16 : 10;
  const first = hex ? start + 2 : start;
  let value = 0;
  let afterDigit = false;
  for (let i = first; i < end; i++) {
    const c = text.charCodeAt(i);
    if (c === UNDERSCORE && afterDigit) {
      afterDigit = false;
      continue;
    }
    const digit = c <= 57 ? c - 48 : (c | 32) - 87;
    if (digit < 0 || radix <= digit) {
      if ((c | 32) !== 107 || i + 1 < end || !afterDigit) return undefined;
      value *= 1024;
      break;
    }
    value = value * radix + digit;
    afterDigit = true;
  }
  if (!afterDigit || value > 0xf_ffff_ffff_ffff) return undefined;
  if (!hex && text.charCodeAt(start) === 48 && value > 7) return undefined;
  return value < SMALL.length ? SMALL[value] : BigInt(value);
}

const LITERAL =
  /^(0[xX]([\da-fA-F_]+)|0[bB]([01_]+)|0[oO]([0-7_]+)|([\d_]+))([kKmMgGtT]?)([uU]?[lL]{0,2}|[lL]{1,2}[uU])$/;

function slowInt(p: Cursor, source: string): bigint {
  const shown = source.length <= 40 ? source : `${source.slice(0, 40)}…`;
  const bad = (why: string): bigint => {
    p.note('bad-number', `${shown} ${why}`);
    return 0n;
  };
  const match = LITERAL.exec(source);
  if (!match) return bad('is not a number: 0x, 0b, 0o or decimal digits, then at most one of K M G T');
  const [, , hex, binary, octal, decimal, suffix] = match;
  const digits = hex ?? binary ?? octal ?? decimal ?? '';
  if (/^_|_$/.test(digits)) return bad('has a _ that does not stand between digits');
  const plain = digits.replaceAll('_', '').replace(/^0+(?=.)/, '');
  const base = hex !== undefined ? '0x' : binary !== undefined ? '0b' : octal !== undefined ? '0o' : '';
  // More digits than 64 bits have in any base: not worth a quadratic conversion.
  if (plain.length > 64) return bad('does not fit 64 bits');
  const value = BigInt(base + plain) << BigInt(suffix ? SUFFIX[suffix.toLowerCase()]! : 0);
  if (value > U64_MASK) {
    p.note('bad-number', `${shown} does not fit 64 bits`);
    return value & U64_MASK;
  }
  if (decimal !== undefined && /^0_*[0-9]/.test(digits) && value > 7n && /^[0-7]+$/.test(plain)) {
    p.note('bad-number', `${shown} is octal in C and decimal here: write 0o${plain} or ${plain}`);
  }
  return value;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  e: '\x1b',
  '\\': '\\',
  '"': '"',
  "'": "'",
  '?': '?',
};
const ESCAPE = /\\(x[\da-fA-F]{1,2}|[0-7]{1,3}|u[\da-fA-F]{4}|.)/gs;

/** The value of the string literal at the cursor, with C's escapes resolved; the cursor stays. */
export function readString(p: Cursor): string {
  const start = p.start + 1;
  const raw = p.text.slice(start, p.ends[p.pos]! - 1);
  if (!raw.includes('\\')) return raw;
  return raw.replace(ESCAPE, (whole: string, code: string, offset: number) => {
    const known = ESCAPES[code];
    if (known !== undefined) return known;
    if (/^[xu]./.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8));
    p.note('bad-escape', `\`${whole}\` is not an escape of C`, start + offset, start + offset + whole.length);
    return code;
  });
}

/** The bytes of `bytes "de ad be ef"`, with the cursor on the string. */
export function readBytes(p: Cursor): Uint8Array {
  const start = p.start + 1;
  const raw = p.text.slice(start, p.ends[p.pos]! - 1);
  const bad = /[^\da-fA-F\s_,]/.exec(raw);
  if (bad) {
    p.note('bad-bytes', `expected pairs of hex digits, found \`${bad[0]}\``, start + bad.index, start + bad.index + 1);
    return new Uint8Array();
  }
  const digits = raw.replace(/[\s_,]+/g, '');
  if (digits.length % 2 !== 0) p.note('bad-bytes', `${digits.length} hex digits are no whole number of bytes`);
  const bytes = new Uint8Array(digits.length >> 1);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}
