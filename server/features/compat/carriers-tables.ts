/** Carriers of PASID tables. */
import { type Carrier, number, SIZE } from './meaning.ts';

const TABLE_FORMATS = { IOMMU_PASID_FORMAT_SMMUV3: 'smmuv3' };
export const PASID_TABLES: readonly Carrier[] = [
  {
    role: 'pasid-table',
    struct: 'pasid_table_config',
    fields: {
      version: { as: 'version' },
      bytes: SIZE,
      base_ptr: number('table base'),
      pasid_bits: number('PASID bits'),
    },
    gives: { stage: 'translate' },
    unsaid: ['format'],
  },
  {
    role: 'pasid-table',
    struct: 'iommu_pasid_table_config',
    fields: {
      version: { as: 'version' },
      format: { as: 'choice', meaning: 'format', words: TABLE_FORMATS },
      base_ptr: number('table base'),
      pasid_bits: number('PASID bits'),
      config: {
        as: 'choice',
        meaning: 'stage',
        words: {
          IOMMU_PASID_CONFIG_TRANSLATE: 'translate',
          IOMMU_PASID_CONFIG_BYPASS: 'bypass',
          IOMMU_PASID_CONFIG_ABORT: 'abort',
        },
      },
      'smmuv3.version': { as: 'version' },
      'smmuv3.s1fmt': number('s1fmt'),
      'smmuv3.s1dss': number('s1dss'),
    },
    gives: { format: 'smmuv3' },
  },
];
