import { type DeviceConfig, hostUnit } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { reading } from './reading.ts';
import type { Finding, PayloadView, RuleContext, Use } from './rule.ts';
import { submitsOf } from './submits.ts';

/** The IOMMU that a PASID table is bound to; undefined on a generation that hands over none. */
export function tableUnit(context: RuleContext): ReturnType<typeof hostUnit> | undefined {
  const family = familyOf(context);
  return family === 'table' || family === 'arm' ? hostUnit(context.machine) : undefined;
}

/** A finding about a pasid_table_config, once for each submit that binds it: to unbind it, nobody reads it. */
export function* whereBound(
  view: PayloadView,
  context: RuleContext,
  finding: Finding,
  concerns: (devices: readonly DeviceConfig[]) => boolean = () => true,
): Iterable<Finding> {
  if (view.uses.length === 0 && concerns(context.machine.devices)) yield finding;
  for (const use of submitsOf(view, context))
    if (isBind(use) && concerns(devicesOf(use, context))) yield { ...finding, use };
}

const isBind = ({ step: { to } }: Use): boolean => to?.kind === 'name' && to.name === 'bind_pasid_table';

const devicesOf = ({ step }: Use, { machine: { devices } }: RuleContext): readonly DeviceConfig[] =>
  step.on ? devices.filter(({ name }) => name === step.on!.text) : devices.slice(0, 1);

/** Where a VFIO_IOMMU_SET_PASID_TABLE of 2020 sets a table: `config.`; undefined for what sets none. */
export function tableSetBy(view: PayloadView, context: RuleContext): 'config.' | undefined {
  if (familyOf(context) !== 'arm' || view.struct.name !== 'vfio_iommu_type1_set_pasid_table') return undefined;
  const flags = reading(view, 'flags')?.value;
  return flags !== undefined && (flags & context.constant('VFIO_PASID_TABLE_FLAG_SET')) !== 0n ? 'config.' : undefined;
}
