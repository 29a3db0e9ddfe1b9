import {
  type EvolveDecl,
  evolve,
  type Generation,
  integer,
  isNoValue,
  type Member,
  type Names,
  nearest,
  newMember,
  withShipped,
} from '../../engine/index.ts';
import { cType } from './c-types.ts';
import type { Expr, Span } from './syntax.ts';

/** What an `evolve` cannot say. */
export interface EvolveProblem extends Span {
  readonly file: string;
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
}

interface Placed {
  readonly node: EvolveDecl;
  readonly file: string;
}

const MAX_VERSION = 0xffffn;
/** Generations that texts have made lately, by what they say: typing elsewhere in a file makes no new one. */
const MAX_KEPT = 8;
const kept = new WeakMap<Generation, Map<string, Generation>>();

/** The generation with the later versions that are shipped for it and those that a file imagines, in their order. */
export function evolveGeneration(
  base: Generation,
  declared: readonly Placed[],
  names: Names,
): { readonly generation: Generation; readonly problems: readonly EvolveProblem[] } {
  const problems: EvolveProblem[] = [];
  let generation = remembered(base, 'shipped', () => withShipped(base));
  for (const { node, file } of declared) {
    const report: Report = (at, code, message, fix) => {
      problems.push({ file, start: at.start, end: at.end, code, message, ...(fix === undefined ? {} : { fix }) });
      return undefined;
    };
    generation = evolved(generation, node, names, report) ?? generation;
  }
  return { generation, problems };
}

type Report = (at: Span, code: string, message: string, fix?: string) => undefined;

function evolved(
  generation: Generation,
  { struct: name, version, fields }: EvolveDecl,
  names: Names,
  report: Report,
): Generation | undefined {
  if (name.text === '') return undefined;
  if (!generation.structs.has(name.text)) {
    const near = nearest(name.text, generation.structs.keys());
    const meant = near ? `; did you mean ${near}?` : '';
    return report(name, 'unknown-struct', `${generation.id} has no struct ${name.text}${meant}`, near);
  }
  const number = (expr: Expr): bigint | undefined => {
    const value = integer(expr, names.scope());
    return isNoValue(value) ? report(value.at, value.code, value.message, value.fix) : value;
  };
  const n = number(version);
  if (n === undefined) return undefined;
  if (MAX_VERSION < n) return report(version, 'evolve-impossible', `a version is at most ${MAX_VERSION}`);
  const known = generation.evolved?.get(name.text) ?? [];
  // A version that is shipped may be named; its fields are known.
  if (fields.length === 0 && known.some((v) => BigInt(v.version) === n)) return undefined;
  const members: Member[] = [];
  const says: string[] = [];
  for (const { type, name: called, count } of fields) {
    if (type.text === '' || called.text === '') continue;
    const elements = count && number(count);
    if (count && elements === undefined) continue;
    const field = { type: kernelType(type.text), name: called.text };
    const member = newMember(
      elements === undefined ? field : { ...field, count: Number(elements) },
      Number(n),
      generation,
    );
    if (typeof member === 'string') report(count ?? type, 'evolve-impossible', member);
    else {
      members.push(member);
      says.push(`${type.text} ${called.text} ${elements ?? ''}`);
    }
  }
  const made = remembered(generation, `${name.text} ${n} ${says.join(';')}`, () =>
    evolve(generation, name.text, Number(n), members),
  );
  return typeof made === 'string' ? report(name, 'evolve-impossible', made) : made;
}

/** C's other names for the unsigned integers of the kernel: `uint32_t` is `__u32`. */
function kernelType(type: string): string {
  const integer = cType([type], false);
  return integer && !integer.signed ? `__u${integer.bits}` : type;
}

function remembered<T extends Generation | string>(base: Generation, key: string, make: () => T): T | Generation {
  let known = kept.get(base);
  if (!known) kept.set(base, (known = new Map()));
  const found = known.get(key);
  if (found) return found;
  if (MAX_KEPT <= known.size) known.clear();
  const made = make();
  if (typeof made !== 'string') known.set(key, made as Generation);
  return made;
}
