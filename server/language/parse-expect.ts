import type { Expr } from '../../engine/scenario/expr.ts';
import type { Assertion, CompareOp, Expectation, Outcome } from '../../engine/scenario/program.ts';
import type { Cursor } from './cursor.ts';
import { BITS, parseExpr, SHIFTS } from './parse-expr.ts';
import { parsePath } from './parse-names.ts';
import { atNextStatement } from './recovery.ts';
import { T } from './scanner.ts';
import { missingExpr } from './syntax.ts';
import { OUTCOMES } from './words.ts';

const COMPARISON: CompareOp[] = [];
COMPARISON[T.Equal] = '==';
COMPARISON[T.NotEqual] = '!=';
COMPARISON[T.Less] = '<';
COMPARISON[T.LessEqual] = '<=';
COMPARISON[T.Greater] = '>';
COMPARISON[T.GreaterEqual] = '>=';

/** `expect A, B or C`, if the step has one. */
export function parseExpectation(p: Cursor): Expectation | undefined {
  if (!p.seesWord('expect')) return undefined;
  const start = p.start;
  p.advance();
  const groups: Outcome[][] = [];
  do {
    const group: Outcome[] = [];
    groups.push(group);
    do {
      const outcome = parseOutcome(p);
      if (outcome) group.push(outcome);
    } while (!p.broken && takeComma(p));
  } while (!p.broken && p.takeWord('or'));
  if (!p.broken && !p.atEnd) p.expected('`,`, `or` or the end of the line', ['or']);
  return { groups, start, end: p.prevEnd };
}

/** A comma carries the list on, also to the next line. */
function takeComma(p: Cursor): boolean {
  if (!p.sees(T.Comma)) return false;
  p.advance();
  return true;
}

function parseOutcome(p: Cursor): Outcome | undefined {
  const start = p.start;
  if (p.is(T.Minus) && p.nextIs(T.Word) && isErrnoLike(p, p.pos + 1)) {
    p.advance();
    p.advance();
    return { kind: 'errno', name: p.word(p.pos - 1), start, end: p.prevEnd };
  }
  // `or` carries on like an operator, also from the end of its line.
  const carried = p.continues || p.isWord(p.pos - 1, 'or');
  if (!p.is(T.Word) || !carried || atNextStatement(p)) {
    p.expected('an outcome such as `ok` or `EINVAL`');
    return undefined;
  }
  const word = p.word();
  p.advance();
  if (p.continues) {
    const { kind } = p;
    if (kind === T.Equal && word === 'event') return { kind: 'event', words: operand(p), start, end: p.prevEnd };
    if (kind === T.Equal && word === 'issued') return { kind: 'issued', commands: operand(p), start, end: p.prevEnd };
    const indexed = kind === T.LBracket && p.start === p.prevEnd;
    if (COMPARISON[kind] || kind === T.Dot || indexed) return parseFieldOutcome(p, word, start);
  }
  switch (word) {
    case 'ok':
    case 'any':
    case 'miss':
    case 'stale':
    case 'fresh':
    case 'request':
    case 'stall':
      return { kind: word, start, end: p.prevEnd };
    case 'returns':
    case 'hpa':
    case 'gpa':
    case 'value':
    case 'refs':
    case 'config':
      return { kind: word, value: parseExpr(p, BITS), start, end: p.prevEnd };
    case 'hidden':
      return parseHidden(p, start);
    case 'fault':
      return parseFault(p, start);
    case 'hit':
      for (const cache of ['iotlb', 'psc', 'devtlb'] as const) {
        if (p.takeWord(cache)) return { kind: 'hit', cache, start, end: p.prevEnd };
      }
      return { kind: 'hit', start, end: p.prevEnd };
    case 'error':
      return { kind: 'error', name: p.id('the name of a command error').text, start, end: p.prevEnd };
    case 'reason':
      return { kind: 'reason', rule: p.id('the id of a rule').text, start, end: p.prevEnd };
    case 'event':
    case 'issued':
      p.expected('`==`');
      return undefined;
  }
  if (isErrnoLike(p, p.pos - 1)) return { kind: 'errno', name: word, start, end: p.prevEnd };
  p.pos--;
  p.expected('an outcome', OUTCOMES);
  return undefined;
}

/** The value behind a comparison; `&&` and `||` are written as `,` and `or` here. */
function operand(p: Cursor): Expr {
  p.advance();
  return parseExpr(p, BITS);
}

