import type { Field, Struct, Target } from '../../../engine/index.ts';
import { objectOf } from './objects.ts';
import { type Reading, reading } from './reading.ts';
import type { FieldView, PayloadView, RuleContext } from './rule.ts';
import { pointee, submitsOf } from './submits.ts';

/** What an address in a payload leads to, and the fields beside it that say what that is. */
export interface DriverData {
  readonly address: Field;
  readonly target: Target;
  /** Undefined where the address is not given. */
  readonly given: FieldView | undefined;
  /** The payload that lies there, where that is one by name. */
  readonly there: PayloadView | undefined;
  /** Which struct the caller says that it is. */
  readonly type: Reading | undefined;
  /** The structs that this may be: several where types share a number, or where the kernel says it. */
  readonly structs: readonly Struct[];
  readonly length: Reading | undefined;
  readonly count: Reading | undefined;
  readonly element: Reading | undefined;
}

/** The addresses of a payload that lead to something described. */
export function driverDataOf(view: PayloadView, context: RuleContext): readonly DriverData[] {
  if (view.payload.elements) return [];
  return view.struct.fields.flatMap((address) => {
    const { target } = address;
    if (!target) return [];
    const at = (name: string | undefined): Reading | undefined =>
      name === undefined ? undefined : reading(view, name);
    const chooser = view.struct.fields.find((f) => f.name === target.by);
    const type = chooser?.out ? undefined : at(target.by);
    return [
      {
        address,
        target,
        given: view.fields.get(address.name),
        there: pointee(view, address.name, context),
        type,
        structs: structsOf(target, type, chooser, context),
        length: at(target.length),
        count: at(target.count),
        element: at(target.element),
      },
    ];
  });
}

function structsOf(
  { struct, to }: Target,
  type: Reading | undefined,
  chooser: Field | undefined,
  { file: { generation } }: RuleContext,
): readonly Struct[] {
  const names = new Set<string>(struct === undefined ? [] : [struct]);
  for (const [constant, name] of Object.entries(to ?? {}))
    if (chooser?.out || generation.constants.get(constant)?.value === type?.value) names.add(name);
  return [...names].flatMap((name) => generation.structs.get(name) ?? []);
}

/** `vtd`, `smmuv3` or `selftest`: the driver behind the devices of the machine. */
export type Driver = 'vtd' | 'smmuv3' | 'selftest';

export const driverOf = ({ machine }: RuleContext): Driver | undefined =>
  (['vtd', 'smmuv3', 'selftest'] as const).find((driver) => driver === machine.model);

/** The driver that a constant such as IOMMU_HWPT_DATA_VTD_S1 is of, by its name; undefined for one of none. */
export function driverNamed(constant: string): string | undefined {
  return DRIVERS.find(([, pattern]) => pattern.test(constant))?.[0];
}

const DRIVERS: readonly (readonly [string, RegExp])[] = [
  ['vtd', /_VTD(_|$)/],
  ['smmuv3', /_ARM_SMMUV3$/],
  ['selftest', /_SELFT+EST$/],
  ['tegra241', /_TEGRA241_/],
  ['amd', /_AMD(_|$)/],
];

/** What stands in the generation's tables for a value of a field, all of them where several share a number. */
export const constantsOf = (field: Field, value: bigint, { file: { generation } }: RuleContext): readonly string[] =>
  (field.oneOf ?? []).filter((name) => generation.constants.get(name)?.value === value);

/** The kind of the object that a field names, in the scenarios that submit the payload. */
export function kindAt(view: PayloadView, path: string, context: RuleContext): string | undefined {
  const scenarios = [...new Set(submitsOf(view, context).map(({ scenario }) => scenario))];
  return objectOf(view.fields.get(path)?.expr, scenarios, context)?.kind;
}
