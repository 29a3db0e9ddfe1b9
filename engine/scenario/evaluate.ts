import { U64_MASK } from '../base/addr.ts';
import { C_CONSTANTS } from '../base/c-constants.ts';
import { ERRNO, isErrno } from '../base/errno.ts';
import type { Name, Span } from '../base/span.ts';
import { type Generation, generationWith, locate, offsetofend, type Struct } from '../uapi/index.ts';
import type { BinaryOp, Expr, Indices, ListExpr } from './expr.ts';
import type { Payload } from './program.ts';

/** What an expression yields. Integers are unsigned 64-bit values in a bigint; `-1` is 0xffff_ffff_ffff_ffff. */
export type Value = bigint | string | Uint8Array | readonly Value[];

/** Why an expression has no value: a mistake at a place, or a value that only a run makes. */
export interface NoValue {
  readonly noValue: 'mistake' | 'later';
  readonly code: string;
  readonly message: string;
  readonly at: Span;
  /** What was probably meant: the text to write at that place. */
  readonly fix?: string;
  /** The `let` or page table through whose name the mistake is met: `at` is that name, the mistake stands there. */
  readonly through?: string;
}

export const isNoValue = (v: Value | NoValue | undefined): v is NoValue =>
  typeof v === 'object' && v !== null && 'noValue' in v;

/** Where names come from. A scope answers undefined for what it does not know. */
export interface Scope {
  readonly generation: Generation;
  /** A `let`, a step's result, a loop variable. */
  name(name: string, at: Span): Value | NoValue | undefined;
  /** `object.path`: a payload's field, `table.root`, a result's field, a register. */
  member(object: Name, path: readonly Name[]): Value | NoValue | undefined;
  /** `&name` or `&name.a.b`. */
  addressOf(name: Name, path: readonly Name[]): Value | NoValue | undefined;
  /** Bytes of the payload or array of that name. */
  sizeOf(name: string): bigint | NoValue | undefined;
  /** Bytes of one element of the array of that name, or how many it has; for what is no array `not-an-array`. */
  partOf(name: Name, of: 'element' | 'count'): bigint | NoValue | undefined;
  /** Bytes of the payload that is being filled in; undefined outside of one. */
  readonly self?: bigint;
  /** Names to offer when one is not known. */
  suggest?(name: string): string | undefined;
  /** The payload of an inline `KIND { .. }`; only places that can use one accept it. */
  inlinePayload?(payload: Payload): Value | NoValue | undefined;
}

const mistake = (at: Span, code: string, message: string, fix?: string): NoValue => ({
  noValue: 'mistake',
  code,
  message,
  at,
  ...(fix === undefined ? {} : { fix }),
});
export const later = (at: Span, message: string): NoValue => ({ noValue: 'later', code: 'known-later', message, at });

const BINARY: Readonly<Record<Exclude<BinaryOp, '&&' | '||' | '/' | '%'>, (a: bigint, b: bigint) => bigint>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  // A shift by 64 or more leaves nothing, whatever the processor would do.
  '<<': (a, b) => (64n <= b ? 0n : a << b),
  '>>': (a, b) => (64n <= b ? 0n : a >> b),
  '&': (a, b) => a & b,
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '==': (a, b) => (a === b ? 1n : 0n),
  '!=': (a, b) => (a !== b ? 1n : 0n),
  '<': (a, b) => (a < b ? 1n : 0n),
  '<=': (a, b) => (a <= b ? 1n : 0n),
  '>': (a, b) => (a > b ? 1n : 0n),
  '>=': (a, b) => (a >= b ? 1n : 0n),
};

/** Most elements a list may have; `[0; n]` beyond it is a slip. */
const MAX_LIST = 1 << 20;

