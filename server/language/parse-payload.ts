import type { Expr } from '../../engine/scenario/expr.ts';
import type { FieldInit, Payload } from '../../engine/scenario/program.ts';
import type { Cursor } from './cursor.ts';
import type { BlockShape } from './parse-block.ts';
import { parseBlock } from './parse-block.ts';
import { parseBytes, parseExpr, parseHeadExpr } from './parse-expr.ts';
import { parsePath } from './parse-names.ts';
import { T } from './scanner.ts';
import type { Name, Span } from './syntax.ts';
import { missingExpr } from './syntax.ts';

export type Draft<Node> = Node extends unknown ? { -readonly [Key in keyof Node]: Node[Key] } : never;

/** `KIND NAME ..`, `struct S NAME ..`, `array NAME of S ..` or `raw NAME ..`, with the cursor on the first word. */
export const parseNamedPayload = (p: Cursor): Draft<Payload> => parsePayload(p, true);

/** The same without a name, where a value is due. */
export const parseInlinePayload = (p: Cursor): Payload => parsePayload(p, false);

function parsePayload(p: Cursor, named: boolean): Draft<Payload> {
  const start = p.start;
  const word = p.anyWord('a payload');
  const fields: FieldInit[] = [];
  const payload: Draft<Payload> = { word, fields, body: word, start, end: 0 };
  if (word.text === 'struct') payload.struct = p.name('the name of a struct');
  if (named) payload.name = p.name('a name');
  if (word.text === 'array') {
    p.expectWord('of');
    p.takeWord('struct');
    payload.struct = p.name('the name of a struct');
  }
  if (word.text === 'raw') {
    readRaw(p, payload);
    payload.body = { start: p.prevEnd, end: p.prevEnd };
  } else {
    readBase(p, payload);
    if (word.text === 'array') {
      const elements: Element[] = [];
      payload.body = parseBlock(p, ELEMENT, elements);
      payload.elements = inPlace(p, elements);
    } else if (payload.base && !(named ? p.is(T.LBrace) : p.sees(T.LBrace))) {
      payload.body = { start: p.prevEnd, end: p.prevEnd };
    } else payload.body = parseFields(p, fields);
  }
  payload.end = p.prevEnd;
  return payload;
}

/** `= BASE` and `mapped N`, in any order. */
function readBase(p: Cursor, payload: Draft<Payload>): void {
  for (;;) {
    // C writes `= {`; here the `=` says nothing then.
    if (payload.base === undefined && p.is(T.Assign) && p.nextIs(T.LBrace)) p.advance();
    else if (payload.base === undefined && p.take(T.Assign)) payload.base = p.name('the name of a payload');
    else if (!readMapped(p, payload)) return;
  }
}

function readMapped(p: Cursor, payload: Draft<Payload>): boolean {
  if (payload.mapped !== undefined || !p.takeWord('mapped')) return false;
  payload.mapped = parseHeadExpr(p);
  return true;
}

function readRaw(p: Cursor, payload: Draft<Payload>): void {
  readMapped(p, payload);
  const start = p.start;
  if (p.takeWord('bytes')) payload.bytes = parseBytes(p, start);
  else if (p.takeWord('size')) payload.size = parseExpr(p);
  else p.expected('`bytes ".."` or `size N`', ['bytes', 'size']);
  readMapped(p, payload);
}

const FIELD: BlockShape<FieldInit> = { item: parseField, noun: 'field', endsAtStep: true };
const ELEMENT: BlockShape<Element> = { item: parseElement, noun: 'element', endsAtStep: true };

/** `{ field = value, .. }`. */
export const parseFields = (p: Cursor, fields: FieldInit[]): Span => parseBlock(p, FIELD, fields);

/** An element of an `array`, with the place that C's `[N] =` gives it. */
interface Element {
  readonly fields: readonly FieldInit[];
  readonly place?: Expr | undefined;
}

function parseElement(p: Cursor): Element {
  const place = p.is(T.LBracket) ? parsePlace(p) : undefined;
  const fields: FieldInit[] = [];
  parseFields(p, fields);
  return { fields, place };
}

