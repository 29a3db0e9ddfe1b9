import { type Generation, type Located, locate, putUint, type Struct, walkFields } from '../../../engine/index.ts';
import { type Answer, ask } from './ask.ts';
import type { Carrier } from './carriers.ts';
import { type Head, headFor } from './head.ts';
import { type Probe, type Provided, probeText } from './probes.ts';
import type { meaningsOf, Written } from './translate.ts';

/** What a table is made for: a payload and what it carries. */
export interface Asked extends Provided {
  readonly written: Written;
  readonly carrier: Carrier;
  /** As the file sets them, for the rows of its own generation. */
  readonly quirks: ReadonlyMap<string, boolean>;
  readonly carried?: string;
  /** Entries of the array of which the first one is asked. */
  readonly entries?: number;
  readonly head?: Head;
}

export type Verdict =
  | 'accepted'
  | 'refused'
  | 'silently truncated'
  | 'misread'
  | 'cannot be carried'
  /** The probe itself did not come as far as the payload. */
  | 'not asked';

export type Form =
  | 'as it is'
  | 'translated'
  | 'raw bytes'
  | 'old user, old kernel'
  | 'old user, new kernel'
  | 'new user, old kernel'
  | 'new user, new kernel';

export interface Row {
  readonly generation: string;
  readonly form: Form;
  /** The struct that the kernel takes the bytes for; empty where it has none of this role. */
  readonly struct: string;
  readonly verdict: Verdict;
  /** Errno name, or `skipped` for what is left undone without one. */
  readonly errno?: string;
  /** The caller sees success all the same. */
  readonly hidden?: true;
  readonly check?: { readonly id: string; readonly function?: string };
  /** Bytes of the payload, those that were copied, and those that were not, as inclusive ranges. */
  readonly bytes?: number;
  readonly read?: number;
  readonly ignored?: readonly (readonly [first: number, last: number])[];
  /** The first byte that is refused, ignored though it says something, or taken for something else. */
  readonly offending?: { readonly offset: number; readonly what: string };
  /** What the other struct has no place for. */
  readonly lost: readonly string[];
  /** What the bytes say where they are taken for something else. */
  readonly takenFor?: string;
  readonly note?: string;
}

const FIRST_PASID = 1n;
const LAST_PASID = 0xfffffn;
const LAST_PID = 0x3f_ffffn;
const SOME_PID = 4242n;
/** Where a table begins that only a run has. */
const SOME_TABLE = 0x1000_0000n;

/** What the probes make: the payload's own PASID and process where there can be such, else some. */
export function providedFor(meanings: ReturnType<typeof meaningsOf>): Provided {
  const given = (meaning: string, first: bigint, last: bigint, other: bigint): bigint => {
    const value = meanings.get(meaning)?.value;
    return typeof value === 'bigint' && first <= value && value <= last ? value : other;
  };
  return {
    pasid: given('PASID', FIRST_PASID, LAST_PASID, FIRST_PASID),
    pid: given('pid', 1n, LAST_PID, SOME_PID),
  };
}

/** The bytes with the values that the probe has for those that only a run knows. */
export function filled({ struct, bytes, open }: Written, carrier: Carrier, pasid: bigint): Uint8Array {
  const copy = bytes.slice();
  for (const path of open) {
    const spec = carrier.fields[path];
    const located = locate(struct, path.split('.'));
    if ('missing' in located || spec?.as !== 'number') continue;
    const value = spec.meaning === 'PASID' || spec.meaning === 'lowest' || spec.meaning === 'highest';
    if (value) putUint(copy, located.offset, located.field.size, pasid);
    else if (/^table /.test(spec.meaning)) putUint(copy, located.offset, located.field.size, SOME_TABLE);
  }
  return copy;
}

export const unasked = ({ id }: Generation, form: Form, note: string): Row => ({
  generation: id,
  form,
  struct: '',
  verdict: 'cannot be carried',
  lost: [],
  ...(note ? { note } : {}),
});

interface Trial {
  readonly asked: Asked;
  readonly generation: Generation;
  readonly probe: Probe;
  /** What the kernel takes the bytes for. */
  readonly struct: Struct;
  readonly bytes: Uint8Array;
  readonly form: Form;
  readonly lost?: readonly string[];
  /** The row is about the file's own generation, whose quirks count. */
  readonly own?: boolean;
  /** Takes the place of the generation, where a later version of it is asked. */
  readonly kernel?: Generation;
  /** The bytes were written as this struct. */
  readonly writtenAs?: Struct;
}

