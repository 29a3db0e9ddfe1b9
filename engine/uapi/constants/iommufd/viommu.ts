import { iommufdH } from '../../sources.ts';
import { group } from '../group.ts';

export const viommuConstants = [
  ...group('iommu_viommu_type', iommufdH('6.14'), [
    ['IOMMU_VIOMMU_TYPE_DEFAULT', 0n, 'Names no kind of virtual IOMMU, and is refused with EOPNOTSUPP.'],
    ['IOMMU_VIOMMU_TYPE_ARM_SMMUV3', 1n, 'The virtual IOMMU is an SMMUv3.'],
  ]),
  ...group('iommu_hwpt_data_type', iommufdH('6.14'), [
    ['IOMMU_HWPT_DATA_ARM_SMMUV3', 2n, 'The payload is the stream table entry of an SMMUv3 guest.'],
  ]),
  ...group('iommu_hwpt_invalidate_data_type', iommufdH('6.14'), [
    ['IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3', 1n, 'The entries are commands from the queue of an SMMUv3 guest.'],
  ]),
  ...group('iommu_hw_info_type', iommufdH('6.14'), [
    ['IOMMU_HW_INFO_TYPE_ARM_SMMUV3', 2n, 'The buffer holds the identification registers of an SMMUv3.'],
  ]),
] as const;

export const veventConstants = [
  ...group('iommu_veventq_flag', iommufdH('6.17'), [
    ['IOMMU_VEVENTQ_FLAG_LOST_EVENTS', 1n, 'The queue was full and events were lost.'],
  ]),
  ...group('iommu_veventq_type', iommufdH('6.17'), [
    ['IOMMU_VEVENTQ_TYPE_DEFAULT', 0n, 'Names no kind of events, and is refused with EOPNOTSUPP.'],
    ['IOMMU_VEVENTQ_TYPE_ARM_SMMUV3', 1n, 'The events are records of an SMMUv3.'],
    [
      'IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV',
      2n,
      'The events are queue errors of the command queue extension of Tegra241.',
    ],
  ]),
  ...group('iommu_viommu_type', iommufdH('6.17'), [
    [
      'IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV',
      2n,
      'The virtual IOMMU is an SMMUv3 with the command queue extension of Tegra241.',
    ],
  ]),
  ...group('iommu_hw_queue_type', iommufdH('6.17'), [
    ['IOMMU_HW_QUEUE_TYPE_DEFAULT', 0n, 'Names no kind of queue, and is refused with EOPNOTSUPP.'],
    ['IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV', 1n, 'The queue is a virtual command queue of Tegra241.'],
  ]),
] as const;
