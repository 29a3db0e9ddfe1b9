import {
  type Declared,
  encodePayload,
  findGeneration,
  type Generation,
  type Image,
  type Payload,
  RUNNABLE_GENERATION_IDS,
  type ScenarioFile,
  type Struct,
} from '../../../engine/index.ts';
import type { Resolved } from '../../language/resolve.ts';
import { staticNames } from '../hover-context.ts';
import { type Carrier, carrierFor, carrierOf, ROLES } from './carriers.ts';
import { collisionRows } from './collisions.ts';
import { type Head, headOf } from './head.ts';
import { PROBES, probeFor } from './probes.ts';
import { type Asked, filled, providedFor, type Row, rowOf, unasked } from './row.ts';
import { isSameLayout, meaningsOf, sizeOf, type Written, writeMeanings } from './translate.ts';
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
  /** Entries of the array that is asked about, of which only the first one is asked. */
  readonly entries?: number;
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
  const { written, carrier } = asked;
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
    size: written.bytes.length,
    role: ROLES[carrier.role],
    ...(asked.carried === undefined ? {} : { carried: asked.carried }),
    ...(asked.entries === undefined ? {} : { entries: asked.entries }),
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
  const { written, quirks, head } = asked;
  const versions = [...(file.generation.evolved ?? [])].map(
    ([name, later]) => `${name} ${later.map((v) => `${v.version}:${v.struct.size}`).join()}`,
  );
  return [
    file.generation.id,
    written.struct.name,
    written.struct.size,
    [...written.bytes].join(' '),
    [...written.open].join(),
    [...quirks].join(),
    versions.join(),
    head ? `${head.struct} ${Object.entries(head.fields).join()}` : '',
  ].join('|');
}

/** Whether payloads of a struct ask for something, or are the head around what does. */
export const isComparable = (struct: Struct, generation: Generation): boolean =>
  carrierOf(struct, generation) !== undefined ||
  PROBES.some(({ call }) => generation.ioctls.get(call)?.struct === struct.name);

/** How many generations take the payload, of how many: what fits into a line above it. */
export function compatSummary({ size, rows }: CompatTable): string {
  const own = rows.filter((row) => row.form === 'as it is' || row.form === 'translated');
  const taken = own.filter((row) => row.verdict === 'accepted').length;
  return `${size} bytes · ${taken} of ${own.length} generations accept`;
}

function generationRow(asked: Asked, generation: Generation): Row {
  const { written, carrier } = asked;
  const there = carrierFor(carrier.role, generation);
  const probe = probeFor(carrier.role, generation);
  if (!there || !probe) return unasked(generation, 'translated', `nothing there ${ROLES[carrier.role]}`);
  const isOwn = generation.id === written.generation.id;
  if (isOwn || isSameLayout(there.struct, written.struct)) {
    const bytes = filled(written, carrier, asked.pasid);
    const struct = isOwn ? written.struct : there.struct;
    const kernel = isOwn ? { own: true, kernel: written.generation } : {};
    return rowOf({ asked, generation, probe, struct, bytes, form: 'as it is', ...kernel });
  }
  const target = { generation, struct: there.struct };
  const { bytes, open, lost, incomplete } = writeMeanings(
    meaningsOf(carrier, written),
    written,
    sizeOf(carrier, written),
    there.carrier,
    target,
  );
  if (incomplete) return { ...unasked(generation, 'translated', ''), struct: there.struct.name, lost };
  const translated: Written = { ...target, bytes, open: new Set(open) };
  return rowOf({
    asked,
    generation,
    probe,
    struct: there.struct,
    bytes: filled(translated, there.carrier, asked.pasid),
    form: 'translated',
    lost,
  });
}

