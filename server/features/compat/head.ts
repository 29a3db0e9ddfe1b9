import { type Field, type Generation, type Image, type Struct, walkFields } from '../../../engine/index.ts';
import type { Probe } from './probes.ts';

/** What the head around a payload says of it and of itself: sizes, lengths, the type of its data, reserved fields. */
export interface Head {
  readonly struct: string;
  readonly fields: Readonly<Record<string, bigint>>;
}

/**
 * What a head says, where a probe would say otherwise. Ids, addresses, counts and operations are the probe's own: they
 * name what only its scenario has.
 */
export function headOf({ struct, entries, bytes }: Image): Head | undefined {
  if (!struct) return undefined;
  const told = tellingFields(struct);
  const fields: Record<string, bigint> = {};
  for (const { path, field, value } of entries) {
    const isWhole = field.role === 'size' && value === BigInt(bytes.length);
    if (typeof value === 'bigint' && told.has(path) && !isWhole) fields[path] = value;
  }
  return { struct: struct.name, fields };
}

/** The fields of a head as a probe writes them, where the call of this generation takes the same struct. */
export function headFor(head: Head | undefined, { call }: Probe, { ioctls, structs }: Generation): readonly string[] {
  if (!head || ioctls.get(call)?.struct !== head.struct) return [];
  const told = tellingFields(structs.get(head.struct)!);
  return Object.entries(head.fields).flatMap(([path, value]) => (told.has(path) ? [`${path} = ${value}`] : []));
}

function tellingFields(struct: Struct): ReadonlySet<string> {
  const told = new Set<string>();
  for (const { field, path } of walkFields(struct)) {
    if (isTelling(field)) told.add(path);
    for (const name of [field.target?.length, field.target?.element, field.target?.by]) if (name) told.add(name);
  }
  return told;
}

const isTelling = ({ kind, role }: Field): boolean => kind === 'uint' && (role === 'size' || role === 'reserved');
