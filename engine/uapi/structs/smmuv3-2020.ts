import { nested, overlay, padding, struct, u8, u32, u64 } from '../descriptor.ts';
import { ARM_IOMMU_H, ARM_VFIO_H } from '../sources.ts';
import { cacheInvalidateByVersion, iommuInvAddrInfoArm, iommuInvPasidInfoArm } from './cache-invalidate.ts';

export const cacheInvalidateInfoArm = cacheInvalidateByVersion(
  'IOMMU_CACHE_INVALIDATE_INFO_VERSION_1',
  ARM_IOMMU_H,
  iommuInvPasidInfoArm,
  iommuInvAddrInfoArm,
);

export const iommuPasidSmmuv3 = struct(
  'iommu_pasid_smmuv3',
  { doc: 'What SMMUv3 has to know of a table of context descriptors.', source: ARM_IOMMU_H },
  [
    u32('version', { doc: 'Layout version.', role: 'version', oneOf: ['PASID_TABLE_SMMUV3_CFG_VERSION_1'] }),
    u8('s1fmt', { doc: 'Levels of the table, as S1Fmt of the stream table entry.' }),
    u8('s1dss', {
      doc: 'What becomes of DMA without PASID, as S1DSS of the stream table entry, where more than one descriptor is supported.',
    }),
    padding('padding', 2, 'Zero bytes behind the formats.'),
  ],
);

export const iommuPasidTableConfig = struct(
  'iommu_pasid_table_config',
  { doc: 'Where a guest keeps its PASID table, and what stage 1 is to do with it.', source: ARM_IOMMU_H },
  [
    u32('version', { doc: 'Layout version.', role: 'version', oneOf: ['PASID_TABLE_CFG_VERSION_1'] }),
    u32('format', {
      doc: 'Format of the table and so the member that is filled in; another one is refused with EINVAL.',
      oneOf: ['IOMMU_PASID_FORMAT_SMMUV3'],
    }),
    u64('base_ptr', {
      doc: 'Address of the table of context descriptors in guest memory.',
      space: 'GPA',
      aligned: 64n,
    }),
    u8('pasid_bits', {
      doc: 'Width of the PASIDs that the table has room for, which is 0 where a single context descriptor is supported.',
      unit: 'bits',
    }),
    u8('config', {
      doc: 'What stage 1 does; translating again while it translates is refused with EINVAL.',
      oneOf: ['IOMMU_PASID_CONFIG_TRANSLATE', 'IOMMU_PASID_CONFIG_BYPASS', 'IOMMU_PASID_CONFIG_ABORT'],
    }),
    padding('padding', 6, 'Zero bytes in front of the format.'),
    overlay([
      nested('smmuv3', iommuPasidSmmuv3, {
        doc: 'The table when format is IOMMU_PASID_FORMAT_SMMUV3.',
        when: { field: 'format', is: 'IOMMU_PASID_FORMAT_SMMUV3' },
      }),
    ]),
  ],
);

export const setPasidTable = struct(
  'vfio_iommu_type1_set_pasid_table',
  { doc: 'Gives stage 1 of a nesting container the table of the guest, or takes it back.', source: ARM_VFIO_H },
  [
    u32('argsz', { doc: 'Bytes the caller filled in.', role: 'size', unit: 'bytes' }),
    u32('flags', {
      doc: 'The operation: exactly one of set and unset.',
      oneOf: ['VFIO_PASID_TABLE_FLAG_SET', 'VFIO_PASID_TABLE_FLAG_UNSET'],
    }),
    nested('config', iommuPasidTableConfig, { doc: 'The table, read only with VFIO_PASID_TABLE_FLAG_SET.' }),
  ],
);

export const cacheInvalidateArm = struct(
  'vfio_iommu_type1_cache_invalidate',
  { doc: 'Invalidates what is cached from the stage 1 of the guest.', source: ARM_VFIO_H },
  [
    u32('argsz', { doc: 'Bytes the caller filled in, 56 or more.', role: 'size', unit: 'bytes' }),
    u32('flags', { doc: 'Must be zero, or the request is refused with EINVAL.', role: 'reserved' }),
    nested('info', cacheInvalidateInfoArm, { doc: 'What to flush.' }),
  ],
);

export const setMsiBinding = struct(
  'vfio_iommu_type1_set_msi_binding',
  {
    doc: 'Tells the host which address a guest gave to an MSI doorbell, so that both stages can map it.',
    source: ARM_VFIO_H,
  },
  [
    u32('argsz', { doc: 'Bytes the caller filled in.', role: 'size', unit: 'bytes' }),
    u32('flags', {
      doc: 'The operation: exactly one of bind and unbind.',
      oneOf: ['VFIO_IOMMU_BIND_MSI', 'VFIO_IOMMU_UNBIND_MSI'],
    }),
    u64('iova', { doc: 'Address that devices write for the interrupt, before stage 1.', space: 'GVA' }),
    u64('gpa', { doc: 'Address of the doorbell in the guest, read only to bind.', space: 'GPA' }),
    u64('size', { doc: 'Length of the mapping that stage 1 has for it, read only to bind.', unit: 'bytes' }),
  ],
);
