import {
  type Declared,
  encodePayload,
  type Generation,
  getUint,
  type Image,
  locate,
  PASID_TABLE_MODELS,
  type Payload,
  type ScenarioFile,
  type Struct,
} from '../../../engine/index.ts';
import type { Resolved } from '../../language/resolve.ts';
import { staticNames } from '../hover-context.ts';
import { carrierOf } from './carriers.ts';
import { type Direct, directOf } from './direct.ts';
import { type Head, headOf } from './head.ts';
import type { Carrier, Role } from './meaning.ts';
import { type Asked, providedFor } from './row.ts';
import { meaningsOf, type Written } from './translate.ts';

/** The payload as the table needs it: that it carries, where it is only a head around another one. */
export function askedOf(
  resolved: Resolved,
  file: ScenarioFile,
  declared: Declared<Payload>,
): Asked | Direct | { problem: string } {
  const names = staticNames({ resolved, file });
  let image = encodePayload(declared, names);
  let carried: string | undefined;
  let head: Head | undefined;
  let undoing = false;
  for (let depth = 0; depth < 4; depth++) {
    if (image.troubles.length > 0) return { problem: `${nameOf(image.payload)}: ${image.troubles[0]!.message}` };
    const { struct } = image;
    if (!struct) return { problem: `${nameOf(image.payload)} has no struct, so nothing says what it asks for` };
    const carrier = carrierOf(struct, file.generation);
    if (carrier) {
      const entries = entriesOf(image, struct, file.generation);
      const [written] = entries;
      if (!written) return { problem: `${nameOf(image.payload)} has no entries` };
      return {
        ...askedAbout(file, carrier, written, undoing),
        entries,
        isArray: entries.length > 1,
        ...(carried === undefined ? {} : { carried }),
        ...(head ? { head } : {}),
      };
    }
    const direct = directOf(file, image, names);
    undoing ||= isUndoing(image, file.generation);
    const inner = image.embedded ?? pointedAt(image, names.payload.bind(names), names);
    const member = inner ? undefined : memberOf(image, struct, file.generation);
    if (member) {
      const { carrier, written } = member;
      const own = headOf(image);
      return {
        ...askedAbout(file, carrier, written, undoing),
        entries: [written],
        isArray: false,
        carried: member.path,
        ...(own ? { head: own } : {}),
      };
    }
    if (!inner || !leadsToRole(inner, file.generation)) return direct ?? { problem: notCompared(struct) };
    head = headOf(image);
    image = inner;
    carried = nameOf(inner.payload);
  }
  return { problem: 'it carries payloads that carry payloads' };
}

const notCompared = ({ name }: Struct): string => `no call takes a struct ${name}: the kernel only writes it`;

/** Whether a payload, or one that it leads to in turn, asks for something that is known field by field. */
function leadsToRole(image: Image, generation: Generation): boolean {
  return (
    image.struct !== undefined && (carrierOf(image.struct, generation) !== undefined || HEADS.has(image.struct.name))
  );
}

/** Payloads that only lead on to others: the container of an array in mid-2023. */
const HEADS: ReadonlySet<string> = new Set(['iommu_hwpt_vtd_s1_invalidate']);

/** Heads that take back what their payload asked for. */
const UNDOING: readonly string[] = [
  'VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL',
  'VFIO_IOMMU_UNBIND_GUEST_PGTBL',
  'VFIO_PASID_TABLE_FLAG_UNSET',
];

function isUndoing({ entries }: Image, { constants }: Generation): boolean {
  const flags = entries.find((entry) => entry.path === 'flags');
  const said = [...(flags?.field.oneOf ?? []), ...(flags?.field.flags ?? [])];
  return UNDOING.some((name) => said.includes(name) && constants.get(name)?.value === flags?.value);
}

/** Requests that such a head takes back, and what that is called. */
const UNDONE: Partial<Record<Role, Role>> = { bind: 'unbind', 'pasid-table': 'pasid-table-unset' };

function askedAbout(
  file: ScenarioFile,
  carrier: Carrier,
  written: Written,
  undoing: boolean,
): Omit<Asked, 'entries' | 'isArray'> {
  const meanings = meaningsOf(carrier, written);
  return {
    written,
    carrier,
    role: (undoing && UNDONE[carrier.role]) || carrier.role,
    model: modelOf(meanings, written) ?? file.machine.model,
    ...providedFor(meanings),
    quirks: file.quirks,
  };
}

/** The model that a payload says it is for. */
function modelOf(meanings: ReturnType<typeof meaningsOf>, { struct, bytes, generation }: Written): string | undefined {
  const format = meanings.get('format')?.value;
  if (format === 'vtd' || format === 'smmuv3') return format;
  const located = locate(struct, ['model']);
  if ('missing' in located) return undefined;
  const value = getUint(bytes, located.offset, located.field.size);
  return PASID_TABLE_MODELS.find(({ constant }) => generation.constants.get(constant)?.value === value)?.model;
}

/** The entries of an array, each with the fields of it that only a run knows; of any other payload itself. */
function entriesOf(image: Image, struct: Struct, generation: Generation): Written[] {
  const paths = openPaths(image);
  const { elements } = image.payload;
  if (!elements) return [{ generation, struct, bytes: image.bytes.slice(), open: new Set(paths) }];
  return elements.map((_, index) => {
    const prefix = `[${index}].`;
    const open = paths.flatMap((path) => (path.startsWith(prefix) ? [path.slice(prefix.length)] : []));
    const bytes = image.bytes.slice(index * struct.size, (index + 1) * struct.size);
    return { generation, struct, bytes, open: new Set(open) };
  });
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

/** Fields whose values only a run knows. */
const openPaths = ({ entries }: Image): string[] =>
  entries.filter((entry) => entry.field.kind === 'uint' && entry.value === undefined).map((entry) => entry.path);

export const nameOf = ({ name, word }: Payload): string => name?.text ?? word.text;