/** The payload as the table needs it: that it carries, where it is only a head around another one. */
function askedOf(resolved: Resolved, file: ScenarioFile, declared: Declared<Payload>): Asked | { problem: string } {
  const names = staticNames({ resolved, file });
  let image = encodePayload(declared, names);
  let carried: string | undefined;
  let head: Head | undefined;
  for (let depth = 0; depth < 4; depth++) {
    if (image.troubles.length > 0) return { problem: `${nameOf(image.payload)}: ${image.troubles[0]!.message}` };
    const { struct } = image;
    if (!struct) return { problem: `${nameOf(image.payload)} has no struct, so nothing says what it asks for` };
    const carrier = carrierOf(struct, file.generation);
    if (carrier) {
      const size = image.payload.elements ? struct.size : image.bytes.length;
      const written: Written = {
        generation: file.generation,
        struct,
        bytes: image.bytes.slice(0, size),
        open: new Set(openPaths(image)),
      };
      const provided = providedFor(meaningsOf(carrier, written));
      const entries = image.payload.elements?.length;
      const about = {
        ...(carried === undefined ? {} : { carried }),
        ...(entries === undefined ? {} : { entries }),
        ...(head ? { head } : {}),
      };
      return { written, carrier, ...provided, quirks: file.quirks, ...about };
    }
    const undo = undoneBy(image, file.generation);
    if (undo) return { problem: `${nameOf(image.payload)} takes back what it carries (${undo}): ask about that` };
    const inner = image.embedded ?? pointedAt(image, names.payload.bind(names), names);
    const member = inner ? undefined : memberOf(image, struct, file.generation);
    if (member) {
      const { carrier, written } = member;
      const provided = providedFor(meaningsOf(carrier, written));
      const own = headOf(image);
      return {
        written,
        carrier,
        ...provided,
        quirks: file.quirks,
        carried: member.path,
        ...(own ? { head: own } : {}),
      };
    }
    if (!inner) return { problem: notCompared(struct) };
    head = headOf(image);
    image = inner;
    carried = nameOf(inner.payload);
  }
  return { problem: 'it carries payloads that carry payloads' };
}

/** Only requests whose meaning is told field by field can be carried from one struct to another. */
const notCompared = ({ name }: Struct): string =>
  `what struct ${name} asks for cannot be compared yet; ask about a payload that ${Object.values(ROLES).join(', or ')}`;

/** Heads that take back what their payload asked for; only the request itself is translated. */
const UNDOING: readonly string[] = [
  'VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL',
  'VFIO_IOMMU_UNBIND_GUEST_PGTBL',
  'VFIO_PASID_TABLE_FLAG_UNSET',
];

function undoneBy({ entries }: Image, { constants }: Generation): string | undefined {
  const flags = entries.find((entry) => entry.path === 'flags');
  const said = [...(flags?.field.oneOf ?? []), ...(flags?.field.flags ?? [])];
  return UNDOING.find((name) => said.includes(name) && constants.get(name)?.value === flags?.value);
}

/** The payload that lies behind an address in another one, as in user data of iommufd; or inside, by its name. */
function pointedAt(
  { entries }: Image,
  lookup: (name: string) => Declared<Payload> | undefined,
  names: Parameters<typeof encodePayload>[1],
): Image | undefined {
  for (const { expr, field } of entries) {
    const name =
      expr.kind === 'address-of' && !expr.path?.length
        ? expr.name.text
        : expr.kind === 'name' && field.kind === 'struct'
          ? expr.name
          : undefined;
    const declared = name === undefined ? undefined : lookup(name);
    if (declared && declared.node.word.text !== 'raw') return encodePayload(declared, names);
  }
  return undefined;
}

/** The member of a head that is a request by itself, written out in place. */
function memberOf(
  image: Image,
  struct: Struct,
  generation: Generation,
): { readonly path: string; readonly carrier: Carrier; readonly written: Written } | undefined {
  for (const { name, kind, struct: inner, offset } of struct.fields) {
    const carrier = kind === 'struct' && inner ? carrierOf(inner, generation) : undefined;
    if (!inner || !carrier) continue;
    const prefix = `${name}.`;
    const open = openPaths(image).flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []));
    const bytes = image.bytes.slice(offset, offset + inner.size);
    return { path: name, carrier, written: { generation, struct: inner, bytes, open: new Set(open) } };
  }
  return undefined;
}

/** Fields whose values only a run knows; of an array those of its first entry. */
const openPaths = ({ entries }: Image): string[] =>
  entries
    .filter((entry) => entry.field.kind === 'uint' && entry.value === undefined)
    .map((entry) => entry.path.replace(/^\[0\]\./, ''))
    .filter((path) => !path.startsWith('['));

/** Of an array the first entry is asked about. */
const nameOf = ({ name, word, elements }: Payload): string => `${name?.text ?? word.text}${elements ? '[0]' : ''}`;
