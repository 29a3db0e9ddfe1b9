/** Expressions that name a thing of the file or of the generation, and the paths behind them. */
import type { Expr } from '../../engine/scenario/expr.ts';
import type { Cursor } from './cursor.ts';
import { MAX_NESTING } from './cursor.ts';
import { readInt } from './literals.ts';
import { parseExpr } from './parse-expr.ts';
import { T } from './scanner.ts';
import type { Name } from './syntax.ts';

/**
 * `.a.b` and `[0]` behind a name; an index is a name of digits and must touch what it indexes.
 * @param indices takes indices of other kinds, `[i + 1]`; without it a number is due
 */
export function parsePath(p: Cursor, indices?: Map<number, Expr>): Name[] {
  const path: Name[] = [];
  for (;;) {
    if (path.length === MAX_NESTING) p.fail('too-deep', `a path of more than ${MAX_NESTING} names`);
    if (p.broken) return path;
    if (p.take(T.Dot)) path.push(p.anyWord('a field name'));
    else if (p.sees(T.LBracket) && p.start === p.prevEnd) path.push(indices ? parseIndex(p, path, indices) : number(p));
    else return path;
  }
}

/** `[0]`, with the cursor on the bracket. */
function number(p: Cursor): Name {
  p.advance();
  if (!p.sees(T.Number)) return p.missingName('a number');
  const start = p.start;
  const index = readInt(p);
  const name = { text: index.kind === 'int' ? index.value.toString() : '', start, end: p.prevEnd };
  p.expect(T.RBracket, '`]`');
  return name;
}

/** `[0]` or `[i + 1]`. The name of what is no number is its text with the brackets, which is no name of a field. */
function parseIndex(p: Cursor, path: readonly Name[], indices: Map<number, Expr>): Name {
  const open = p.start;
  if (!p.enter()) return { text: '', start: open, end: open };
  const { height } = p;
  const saved = p.openBracket();
  const index = parseExpr(p);
  p.expect(T.RBracket, '`]`');
  p.closeBracket(saved);
  p.leave();
  p.height = Math.max(height, p.height + 1);
  if (index.kind === 'int') return { text: index.value.toString(), start: index.start, end: index.end };
  indices.set(path.length, index);
  // It lies in no place of the text, so that what stands there is found as the expression that it is.
  return { text: p.text.slice(open, p.prevEnd), start: open, end: open };
}

/** `&name` or `&name.a.b`. */
export function parseAddressOf(p: Cursor): Expr {
  const start = p.start;
  p.advance();
  const name = p.name('the name of a payload');
  const indices = new Map<number, Expr>();
  const path = parsePath(p, indices);
  const end = p.prevEnd;
  if (path.length === 0) return { kind: 'address-of', name, start, end };
  return { kind: 'address-of', name, path, ...(indices.size > 0 ? { indices } : {}), start, end };
}

/** `sizeof`, `sizeof(struct X)`, `sizeof(name)` or, of an array, `sizeof(*name)`. */
export function parseSizeof(p: Cursor): Expr {
  const start = p.start;
  p.advance();
  if (!p.sees(T.LParen)) return { kind: 'sizeof', start, end: p.prevEnd };
  const saved = p.openBracket();
  const isElement = p.take(T.Star);
  const isStruct = !isElement && p.takeWord('struct');
  const named = p.name(
    isElement ? 'the name of an array' : isStruct ? 'the name of a struct' : '`struct` or the name of a payload',
  );
  p.expect(T.RParen, '`)`');
  p.closeBracket(saved);
  const end = p.prevEnd;
  if (isElement) return { kind: 'sizeof', name: named, of: 'element', start, end };
  return isStruct ? { kind: 'sizeof', struct: named, start, end } : { kind: 'sizeof', name: named, start, end };
}

/** The kernel's `ARRAY_SIZE(name)`. */
export function parseArraySize(p: Cursor): Expr {
  const start = p.start;
  p.advance();
  const saved = p.openBracket();
  const name = p.name('the name of an array');
  p.expect(T.RParen, '`)`');
  p.closeBracket(saved);
  return { kind: 'sizeof', name, of: 'count', start, end: p.prevEnd };
}

/** `offsetof(struct X, f)` or `offsetofend(struct X, f)`. */
export function parseOffsetof(p: Cursor, word: 'offsetof' | 'offsetofend'): Expr {
  const start = p.start;
  p.advance();
  const saved = p.openBracket();
  p.takeWord('struct');
  const struct = p.name('the name of a struct');
  p.expect(T.Comma, '`,`');
  const first = p.anyWord('a field name');
  const path = [first, ...parsePath(p)];
  p.expect(T.RParen, '`)`');
  p.closeBracket(saved);
  return { kind: 'offsetof', struct, path, past: word === 'offsetofend', start, end: p.prevEnd };
}
