import { viommuSelftestConstants } from '../constants/iommufd/selftest.ts';
import { viommuConstants } from '../constants/iommufd/viommu.ts';
import { extend } from '../generation.ts';
import { hwInfoArmSmmuv3, hwptArmSmmuv3, viommuArmSmmuv3Invalidate } from '../structs/iommufd/arm.ts';
import { hwInfoPasid } from '../structs/iommufd/hw-info.ts';
import { hwptAlloc48, hwptInvalidate } from '../structs/iommufd/hwpt.ts';
import { ioasChangeProcess, ioasMapFile } from '../structs/iommufd/ioas.ts';
import { viommuInvalidateSelftest } from '../structs/iommufd/selftest.ts';
import { vdeviceAlloc, viommuAlloc24 } from '../structs/iommufd/viommu.ts';
import { iommufd612, PASID_CAPABILITIES } from './iommufd-6.12.ts';
import { VIOMMU_IOCTLS } from './iommufd-ioctls.ts';
import * as payloads from './iommufd-payloads.ts';
import { armCmdStrict, countIncludesUnissued, probeRefused, wrongKindIsEnoent } from './iommufd-quirks.ts';

/** What an invalidation and a nested page table may name once there are virtual IOMMUs. */
export const TARGETS = 'Nested page table, or virtual IOMMU, whose cached translations are meant.';
export const PARENTS = 'Address space to follow, or nesting parent or virtual IOMMU to put a nested page table on.';

/** Virtual IOMMUs, which SMMUv3 needs for nesting. The built-in test is that of 6.12 with what 6.13 added to it. */
export const iommufd614 = extend(iommufd612, {
  id: 'iommufd-6.14',
  title: 'vIOMMU and vDEVICE added (Linux 6.14)',
  doc: 'Virtual IOMMUs and virtual devices, with nesting for SMMUv3 on top of them: stream table entries and commands of the guest are checked and translated by the kernel.',
  drop: [wrongKindIsEnoent.name],
  structs: [
    hwptAlloc48({
      release: '6.14',
      flags: ['IOMMU_HWPT_ALLOC_NEST_PARENT', 'IOMMU_HWPT_ALLOC_DIRTY_TRACKING', 'IOMMU_HWPT_FAULT_ID_VALID'],
      parents: PARENTS,
      payloads: payloads.HWPT_6_14,
    }),
    hwInfoPasid({ release: '6.14', types: payloads.HW_INFO_6_14, capabilities: PASID_CAPABILITIES }),
    hwptInvalidate({ release: '6.14', hwptId: TARGETS, entries: payloads.ENTRIES_6_14 }),
    hwptArmSmmuv3,
    hwInfoArmSmmuv3,
    viommuArmSmmuv3Invalidate,
    viommuAlloc24(['IOMMU_VIOMMU_TYPE_DEFAULT', 'IOMMU_VIOMMU_TYPE_ARM_SMMUV3', 'IOMMU_VIOMMU_TYPE_SELFTEST']),
    vdeviceAlloc,
    ioasMapFile,
    ioasChangeProcess,
    viommuInvalidateSelftest,
  ],
  constants: [...viommuConstants, ...viommuSelftestConstants],
  ioctls: VIOMMU_IOCTLS,
  quirks: [countIncludesUnissued, probeRefused, armCmdStrict],
});
