import type { Check, Skip, Struct } from '../../../engine/index.ts';
import type { PayloadView, RuleContext } from './rule.ts';

/** Generations whose kernels ask the same of the same fields. */
export type Family = 'process' | 'table' | 'v1' | 'arm' | 'v6' | 'posted' | 'iommufd';

const FAMILY: readonly (readonly [Family, RegExp])[] = [
  ['process', /^vfio-2018-02$/],
  ['table', /^iommu-2018-0[45]$/],
  ['v1', /^vfio-2020-03$/],
  ['arm', /^vfio-arm-2020$/],
  ['v6', /^vfio-2020-07$|^vfio-2021-03$/],
  ['posted', /^iommufd-2023-07$/],
  ['iommufd', /^iommufd-/],
];

/** Undefined for a header alone, of which no handler is known. */
export const familyOf = ({ file: { generation } }: RuleContext): Family | undefined =>
  generation.header ? undefined : FAMILY.find(([, ids]) => ids.test(generation.id))?.[0];

/** What refuses or skips; undefined where the kernel does not look, which may hang on quirks or on other fields. */
export type Decider = Check | ((context: RuleContext, view: PayloadView) => Check | Skip | undefined);

/** By family, and in it by struct and path: `iommu_gpasid_bind_data.padding`. */
export type FieldChecks = Readonly<Partial<Record<Family, Readonly<Record<string, Decider>>>>>;

/** What decides on a field, by the struct it is submitted in or by the one that it lies in. */
export function checkAt(
  table: FieldChecks,
  view: PayloadView,
  path: string,
  context: RuleContext,
): Check | Skip | undefined {
  const family = familyOf(context);
  const own = family && table[family];
  if (!own) return undefined;
  for (const key of keysOf(view.struct, path)) {
    const decider = own[key];
    if (decider) return typeof decider === 'function' ? decider(context, view) : decider;
  }
  return undefined;
}

/** `outer.info.flags` and `inner.flags`: the path from the struct of the payload, and from each named struct inside. */
export function keysOf(struct: Struct, path: string): readonly string[] {
  const parts = path.replace(ELEMENT, '').split('.');
  const keys = [`${struct.name}.${parts.join('.')}`];
  for (let within: Struct | undefined = struct, i = 0; within && i < parts.length - 1; i++) {
    const field: Struct['fields'][number] | undefined = within.fields.find((f) => f.name === parts[i]);
    within = field?.struct;
    if (within && !field!.inline) keys.push(`${within.name}.${parts.slice(i + 1).join('.')}`);
  }
  return keys;
}

/** An element of an array is given as `[1].field`. */
const ELEMENT = /^\[\d+\]\.?/;

/** The check that a quirk of the generation leaves out. */
export const unlessQuirk =
  (quirk: string, check: Check): Decider =>
  ({ file }) =>
    file.quirks.get(quirk) ? undefined : check;

/** All checks of a table, once each, as a rule lists them. */
export const checksIn = (table: FieldChecks): readonly Check[] => [
  ...new Set(
    Object.values(table)
      .flatMap((fields) => Object.values(fields ?? {}))
      .filter((decider) => typeof decider !== 'function'),
  ),
];
