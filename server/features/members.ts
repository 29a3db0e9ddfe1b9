import {
  carrying,
  type Declared,
  encodePayload,
  type Generation,
  type Image,
  isNoStruct,
  type Names,
  type ScenarioFile,
  type Struct,
  structOf,
  type Target,
} from '../../engine/index.ts';
import type { Expr, Payload, Step } from '../language/syntax.ts';

/** What stands behind the dot of a name that has no struct, with one sentence without its full stop. */
export interface Member {
  readonly name: string;
  readonly doc: string;
}

/** Whether devices and page tables of a generation are objects of an iommufd, with ids. */
export const hasIommufd = ({ ioctls }: Generation): boolean => ioctls.has('IOMMU_IOAS_ALLOC');

/** Whether a stream table entry stands between a device and its memory, which a call of the generation fills in. */
const hasStage1 = ({ ioctls }: Generation): boolean => ioctls.has('VFIO_IOMMU_SET_PASID_TABLE');

const SID: Member = { name: 'sid', doc: 'source id, as requests carry it' };
const DEVICE_IDS: readonly Member[] = [
  { name: 'id', doc: 'id of the device in the iommufd, for `dev_id`' },
  { name: 'hwpt_id', doc: 'id of the page table that the device has now; 0 for none' },
];
const STAGE1: Member = { name: 'stage1', doc: 'what the first stage does: 0 bypass, 1 translate, 2 abort' };

/** What each file descriptor's name has; nothing where the generation or its machine has no such thing. */
export function fdMembers(name: string, { generation, machine }: ScenarioFile): readonly Member[] {
  if (!hasIommufd(generation)) return [];
  if (name === 'iommufd') return [{ name: 'fd', doc: 'file descriptor of the iommufd' }];
  if (name !== 'ioas' || machine.iommufdEmpty) return [];
  return [{ name: 'id', doc: 'id of the IOAS that the machine begins with, in which its RAM is mapped' }];
}

export const FD_NAMES: readonly string[] = ['ioas', 'iommufd'];

export function deviceMembers({ generation }: ScenarioFile): readonly Member[] {
  return [SID, ...(hasIommufd(generation) ? DEVICE_IDS : []), ...(hasStage1(generation) ? [STAGE1] : [])];
}

/** What the result of an access has. */
export const OF_DMA: readonly Member[] = [
  { name: 'hpa', doc: 'the host-physical address that the access went to' },
  { name: 'gpa', doc: 'the guest-physical address that the first stage gave' },
  { name: 'value', doc: 'what was read' },
  { name: 'refs', doc: 'paging entries that the access read' },
  { name: 'config', doc: 'configuration entries that the access read' },
  { name: 'code', doc: 'the code of the fault' },
  { name: 'stag', doc: 'the tag that a stalled access waits under' },
];
const OF_ATTACH: readonly Member[] = [
  { name: 'pt_id', doc: 'id of the page table that the device got: the one asked for, or the one made for an IOAS' },
  { name: 'hwpt_id', doc: 'the same under its name of 2023' },
  { name: 'dev_id', doc: 'id of the device' },
];

/** Members of a result that is no payload. */
export function resultMembers(step: Step, generation: Generation): readonly Member[] {
  if (step.kind === 'dma') return OF_DMA;
  return (step.kind === 'attach' || step.kind === 'replace') && hasIommufd(generation) ? OF_ATTACH : [];
}

/** The struct of a payload in the version that it is written in, with what it carries behind its flexible array. */
export function layoutOf(declared: Declared<Payload>, names: Names): Struct | undefined {
  const struct = structOf(declared.node, names.generation, (name) => names.payload(name));
  if (!struct || isNoStruct(struct) || struct.fields.at(-1)?.kind !== 'flex')
    return isNoStruct(struct) ? undefined : struct;
  return carrying(struct, encodePayload(declared, names).embedded?.struct);
}

/** A path without the index of an array's element, which a layout of one element does not have. */
export function inElement<Part>(payload: Payload, path: readonly Part[], textOf: (part: Part) => string): Part[] {
  const [first] = path;
  return payload.elements && first !== undefined && /^\d+$/.test(textOf(first)) ? path.slice(1) : [...path];
}

/** The payload that an address leads to: `&NAME`, also with a cast, a path or an index behind it. */
export function addressed(expr: Expr | undefined, names: Names): Declared<Payload> | undefined {
  switch (expr?.kind) {
    case 'address-of':
      return names.payload(expr.name.text);
    case 'cast':
    case 'unary':
      return addressed(expr.operand, names);
    case 'binary':
      return addressed(expr.left, names) ?? addressed(expr.right, names);
    default:
      return undefined;
  }
}

/** The newest version of a struct, which has every field that a payload of it can give. */
export const newestOf = (struct: Struct, { evolved }: Generation): Struct =>
  evolved?.get(struct.name)?.at(-1)?.struct ?? struct;

/** The structs that a pointer or a flexible array may lead to here. */
export interface Targets {
  readonly structs: readonly string[];
  /** The path of the field that chooses among them. */
  readonly by?: string;
  /** Its constant, where the payload gives one. */
  readonly chosen?: string;
}

/** @param path of the field in its payload, whose siblings choose the struct */
export function targetsOf(
  { struct, by, to = {} }: Pick<Target, 'struct' | 'by' | 'to'>,
  path: string,
  image: Image | undefined,
  { constants }: Generation,
): Targets {
  if (struct !== undefined) return { structs: [struct] };
  if (by === undefined) return { structs: [] };
  const selector = [...path.split('.').slice(0, -1), by].join('.');
  const value = image?.entries.findLast((entry) => entry.path === selector)?.value;
  const chosen = value === undefined ? undefined : Object.keys(to).find((name) => constants.get(name)?.value === value);
  const all = { structs: [...new Set(Object.values(to))], by: selector };
  return chosen === undefined ? all : { structs: [to[chosen]!], by: selector, chosen };
}
