import type { Value } from './evaluate.ts';
import type { BinaryOp, Expr } from './expr.ts';
import type { Bound, Names } from './file.ts';

/** Yields a whole number from 0 to 2^53 - 1, which a double holds exactly; or `NONE`, and `evaluate` has the answer. */
export type Exact = () => number;

/** No exact value: it is larger or no number, it wraps, or a name in it means nothing now. */
export const NONE = -1;

const MAX = Number.MAX_SAFE_INTEGER;
/** `let`s that rest on one another and are written out in place. */
const MAX_DEPTH = 4;

/**
 * Makes an expression ready to be asked often, without bigint. Names are looked up at each asking, those that a scenario
 * binds first, and nothing is remembered between two askings.
 *
 * Only for steps in a loop: while one runs, its variable is bound, and so no further `let` of the file becomes fixed.
 *
 * @returns undefined for what only `evaluate` can do
 */
export function exactly(expr: Expr, names: Names, depth = 0): Exact | undefined {
  switch (expr.kind) {
    case 'int':
      return constant(expr.value);
    case 'name':
      return ofName(expr.name, names, depth);
    case 'binary': {
      const combine = COMBINE[expr.op];
      const left = combine && exactly(expr.left, names, depth);
      const right = left && exactly(expr.right, names, depth);
      return right && combine!(left!, right);
    }
    default:
      return undefined;
  }
}

/** The same for a value that is there. */
export const exactOf = (value: Value | undefined): number =>
  typeof value === 'bigint' && value <= MAX ? Number(value) : NONE;

function constant(value: Value | undefined): Exact | undefined {
  const exact = exactOf(value);
  return exact === NONE ? undefined : () => exact;
}

function ofName(name: string, names: Names, depth: number): Exact {
  const { locals } = names;
  const declared = ofDeclaration(name, names, depth) ?? ((): number => NONE);
  // What a name is bound to never changes; it is bound to something else instead.
  let last: Bound | undefined;
  let exact = NONE;
  return () => {
    const local = locals.get(name);
    if (local === undefined) return declared();
    if (local === last) return exact;
    last = local;
    exact = local.exact ?? exactOf(local.value);
    return exact;
  };
}

/** What a name means where no scenario binds it. */
function ofDeclaration(name: string, names: Names, depth: number): Exact | undefined {
  const { lets, payloads, tables, generation } = names.file;
  const fixed = names.fixedLet(name);
  if (fixed !== undefined) return constant(fixed);
  const own = lets.get(name)?.node.value;
  if (own) return depth < MAX_DEPTH ? exactly(own, names, depth + 1) : undefined;
  return payloads.has(name) || tables.has(name) ? undefined : constant(generation.constants.get(name)?.value);
}

type Combine = (left: Exact, right: Exact) => Exact;

/** A combination whose operands are both there; what leaves the range of exact numbers has no exact value. */
const both =
  (combine: (a: number, b: number) => number): Combine =>
  (left, right) =>
  () => {
    const a = left();
    if (a < 0) return NONE;
    const b = right();
    if (b < 0) return NONE;
    const value = combine(a, b);
    return 0 <= value && value <= MAX ? value : NONE;
  };

const high = (a: number): number => Math.floor(a / 0x1_0000_0000);

/** Bitwise on 53 bits, from the same on 32. */
const bitwise = (combine: (a: number, b: number) => number): Combine =>
  both((a, b) => combine(high(a), high(b)) * 0x1_0000_0000 + (combine(a, b) >>> 0));

const COMBINE: Partial<Record<BinaryOp, Combine>> = {
  '+': both((a, b) => a + b),
  '-': both((a, b) => a - b),
  // A product past 2^53 is rounded, but not to below it.
  '*': both((a, b) => a * b),
  '/': both((a, b) => (b === 0 ? NONE : (a - (a % b)) / b)),
  '%': both((a, b) => (b === 0 ? NONE : a % b)),
  '<<': both((a, b) => (b < 53 ? a * 2 ** b : NONE)),
  '>>': both((a, b) => (b < 53 ? Math.floor(a / 2 ** b) : 0)),
  '&': bitwise((a, b) => a & b),
  '|': bitwise((a, b) => a | b),
  '^': bitwise((a, b) => a ^ b),
  '==': both((a, b) => (a === b ? 1 : 0)),
  '!=': both((a, b) => (a === b ? 0 : 1)),
  '<': both((a, b) => (a < b ? 1 : 0)),
  '<=': both((a, b) => (a <= b ? 1 : 0)),
  '>': both((a, b) => (b < a ? 1 : 0)),
  '>=': both((a, b) => (b <= a ? 1 : 0)),
};
