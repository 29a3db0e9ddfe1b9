import { type DeviceConfig, PASID_TABLE_CHECKS, VFIO_ARM_CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { tableSetBy, tableUnit, whereBound } from './pasid-table.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { singleDescriptor, pasidBits } = VFIO_ARM_CHECKS.table;
const TRANSLATE = 'IOMMU_PASID_CONFIG_TRANSLATE';

export default rule({
  id: 'pasid-bits-unsupported',
  severity: 'warning',
  structs: ['pasid_table_config', 'vfio_iommu_type1_set_pasid_table'],
  errno: 'EINVAL',
  checks: [PASID_TABLE_CHECKS.bind.pasidBits, singleDescriptor, pasidBits],
  summary: 'a PASID table has room for more PASIDs than the device or its IOMMU can send',
  why: 'pasid_bits is the width of the PASIDs that a table has room for, and the smaller of what the device and the IOMMU offer is the limit. The tenth posting for SMMUv3 has a single context descriptor and takes 0 only; with the quirk single_descriptor off the limit is that of the hardware.',
  examples: {
    bad: [
      `uapi iommu-2018-05
machine { device dev0 { pasid = 16 } }
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }
                                                                                                                         // ^^ pasid_bits is 20, but at most 16 are supported here
scenario "a narrow device" { submit table to bind_pasid_table on dev0 }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_pasid_table set {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040, config = IOMMU_PASID_CONFIG_TRANSLATE
    smmuv3.version = PASID_TABLE_SMMUV3_CFG_VERSION_1
    pasid_bits = 4
              // ^ config.pasid_bits is 4, but at most 0 are supported here
  }
}
scenario "one context descriptor" { submit set }`,
      `uapi vfio-arm-2020 { single_descriptor = off }
struct vfio_iommu_type1_set_pasid_table set {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040, config = IOMMU_PASID_CONFIG_TRANSLATE
    smmuv3.version = PASID_TABLE_SMMUV3_CFG_VERSION_1
    pasid_bits = 21
              // ^^ config.pasid_bits is 21, but at most 20 are supported here
  }
}
scenario "wider than a SubstreamID" { submit set }`,
    ],
    good: [
      `uapi iommu-2018-05
struct pasid_table_config table { version = PASID_TABLE_CFG_VERSION_1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }
scenario "as wide as the device" { submit table to bind_pasid_table on dev0 }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_pasid_table set {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, config = IOMMU_PASID_CONFIG_BYPASS
    smmuv3.version = PASID_TABLE_SMMUV3_CFG_VERSION_1, pasid_bits = 4
  }
}
scenario "without translation nobody asks" { submit set }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (familyOf(context) === 'table') yield* bound(view, context);
    else if (tableSetBy(view, context)) yield* set(view, context);
  },
});

function* bound(view: PayloadView, context: RuleContext): Iterable<Finding> {
  const bits = reading(view, 'pasid_bits');
  const unit = tableUnit(context);
  if (bits?.value === undefined || !unit) return;
  const most = (devices: readonly DeviceConfig[]): number => Math.min(...devices.map((d) => unit.pasidBits(d)));
  const isTooWide = (devices: readonly DeviceConfig[]): boolean =>
    devices.length > 0 && BigInt(most(devices)) < bits.value!;
  const finding = atReading(view, bits, messageOf(found(bits, `${bits.value}`), most(context.machine.devices)), {
    predicts: PASID_TABLE_CHECKS.bind.pasidBits,
  });
  yield* whereBound(view, context, finding, isTooWide);
}

function* set(view: PayloadView, context: RuleContext): Iterable<Finding> {
  const bits = reading(view, 'config.pasid_bits');
  const config = reading(view, 'config.config')?.value;
  const unit = tableUnit(context);
  if (bits?.value === undefined || config !== context.constant(TRANSLATE) || !unit) return;
  const single = context.file.quirks.get('single_descriptor') === true;
  const most = single ? 0 : Math.min(...context.machine.devices.map((d) => unit.pasidBits(d)));
  if (bits.value <= BigInt(most)) return;
  const message = messageOf(found(bits, `${bits.value}`), most);
  const predicts = single ? singleDescriptor : pasidBits;
  yield* predictRead(view, context, atReading(view, bits, message, { predicts }));
}

const messageOf = (is: string, most: number): string => `${is}, but at most ${most} are supported here`;
