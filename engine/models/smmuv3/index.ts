/**
 * Arm SMMUv3, as far as a kernel's checks need it: what the unit says of itself, its commands and events by name. There
 * is no hardware behind it yet, so nothing translates.
 */
import type { Model } from '../model.ts';
import { SYSFS } from '../sysfs.ts';
import { ID_LAYOUTS } from './ids.ts';

export const SMMUV3: Model = {
  id: 'smmuv3',
  title: 'Arm SMMUv3, without hardware: allocation and invalidation are checked',
  capabilities: ID_LAYOUTS,
  aliases: Object.fromEntries(SYSFS.flatMap(({ name, smmuv3 }) => (smmuv3 ? [[name, smmuv3.field]] : []))),
  // There is nothing yet that could fault or take a command from a scenario.
  faults: [],
  commands: [],
};
