/** Expressions that name a thing of the file or of the generation, and the paths behind them. */
import type { Expr } from '../../engine/scenario/expr.ts';
import type { Cursor } from './cursor.ts';
import { MAX_NESTING } from './cursor.ts';
import { readInt } from './literals.ts';
import { T } from './scanner.ts';
import type { Name } from './syntax.ts';

/** `.a.b` and `[0]` behind a name; an index is a name of digits and must touch what it indexes. */
export function parsePath(p: Cursor): Name[] {
  const path: Name[] = [];
  for (;;) {
    if (path.length === MAX_NESTING) p.fail('too-deep', `a path of more than ${MAX_NESTING} names`);
    if (p.broken) return path;
    if (p.take(T.Dot)) path.push(p.anyWord('a field name'));
    else if (p.sees(T.LBracket) && p.start === p.prevEnd && p.nextIs(T.Number)) {
      p.advance();
      const start = p.start;
      const index = readInt(p);
      if (index.kind === 'int') path.push({ text: index.value.toString(), start, end: p.prevEnd });
      p.expect(T.RBracket, '`]`');
    } else return path;
  }
}

/** `&name` or `&name.a.b`. */
export function parseAddressOf(p: Cursor): Expr {
  const start = p.start;
  p.advance();
  const name = p.name('the name of a payload');
  const path = parsePath(p);
  const end = p.prevEnd;
  return path.length === 0 ? { kind: 'address-of', name, start, end } : { kind: 'address-of', name, path, start, end };
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
