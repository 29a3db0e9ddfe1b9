import { type Generation, hexGrouped, type MachineConfig, modelById } from '../../../engine/index.ts';
import type { MachineItem, Setting } from '../syntax.ts';
import type { Report, ToNumber } from './report.ts';

/** What an `iommu` item says beyond the capabilities of the unit. */
export interface UnitSetup {
  readonly psc: boolean;
  readonly registers: Readonly<Record<string, bigint>>;
  /** The item without what was read here. */
  readonly rest: MachineItem;
  /** Further keys that the item could have had. */
  readonly keys: readonly string[];
}

/**
 * Whether a key of an `iommu` item means a capability: a whole register (`cap`, `IDR0`) or a field of one. VT-d's FSTS is
 * such a field here, and a register only where it is read and written.
 */
function isCapability(name: string, model: string): boolean {
  const { capabilities = {}, aliases = {} } = modelById(model) ?? {};
  if (name in capabilities || name.toLowerCase() in capabilities || name in aliases) return true;
  return Object.values(capabilities).some(({ fields }) => fields.some((field) => field.name === name));
}

/** Names that a bare machine may give a value to: what software programs and is no capability. */
export const registerKeys = (model: string): readonly string[] =>
  (modelById(model)?.hardware?.registers ?? [])
    .filter((r) => r.access !== 'ro' && !isCapability(r.name, model))
    .map((r) => r.name);

/**
 * `psc = 0`, and on bare hardware registers as they are when a scenario begins, in the order of their writes. A kernel
 * programs its own.
 */
export function setupOf(
  item: MachineItem,
  model: string,
  base: MachineConfig,
  generation: Generation,
  number: ToNumber,
  report: Report,
): UnitSetup {
  let { psc } = base;
  const registers: Record<string, bigint> = {};
  const taken = new Set<Setting>();
  const { hardware } = modelById(model) ?? {};
  for (const setting of item.settings) {
    const name = setting.key.text;
    if (name === 'psc' && hardware) {
      taken.add(setting);
      psc = (number(setting.value) ?? 1n) !== 0n;
      continue;
    }
    const register = hardware?.registers.find((r) => r.name === name);
    if (!register || isCapability(name, model)) continue;
    taken.add(setting);
    if (!base.bare) {
      const message = `${name} is programmed by the kernel of ${generation.id}; only under uapi bare a machine gives registers`;
      report(setting.key, 'needs-bare', message);
    } else if (register.access === 'ro') report(setting.key, 'register-read-only', `${name} is read-only`);
    else {
      const value = number(setting.value);
      if (value === undefined) continue;
      if (value >> BigInt(register.width) === 0n) registers[name] = value;
      else
        report(
          setting.value,
          'value-too-wide',
          `${hexGrouped(value)} does not fit ${name}, which has ${register.width} bits`,
        );
    }
  }
  const rest = { ...item, settings: item.settings.filter((setting) => !taken.has(setting)) };
  const keys = [...(hardware ? ['psc'] : []), ...(base.bare ? registerKeys(model) : [])];
  return { psc, registers, rest, keys };
}
