import { GENERATIONS, type Generation, getUint, hex, nearest, type Struct } from '../../engine/index.ts';
import type { Input } from './decode-input.ts';
import { chosen } from './decode-values.ts';

/** The struct that bytes are to be read as, or which ones it could be, the likeliest first. */
export type StructAnswer =
  | { readonly struct: Struct }
  | { readonly problem: string; readonly candidates?: readonly Struct[] };

/** A struct by its name, with or without `struct`, or by its short kind. */
export function structNamed(given: string, { id, structs, kinds }: Generation): StructAnswer {
  const name = given.trim().replace(/^struct\s+/, '');
  const struct = structs.get(name) ?? structs.get(kinds.get(name)?.struct ?? '');
  if (struct) return { struct };
  const near = nearest(name, [...structs.keys(), ...kinds.keys()]);
  return { problem: `${id} has no struct ${name}${near ? `; did you mean ${near}?` : ''}` };
}

/** The struct of an input that nobody named: that of its ioctl, else the one whose size and argsz fit the bytes. */
export function guessStruct({ bytes, ioctl }: Input, generation: Generation): StructAnswer {
  return ioctl === undefined ? bySize(bytes, generation) : byIoctl(ioctl, generation);
}

function byIoctl(ioctl: bigint | string, generation: Generation): StructAnswer {
  const calls = callsOf(ioctl, generation);
  const structs = [...new Set(calls.flatMap(({ struct }) => generation.structs.get(struct ?? '') ?? []))];
  const named = calls.map(({ name }) => name).join(', ');
  if (structs.length === 1) return { struct: structs[0]! };
  if (structs.length > 1)
    return { problem: `${commandText(ioctl)} is ${named}, which take ${list(structs)}`, candidates: structs };
  if (calls.length > 0) return { problem: `${named} takes no struct that is known` };
  return { problem: `${generation.id} has no ioctl ${commandText(ioctl)}${elsewhere(ioctl, generation)}` };
}

const callsOf = (ioctl: bigint | string, { ioctls }: Generation) =>
  [...ioctls.values()].filter(({ name, number }) =>
    typeof ioctl === 'string' ? name === ioctl : BigInt(number) === ioctl,
  );

const commandText = (ioctl: bigint | string): string => (typeof ioctl === 'string' ? ioctl : hex(ioctl));

/** What the command is in the other generations. */
function elsewhere(ioctl: bigint | string, here: Generation): string {
  const text = meanings(ioctl, here);
  return text ? `; it is ${text}` : '';
}

/** `VFIO_IOMMU_NESTING_OP in vfio-2020-07, vfio-2021-03 and IOMMU_X in ..`; empty where no generation knows it. */
export function meanings(ioctl: bigint | string, except?: Generation): string {
  const byName = new Map<string, string[]>();
  for (const generation of GENERATIONS)
    if (generation !== except)
      for (const { name } of callsOf(ioctl, generation)) byName.set(name, [...(byName.get(name) ?? []), generation.id]);
  return [...byName].map(([name, ids]) => `${name} in ${ids.join(', ')}`).join(' and ');
}

/**
 * Structs that the bytes may be, by what they say of themselves: those whose first word is their size and whose other
 * words are plausible, then those that fit in one of the two, then all that have this size. A header with a flexible array may have more behind it.
 */
function bySize(bytes: Uint8Array, generation: Generation): StructAnswer {
  const structs = [...generation.structs.values()];
  const fits = structs.filter((struct) =>
    isOpen(struct) ? struct.size <= bytes.length : struct.size === bytes.length,
  );
  const telling = structs.filter((s) => tellsItsSize(s, bytes));
  const likely = telling.filter((s) => isPlausible(s, bytes, generation));
  const plausible = fits.filter((s) => !isOpen(s) && isPlausible(s, bytes, generation));
  // A payload with a wrong flag still says how long it is, which a header that anything may follow does not.
  const [only, ...others] = [likely, plausible, telling].find((some) => some.length > 0) ?? fits;
  if (only && others.length === 0) return { struct: only };
  const candidates = [...new Set([...likely, ...plausible, ...telling, ...fits])];
  if (!only)
    return { problem: `no struct of ${generation.id} has ${bytes.length} bytes; say which it is`, candidates: structs };
  return { problem: `${bytes.length} bytes may be ${list([only, ...others])}; say which it is`, candidates };
}

const isOpen = ({ fields }: Struct): boolean => fields.at(-1)?.kind === 'flex';

/** Whether the first word is the size of the struct, or of all the bytes where more may follow it. */
function tellsItsSize(struct: Struct, bytes: Uint8Array): boolean {
  if (struct.fields[0]?.role !== 'size' || bytes.length < struct.size) return false;
  const claimed = getUint(bytes, 0, 4);
  return claimed === BigInt(isOpen(struct) ? bytes.length : struct.size);
}

/** Whether the fields that take few values have one of them, and those that must be zero are; so in what it carries. */
function isPlausible(struct: Struct, bytes: Uint8Array, generation: Generation): boolean {
  const { constants } = generation;
  const { carried, offset: from } = carriedBy(struct, bytes, generation);
  if (carried && from < bytes.length && !isPlausible(carried, bytes.subarray(from), generation)) return false;
  return struct.fields.every(({ oneOf, flags, role, offset, size, kind }) => {
    if (role === 'padding' || role === 'reserved') return bytes.subarray(offset, offset + size).every((b) => b === 0);
    if (kind !== 'uint') return true;
    const value = getUint(bytes, offset, size);
    const known = (name: string): bigint => constants.get(name)?.value ?? 0n;
    if (oneOf) return oneOf.some((name) => known(name) === value);
    return !flags || (value & ~flags.reduce((bits, name) => bits | known(name), 0n)) === 0n;
  });
}

/** The struct that the flexible array of a header holds, and where it begins. */
function carriedBy(parent: Struct, bytes: Uint8Array, generation: Generation) {
  const { carries, offset } = parent.fields.at(-1)!;
  const around = { generation, parent, bytes, base: 0, self: bytes.length };
  const name = carries?.struct ?? chosen(carries?.by, carries?.to, around);
  return { carried: name === undefined ? undefined : generation.structs.get(name), offset };
}

const list = (structs: readonly Struct[]): string => structs.map(({ name }) => name).join(' or ');
