import { pasidConstants } from '../constants/iommufd/hwpt.ts';
import { queueSelftestConstants } from '../constants/iommufd/selftest.ts';
import { veventConstants } from '../constants/iommufd/viommu.ts';
import { extend } from '../generation.ts';
import * as arm from '../structs/iommufd/arm.ts';
import { attach16, bind24, detach12 } from '../structs/iommufd/device.ts';
import { hwInfoTyped } from '../structs/iommufd/hw-info.ts';
import { hwptAlloc48 } from '../structs/iommufd/hwpt.ts';
import { viommuEventSelftest, viommuSelftest } from '../structs/iommufd/selftest.ts';
import { hwQueueAlloc, veventHeader, veventqAlloc, viommuAlloc40 } from '../structs/iommufd/viommu.ts';
import { PASID_CAPABILITIES } from './iommufd-6.12.ts';
import { iommufd614, PARENTS } from './iommufd-6.14.ts';
import { QUEUE_IOCTLS } from './iommufd-ioctls.ts';
import * as payloads from './iommufd-payloads.ts';

/** Bits of an allocation since PASIDs can be attached. */
export const ALLOC_FLAGS: readonly string[] = [
  'IOMMU_HWPT_ALLOC_NEST_PARENT',
  'IOMMU_HWPT_ALLOC_DIRTY_TRACKING',
  'IOMMU_HWPT_FAULT_ID_VALID',
  'IOMMU_HWPT_ALLOC_PASID',
];

/** Events out of and queues into a virtual IOMMU. The built-in test is described as 7.2 has it. */
export const iommufd617 = extend(iommufd614, {
  id: 'iommufd-6.17',
  title: 'vEVENTQ and HW_QUEUE added (Linux 6.17)',
  doc: 'Page tables of PASIDs, queues for events of a virtual IOMMU, queues that hardware works on directly, and driver payloads for virtual IOMMUs.',
  structs: [
    bind24,
    attach16,
    detach12,
    hwptAlloc48({ release: '6.17', flags: ALLOC_FLAGS, parents: PARENTS, payloads: payloads.HWPT_6_14 }),
    hwInfoTyped({ release: '6.17', types: payloads.HW_INFO_6_17, capabilities: PASID_CAPABILITIES }),
    arm.hwInfoTegra241Cmdqv,
    viommuAlloc40(
      '6.17',
      [
        'IOMMU_VIOMMU_TYPE_DEFAULT',
        'IOMMU_VIOMMU_TYPE_ARM_SMMUV3',
        'IOMMU_VIOMMU_TYPE_TEGRA241_CMDQV',
        'IOMMU_VIOMMU_TYPE_SELFTEST',
      ],
      payloads.VIOMMU_6_17,
    ),
    veventHeader,
    arm.veventArmSmmuv3,
    arm.veventTegra241Cmdqv,
    veventqAlloc('6.17', [
      'IOMMU_VEVENTQ_TYPE_DEFAULT',
      'IOMMU_VEVENTQ_TYPE_ARM_SMMUV3',
      'IOMMU_VEVENTQ_TYPE_TEGRA241_CMDQV',
      'IOMMU_VEVENTQ_TYPE_SELFTEST',
    ]),
    arm.viommuTegra241Cmdqv,
    hwQueueAlloc('6.17', [
      'IOMMU_HW_QUEUE_TYPE_DEFAULT',
      'IOMMU_HW_QUEUE_TYPE_TEGRA241_CMDQV',
      'IOMMU_HW_QUEUE_TYPE_SELFTEST',
    ]),
    viommuSelftest,
    viommuEventSelftest,
  ],
  constants: [...pasidConstants, ...veventConstants, ...queueSelftestConstants],
  ioctls: QUEUE_IOCTLS,
});
