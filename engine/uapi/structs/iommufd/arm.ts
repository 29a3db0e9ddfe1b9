import { aligned64, array, struct, u8, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';

const LE64 = '__aligned_le64';

export const hwptArmSmmuv3 = struct(
  'iommu_hwpt_arm_smmuv3',
  {
    doc: "The guest's stream table entry, from which the SMMUv3 driver takes the stage-1 half.",
    source: iommufdH('6.14'),
  },
  [
    array(
      'ste',
      8,
      2,
      {
        doc: 'The first two words of the entry, of which V, Cfg, S1Fmt, S1ContextPtr, S1CDMax, S1DSS, S1CIR, S1COR, S1CSH, S1STALLD and EATS may be set.',
        holds: { model: 'smmuv3', what: 'stream table entry' },
      },
      LE64,
    ),
  ],
);

export const hwInfoArmSmmuv3 = struct(
  'iommu_hw_info_arm_smmuv3',
  {
    doc: 'What SMMUv3 tells of itself: its identification registers, not reduced to what the kernel supports.',
    source: iommufdH('6.14'),
  },
  [
    u32('flags', { doc: 'Zero.', out: true }),
    u32('__reserved', { doc: 'Zero.', role: 'reserved', out: true }),
    array('idr', 4, 6, { doc: 'SMMU_IDR0 to SMMU_IDR5.', out: true }),
    u32('iidr', { doc: 'SMMU_IIDR, which names the implementation.', out: true }),
    u32('aidr', { doc: 'SMMU_AIDR, which names the version of the architecture.', out: true }),
  ],
);

export const viommuArmSmmuv3Invalidate = struct(
  'iommu_viommu_arm_smmuv3_invalidate',
  {
    doc: "One command from the guest's queue, which the driver checks, translates and issues.",
    source: iommufdH('6.14'),
  },
  [
    array(
      'cmd',
      8,
      2,
      {
        doc: 'The two words of the command, in which the kernel replaces VMID and StreamID.',
        holds: { model: 'smmuv3', what: 'command' },
      },
      LE64,
    ),
  ],
);

export const veventArmSmmuv3 = struct(
  'iommu_vevent_arm_smmuv3',
  { doc: 'One event record of SMMUv3, as read from a vEVENTQ behind its header.', source: iommufdH('6.17') },
  [
    array(
      'evt',
      8,
      4,
      {
        doc: 'The four words of the record, with the virtual StreamID.',
        out: true,
        holds: { model: 'smmuv3', what: 'event' },
      },
      LE64,
    ),
  ],
);

export const hwInfoTegra241Cmdqv = struct(
  'iommu_hw_info_tegra241_cmdqv',
  { doc: 'What the command queue extension of Tegra241 tells of itself.', source: iommufdH('6.17') },
  [
    u32('flags', { doc: 'Zero.', out: true }),
    u8('version', { doc: 'Version of the extension.', out: true }),
    u8('log2vcmdqs', { doc: 'Command queues that one virtual interface has, as a power of two.', out: true }),
    u8('log2vsids', { doc: 'Virtual StreamIDs that one virtual interface has, as a power of two.', out: true }),
    u8('__reserved', { doc: 'Zero.', role: 'reserved', out: true }),
  ],
);

export const viommuTegra241Cmdqv = struct(
  'iommu_viommu_tegra241_cmdqv',
  { doc: 'Where the first page of a virtual interface can be mapped into the process.', source: iommufdH('6.17') },
  [
    aligned64('out_vintf_mmap_offset', { doc: 'Offset to pass to mmap on the iommufd.', out: true }),
    aligned64('out_vintf_mmap_length', { doc: 'Length to pass to mmap.', unit: 'bytes', out: true }),
  ],
);

export const veventTegra241Cmdqv = struct(
  'iommu_vevent_tegra241_cmdqv',
  { doc: 'Errors of the virtual command queues, as read from a vEVENTQ behind its header.', source: iommufdH('6.17') },
  [
    array(
      'lvcmdq_err_map',
      8,
      2,
      { doc: 'One bit for each queue of the virtual interface that has met an error.', out: true },
      LE64,
    ),
  ],
);
