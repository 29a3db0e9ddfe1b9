import { IOMMU_H, IOMMU_H_5_8 } from '../sources.ts';
import { group } from './group.ts';

export const gpasidBindVersion = group('IOMMU_GPASID_BIND_VERSION', IOMMU_H_5_8, [
  ['IOMMU_GPASID_BIND_VERSION_1', 1n, 'The only version of iommu_gpasid_bind_data.'],
]);

const memoryType = 'The four memory type bits, CD, EMTE, PCD and PWT.';

/** The mask that the merged headers call MTS and the posting of March 2020 called EMT. */
export const memoryTypeMask = (name: string, source: string) =>
  group('IOMMU_SVA_VTD_GPASID', source, [[name, 60n, memoryType]]);

export const gpasidBindConstants = [
  ...gpasidBindVersion,
  ...group('IOMMU_PASID_FORMAT', IOMMU_H_5_8, [
    ['IOMMU_PASID_FORMAT_INTEL_VTD', 1n, 'Intel VT-d in scalable mode with a first-level table.'],
  ]),
  ...group('IOMMU_SVA_GPASID', IOMMU_H_5_8, [['IOMMU_SVA_GPASID_VAL', 1n, 'The gpasid of the bind is filled in.']]),
  ...group('IOMMU_SVA_VTD_GPASID', IOMMU_H_5_8, [
    ['IOMMU_SVA_VTD_GPASID_SRE', 1n, 'Supervisor requests are allowed, where the hardware supports them.'],
    ['IOMMU_SVA_VTD_GPASID_EAFE', 2n, 'Extended accessed flags are set, where the hardware supports them.'],
    ['IOMMU_SVA_VTD_GPASID_PCD', 4n, 'Page-level cache disable, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_PWT', 8n, 'Page-level write-through, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_EMTE', 16n, 'Extended memory type from emt, which the kernel refuses.'],
    ['IOMMU_SVA_VTD_GPASID_CD', 32n, 'Cache disable for the whole PASID, which the kernel refuses.'],
  ]),
  ...memoryTypeMask('IOMMU_SVA_VTD_GPASID_MTS_MASK', IOMMU_H_5_8),
] as const;

/** What 5.10 added: where the known formats and bits end. */
export const gpasidBindLimits = [
  ...group('IOMMU_PASID_FORMAT', IOMMU_H, [
    ['IOMMU_PASID_FORMAT_LAST', 2n, 'First number that is no format, from which on EINVAL is returned.'],
  ]),
  ...group('IOMMU_SVA_VTD_GPASID', IOMMU_H, [
    ['IOMMU_SVA_VTD_GPASID_LAST', 64n, 'First bit that is no attribute, from which on EINVAL is returned.'],
  ]),
] as const;
