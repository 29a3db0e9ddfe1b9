import {
  type Declared,
  findGeneration,
  type Generation,
  type Payload,
  RUNNABLE_GENERATION_IDS,
  type Struct,
} from '../../../engine/index.ts';
import type { Resolved } from '../../language/resolve.ts';
import { askedOf, nameOf } from './asked.ts';
import { carrierOf } from './carriers.ts';
import { collisionRows } from './collisions.ts';
import { directKey, directNotes, directRole, directRows } from './direct.ts';
import { ROLES } from './meaning.ts';
import { generationRow, notesOf } from './role-rows.ts';
import { routeOf } from './routes.ts';
import type { Row } from './row.ts';
import { versionRows } from './versions.ts';

/** A payload held against every generation that runs. */
export interface CompatTable {
  readonly payload: string;
  readonly generation: string;
  readonly struct: string;
  readonly size: number;
  /** What the payload asks for, in words. */
  readonly role: string;
  /** The payload that the table is about, when the one asked for only carries it. */
  readonly carried?: string;
  /** Entries of the array that is asked about. */
  readonly entries?: number;
  /** What the probes put in the place of the payload's own values, and whatever else holds for all rows. */
  readonly notes: readonly string[];
  readonly rows: readonly Row[];
}

/**
 * Asks every generation that runs what it would make of a payload.
 * @param which `counted`: only the rows that a summary counts
 */
export function compatOf(
  resolved: Resolved,
  declared: Declared<Payload>,
  which: 'all' | 'counted' = 'all',
): CompatTable | { readonly problem: string } {
  const file = resolved.scenarioFile;
  if (!file) return { problem: 'the file names no generation that is known' };
  const asked = askedOf(resolved, file, declared);
  if ('problem' in asked) return asked;
  if ('route' in asked) {
    const { struct, image } = asked;
    return {
      payload: nameOf(declared.node),
      generation: file.generation.id,
      struct: struct.name,
      size: image.bytes.length,
      ...(image.payload.elements ? { entries: image.payload.elements.length } : {}),
      role: directRole(asked),
      notes: directNotes(asked),
      rows: directRows(asked, which),
    };
  }
  const { written } = asked;
  const rows = RUNNABLE_GENERATION_IDS.flatMap((id) => {
    const generation = findGeneration(id)!;
    const row = generationRow(asked, generation);
    if (which === 'counted') return [row];
    return [...(id === file.generation.id ? versionRows(asked, file) : []), row, ...collisionRows(asked, generation)];
  });
  return {
    payload: nameOf(declared.node),
    generation: file.generation.id,
    struct: written.struct.name,
    size: asked.entries.reduce((sum, { bytes }) => sum + bytes.length, 0),
    role: ROLES[asked.role],
    ...(asked.carried === undefined ? {} : { carried: asked.carried }),
    ...(asked.isArray ? { entries: asked.entries.length } : {}),
    notes: notesOf(asked, rows),
    rows,
  };
}

/**
 * All that a table depends on, as one text: the same key means the same table. Or why there is none.
 */
export function compatKey(resolved: Resolved, declared: Declared<Payload>): string | { readonly problem: string } {
  const file = resolved.scenarioFile;
  if (!file) return { problem: 'the file names no generation that is known' };
  const asked = askedOf(resolved, file, declared);
  if ('problem' in asked) return asked;
  if ('route' in asked) return directKey(asked);
  const { written, entries, quirks, head, role, model } = asked;
  const versions = [...(file.generation.evolved ?? [])].map(
    ([name, later]) => `${name} ${later.map((v) => `${v.version}:${v.struct.size}`).join()}`,
  );
  return [
    file.generation.id,
    written.struct.name,
    written.struct.size,
    role,
    model,
    ...entries.map(({ bytes, open }) => `${[...bytes].join(' ')} ${[...open].join()}`),
    [...quirks].join(),
    versions.join(),
    head ? `${head.struct} ${Object.entries(head.fields).join()}` : '',
  ].join('|');
}

/** Whether payloads of a struct ask for something, or are the head around what does. */
export const isComparable = (struct: Struct, generation: Generation): boolean =>
  carrierOf(struct, generation) !== undefined || routeOf(struct, generation) !== undefined;

/** How many generations take the payload, of how many: what fits into a line above it. */
export function compatSummary({ size, rows }: CompatTable): string {
  const own = rows.filter((row) => row.form === 'as it is' || row.form === 'translated');
  const taken = own.filter((row) => row.verdict === 'accepted').length;
  return `${size} bytes · ${taken} of ${own.length} generations accept`;
}