/** Evaluates over unsigned 64-bit values that wrap as in C. Total: a mistake is a value. */
export function evaluate(expr: Expr, scope: Scope): Value | NoValue {
  switch (expr.kind) {
    case 'int':
    case 'string':
    case 'bytes':
      return expr.value;
    case 'name':
      return nameValue(expr.name, expr, scope);
    case 'member': {
      const path = indexed(expr, scope);
      return 'noValue' in path ? path : member(expr.object, path, scope);
    }
    case 'address-of': {
      const path = indexed(expr, scope);
      if ('noValue' in path) return path;
      return scope.addressOf(expr.name, path) ?? unknownName(expr.name.text, expr.name, scope);
    }
    case 'unary': {
      const operand = integer(expr.operand, scope);
      if (isNoValue(operand)) return operand;
      if (expr.op === '!') return operand === 0n ? 1n : 0n;
      return BigInt.asUintN(64, expr.op === '~' ? ~operand : expr.op === '-' ? -operand : operand);
    }
    case 'cast': {
      const operand = integer(expr.operand, scope);
      if (isNoValue(operand)) return operand;
      return expr.signed ? BigInt.asUintN(64, BigInt.asIntN(expr.bits, operand)) : BigInt.asUintN(expr.bits, operand);
    }
    case 'binary':
      return binary(expr.op, expr, scope);
    case 'sizeof':
      return sizeof(expr, scope);
    case 'offsetof': {
      const struct = scope.generation.structs.get(expr.struct.text);
      if (!struct) return unknownStruct(expr.struct, scope);
      const found = locate(
        struct,
        expr.path.map((p) => p.text),
      );
      if ('missing' in found)
        return mistake(
          expr.path[found.missing]!,
          'unknown-field',
          `${found.parent?.name ?? struct.name} has no field ${expr.path[found.missing]!.text}`,
        );
      return BigInt(expr.past ? offsetofend(found) : found.offset);
    }
    case 'list':
      return list(expr, scope);
    case 'repeat': {
      const n = integer(expr.count, scope);
      if (isNoValue(n)) return n;
      if (MAX_LIST < n) return mistake(expr.count, 'list-too-long', `${n} elements are more than ${MAX_LIST}`);
      const item = evaluate(expr.item, scope);
      return isNoValue(item) ? item : Array.from({ length: Number(n) }, () => item);
    }
    case 'payload':
      return scope.inlinePayload?.(expr.payload) ?? mistake(expr, 'payload-not-here', 'a payload cannot stand here');
  }
}

/** Like `evaluate`, but only an integer will do. */
export function integer(expr: Expr, scope: Scope): bigint | NoValue {
  const value = evaluate(expr, scope);
  if (typeof value === 'bigint' || isNoValue(value)) return value;
  return mistake(expr, 'not-a-number', `a number is wanted here, not ${describe(value)}`);
}

export const describe = (value: Value): string =>
  typeof value === 'bigint'
    ? `${value}`
    : typeof value === 'string'
      ? 'a string'
      : value instanceof Uint8Array
        ? 'bytes'
        : 'a list';

/** The path of an expression, its indices as the numbers that they are now. */
export function indexed(
  { path = [], indices }: { readonly path?: readonly Name[]; readonly indices?: Indices },
  scope: Scope,
): readonly Name[] | NoValue {
  if (!indices) return path;
  const names = [...path];
  for (const [place, expr] of indices) {
    const index = integer(expr, scope);
    if (isNoValue(index)) return index;
    names[place] = { text: `${index}`, start: expr.start, end: expr.end };
  }
  return names;
}

/** `object.path`, where an index leads into what is a list itself or into a field of the object. */
function member(object: Name, path: readonly Name[], scope: Scope): Value | NoValue {
  const value = path[0] && INDEX.test(path[0].text) ? scope.name(object.text, object) : undefined;
  if (isList(value)) return elementOf(object.text, value, path);
  const found = scope.member(object, path);
  if (found !== undefined) return found;
  if (value === undefined) return unknownName(object.text, object, scope);
  return isNoValue(value)
    ? value
    : mistake(object, 'not-a-list', `${object.text} is no list, so nothing has an index in it`);
}

const INDEX = /^\d+$/;
const isList = (value: Value | NoValue | undefined): value is Uint8Array | readonly Value[] =>
  value instanceof Uint8Array || Array.isArray(value);

function elementOf(name: string, list: Uint8Array | readonly Value[], path: readonly Name[]): Value | NoValue {
  let here: Value = list;
  let what = name;
  for (const at of path) {
    if (!isList(here)) return mistake(at, 'not-a-list', `${what} is ${describe(here)} and no list`);
    if (!INDEX.test(at.text)) return mistake(at, 'unknown-field', `${what} is a list and has no ${at.text}`);
    const element: Value | number | undefined = here[Number(at.text)];
    if (element === undefined) {
      const holds = here.length === 0 ? 'is empty' : `ends with [${here.length - 1}]`;
      return mistake(at, 'no-element', `${what} ${holds}, so there is no [${at.text}]`);
    }
    here = typeof element === 'number' ? BigInt(element) : element;
    what += `[${at.text}]`;
  }
  return here;
}

