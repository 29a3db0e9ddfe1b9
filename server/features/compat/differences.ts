/** Which byte of a payload decided: what a check named, what another layout sees otherwise, where an answer went. */
import { type Generation, type Located, locate, type Struct, walkFields } from '../../../engine/index.ts';
import type { Answer } from './ask.ts';

const ENTRY = /^(?:\w+ (\d+): |\[(\d+)\](?:\.|$))/;

/** Of a struct that is longer than the kernel knows, the first byte that keeps it from being taken. */
export function behindStruct(
  { outcome }: Answer,
  { size }: Struct,
  bytes: Uint8Array,
): { readonly offset: number; readonly what: string } | undefined {
  const at = outcome === 'E2BIG' ? bytes.findIndex((byte, i) => size <= i && byte !== 0) : -1;
  return at < 0 ? undefined : { offset: at, what: `not 0, behind the ${size} bytes that are known here` };
}

/** Where the kernel put its answer, as it ran: behind the caller's bytes, or not where the caller's struct has a field for it. */
export function misplacedAnswer(
  one: Struct,
  other: Struct,
  bytes: Uint8Array,
  { written }: Answer,
): { readonly offset: number; readonly what: string } | undefined {
  const behind = written.findIndex((bit, i) => bytes.length <= i && bit === 1);
  const field = leaves(other).find(({ field: { out }, offset }) => out && offset === behind);
  if (0 <= behind) return { offset: behind, what: `${field?.path ?? 'an answer'} is written behind the payload` };
  const missed = leaves(one).find(
    ({ field: { out, size }, offset }) => out && !written.subarray(offset, offset + size).includes(1),
  );
  return missed && { offset: missed.offset, what: `${missed.path} is not written` };
}

/** The field that a check names: of the payload, or of the head around it. */
export function offendingPath(
  { path, found }: Answer,
  struct: Struct,
  generation: Generation,
  within: string | undefined,
): { readonly offset: number; readonly what: string } | undefined {
  if (path === undefined) return undefined;
  // Of an array, each entry is one of the subject's structs: `entry 1: addr`, `[1].addr`.
  const [prefix = '', a = '', b = ''] = ENTRY.exec(path) ?? [];
  const index = Number(a || b || '0');
  const inEntry = path.slice(prefix.length).split('.');
  const array = struct.fields.find((field) => field.target?.count !== undefined);
  if (prefix !== '' && array) {
    const what = [`entry ${index + 1} behind ${array.name}`, inEntry.join('.')].filter((part) => part !== '');
    return { offset: array.offset, what: `${what.join(': ')}${found === undefined ? '' : ` = ${found}`}` };
  }
  // The entry as a whole, such as a command.
  if (prefix === path && prefix !== '') return { offset: index * struct.size, what: found ?? path };
  if (0 < index) {
    const located = locate(struct, inEntry);
    if ('missing' in located) return undefined;
    const what = found === undefined ? located.path : `${located.path} = ${found}`;
    return { offset: index * struct.size + located.offset, what };
  }
  const parts = inEntry;
  const inside = within === undefined || parts[0] === within;
  for (let skip = within !== undefined && inside ? 1 : 0; inside && skip < parts.length; skip++) {
    const located = locate(struct, parts.slice(skip));
    if ('missing' in located) {
      const carried = inFlexible(struct, parts.slice(skip), generation);
      if (carried) return { offset: carried.offset, what: found === undefined ? path : `${path} = ${found}` };
      continue;
    }
    return { offset: located.offset, what: found === undefined ? located.path : `${located.path} = ${found}` };
  }
  return undefined;
}

/** A field of what a flexible array carries, counted from the start of the head. */
function inFlexible(
  { fields }: Struct,
  [first, ...rest]: readonly string[],
  { structs }: Generation,
): { readonly offset: number } | undefined {
  const flexible = fields.find((field) => field.kind === 'flex' && field.name === first);
  const name = flexible?.carries?.struct ?? Object.values(flexible?.carries?.to ?? {})[0];
  const located = name === undefined ? undefined : locate(structs.get(name)!, rest);
  return flexible && located && !('missing' in located) ? { offset: flexible.offset + located.offset } : undefined;
}

/** The first field that the other layout sees elsewhere or otherwise, where its bytes say something. */
export function firstDifference(
  one: Struct,
  other: Struct,
  bytes: Uint8Array,
): { readonly offset: number; readonly what: string } | undefined {
  const known = new Set(leaves(one).map(placeOf));
  // Of the members of a union one that is known is enough.
  const same = new Set(
    leaves(other)
      .filter((leaf) => known.has(placeOf(leaf)))
      .map(({ offset }) => offset),
  );
  const found = leaves(other).find(
    ({ offset, field }) => !same.has(offset) && bytes.subarray(offset, offset + field.size).some((byte) => byte !== 0),
  );
  return found && { offset: found.offset, what: found.path };
}

/** A field by its own name and place, whatever it is a member of. */
const placeOf = ({ path, offset, field }: Located): string => `${path.split('.').at(-1)} ${offset} ${field.size}`;

const leaves = (struct: Struct): Located[] =>
  walkFields(struct)
    .filter(({ field }) => !field.struct && field.kind !== 'flex')
    .sort((a, b) => a.offset - b.offset);

export const fieldAt = (struct: Struct, byte: number): Located | undefined =>
  leaves(struct).find(({ offset, field }) => offset <= byte && byte < offset + field.size);

/** Fields shown of bytes that are taken for something else. */
const MAX_SPELLED = 4;

/** What the first fields of a struct say in bytes that were written as another one. */
export function spelled(struct: Struct, bytes: Uint8Array): string {
  const said = leaves(struct)
    .filter(({ field, offset }) => field.kind === 'uint' && offset < bytes.length)
    // Of members of a union the first.
    .filter(({ offset }, i, all) => i === 0 || all[i - 1]!.offset + all[i - 1]!.field.size <= offset)
    .slice(0, MAX_SPELLED)
    .map(({ field, offset, path }) => {
      let value = 0n;
      for (let i = field.size - 1; 0 <= i; i--) value = (value << 8n) | BigInt(bytes[offset + i] ?? 0);
      return `${path} = ${value < 1000n ? value : `0x${value.toString(16)}`}`;
    });
  return `${struct.name}: ${said.join(', ')}`;
}
