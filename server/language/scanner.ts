/** Token kinds. The numbers are ours alone; `PUNCTUATION` below maps the operators. */
export const T = {
  End: 0,
  Word: 1,
  Number: 2,
  String: 3,
  /** A string whose line ends before its closing quote. */
  OpenString: 4,
  /** A run of characters that begin no token. */
  Unknown: 5,
  LBrace: 6,
  RBrace: 7,
  LParen: 8,
  RParen: 9,
  LBracket: 10,
  RBracket: 11,
  Comma: 12,
  Semicolon: 13,
  Assign: 14,
  Dot: 15,
  Range: 16,
  Arrow: 17,
  Not: 18,
  Tilde: 19,
  Plus: 20,
  Minus: 21,
  Star: 22,
  Slash: 23,
  Percent: 24,
  ShiftLeft: 25,
  ShiftRight: 26,
  And: 27,
  Or: 28,
  Xor: 29,
  Equal: 30,
  NotEqual: 31,
  Less: 32,
  LessEqual: 33,
  Greater: 34,
  GreaterEqual: 35,
  AndAnd: 36,
  OrOr: 37,
} as const;

/** A comment with its place. `token` is the index of the token behind it; `leading` says that its line begins with it. */
export interface Comment {
  readonly start: number;
  readonly end: number;
  /** `doc` is `///`, `file` is `//!`. */
  readonly kind: 'line' | 'block' | 'doc' | 'file';
  readonly token: number;
  readonly leading: boolean;
}

/** The tokens of a file, one array per property; the last token is `End`. Comments stand apart. */
export interface Tokens {
  readonly count: number;
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  /** 1 where the token is the first of its line; `End` always is. */
  readonly fresh: Uint8Array;
  readonly comments: readonly Comment[];
  /** Where a block comment opens that nothing closes. */
  readonly openComment: number | undefined;
}

const SPACE = 1;
const NEWLINE = 2;
const LETTER = 3;
const DIGIT = 4;
const SIGN = 5;

/** The class of every ASCII character; 0 begins no token. */
const CLASS = new Uint8Array(128);
/** 1 for what may follow in a word or number. */
const IN_WORD = new Uint8Array(128);
for (const c of ' \t\v\f') CLASS[c.charCodeAt(0)] = SPACE;
for (const c of '\n\r') CLASS[c.charCodeAt(0)] = NEWLINE;
for (let c = 0; c < 128; c++) {
  const text = String.fromCharCode(c);
  if (/[A-Za-z_]/.test(text)) CLASS[c] = LETTER;
  if (/[0-9]/.test(text)) CLASS[c] = DIGIT;
  if (/\w/.test(text)) IN_WORD[c] = 1;
}

/** Operators by first character: the kind alone, then the kinds with a second character. */
const SIGNS: readonly [first: string, alone: number, ...pairs: (readonly [string, number])[]][] = [
  ['{', T.LBrace],
  ['}', T.RBrace],
  ['(', T.LParen],
  [')', T.RParen],
  ['[', T.LBracket],
  [']', T.RBracket],
  [',', T.Comma],
  [';', T.Semicolon],
  ['=', T.Assign, ['=', T.Equal]],
  ['.', T.Dot, ['.', T.Range]],
  ['!', T.Not, ['=', T.NotEqual]],
  ['~', T.Tilde],
  ['+', T.Plus],
  ['-', T.Minus, ['>', T.Arrow]],
  ['*', T.Star],
  ['/', T.Slash],
  ['%', T.Percent],
  ['<', T.Less, ['=', T.LessEqual], ['<', T.ShiftLeft]],
  ['>', T.Greater, ['=', T.GreaterEqual], ['>', T.ShiftRight]],
  ['&', T.And, ['&', T.AndAnd]],
  ['|', T.Or, ['|', T.OrOr]],
  ['^', T.Xor],
];
const ALONE = new Uint8Array(128);
/** `first * 128 + second` -> kind. */
const PAIR = new Uint8Array(128 * 128);
for (const [first, alone, ...pairs] of SIGNS) {
  const c = first.charCodeAt(0);
  CLASS[c] = SIGN;
  ALONE[c] = alone;
  for (const [second, kind] of pairs) PAIR[c * 128 + second.charCodeAt(0)] = kind;
}

const QUOTE = 34;
const SLASH = 47;
const STAR = 42;
const BANG = 33;
const BACKSLASH = 92;

