import { ID_FIELDS, ID_REGISTERS } from '../../../engine/models/smmuv3/id-fields.ts';
import {
  DEFAULT_IDS,
  ID_NEEDS,
  type IdValues,
  idField,
  readField,
  validateIds,
  writeField,
} from '../../../engine/models/smmuv3/ids.ts';
import { SYSFS } from '../../../engine/models/sysfs.ts';
import type { MachineItem, Setting } from '../syntax.ts';
import { type Report, type ToNumber, unknownKey } from './report.ts';
import { readSysfs } from './sysfs.ts';

const KEYS: readonly string[] = [
  ...ID_REGISTERS,
  ...ID_FIELDS.map((field) => field.name),
  'model',
  ...SYSFS.filter((property) => property.smmuv3).map((property) => property.name),
];

/**
 * `iommu smmuv3 { .. }`: whole registers, fields by name over the usual ones, or the sysfs description of 2018.
 * @param keys further ones that a slip may have meant
 */
export function smmuv3Of(
  item: MachineItem,
  base: IdValues,
  number: ToNumber,
  report: Report,
  keys: readonly string[] = [],
): IdValues {
  let values = base['IDR0'] === undefined ? DEFAULT_IDS : base;
  const named = new Map<string, Setting | undefined>();
  let raw = false;
  for (const setting of item.settings) {
    const register = ID_REGISTERS.find((name) => name === setting.key.text);
    if (!register) continue;
    raw = true;
    const value = number(setting.value);
    if (value === undefined) continue;
    if (0xffff_ffffn < value) report(setting.value, 'value-too-wide', `${register} has 32 bits`);
    else values = { ...values, [register]: Number(value) };
  }

  const put = (name: string, value: number, setting: Setting | undefined): void => {
    const field = idField(name)!;
    named.set(name, setting);
    if (value < 2 ** field.width) values = writeField(values, field, value);
    else
      report(
        setting?.value ?? item,
        'value-too-wide',
        `${value} does not fit ${name}, which has ${field.width} bit${field.width === 1 ? '' : 's'}`,
      );
  };
  const sysfs = readSysfs(item, 'smmuv3', number, report);
  for (const { property, value, setting } of sysfs.values) {
    const { field, stored } = property.smmuv3!;
    const bits = stored === 'as it is' ? value : stored.get(value);
    if (bits !== undefined) put(field, bits, setting);
    else
      report(
        setting?.value ?? item,
        'machine-impossible',
        `${property.name} is ${stored === 'as it is' ? 'a number' : [...stored.keys()].join(', ')}, not ${value}`,
      );
  }
  for (const setting of item.settings) {
    const name = setting.key.text;
    if (sysfs.taken.has(setting) || (ID_REGISTERS as readonly string[]).includes(name)) continue;
    if (!idField(name)) unknownKey(setting, 'the SMMUv3', [...KEYS, ...keys], report);
    else {
      const value = number(setting.value);
      if (value !== undefined) put(name, Number(value), setting);
    }
  }
  // Registers as a machine printed them are taken as they are.
  if (raw) return values;
  values = withoutUnsupported(values, named);
  for (const { fields, message } of validateIds(values)) {
    const at = fields.map((name) => named.get(name)).find((setting) => setting !== undefined);
    report(at ?? item.settings[0] ?? item, 'machine-impossible', `no hardware reports this: ${message}`);
  }
  return values;
}

/** What a default rests on may be cleared by name; then the default goes too. What the author wrote stays. */
function withoutUnsupported(values: IdValues, named: ReadonlyMap<string, unknown>): IdValues {
  let left = values;
  for (let changed = true; changed; ) {
    changed = false;
    for (const { field, needs } of ID_NEEDS) {
      const [own, base] = [idField(field)!, idField(needs)!];
      if (named.has(field) || readField(left, own) === 0 || readField(left, base) !== 0) continue;
      left = writeField(left, own, 0);
      changed = true;
    }
  }
  return left;
}
