import type { BinaryOp, Expr, UnaryExpr } from '../../engine/scenario/expr.ts';
import { type CType, cType } from './c-types.ts';
import type { Cursor } from './cursor.ts';
import { reserved } from './cursor.ts';
import { readBytes, readInt, readString } from './literals.ts';
import { parseAddressOf, parseArraySize, parseOffsetof, parsePath, parseSizeof } from './parse-names.ts';
import { parseInlinePayload } from './parse-payload.ts';
import { atNextStatement, skipList } from './recovery.ts';
import { T } from './scanner.ts';
import { missingExpr } from './syntax.ts';

/** Operands of one chain such as `A | B | ..` nest the tree, and whoever evaluates it recurses. */
const MAX_HEIGHT = 500;

/** Binary operators by token kind, loosest first, as in C. */
const LEVELS: readonly (readonly [BinaryOp, number])[][] = [
  [['||', T.OrOr]],
  [['&&', T.AndAnd]],
  [['|', T.Or]],
  [['^', T.Xor]],
  [['&', T.And]],
  [
    ['==', T.Equal],
    ['!=', T.NotEqual],
  ],
  [
    ['<', T.Less],
    ['<=', T.LessEqual],
    ['>', T.Greater],
    ['>=', T.GreaterEqual],
  ],
  [
    ['<<', T.ShiftLeft],
    ['>>', T.ShiftRight],
  ],
  [
    ['+', T.Plus],
    ['-', T.Minus],
  ],
  [
    ['*', T.Star],
    ['/', T.Slash],
    ['%', T.Percent],
  ],
];
/** Binding strength by token kind; 0 is no binary operator. */
const STRENGTH = new Uint8Array(64);
const OPERATOR: BinaryOp[] = [];
for (const [level, operators] of LEVELS.entries()) {
  for (const [op, kind] of operators) {
    STRENGTH[kind] = level + 1;
    OPERATOR[kind] = op;
  }
}
/** From here on an operand holds no `&&` or `||`. */
export const BITS = STRENGTH[T.Or]!;
/** From here on an operand holds no comparison. */
export const SHIFTS = STRENGTH[T.ShiftLeft]!;

const PREFIX: UnaryExpr['op'][] = [];
PREFIX[T.Minus] = '-';
PREFIX[T.Tilde] = '~';
PREFIX[T.Not] = '!';
PREFIX[T.Plus] = '+';

/** Parses an expression of operators that bind at least as strongly as `min`. */
export function parseExpr(p: Cursor, min = 1): Expr {
  const start = p.start;
  let left = parseOperand(p);
  let height = p.height;
  for (;;) {
    const kind = p.kind;
    const strength = STRENGTH[kind]!;
    if (strength === 0 || strength < min || p.broken || !p.continues) break;
    p.advance();
    const right = parseExpr(p, strength + 1);
    height = Math.max(height, p.height) + 1;
    if (height > MAX_HEIGHT) {
      p.fail('too-deep', `an expression of more than ${MAX_HEIGHT} levels; split it with let`, start, p.prevEnd);
      break;
    }
    left = { kind: 'binary', op: OPERATOR[kind]!, left, right, start, end: p.prevEnd };
  }
  p.height = height;
  return left;
}

/** Parses an expression whose `{`, if one follows, opens the statement's block. */
export function parseHeadExpr(p: Cursor): Expr {
  const saved = p.bracesEnd;
  p.bracesEnd = true;
  const expr = parseExpr(p);
  p.bracesEnd = saved;
  return expr;
}

function parseOperand(p: Cursor): Expr {
  p.height = 0;
  const start = p.start;
  const kind = p.broken || !p.continues || atNextStatement(p) ? T.End : p.kind;
  switch (kind) {
    case T.Number:
      return readInt(p);
    case T.Word:
      return parseWord(p);
    case T.String: {
      const value = readString(p);
      p.advance();
      return { kind: 'string', value, start, end: p.prevEnd };
    }
    case T.And:
      return parseAddressOf(p);
    case T.LParen:
      return parseParenthesised(p);
    case T.LBracket:
      return parseList(p);
    case T.Minus:
    case T.Tilde:
    case T.Not:
    case T.Plus: {
      if (!p.enter()) return missingExpr(p.gap);
      p.advance();
      const operand = parseOperand(p);
      p.leave();
      p.height++;
      return { kind: 'unary', op: PREFIX[kind]!, operand, start, end: p.prevEnd };
    }
    default:
      p.expected('an expression');
      return missingExpr(p.gap);
  }
}

