import { ARM_IOMMU_H, ARM_VFIO_H } from '../sources.ts';
import { group } from './group.ts';

export const smmuv32020Constants = [
  ...group('PASID_TABLE_CFG_VERSION', ARM_IOMMU_H, [
    ['PASID_TABLE_CFG_VERSION_1', 1n, 'The only version of iommu_pasid_table_config.'],
  ]),
  ...group('PASID_TABLE_SMMUV3_CFG_VERSION', ARM_IOMMU_H, [
    ['PASID_TABLE_SMMUV3_CFG_VERSION_1', 1n, 'The only version of iommu_pasid_smmuv3.'],
  ]),
  ...group('IOMMU_PASID_FORMAT', ARM_IOMMU_H, [
    ['IOMMU_PASID_FORMAT_SMMUV3', 1n, 'Context descriptors of an SMMUv3, one number with the VT-d of other postings.'],
  ]),
  ...group('IOMMU_PASID_CONFIG', ARM_IOMMU_H, [
    ['IOMMU_PASID_CONFIG_TRANSLATE', 1n, 'Stage 1 translates with the table.'],
    ['IOMMU_PASID_CONFIG_BYPASS', 2n, 'Stage 1 passes addresses on to stage 2.'],
    ['IOMMU_PASID_CONFIG_ABORT', 3n, 'Stage 1 ends every access.'],
  ]),
  ...group('VFIO_PASID_TABLE_FLAG', ARM_VFIO_H, [
    ['VFIO_PASID_TABLE_FLAG_SET', 1n, 'Installs config for every device of the container.'],
    ['VFIO_PASID_TABLE_FLAG_UNSET', 2n, 'Takes the table away again and ignores config.'],
  ]),
  ...group('VFIO_IOMMU_MSI', ARM_VFIO_H, [
    ['VFIO_IOMMU_BIND_MSI', 1n, 'Announces the mapping of a doorbell.'],
    ['VFIO_IOMMU_UNBIND_MSI', 2n, 'Withdraws the mapping at iova.'],
  ]),
] as const;
