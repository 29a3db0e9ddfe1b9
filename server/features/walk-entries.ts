import { describeEntry, hexGrouped } from '../../engine/index.ts';
import { type BitLayout, decode } from '../../engine/models/bit-layout.ts';
import type { WalkStep } from '../../engine/models/unit.ts';

/** One entry that a walk reads, as it is shown. */
export interface EntryText {
  readonly kind: string;
  readonly stage: WalkStep['stage'];
  /** The specification's name of the entry. */
  readonly name: string;
  /** HPA of the entry. */
  readonly address: bigint;
  readonly value: bigint;
  /** First stage: GPA of the entry under nesting. Second stage: the GPA that is translated. */
  readonly gpa: bigint | undefined;
  /** What it does: `names a table`, `maps a page`, `not present`. */
  readonly role: 'table' | 'page' | 'absent' | 'config';
  /** Flags that are set, or the fields of a configuration entry that are not 0: `AW=2 (48-bit)`. */
  readonly flags: readonly string[];
  /** Reserved bits that are set, which stop a walk. */
  readonly reserved: bigint;
}

/** An entry in words. */
export function entryText(step: WalkStep): EntryText {
  const { what: kind, title, stage, layout, format, level, address, value, gpa } = step;
  if (layout) {
    const flags = configFields(layout, step);
    return { kind, stage, name: title, address, value, gpa, role: 'config', flags, reserved: 0n };
  }
  const entry = format ? describeEntry(format, level, value) : undefined;
  return {
    kind,
    stage,
    name: entry?.name ?? `level ${level}`,
    address,
    value,
    gpa,
    role: !entry?.present ? 'absent' : entry.leaf ? 'page' : 'table',
    flags: entry?.flags ?? [],
    reserved: entry?.reserved ?? 0n,
  };
}

/** Fields that say whether an entry counts. */
const VALIDITY: ReadonlySet<string> = new Set(['P', 'LP', 'UP', 'V', 'Span']);

/** The fields that are not 0; of an entry that is not present just that. */
function configFields(layout: BitLayout, { what, qwords, address }: WalkStep): string[] {
  // A walk reads one half of a root entry: the upper one has the fields of the same place with other names.
  const upper = what === 'root' && (address & 8n) !== 0n;
  const values = decode(layout, upper ? [0n, ...qwords] : qwords);
  const shown = layout.fields.filter(({ name }) => values[name] !== 0n);
  if (!shown.some(({ name }) => VALIDITY.has(name))) return ['not present'];
  return shown.map(({ name, addressLg2, values: named }) => {
    const value = values[name]!;
    const word = Object.entries(named ?? {}).find(([, v]) => v === value)?.[0];
    return `${name}=${addressLg2 ? hexGrouped(value) : value}${word ? ` (${word})` : ''}`;
  });
}
