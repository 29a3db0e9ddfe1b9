import { VFIO_ARM_CHECKS } from '../../../engine/index.ts';
import { tableSetBy } from './pasid-table.ts';
import { atReading, constantOf, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const CONFIGS = ['IOMMU_PASID_CONFIG_TRANSLATE', 'IOMMU_PASID_CONFIG_BYPASS', 'IOMMU_PASID_CONFIG_ABORT'];

export default rule({
  id: 'config-unknown',
  severity: 'warning',
  structs: ['vfio_iommu_type1_set_pasid_table'],
  errno: 'EINVAL',
  summary: 'config does not say what stage 1 does',
  why: 'config of an iommu_pasid_table_config is to translate, to bypass or to abort. 0 is none of them, so that a table whose config was left out is refused.',
  examples: {
    bad: [
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_pasid_table set {
                                     // ^^^ config.config is not set, so 0; write IOMMU_PASID_CONFIG_TRANSLATE, IOMMU_PASID_CONFIG_BYPASS or IOMMU_PASID_CONFIG_ABORT
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040
    smmuv3.version = PASID_TABLE_SMMUV3_CFG_VERSION_1
  }
}
scenario "a table, and nothing to do with it" { submit set }`,
    ],
    good: [
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_pasid_table set {
  argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET
  config {
    version = PASID_TABLE_CFG_VERSION_1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0040, config = IOMMU_PASID_CONFIG_TRANSLATE
    smmuv3.version = PASID_TABLE_SMMUV3_CFG_VERSION_1
  }
}
struct vfio_iommu_type1_set_pasid_table unset { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_UNSET }
scenario "to unset one, config is not looked at" {
  submit set
  submit unset
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const config = tableSetBy(view, context) && reading(view, 'config.config');
    if (config?.value === undefined || constantOf(config.value, CONFIGS, context)) return;
    const message = `${found(config, `${config.value}`)}; write ${CONFIGS.slice(0, -1).join(', ')} or ${CONFIGS.at(-1)}`;
    yield* predictRead(view, context, atReading(view, config, message, { predicts: VFIO_ARM_CHECKS.table.config }));
  },
});