/** `[N] =`, with the cursor on the bracket. */
function parsePlace(p: Cursor): Expr {
  const saved = p.openBracket();
  const place = parseExpr(p);
  p.expect(T.RBracket, '`]`');
  p.closeBracket(saved);
  p.expect(T.Assign, '`=`');
  return place;
}

/** Elements that an `array` may leave out in front of a `[N] =`; more of them are a slip. */
const MAX_ELEMENTS = 4096;

/** Elements where they belong. Their number makes the size of the array, so a place is a plain number. */
function inPlace(p: Cursor, elements: readonly Element[]): (readonly FieldInit[])[] {
  const placed: (readonly FieldInit[])[] = [];
  let at = 0;
  for (const { fields, place } of elements) {
    if (place?.kind === 'int' && place.value < BigInt(MAX_ELEMENTS)) at = Number(place.value);
    else if (place)
      p.note('bad-place', `the place of an element is a number below ${MAX_ELEMENTS}`, place.start, place.end);
    while (placed.length < at) placed.push([]);
    placed[at++] = fields;
  }
  return placed;
}

/** `a.b = v`, `a = { .. }` or `a { .. }`, with the leading `.` of C allowed. */
function parseField(p: Cursor): FieldInit | undefined {
  const start = p.start;
  if (p.is(T.Dot)) p.advance();
  if (!p.sees(T.Word)) {
    p.expected('a field name');
    return undefined;
  }
  const path: Name[] = [readFirst(p)];
  if (!p.is(T.Assign)) path.push(...parsePath(p));
  if (!p.sees(T.LBrace)) {
    if (!p.expect(T.Assign, '`=` or `{`')) return { path, value: missingExpr(p.gap), start, end: p.prevEnd };
    if (!p.is(T.LBrace)) {
      const value = parseExpr(p);
      return { path, value, start, end: p.prevEnd };
    }
  }
  if (isPlainList(p)) {
    const list = parseBraceList(p);
    if (list) return { path, value: list, start, end: p.prevEnd };
    return { path, fields: [], start, end: p.prevEnd };
  }
  const fields: FieldInit[] = [];
  const body = parseFields(p, fields);
  return { path, fields, body, start, end: p.prevEnd };
}

function readFirst(p: Cursor): Name {
  const text = p.word();
  p.advance();
  return { text, start: p.starts[p.pos - 1]!, end: p.prevEnd };
}

/** Whether a `{` opens a C array initialiser such as `{ 0 }` or `{ 0x12, 0x34 }` and not fields. */
function isPlainList(p: Cursor): boolean {
  const first = p.kinds[p.pos + 1]!;
  if (first === T.Number || first === T.Minus || first === T.Tilde || first === T.LParen || first === T.LBracket)
    return true;
  if (first !== T.Word) return false;
  const second = p.kinds[p.pos + 2]!;
  return second === T.Comma || second === T.RBrace || second === T.Or || second === T.ShiftLeft;
}

/** C's `{ a, [3] = b }` as the list it is; `{ 0 }` is undefined here, because it leaves everything zero. */
function parseBraceList(p: Cursor): Expr | undefined {
  const items: Expr[] = [];
  const places = new Map<number, Expr>();
  const item = (q: Cursor): Expr => {
    if (!q.is(T.LBracket)) return parseExpr(q);
    const list = parseExpr(q);
    const place = list.kind === 'list' && list.items.length === 1 ? list.items[0] : undefined;
    if (place === undefined || !q.take(T.Assign)) return list;
    places.set(items.length, place);
    return parseExpr(q);
  };
  const { start, end } = parseBlock(p, { item, noun: 'value', endsAtStep: true }, items);
  const [only] = items;
  if (items.length === 1 && places.size === 0 && only!.kind === 'int' && only!.value === 0n) return undefined;
  return { kind: 'list', items, ...(places.size > 0 ? { places } : {}), start, end };
}
