import {
  type Field,
  type Generation,
  getUint,
  type Located,
  locate,
  type Struct,
  walkFields,
} from '../../../engine/index.ts';
import { atTitle, atValue, type FieldView, type Finding, type PayloadView, type RuleContext } from './rule.ts';

/** What the kernel reads at some place of a payload, whichever field filled it in. */
export interface Reading {
  readonly path: string;
  /** Undefined when only a run knows it. */
  readonly value: bigint | undefined;
  /** The field that was given; undefined when nothing was, so that the kernel reads 0. */
  readonly from: FieldView | undefined;
}

/** Reads a field by its path; undefined where the struct has no such field, and for an array of structs. */
export function reading(view: PayloadView, path: string): Reading | undefined {
  if (view.payload.elements) return undefined;
  const found = placeOf(view.struct, path);
  return found && readingAt(view, path, found.offset, found.field.size);
}

/** Where a path lies; every rule asks for the same few, for every payload. */
function placeOf(struct: Struct, path: string): Located | undefined {
  const known = places.get(struct) ?? new Map<string, Located | undefined>();
  places.set(struct, known);
  if (!known.has(path)) {
    const found = locate(struct, path.split('.'));
    known.set(path, 'missing' in found ? undefined : found);
  }
  return known.get(path);
}

const places = new WeakMap<Struct, Map<string, Located | undefined>>();

/** Reads bytes by their place, as a kernel does that takes the payload for another struct. */
export function readingAt(view: PayloadView, path: string, offset: number, size: number): Reading {
  const { bytes, later, troubles } = view.image;
  const complete = later.length === 0 && troubles.length === 0;
  let from: FieldView | undefined;
  let known = true;
  for (const f of view.fields.values()) {
    if (offset + size <= f.offset || f.offset + f.field.size <= offset) continue;
    from = f;
    known &&= f.value !== undefined || (f.field.kind !== 'uint' && complete);
  }
  if (!from) known = !mayLackFields(view);
  return { path, value: known ? getUint(bytes, offset, size) : undefined, from };
}

/** Whether a mistake hides fields, so that an unset one may be meant to be set: a misspelt field, or a broken base. */
export const mayLackFields = ({ image, payload }: PayloadView): boolean =>
  image.troubles.some((trouble) => trouble.code === 'unknown-field' || payload.base !== undefined);

/** A finding where the value was given, or at the payload's name when it was not. */
export const atReading = (
  view: PayloadView,
  { from }: Reading,
  message: string,
  more: Omit<Finding, 'at' | 'file' | 'message'> = {},
): Finding => (from ? atValue(from, message, more) : atTitle(view, message, more));

/** The same where several fields decide: at the first that this payload gives itself rather than inherits. */
export function atOneOf(
  view: PayloadView,
  readings: readonly Reading[],
  message: string,
  more: Omit<Finding, 'at' | 'file' | 'message'> = {},
): Finding {
  const own = readings.find(({ from }) => from && isOwn(view, from)) ?? readings.find(({ from }) => from);
  return own?.from ? atValue(own.from, message, more) : atTitle(view, message, more);
}

/** Whether a payload gives a field itself, and does not inherit it. */
export const isOwn = ({ file, payload }: PayloadView, field: FieldView): boolean =>
  field.file === file && payload.start <= field.expr.start && field.expr.end <= payload.end;

/** `version is 2`, or `version is not set, so 0`. */
export const found = ({ path, from }: Reading, value: string): string =>
  `${path} is ${from ? value : `not set, so ${value}`}`;

/** `NAME (1)` for the constant of `names` with this value. */
export const constantText = (name: string, context: RuleContext): string => `${name} (${context.constant(name)})`;

/** The constant of `names` with this value. */
export const constantOf = (
  value: bigint | undefined,
  names: readonly string[] | undefined,
  context: RuleContext,
): string | undefined => (value === undefined ? undefined : names?.find((name) => context.constant(name) === value));

/** The bits that a field's flags cover. */
export const bitsOf = (names: readonly string[], context: RuleContext): bigint =>
  names.reduce((bits, name) => bits | context.constant(name), 0n);

/** A union of a payload, and which of its members the kernel will read. */
export interface UnionReading {
  readonly path: string;
  readonly located: Located;
  readonly selector: Reading;
  /** The constant that the selector holds; undefined when it holds no known one. */
  readonly constant: string | undefined;
  /** Undefined when the constant chooses none. */
  readonly member: string | undefined;
}

/** Every union of the payload that has a selector. */
export function unionsOf(view: PayloadView, context: RuleContext): readonly UnionReading[] {
  const known = unions.get(view) ?? readUnions(view, context);
  unions.set(view, known);
  return known;
}

/** Several rules ask for the unions of a view, some for each of its fields. */
const unions = new WeakMap<PayloadView, readonly UnionReading[]>();

function readUnions(view: PayloadView, context: RuleContext): UnionReading[] {
  const found: UnionReading[] = [];
  for (const located of walkFields(view.struct)) {
    const { field, path, parent } = located;
    if (!field.selector) continue;
    const selector = reading(view, path.slice(0, path.length - field.name.length) + field.selector.field);
    if (!selector) continue;
    const { oneOf } = parent.fields.find((f) => f.name === field.selector!.field)!;
    const constant = constantOf(selector.value, oneOf, context);
    const member = constant === undefined ? undefined : field.selector.members[constant];
    found.push({ path, located, selector, constant, member });
  }
  return found;
}

/** Whether a field lies in no union, or in the member of it that the kernel reads. */
export function isRead(view: PayloadView, path: string, context: RuleContext): boolean {
  for (const union of unionsOf(view, context))
    if (path.startsWith(`${union.path}.`) && !path.startsWith(`${union.path}.${union.member}.`)) return false;
  return isChosen(view, path, context);
}

/** Whether every member of an unnamed union on the way to a field is the one that its sibling chooses. */
function isChosen(view: PayloadView, path: string, context: RuleContext): boolean {
  const parts = path.split('.');
  let within: Struct | undefined = view.struct;
  for (let i = 0; within && i < parts.length; i++) {
    const field: Field | undefined = within.fields.find((f) => f.name === parts[i]);
    if (field?.when) {
      const chooser: Field | undefined = within.fields.find((f) => f.name === field.when!.field);
      const value = reading(view, [...parts.slice(0, i), field.when.field].join('.'))?.value;
      const is = context.constant(field.when.is);
      if (value !== undefined && (chooser?.flags ? (value & is) === 0n : value !== is)) return false;
    }
    within = field?.struct;
  }
  return true;
}

/** Whether the kernel reads this struct from its caller, and so may refuse what is in it. */
export function isArgument(view: PayloadView, { file: { generation } }: RuleContext): boolean {
  const known =
    args.get(generation) ??
    new Set([
      ...[generation.kinds, generation.ioctls, generation.calls].flatMap((table) =>
        [...table.values()].map(({ struct }) => struct),
      ),
      ...[...generation.structs.values()].flatMap(({ fields }) => fields.flatMap(structsBehind)),
    ]);
  args.set(generation, known);
  return known.has(view.struct.name);
}

/** The structs that an address or a flexible array leads to. */
const structsBehind = ({ out, target, carries }: Field): readonly string[] =>
  out ? [] : [target, carries].flatMap((to) => [...(to?.struct ? [to.struct] : []), ...Object.values(to?.to ?? {})]);

const args = new WeakMap<Generation, ReadonlySet<string | undefined>>();
