import { decode } from '../../../engine/models/bit-layout.ts';
import {
  CAP_REG,
  capField,
  DEFAULT_HAW,
  decodeCaps,
  ECAP_REG,
  encodeCaps,
  NEEDS,
  validateCaps,
} from '../../../engine/models/vtd/caps.ts';
import type { MachineItem, Setting } from '../syntax.ts';
import { type Report, type ToNumber, unknownKey } from './report.ts';
import { readSysfs } from './sysfs.ts';

export interface Registers {
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly haw: number;
}

/**
 * `iommu vtd { .. }`: whole registers, fields by name over the usual ones, or the sysfs description of 2018.
 * @param keys further ones that a slip may have meant
 */
export function vtdOf(
  item: MachineItem,
  base: Registers,
  number: ToNumber,
  report: Report,
  keys: readonly string[] = [],
): Registers {
  let { cap, ecap, haw } = base;
  const sysfs = readSysfs(item, 'vtd', number, report);
  const fields = new Map<string, number>();
  for (const { property, value } of sysfs.values) {
    if (property.vtd === 'host address bits') haw = value;
    else if (property.vtd === 'guest address bits') fields.set('MGAW', value - 1);
    else if (property.vtd === 'pasid bits') {
      fields.set('PASID', value === 0 ? 0 : 1);
      fields.set('PSS', Math.max(0, value - 1));
    }
  }
  for (const setting of item.settings) {
    if (sysfs.taken.has(setting)) continue;
    const value = number(setting.value);
    if (value === undefined) continue;
    const key = setting.key.text;
    if (key === 'cap') cap = value;
    else if (key === 'ecap') ecap = value;
    else if (key === 'haw') haw = Number(value);
    else {
      const field = capField(key);
      if (!field)
        unknownKey(
          setting,
          'the VT-d unit',
          [
            'cap',
            'ecap',
            'haw',
            ...keys,
            ...Object.keys(decode(CAP_REG, [0n])),
            ...Object.keys(decode(ECAP_REG, [0n])),
          ],
          report,
        );
      else if (1n << BigInt(field.width) <= value)
        report(
          setting.value,
          'value-too-wide',
          `${value} does not fit ${field.name}, which has ${field.width} bit${field.width === 1 ? '' : 's'}`,
        );
      else fields.set(field.name, Number(value));
    }
  }
  const rawGiven = item.settings.some((s) => s.key.text === 'cap' || s.key.text === 'ecap');
  const all = { ...numbersOf(CAP_REG, cap), ...numbersOf(ECAP_REG, ecap), ...Object.fromEntries(fields) };
  // What a default rests on may be cleared by name; then the default goes too. What the author wrote stays.
  if (!rawGiven)
    for (let changed = true; changed; ) {
      changed = false;
      for (const { field, needs } of NEEDS) {
        if (all[field] === 0 || fields.has(field) || needs.every((name) => all[name] !== 0)) continue;
        all[field] = 0;
        changed = true;
      }
    }
  const registers = fields.size > 0 ? encodeCaps(all) : { cap, ecap };
  // Registers as a machine printed them are taken as they are. One setting may contradict several others: one mistake.
  const wrong = new Map<Setting | MachineItem, string[]>();
  for (const conflict of rawGiven ? [] : validateCaps(decodeCaps(registers.cap, registers.ecap, haw))) {
    const at =
      item.settings.find((s) => conflict.fields.includes(capField(s.key.text)?.name ?? s.key.text)) ??
      item.settings[0] ??
      item;
    wrong.set(at, [...(wrong.get(at) ?? []), conflict.message]);
  }
  for (const [at, messages] of wrong)
    report(at, 'machine-impossible', `no hardware reports this: ${messages.join('; ')}`);
  return haw < 32 || 52 < haw ? { ...registers, haw: DEFAULT_HAW } : { ...registers, haw };
}

const numbersOf = (layout: typeof CAP_REG, word: bigint): Record<string, number> =>
  Object.fromEntries(Object.entries(decode(layout, [word])).map(([name, value]) => [name, Number(value)]));
