import { IOMMU_H } from '../sources.ts';
import { group } from './group.ts';

export const gpasidBindConstants = [
  ...group('IOMMU_GPASID_BIND_VERSION', IOMMU_H, [
    ['IOMMU_GPASID_BIND_VERSION_1', 1n, 'The only version of iommu_gpasid_bind_data.'],
  ]),
  ...group('IOMMU_PASID_FORMAT', IOMMU_H, [
    ['IOMMU_PASID_FORMAT_INTEL_VTD', 1n, 'Intel VT-d in scalable mode with a first-level table.'],
  ]),
  ...group('IOMMU_SVA_GPASID', IOMMU_H, [['IOMMU_SVA_GPASID_VAL', 1n, 'The gpasid of the bind is filled in.']]),
  ...group('IOMMU_SVA_VTD_GPASID', IOMMU_H, [
    ['IOMMU_SVA_VTD_GPASID_SRE', 1n, 'Supervisor requests are allowed, where the hardware supports them.'],
    ['IOMMU_SVA_VTD_GPASID_EAFE', 2n, 'Extended accessed flags are set, where the hardware supports them.'],
    ['IOMMU_SVA_VTD_GPASID_PCD', 4n, 'Page-level cache disable, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_PWT', 8n, 'Page-level write-through, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_EMTE', 16n, 'Extended memory type from emt, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_CD', 32n, 'Cache disable for the whole PASID, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_MTS_MASK', 60n, 'The four memory type bits, CD, EMTE, PCD and PWT.'],
  ]),
] as const;
