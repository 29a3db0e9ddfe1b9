import { walkFields } from './codec.ts';
import type { Struct } from './descriptor.ts';

/** Where a fact is known from. `derived`: worked out from the code, stated by nobody. */
export type Evidence = 'source' | 'posted patch' | 'review thread' | 'derived';

export interface Constant {
  readonly name: string;
  readonly value: bigint;
  /** The header's enum or the prefix the constants share; constants of one field stand in one group. */
  readonly group: string;
  readonly doc: string;
  readonly source: string;
}

export interface Ioctl {
  readonly name: string;
  /** The whole command word, 0x3B00 | nr: `_IO(';', nr)` encodes neither size nor direction. */
  readonly number: number;
  /** The struct its argument points to; undefined when the argument is a plain number, unused or not described. */
  readonly struct?: string;
  /** The least `size` or `argsz`, in bytes, that gets past the check in front of the handler; undefined if there is none. */
  readonly minimum?: number;
  /** Of an ioctl that is known by number and struct only, so that a submit cannot run: what does the same. */
  readonly instead?: string;
  readonly doc: string;
  readonly source: string;
}

/** A function inside the kernel that a step names with `to`, in a generation that has no ioctl for it. */
export interface Call {
  readonly name: string;
  /** The struct it is handed a pointer to. */
  readonly struct: string;
  readonly doc: string;
  readonly source: string;
}

/** A fault of a generation that a review named; on as in that version unless the file says `{ NAME = off }`. */
export interface Quirk {
  readonly name: string;
  readonly on: boolean;
  readonly doc: string;
  readonly evidence: Evidence;
}

/** A short payload kind of the language and the struct it means here. */
export interface Kind {
  readonly kind: string;
  readonly struct: string;
  /** The ioctl that a submit of this kind issues; undefined for a payload that is only ever embedded. */
  readonly ioctl?: string;
}

export interface Generation {
  readonly id: string;
  readonly title: string;
  readonly doc: string;
  /** The model the default machine has. */
  readonly model: string;
  readonly structs: ReadonlyMap<string, Struct>;
  readonly constants: ReadonlyMap<string, Constant>;
  readonly ioctls: ReadonlyMap<string, Ioctl>;
  readonly calls: ReadonlyMap<string, Call>;
  readonly kinds: ReadonlyMap<string, Kind>;
  readonly quirks: ReadonlyMap<string, Quirk>;
  /** The structs and constants of a released header alone: nothing is known of its handler, so nothing will run. */
  readonly header?: true;
  /** Later versions that a file imagines, by the struct's name, the lowest first; see `evolve`. */
  readonly evolved?: ReadonlyMap<string, readonly StructVersion[]>;
}

/** A struct as a later version of its kernel would have it. */
export interface StructVersion {
  readonly version: number;
  readonly struct: Struct;
}

export interface GenerationData {
  readonly id: string;
  readonly title: string;
  readonly doc: string;
  readonly model: string;
  readonly structs: readonly Struct[];
  readonly constants: readonly Constant[];
  readonly ioctls: readonly Ioctl[];
  readonly calls?: readonly Call[];
  readonly kinds: readonly Kind[];
  readonly quirks: readonly Quirk[];
  readonly header?: true;
}

/**
 * Indexes a generation and checks that the table holds together.
 * @throws Error on a duplicate name or a reference to nothing: a broken table, found at load.
 */
export function generation(data: GenerationData): Generation {
  const structs = index(data.id, data.structs, (s) => s.name);
  const constants = index(data.id, data.constants, (c) => c.name);
  const ioctls = index(data.id, data.ioctls, (i) => i.name);
  for (const { name, struct } of data.ioctls)
    if (struct && !structs.has(struct)) throw new Error(`${data.id}: ${name} takes ${struct}, which is not listed`);
  const calls = index(data.id, data.calls ?? [], (c) => c.name);
  for (const { name, struct } of calls.values())
    if (!structs.has(struct)) throw new Error(`${data.id}: ${name} takes ${struct}, which is not listed`);
  for (const { kind, struct, ioctl } of data.kinds) {
    if (!structs.has(struct)) throw new Error(`${data.id}: kind ${kind} means ${struct}, which is not listed`);
    if (ioctl && !ioctls.has(ioctl))
      throw new Error(`${data.id}: kind ${kind} is submitted by ${ioctl}, which is not listed`);
  }
  for (const s of data.structs) {
    for (const { field: f, path } of walkFields(s)) {
      const { flags = [], oneOf = [], selector, target, carries, when } = f;
      const chosenBy = [selector?.members, target?.to, carries?.to].flatMap((choice) => Object.keys(choice ?? {}));
      for (const c of [...flags, ...oneOf, ...chosenBy, ...(when ? [when.is] : [])])
        if (!constants.has(c)) throw new Error(`${data.id}: ${s.name}.${path} names ${c}, which is not listed`);
      for (const there of [target, carries].flatMap((t) => [
        ...(t?.struct ? [t.struct] : []),
        ...Object.values(t?.to ?? {}),
      ]))
        if (!structs.has(there))
          throw new Error(`${data.id}: ${s.name}.${path} leads to ${there}, which is not listed`);
      if (f.struct && !f.inline && !structs.has(f.struct.name))
        throw new Error(`${data.id}: ${s.name}.${path} holds ${f.struct.name}, which is not listed`);
    }
  }
  return Object.freeze({
    ...data,
    structs,
    constants,
    ioctls,
    calls,
    kinds: index(data.id, data.kinds, (k) => k.kind),
    quirks: index(data.id, data.quirks, (q) => q.name),
  });
}

/**
 * A new generation is a difference from an old one: what came or changed, what went.
 * @throws Error when it drops what the old one does not have, and as `generation` does.
 */
export function extend(
  base: Generation,
  change: Partial<GenerationData> & { readonly id: string; readonly title: string; readonly drop?: readonly string[] },
): Generation {
  const gone = new Set(change.drop ?? []);
  const tables = [base.structs, base.constants, base.ioctls, base.calls, base.kinds, base.quirks];
  for (const name of gone)
    if (!tables.some((table) => table.has(name)))
      throw new Error(`${change.id} drops ${name}, which ${base.id} does not have`);
  const merge = <T>(old: ReadonlyMap<string, T>, put: readonly T[] | undefined, key: (item: T) => string): T[] => {
    const merged = new Map([...old].filter(([name]) => !gone.has(name)));
    for (const item of put ?? []) merged.set(key(item), item);
    return [...merged.values()];
  };
  return generation({
    id: change.id,
    title: change.title,
    doc: change.doc ?? base.doc,
    model: change.model ?? base.model,
    structs: merge(base.structs, change.structs, (s) => s.name),
    constants: merge(base.constants, change.constants, (c) => c.name),
    ioctls: merge(base.ioctls, change.ioctls, (i) => i.name),
    calls: merge(base.calls, change.calls, (c) => c.name),
    kinds: merge(base.kinds, change.kinds, (k) => k.kind),
    quirks: merge(base.quirks, change.quirks, (q) => q.name),
    ...(change.header ? { header: true } : {}),
  });
}

function index<T>(id: string, items: readonly T[], key: (item: T) => string): ReadonlyMap<string, T> {
  const map = new Map<string, T>();
  for (const item of items) {
    if (map.has(key(item))) throw new Error(`${id}: ${key(item)} is listed twice`);
    map.set(key(item), item);
  }
  return map;
}