/** Runs a probe and says in a row what came of it. */
export function rowOf(trial: Trial): Row {
  const { asked, generation, probe, bytes, form, own, kernel } = trial;
  const head = form === 'as it is' ? headFor(asked.head, probe, generation) : [];
  return judged(
    trial,
    ask({
      text: probeText(probe, generation, bytes, asked, head),
      within: probe.within,
      ...(kernel ? { generation: kernel } : {}),
      ...(own ? { quirks: asked.quirks } : {}),
    }),
    probe.within,
  );
}

/** The row of an answer. @param within field of the call's payload in which the bytes lie */
export function judged(
  trial: Pick<Trial, 'generation' | 'struct' | 'bytes' | 'form' | 'lost' | 'writtenAs'>,
  answer: Answer,
  within: string | undefined,
): Row {
  const { generation, struct, bytes, form, writtenAs, lost = [] } = trial;
  const base = { generation: generation.id, form, struct: struct.name, lost };
  if (answer.trouble !== undefined) return { ...base, verdict: 'not asked', note: answer.trouble };
  const { hidden } = answer.detail;
  const read = new Uint8Array(bytes.length);
  read.set(answer.read.subarray(0, bytes.length));
  const ignored = unread(read);
  const measured = { bytes: bytes.length, read: read.reduce((sum, bit) => sum + bit, 0), ignored };
  const { skip } = answer.detail;
  const check = answer.check
    ? { check: { id: answer.check.id, function: answer.check.at } }
    : skip
      ? { check: { id: skip.id } }
      : {};
  const taken = writtenAs ? { takenFor: spelled(struct, bytes) } : {};
  if (answer.outcome !== 'ok' || hidden) {
    const refused = offendingPath(answer, struct, generation, within);
    return {
      ...base,
      verdict: 'refused',
      errno: hidden ?? answer.outcome,
      ...(hidden ? { hidden: true } : {}),
      ...check,
      ...measured,
      ...(refused ? { offending: refused } : {}),
      ...taken,
    };
  }
  // A layout that only goes on longer sees every field where it was put.
  const other = writtenAs && firstDifference(writtenAs, struct, bytes);
  if (other) return { ...base, verdict: 'misread', ...measured, offending: other, ...taken };
  const cut = bytes.findIndex((byte, i) => byte !== 0 && !read[i]);
  if (cut < 0) return { ...base, verdict: 'accepted', ...measured };
  return {
    ...base,
    verdict: 'silently truncated',
    ...measured,
    offending: { offset: cut, what: fieldAt(struct, cut)?.path ?? 'a byte behind the struct' },
  };
}

function unread(read: Uint8Array): (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (const [i, bit] of read.entries()) {
    if (bit) continue;
    const last = ranges.at(-1);
    if (last?.[1] === i - 1) last[1] = i;
    else ranges.push([i, i]);
  }
  return ranges;
}

/** The field that a check names: of the payload, or of the head around it. */
function offendingPath(
  { path, found }: Answer,
  struct: Struct,
  generation: Generation,
  within: string | undefined,
): { readonly offset: number; readonly what: string } | undefined {
  if (path === undefined) return undefined;
  // Of an array, the entry is the subject: `entry 0: addr`.
  const parts = path.replace(/^\w+ \d+: /, '').split('.');
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
function firstDifference(
  one: Struct,
  other: Struct,
  bytes: Uint8Array,
): { readonly offset: number; readonly what: string } | undefined {
  const known = new Set(leaves(one).map(({ path, offset, field }) => `${path} ${offset} ${field.size}`));
  const found = leaves(other).find(
    ({ path, offset, field }) =>
      !known.has(`${path} ${offset} ${field.size}`) &&
      bytes.subarray(offset, offset + field.size).some((byte) => byte !== 0),
  );
  return found && { offset: found.offset, what: found.path };
}

const leaves = (struct: Struct): Located[] =>
  walkFields(struct)
    .filter(({ field }) => !field.struct && field.kind !== 'flex')
    .sort((a, b) => a.offset - b.offset);

const fieldAt = (struct: Struct, byte: number): Located | undefined =>
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
