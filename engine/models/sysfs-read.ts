import { type IdValues, idField, readField } from './smmuv3/ids.ts';
import { SYSFS_MODELS, sysfsProperty } from './sysfs.ts';
import { decodeCaps } from './vtd/caps.ts';

/** What a machine says of its IOMMU: `MachineConfig` as far as it is needed here. */
export interface Described {
  readonly model: string;
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly haw: number;
  readonly idr: IdValues;
}

/** A file of the sysfs description of 2018 as this unit would fill it in; undefined where it would have no such file. */
export function sysfsValue(unit: Described, name: string): bigint | undefined {
  if (name === 'model') return SYSFS_MODELS[unit.model] === undefined ? undefined : BigInt(SYSFS_MODELS[unit.model]!);
  const property = sysfsProperty(name);
  const number = unit.model === 'smmuv3' ? ofSmmuv3(unit.idr, property) : ofVtd(unit, property?.vtd);
  return number === undefined ? undefined : BigInt(number);
}

function ofSmmuv3(idr: IdValues, property: ReturnType<typeof sysfsProperty>): number | undefined {
  if (!property?.smmuv3) return undefined;
  const { field, stored } = property.smmuv3;
  const bits = readField(idr, idField(field)!);
  return stored === 'as it is' ? bits : [...stored].find(([, each]) => each === bits)?.[0];
}

function ofVtd(
  { model, cap, ecap, haw }: Described,
  what: NonNullable<ReturnType<typeof sysfsProperty>>['vtd'],
): number | undefined {
  if (model !== 'vtd') return undefined;
  const caps = decodeCaps(cap, ecap, haw);
  switch (what) {
    case 'pasid bits':
      return caps.PASID === 0 ? 0 : caps.PSS + 1;
    case 'guest address bits':
      return caps.MGAW + 1;
    case 'host address bits':
      return haw;
    default:
      return undefined;
  }
}
