import { type Generation, locate, putUint, type Struct } from '../../../engine/index.ts';
import { type Answer, ask } from './ask.ts';
import { behindStruct, fieldAt, firstDifference, misplacedAnswer, offendingPath, spelled } from './differences.ts';
import { type Head, headFor } from './head.ts';
import type { Carrier, Role } from './meaning.ts';
import { type Probe, type Provided, probeText } from './probes.ts';
import type { meaningsOf, Written } from './translate.ts';

/** What a table is made for: a payload and what it carries. */
export interface Asked extends Provided {
  readonly written: Written;
  readonly carrier: Carrier;
  /** As the file sets them, for the rows of its own generation. */
  readonly quirks: ReadonlyMap<string, boolean>;
  readonly carried?: string;
  /** What is asked for; a payload may take back what its carrier asks for. */
  readonly role: Role;
  /** Every entry of an array; of any other payload `written` alone. */
  readonly entries: readonly Written[];
  /** The payload is an array. */
  readonly isArray: boolean;
  /** The model that the payload is for, or that of the file's machine. */
  readonly model: string;
  readonly head?: Head;
}

export type Verdict =
  | 'accepted'
  | 'refused'
  | 'silently truncated'
  | 'misread'
  /** Accepted, but the answer is not written where the caller looks for it. */
  | 'answer misplaced'
  | 'cannot be carried'
  /** The generation has no call that takes such a payload. */
  | 'no such call'
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
  /** Bytes that the kernel copied although the payload had ended. */
  readonly overread?: number;
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
const LAST_GROUP = 0xffff_ffffn;
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
    group: given('group', 0n, LAST_GROUP, 0n),
    withPasid: meanings.get('PASID given')?.value === 1n,
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

export const unasked = ({ id }: Generation, form: Form): Row => ({
  generation: id,
  form,
  struct: '',
  verdict: 'cannot be carried',
  lost: [],
});

/** The entry of an array that a byte is in. */
export const entryAt = (offset: number, { size }: Struct, entries: number): string =>
  `entry ${Math.floor(offset / size) + 1} of ${entries}`;

/** A row with one more remark, in front of those that it has. */
export const noted = (row: Row, note: string): Row => ({ ...row, note: row.note ? `${note}; ${row.note}` : note });

interface Trial {
  readonly asked: Asked;
  readonly generation: Generation;
  readonly probe: Probe;
  /** What the kernel takes the bytes for. */
  readonly struct: Struct;
  readonly bytes: Uint8Array;
  /** How many entries of an array the bytes are. */
  readonly entries?: number;
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
  const row = judged(
    trial,
    ask({
      text: probeText(probe, generation, bytes, asked, head, trial.entries),
      within: probe.within,
      ...(kernel ? { generation: kernel } : {}),
      ...(own ? { quirks: asked.quirks } : {}),
    }),
    probe.within,
  );
  if (probe.readsNothing && row.verdict === 'silently truncated') {
    const { offending: _none, ...rest } = row;
    return { ...rest, verdict: 'accepted', note: 'the call reads nothing of its argument' };
  }
  const isOther = probe.model !== generation.model && row.note === undefined;
  return isOther ? { ...row, note: `asked on ${probe.model}` } : row;
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
  const over = answer.overread > 0 && bytes.length > 0 ? { overread: answer.overread } : {};
  const measured = { bytes: bytes.length, read: read.reduce((sum, bit) => sum + bit, 0), ignored, ...over };
  const { skip } = answer.detail;
  const check = answer.check
    ? { check: { id: answer.check.id, function: answer.check.at } }
    : skip
      ? { check: { id: skip.id } }
      : {};
  const taken = writtenAs ? { takenFor: spelled(struct, bytes) } : {};
  if (answer.outcome !== 'ok' || hidden) {
    const refused = behindStruct(answer, struct, bytes) ?? offendingPath(answer, struct, generation, within);
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
  const misplaced = writtenAs && misplacedAnswer(writtenAs, struct, bytes, answer);
  if (misplaced) return { ...base, verdict: 'answer misplaced', ...measured, offending: misplaced, ...taken };
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