function parseFieldOutcome(p: Cursor, word: string, start: number): Outcome {
  const path = [{ text: word, start, end: p.prevEnd }, ...parsePath(p)];
  const op = COMPARISON[p.kind];
  if (op === undefined || !p.continues) {
    p.expected('a comparison such as `==`');
    return { kind: 'field', path, op: '==', value: missingExpr(p.gap), start, end: p.prevEnd };
  }
  return { kind: 'field', path, op, value: operand(p), start, end: p.prevEnd };
}

function parseHidden(p: Cursor, start: number): Outcome {
  if (p.continues && p.takeWord('skipped')) return { kind: 'hidden', errno: 'skipped', start, end: p.prevEnd };
  const at = p.is(T.Minus) && p.nextIs(T.Word) ? p.pos + 1 : p.pos;
  if (!p.continues || p.kinds[at] !== T.Word || !isErrnoLike(p, at)) return { kind: 'hidden', start, end: p.prevEnd };
  p.pos = at + 1;
  return { kind: 'hidden', errno: p.word(at), start, end: p.prevEnd };
}

function parseFault(p: Cursor, start: number): Outcome {
  if (p.sees(T.Number) || p.sees(T.LParen)) {
    return { kind: 'fault', code: parseExpr(p, BITS), start, end: p.prevEnd };
  }
  if (!p.sees(T.Word) || p.isWord(p.pos, 'or')) return { kind: 'fault', start, end: p.prevEnd };
  return { kind: 'fault', name: p.id('a fault').text, start, end: p.prevEnd };
}

/** Whether a word looks like an errno; whether it is one, the checks say. */
function isErrnoLike(p: Cursor, pos: number): boolean {
  const { text } = p;
  const start = p.starts[pos]!;
  const end = p.ends[pos]!;
  if (text[start] !== 'E' || end - start < 3) return false;
  for (let i = start; i < end; i++) {
    const c = text.charCodeAt(i);
    if (!((65 <= c && c <= 90) || (48 <= c && c <= 57))) return false;
  }
  return true;
}

/** Outcomes that say nothing without a step on their line. */
const NEEDS_STEP: ReadonlySet<string> = new Set(['ok', 'hidden', 'fault', 'hit', 'miss', 'stale', 'fresh']);

/** An assertion on state, behind a lone `expect`. */
export function parseAssertion(p: Cursor): Assertion {
  if (p.sees(T.Word)) {
    const word = p.word();
    if (p.nextIs(T.Word)) {
      if (word === 'cached' || word === 'uncached') return parseCached(p, word === 'cached');
      if (word === 'bound' || word === 'unbound') return parseBound(p, word === 'bound');
      if (word === 'iotlb' || word === 'devcache') return parseMock(p, word);
    }
    if (word === 'faults') {
      p.advance();
      p.take(T.Equal);
      return { kind: 'faults', count: parseExpr(p) };
    }
    const alone = p.fresh[p.pos + 1] === 1 || !COMPARISON[p.kinds[p.pos + 1]!];
    if (alone && (NEEDS_STEP.has(word) || isErrnoLike(p, p.pos))) {
      p.fail('lone-outcome', `\`expect ${word}\` is about a step and must stand on that step's line`);
    }
  }
  return { kind: 'expr', value: parseExpr(p) };
}

function parseCached(p: Cursor, want: boolean): Assertion {
  p.advance();
  const devtlb = p.seesWord('devtlb') && p.nextIs(T.Word) && !p.isWord(p.pos + 1, 'at') && p.takeWord('devtlb');
  const device = p.name('the name of a device');
  const pasid = p.takeWord('pasid') ? parseExpr(p) : undefined;
  const at = p.expectWord('at') ? parseExpr(p) : missingExpr(p.gap);
  return pasid ? { kind: 'cached', want, devtlb, device, pasid, at } : { kind: 'cached', want, devtlb, device, at };
}

function parseBound(p: Cursor, want: boolean): Assertion {
  p.advance();
  const device = p.name('the name of a device');
  const pasid = p.takeWord('pasid') ? { pasid: parseExpr(p) } : {};
  const to = want && p.takeWord('to') ? { to: parseExpr(p) } : {};
  return { kind: 'bound', want, device, ...pasid, ...to };
}

function parseMock(p: Cursor, what: 'iotlb' | 'devcache'): Assertion {
  p.advance();
  const object = parseExpr(p, SHIFTS);
  const words = p.expect(T.Equal, '`==`') ? parseExpr(p) : missingExpr(p.gap);
  return { kind: 'mock', what, object, words };
}