function parseWord(p: Cursor): Expr {
  const start = p.start;
  const name = p.word();
  if (reserved.has(name)) {
    if (name === 'struct' || name === 'array' || name === 'raw') return payloadExpr(p);
    p.expected('an expression');
    return missingExpr(p.gap);
  }
  switch (name) {
    case 'sizeof':
      return parseSizeof(p);
    case 'offsetof':
    case 'offsetofend':
      if (p.nextIs(T.LParen)) return parseOffsetof(p, name);
      break;
    case 'ARRAY_SIZE':
      if (p.nextIs(T.LParen)) return parseArraySize(p);
      break;
    case 'bytes':
      if (!p.nextIs(T.String)) break;
      p.advance();
      return parseBytes(p, start);
  }
  if (!p.bracesEnd && isInlinePayload(p)) return payloadExpr(p);
  p.advance();
  const end = p.prevEnd;
  if (p.is(T.Dot) || p.is(T.LBracket)) {
    const indices = new Map<number, Expr>();
    const path = parsePath(p, indices);
    if (path.length > 0) {
      const object = { text: name, start, end };
      return { kind: 'member', object, path, ...(indices.size > 0 ? { indices } : {}), start, end: p.prevEnd };
    }
  }
  if (p.sees(T.LParen)) {
    p.fail(
      'not-a-function',
      `\`${name}\` is no function: only sizeof, offsetof, offsetofend and ARRAY_SIZE take parentheses`,
      start,
    );
  }
  return { kind: 'name', name, start, end };
}

/** `KIND {`, and before the brace `= BASE` or `mapped N`, which without it belong to the statement. */
function isInlinePayload(p: Cursor): boolean {
  const { kinds, fresh, pos } = p;
  if (p.nextIs(T.LBrace)) return true;
  if (p.nextIs(T.Assign)) return kinds[pos + 2] === T.Word && kinds[pos + 3] === T.LBrace && fresh[pos + 3] === 0;
  if (!p.nextIs(T.Word) || !p.isWord(pos + 1, 'mapped')) return false;
  for (let i = pos + 2; fresh[i] === 0 && kinds[i] !== T.RBrace; i++) {
    if (kinds[i] === T.LBrace) return i > pos + 2;
    if (i > pos + 2 && endsOperand(kinds[i - 1]!) && endsOperand(kinds[i]!)) return false;
  }
  return false;
}

const endsOperand = (kind: number): boolean => kind === T.Word || kind === T.Number;

function payloadExpr(p: Cursor): Expr {
  const start = p.start;
  if (!p.enter()) return missingExpr(p.gap);
  const payload = parseInlinePayload(p);
  p.leave();
  p.height++;
  return { kind: 'payload', payload, start, end: p.prevEnd };
}

/** `bytes ".."`, with the cursor on the string. */
export function parseBytes(p: Cursor, start: number): Expr {
  if (!p.sees(T.String)) {
    p.expected('a string of hex digits');
    return { kind: 'bytes', value: new Uint8Array(), start, end: p.prevEnd };
  }
  const value = readBytes(p);
  p.advance();
  return { kind: 'bytes', value, start, end: p.prevEnd };
}

function parseParenthesised(p: Cursor): Expr {
  if (!p.enter()) return missingExpr(p.gap);
  const cast = castAt(p);
  if (cast) {
    const { start } = p;
    p.pos = cast.end;
    const operand = parseOperand(p);
    p.leave();
    p.height++;
    const type = { text: p.word(cast.word), start: p.starts[cast.word]!, end: p.ends[cast.word]! };
    return { kind: 'cast', type, ...cast.type, operand, start, end: p.prevEnd };
  }
  const saved = p.openBracket();
  const expr = parseExpr(p);
  p.expect(T.RParen, '`)`');
  p.closeBracket(saved);
  p.leave();
  return expr;
}

/** Tokens of a type in a cast; more make no type. */
const MAX_TYPE = 8;

/** What begins the operand of a cast. */
const CASTABLE: ReadonlySet<number> = new Set([T.Number, T.Word, T.And, T.LParen, T.Minus, T.Tilde, T.Not, T.Plus]);

/** The cast that the `(` here opens, with the last word of its type and the token behind its `)`: a C type, then an operand. */
function castAt(p: Cursor): { readonly type: CType; readonly word: number; readonly end: number } | undefined {
  const { kinds, fresh, pos } = p;
  const words: string[] = [];
  let at = pos + 1;
  while (kinds[at] === T.Word && words.length < MAX_TYPE) words.push(p.word(at++));
  const stars = at;
  while (kinds[at] === T.Star && at - stars < MAX_TYPE) at++;
  if (words.length === 0 || kinds[at] !== T.RParen) return undefined;
  const end = at + 1;
  if (!CASTABLE.has(kinds[end]!) || (fresh[end] === 1 && p.brackets === 0)) return undefined;
  const type = cType(words, stars < at);
  return type && { type, word: stars - 1, end };
}

function parseList(p: Cursor): Expr {
  const start = p.start;
  if (!p.enter()) return missingExpr(p.gap);
  const saved = p.openBracket();
  const items: Expr[] = [];
  let count: Expr | undefined;
  let height = 0;
  while (!p.broken && !p.is(T.RBracket)) {
    items.push(parseExpr(p));
    height = Math.max(height, p.height);
    if (items.length === 1 && p.take(T.Semicolon)) {
      count = parseExpr(p);
      break;
    }
    if (!p.take(T.Comma)) break;
  }
  if (p.broken || !p.expect(T.RBracket, count ? '`]`' : '`,` or `]`')) skipList(p);
  p.closeBracket(saved);
  p.leave();
  p.height = height + 1;
  const end = p.prevEnd;
  return count ? { kind: 'repeat', item: items[0]!, count, start, end } : { kind: 'list', items, start, end };
}
