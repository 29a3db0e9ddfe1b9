import { nearest } from '../base/text.ts';
import type { MachineConfig } from '../host/machine-config.ts';
import { PhysMem } from '../memory/phys-mem.ts';
import { modelById, type RegisterInfo } from '../models/index.ts';
import type { Unit } from '../models/unit.ts';

const units = new WeakMap<MachineConfig, Unit>();

/** A unit of the machine that nothing runs on, to ask what it has; undefined where the model has no hardware. */
function unitOf(config: MachineConfig): Unit | undefined {
  const known = units.get(config);
  if (known) return known;
  const unit = modelById(config.model)?.hardware?.create(new PhysMem(1), config);
  if (unit) units.set(config, unit);
  return unit;
}

/** What `iommu0.NAME` reads when a scenario begins and the machine gives no registers; undefined for an unknown name. */
export const registerAtStart = (name: string, config: MachineConfig): bigint | undefined =>
  unitOf(config)?.register(name);

/** A register of the machine's unit by its name. */
export const registerInfo = (name: string, { model }: MachineConfig): RegisterInfo | undefined =>
  modelById(model)?.hardware?.registers.find((r) => r.name === name);

/** Why a scenario cannot write `iommu0.NAME`, with the name that was probably meant; undefined where it can. */
export function whyNotWritable(
  name: string,
  config: MachineConfig,
): { readonly code: string; readonly message: string; readonly fix?: string } | undefined {
  const info = registerInfo(name, config);
  if (info) return info.access === 'ro' ? { code: 'register-read-only', message: `${name} is read-only` } : undefined;
  const registers = modelById(config.model)?.hardware?.registers ?? [];
  const owner = registers.find(({ layout }) => layout?.fields.some((field) => field.name === name));
  if (owner) {
    const what = owner.access === 'ro' ? ', which is read-only' : ': write the whole register';
    return { code: 'register-field', message: `${name} is a field of ${owner.name}${what}` };
  }
  // A unit may number more registers than its list names, such as fault records.
  if (registerAtStart(name, config) !== undefined) return undefined;
  const near = nearest(
    name,
    registers.filter((r) => r.access !== 'ro').map((r) => r.name),
  );
  const message = `iommu0 has no register ${name}${near ? `; did you mean ${near}?` : ''}`;
  return { code: 'unknown-name', message, ...(near ? { fix: near } : {}) };
}
