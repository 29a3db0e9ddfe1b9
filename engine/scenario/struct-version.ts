import { type Generation, locate, type Struct } from '../uapi/index.ts';
import type { Expr } from './expr.ts';
import { isNoStruct, type Lookup, structOf } from './payload.ts';
import type { FieldInit, Payload } from './program.ts';

const MAX_DEPTH = 16;

/**
 * The version of an evolved struct that a payload is written in: the one that its version says as a plain number, or the
 * lowest above it that has all fields that the payload and its bases give. One that says and gives nothing new is what an
 * old caller hands over.
 */
export function versionOf(struct: Struct, payload: Payload, generation: Generation, lookup?: Lookup): Struct {
  return chosen(struct, fieldsOf(payload, lookup), generation, lookup, 0);
}

function chosen(
  struct: Struct,
  given: readonly (readonly FieldInit[])[],
  generation: Generation,
  lookup: Lookup | undefined,
  depth: number,
): Struct {
  const later = generation.evolved?.get(struct.name) ?? [];
  if (later.length === 0 || MAX_DEPTH < depth) return struct;
  const said = versionSaid(struct, given);
  const newest = later.at(-1)!.version;
  const holding = [{ version: 1, struct }, ...later].find(
    (each) =>
      (newest < said || said <= each.version) &&
      given.every((fields) => holds(each.struct, fields, generation, lookup, depth)),
  );
  return holding?.struct ?? struct;
}

/** What a payload gives, list by list: its own fields and its elements', then its bases'. */
function fieldsOf(payload: Payload, lookup: Lookup | undefined): (readonly FieldInit[])[] {
  const lists: (readonly FieldInit[])[] = [];
  const seen = new Set<Payload>();
  for (let next: Payload | undefined = payload; next && !seen.has(next); ) {
    seen.add(next);
    lists.push(next.fields, ...(next.elements ?? []));
    next = next.base && lookup?.(next.base.text)?.node;
  }
  return lists;
}

/** The version that the payload says as a plain number; 1 where it says none, or something that a header of today has. */
function versionSaid({ fields }: Struct, given: readonly (readonly FieldInit[])[]): number {
  const name = fields.find((field) => field.role === 'version')?.name;
  const init = given
    .map((list) => list.findLast(({ path }) => path.length === 1 && path[0]!.text === name))
    .find(Boolean);
  return init?.value?.kind === 'int' ? Number(init.value.value) : 1;
}

function holds(
  struct: Struct,
  fields: readonly FieldInit[],
  generation: Generation,
  lookup: Lookup | undefined,
  depth: number,
): boolean {
  return fields.every((init) => {
    const found = locate(
      struct,
      init.path.map((part) => part.text),
    );
    if ('missing' in found) return false;
    const [head, ...rest] = init.path;
    const member = rest.length > 0 ? locate(struct, [head!.text]) : found;
    const inner = 'missing' in member ? undefined : member.field.struct;
    if (!inner || MAX_DEPTH < depth) return true;
    // `a.b = v` is `a = { b = v }`.
    if (rest.length > 0) return holdsInner(inner, [{ ...init, path: rest }], generation, lookup, depth);
    if (init.fields) return holdsInner(inner, init.fields, generation, lookup, depth);
    // A whole payload of the member's struct must be written in the version that the member has, or a lower one.
    const carried = init.value && payloadIn(init.value, lookup);
    const of = carried && structOf(carried, generation, lookup);
    return !of || isNoStruct(of) || of.name !== inner.name || of.size <= inner.size;
  });
}

/** Whether a member of this struct can hold fields that may ask for a later version of it. */
function holdsInner(
  inner: Struct,
  fields: readonly FieldInit[],
  generation: Generation,
  lookup: Lookup | undefined,
  depth: number,
): boolean {
  const first = generation.structs.get(inner.name);
  const needed = first ? chosen(first, [fields], generation, lookup, depth + 1) : inner;
  return needed.size <= inner.size && holds(inner, fields, generation, lookup, depth + 1);
}

const payloadIn = (expr: Expr, lookup: Lookup | undefined): Payload | undefined =>
  expr.kind === 'payload' ? expr.payload : expr.kind === 'name' ? lookup?.(expr.name)?.node : undefined;