/** Splits a whole file. Never fails: what is no token is `Unknown`. Words are not classified; the parser knows by place. */
export function scan(text: string): Tokens {
  const n = text.length;
  // Scenario files have a token per seven characters.
  let capacity = (n >> 3) + (n >> 5) + 16;
  let kinds = new Uint8Array(capacity);
  let fresh = new Uint8Array(capacity);
  let starts = new Int32Array(capacity);
  let ends = new Int32Array(capacity);
  const comments: Comment[] = [];
  let openComment: number | undefined;
  let count = 0;
  let newline = 1;
  let i = text.charCodeAt(0) === 0xfeff ? 1 : 0;

  while (i < n) {
    const start = i;
    const c = text.charCodeAt(i++);
    const type = c < 128 ? CLASS[c]! : c === 0xa0 ? SPACE : 0;
    if (type === SPACE) continue;
    if (type === NEWLINE) {
      newline = 1;
      continue;
    }
    let kind: number;
    if (type === LETTER || type === DIGIT) {
      while (i < n) {
        const d = text.charCodeAt(i);
        if (128 <= d || IN_WORD[d] === 0) break;
        i++;
      }
      kind = type === LETTER ? T.Word : T.Number;
    } else if (type === SIGN) {
      const d = i < n ? text.charCodeAt(i) : 0;
      if (c === SLASH && (d === SLASH || d === STAR)) {
        const end = d === SLASH ? lineEnd(text, i) : blockEnd(text, i + 1);
        if (end < 0) openComment = start;
        i = end < 0 ? n : end;
        comments.push({ start, end: i, kind: commentKind(text, start, i), token: count, leading: newline === 1 });
        if (d === STAR && newline === 0 && spansLines(text, start, i)) newline = 1;
        continue;
      }
      const pair = d < 128 ? PAIR[c * 128 + d]! : 0;
      if (pair !== 0) i++;
      kind = pair !== 0 ? pair : ALONE[c]!;
    } else if (c === QUOTE) {
      const end = stringEnd(text, i);
      i = Math.abs(end);
      kind = end < 0 ? T.OpenString : T.String;
    } else {
      while (i < n && isUnknown(text.charCodeAt(i))) i++;
      kind = T.Unknown;
    }
    if (count + 1 === capacity) {
      capacity *= 2;
      kinds = grown(kinds, new Uint8Array(capacity));
      fresh = grown(fresh, new Uint8Array(capacity));
      starts = grown(starts, new Int32Array(capacity));
      ends = grown(ends, new Int32Array(capacity));
    }
    kinds[count] = kind;
    fresh[count] = newline;
    starts[count] = start;
    ends[count] = i;
    newline = 0;
    count++;
  }
  kinds[count] = T.End;
  fresh[count] = 1;
  starts[count] = n;
  ends[count] = n;
  return { count: count + 1, kinds, fresh, starts, ends, comments, openComment };
}

const isNewline = (c: number): boolean => c === 10 || c === 13;

const isUnknown = (c: number): boolean => (c < 128 ? CLASS[c] === 0 && c !== QUOTE : c !== 0xa0);

function lineEnd(text: string, from: number): number {
  let i = from;
  while (i < text.length && !isNewline(text.charCodeAt(i))) i++;
  return i;
}

function blockEnd(text: string, from: number): number {
  const close = text.indexOf('*/', from);
  return close < 0 ? -1 : close + 2;
}

function spansLines(text: string, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (isNewline(text.charCodeAt(i))) return true;
  return false;
}

/** Behind the closing quote; negative, the end of the line, where there is none. */
function stringEnd(text: string, from: number): number {
  let i = from;
  while (i < text.length) {
    const c = text.charCodeAt(i);
    if (isNewline(c)) break;
    i++;
    if (c === QUOTE) return i;
    if (c === BACKSLASH && i < text.length && !isNewline(text.charCodeAt(i))) i++;
  }
  return -i;
}

function commentKind(text: string, start: number, end: number): Comment['kind'] {
  if (text.charCodeAt(start + 1) === STAR) return 'block';
  const third = start + 2 < end ? text.charCodeAt(start + 2) : 0;
  if (third === BANG) return 'file';
  if (third !== SLASH) return 'line';
  return start + 3 < end && text.charCodeAt(start + 3) === SLASH ? 'line' : 'doc';
}

function grown<A extends Uint8Array | Int32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
