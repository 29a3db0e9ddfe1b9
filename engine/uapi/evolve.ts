import {
  aligned64,
  array,
  type Field,
  type Member,
  nested,
  type Struct,
  s32,
  u8,
  u16,
  u32,
  u64,
} from './descriptor.ts';
import type { Generation, StructVersion } from './generation.ts';

/** A field that a file adds to a struct: `__u64 NAME`, `__u8 NAME[N]` or `struct S NAME`. */
export interface NewField {
  readonly type: string;
  readonly name: string;
  readonly count?: number;
}

/** As headers write them, and as the kernel does. */
const INTEGERS: Readonly<Record<string, typeof u8>> = {
  __u8: u8,
  __u16: u16,
  __u32: u32,
  __s32: s32,
  __u64: u64,
  __aligned_u64: aligned64,
  u8,
  u16,
  u32,
  s32,
  u64,
};
const MAX_COUNT = 4096;

/** The types that a new field can have, structs of the generation aside. */
export const NEW_FIELD_TYPES: readonly string[] = Object.keys(INTEGERS).filter((type) => type.startsWith('__'));

/** A new field as a member, or what is wrong with it. */
export function newMember(field: NewField, version: number, { structs }: Generation): Member | string {
  const { type, name, count } = field;
  const doc = `Came with the imagined version ${version}.`;
  const of = structs.get(type);
  if (of) return count === undefined ? nested(name, of, { doc }) : `an array of struct ${type} cannot be added`;
  const integer = Object.hasOwn(INTEGERS, type) ? INTEGERS[type] : undefined;
  if (!integer) return `${type} is no type of a new field: ${NEW_FIELD_TYPES.join(', ')} or a struct are wanted`;
  const one = integer(name, { doc });
  if (count === undefined) return one;
  if (count < 1 || MAX_COUNT < count) return `an array has 1 to ${MAX_COUNT} elements, not ${count}`;
  return {
    ...array(name, 1, count, { doc }, one.type),
    size: one.size * count,
    align: one.align,
    element: one.element,
  };
}

/**
 * A generation in which a struct has a further version: the fields lie behind the last one, as C puts them there. Structs
 * that end in it grow with it. The versions before stay what they are.
 * @returns what is wrong where the struct cannot grow so
 */
export function evolve(
  generation: Generation,
  name: string,
  version: number,
  members: readonly Member[],
): Generation | string {
  const first = generation.structs.get(name);
  if (!first) return `${generation.id} has no struct ${name}`;
  const newest = generation.evolved?.get(name)?.at(-1) ?? { version: 1, struct: first };
  if (version <= newest.version) return `version ${version} of ${name} must lie above ${newest.version}`;
  if (newest.struct.fields.at(-1)?.kind === 'flex')
    return `${name} ends in a flexible array, behind which nothing fits`;
  const taken = new Set(newest.struct.fields.flatMap((field) => [field.name, ...(field.aliases ?? [])]));
  for (const member of members) {
    if (taken.has(member.name)) return `${name} has a field ${member.name} already`;
    taken.add(member.name);
  }
  const evolved = new Map(generation.evolved);
  const put = (versioned: StructVersion): void => {
    const { name: grownName, align, size } = versioned.struct;
    evolved.set(grownName, [...(evolved.get(grownName) ?? []), versioned]);
    for (const outer of generation.structs.values()) {
      const holder = (evolved.get(outer.name)?.at(-1)?.struct ?? outer).fields;
      const last = holder.at(-1);
      if (last?.kind !== 'struct' || last.struct?.name !== grownName) continue;
      const grown: Field = { ...last, struct: versioned.struct, size };
      put({ version, struct: sized(outer, [...holder.slice(0, -1), grown], align) });
    }
  };
  put({ version, struct: appended(newest.struct, members) });
  return Object.freeze({ ...generation, evolved });
}

function appended(struct: Struct, members: readonly Member[]): Struct {
  const fields = [...struct.fields];
  let end = fields.reduce((last, { offset, size }) => Math.max(last, offset + size), 0);
  let align = struct.align;
  for (const { align: natural, overlay: _none, ...member } of members) {
    const offset = roundUp(end, natural);
    fields.push(Object.freeze({ ...member, offset }));
    end = offset + member.size;
    align = Math.max(align, natural);
  }
  return sized(struct, fields, align);
}

function sized(struct: Struct, fields: readonly Field[], align: number): Struct {
  const wide = Math.max(struct.align, align);
  const end = fields.reduce((last, { offset, size }) => Math.max(last, offset + size), 0);
  return Object.freeze({ ...struct, align: wide, size: roundUp(end, wide), fields: Object.freeze([...fields]) });
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;
