import { evaluate, integer, isNoValue, type NoValue, type Scope, type Value } from './evaluate.ts';
import type { Bound } from './file.ts';
import type { LoopValues } from './program.ts';

/** What a loop goes over. */
export interface LoopRange {
  readonly count: number;
  at(i: number): bigint;
  /** The same as what a name is bound to. */
  bound(i: number): Bound;
}

/** A number of a range, which becomes a bigint only where somebody asks for one. */
class Counter implements Bound {
  readonly exact: number;

  constructor(exact: number) {
    this.exact = exact;
  }

  get value(): bigint {
    return BigInt(this.exact);
  }
}

export function loopValues(values: LoopValues, scope: Scope): LoopRange | { readonly problem: string } {
  if ('list' in values) {
    const list: Value | NoValue = evaluate(values.list, scope);
    if (isNoValue(list)) return { problem: list.message };
    if (!Array.isArray(list)) return { problem: 'for needs a list of numbers or a range A..B' };
    if (!list.every((v) => typeof v === 'bigint')) return { problem: 'for goes over numbers only' };
    const at = (i: number): bigint => list[i] as bigint;
    return { count: list.length, at, bound: (i) => ({ value: at(i) }) };
  }
  const [from, to] = [integer(values.from, scope), integer(values.to, scope)];
  if (isNoValue(from)) return { problem: from.message };
  if (isNoValue(to)) return { problem: to.message };
  const count = Number(to < from ? 0n : to - from);
  const at = (i: number): bigint => from + BigInt(i);
  const first = Number(from);
  const small = to <= Number.MAX_SAFE_INTEGER;
  return { count, at, bound: small ? (i) => new Counter(first + i) : (i) => ({ value: at(i) }) };
}
