import { group } from '../constants/group.ts';
import { padding, struct, u8, u32 } from '../descriptor.ts';
import { configMembers } from './pasid-table-2018.ts';

const THREAD = 'review of vSVA v4, 2018-05-30, include/uapi/linux/iommu.h';

/** Constants of the proposal: the model numbers are the thread's own examples. */
export const pasidTableProposalConstants = [
  ...group('PASID_TABLE_CFG_VERSION', THREAD, [
    ['PASID_TABLE_CFG_VERSION_2', 2n, 'The pasid_table_config that names the model of the IOMMU.'],
  ]),
  ...group('IOMMU_MODEL', THREAD, [
    ['IOMMU_MODEL_INTEL_VTD', 1n, 'The table is one of Intel VT-d.'],
    ['IOMMU_MODEL_ARM_SMMU_V3', 2n, 'The table holds context descriptors of an SMMUv3.'],
  ]),
] as const;

/**
 * Version 2 of pasid_table_config, as its reviewers asked for it: 32 bytes, a model number that the host compares with
 * its IOMMU, and the two bytes that Arm's tables need. Nobody posted it; names and places of the new fields are ours.
 */
export const pasidTableConfigProposal = struct(
  'pasid_table_config',
  {
    doc: 'Where a guest keeps its PASID table, and the model of IOMMU that it was made for.',
    source: THREAD,
  },
  [
    ...configMembers(['PASID_TABLE_CFG_VERSION_2']),
    padding('padding', 3, 'Must be zero, where version 1 left three bytes to chance.'),
    u32('model', {
      doc: 'Model of IOMMU that the table was made for, which decides the fields that count and is refused when the host has another.',
      oneOf: ['IOMMU_MODEL_INTEL_VTD', 'IOMMU_MODEL_ARM_SMMU_V3'],
    }),
    u8('s1fmt', { doc: 'Levels of the table for IOMMU_MODEL_ARM_SMMU_V3, as S1Fmt of the stream table entry.' }),
    u8('s1dss', {
      doc: 'What becomes of DMA without PASID for IOMMU_MODEL_ARM_SMMU_V3, as S1DSS of the stream table entry.',
    }),
    padding('padding2', 6, 'Must be zero.'),
  ],
);

/** What a model makes of the proposal. */
export interface PasidTableModel {
  /** Constant for the field `model`. */
  readonly constant: string;
  /** Id of the IOMMU model of the language. */
  readonly model: string;
  /** Alignment of `base_ptr`, in bytes. */
  readonly aligned: bigint;
  /** Fields that count for this model only; they must be zero for every other. */
  readonly fields: readonly string[];
}

export const PASID_TABLE_MODELS: readonly PasidTableModel[] = [
  { constant: 'IOMMU_MODEL_INTEL_VTD', model: 'vtd', aligned: 4096n, fields: [] },
  { constant: 'IOMMU_MODEL_ARM_SMMU_V3', model: 'smmuv3', aligned: 64n, fields: ['s1fmt', 's1dss'] },
];