function nameValue(name: string, at: Span, scope: Scope): Value | NoValue {
  // A part that the author has not written yet; the parser has said so.
  if (name === '') return later(at, 'something is missing here');
  const local = scope.name(name, at);
  if (local !== undefined) return local;
  const constant = scope.generation.constants.get(name);
  if (constant) return constant.value;
  const ioctl = scope.generation.ioctls.get(name);
  if (ioctl) return BigInt(ioctl.number);
  if (isErrno(name)) return BigInt(ERRNO[name].code);
  const limit = C_CONSTANTS.get(name);
  if (limit !== undefined) return limit;
  return unknownName(name, at, scope);
}

function unknownName(name: string, at: Span, scope: Scope): NoValue {
  const home = generationWith(name);
  if (home) return mistake(at, 'unknown-name', `${name} is not known in ${scope.generation.id}; ${home.id} has it`);
  const near = scope.suggest?.(name);
  return mistake(at, 'unknown-name', `${name} is not known${near ? `; did you mean ${near}?` : ''}`, near);
}

function unknownStruct(name: Name, scope: Scope): NoValue {
  return mistake(name, 'unknown-struct', `${scope.generation.id} has no struct ${name.text}`);
}

function binary(op: BinaryOp, expr: Extract<Expr, { kind: 'binary' }>, scope: Scope): bigint | NoValue {
  const left = integer(expr.left, scope);
  if (isNoValue(left)) return left;
  if (op === '&&' && left === 0n) return 0n;
  if (op === '||' && left !== 0n) return 1n;
  const right = integer(expr.right, scope);
  if (isNoValue(right)) return right;
  if (op === '&&' || op === '||') return right === 0n ? 0n : 1n;
  if (op === '/' || op === '%') {
    if (right === 0n) return mistake(expr.right, 'division-by-zero', 'division by 0');
    return op === '/' ? left / right : left % right;
  }
  return BINARY[op](left, right) & U64_MASK;
}

function sizeof(expr: Extract<Expr, { kind: 'sizeof' }>, scope: Scope): bigint | NoValue {
  if (expr.struct) {
    const struct: Struct | undefined = scope.generation.structs.get(expr.struct.text);
    return struct ? BigInt(struct.size) : unknownStruct(expr.struct, scope);
  }
  if (expr.name && expr.of) return scope.partOf(expr.name, expr.of) ?? unknownName(expr.name.text, expr.name, scope);
  if (expr.name) return scope.sizeOf(expr.name.text) ?? unknownName(expr.name.text, expr.name, scope);
  return (
    scope.self ??
    mistake(
      expr,
      'sizeof-outside',
      'sizeof alone means the payload around it; write sizeof(struct X) or sizeof(name) here',
    )
  );
}

function list({ items, places }: ListExpr, scope: Scope): readonly Value[] | NoValue {
  const values: Value[] = [];
  let at = 0;
  for (const [i, item] of items.entries()) {
    const place = places?.get(i);
    if (place) {
      const wanted = integer(place, scope);
      if (isNoValue(wanted)) return wanted;
      if (MAX_LIST <= wanted)
        return mistake(place, 'list-too-long', `element ${wanted} lies behind the last, ${MAX_LIST - 1}`);
      at = Number(wanted);
    }
    const value = evaluate(item, scope);
    if (isNoValue(value)) return value;
    // As in C, elements that are passed over are 0, and of two for one place the last one counts.
    while (values.length < at) values.push(0n);
    values[at++] = value;
  }
  return values;
}

/** Whether a 64-bit value fits `bits`: the bits it loses are all 0 or all 1, so `~0` fits any field. */
export function fits(value: bigint, bits: number): boolean {
  if (64 <= bits) return true;
  const lost = value >> BigInt(bits);
  return lost === 0n || lost === (1n << BigInt(64 - bits)) - 1n;
}
