import { cacheInvalidateConstantsArm } from '../constants/cache-invalidate.ts';
import { smmuv32020Constants } from '../constants/smmuv3-2020.ts';
import { extend, type Ioctl, type Quirk } from '../generation.ts';
import { ARM_VFIO_H } from '../sources.ts';
import { iommuInvAddrInfoArm, iommuInvPasidInfoArm } from '../structs/cache-invalidate.ts';
import * as arm from '../structs/smmuv3-2020.ts';
import { capHeader54, container54, containerIoctls } from './container.ts';
import { iommu54 } from './iommu-5.4.ts';

const ioctls: readonly Ioctl[] = [
  ...containerIoctls,
  {
    name: 'VFIO_IOMMU_SET_PASID_TABLE',
    number: 0x3b7a,
    struct: 'vfio_iommu_type1_set_pasid_table',
    doc: 'Sets or unsets the stage-1 table of the guest; later versions of the series number it 0x3b76.',
    source: ARM_VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_CACHE_INVALIDATE',
    number: 0x3b7b,
    struct: 'vfio_iommu_type1_cache_invalidate',
    doc: 'Invalidates what is cached from stage 1; later versions of the series number it 0x3b77.',
    source: ARM_VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_SET_MSI_BINDING',
    number: 0x3b7c,
    struct: 'vfio_iommu_type1_set_msi_binding',
    doc: 'Announces or withdraws the address that a guest maps an MSI doorbell at.',
    source: ARM_VFIO_H,
  },
];

const quirks: readonly Quirk[] = [
  {
    name: 'iotlb_flushed_before_refusal',
    on: true,
    doc: 'On, a request that names a further cache beside the IOTLB flushes the IOTLB and then returns ENOENT; off, it returns ENOENT and flushes nothing, as from version 14 on.',
    evidence: 'posted patch',
  },
  {
    name: 'domain_flush_reaches_all_guests',
    on: false,
    doc: 'On, a DOMAIN request and a range without archid flush every guest of the SMMU, as in version 14; off, they are refused with EINVAL.',
    evidence: 'posted patch',
  },
  {
    name: 'single_descriptor',
    on: true,
    doc: 'On, the host supports one context descriptor, so that pasid_bits other than 0 is refused with EINVAL and s1dss has no effect; off, as many PASID bits are taken as the SMMU has.',
    evidence: 'posted patch',
  },
  {
    name: 'msi_unbind_enotty',
    on: true,
    doc: 'On, VFIO_IOMMU_UNBIND_MSI takes the binding away and returns ENOTTY, for want of a return of its own; off, it returns 0, as from version 11 on.',
    evidence: 'posted patch',
  },
];

const container = container54(capHeader54);

/** SMMUv3 nested stage setup, v10: the guest owns the table of context descriptors. */
export const vfioArm2020 = extend(iommu54, {
  id: 'vfio-arm-2020',
  title: 'SET_PASID_TABLE, CACHE_INVALIDATE and SET_MSI_BINDING (SMMUv3 nesting, v10)',
  doc: 'The tenth posting of nested stages for SMMUv3, on Linux 5.6: the guest hands over its whole table of context descriptors, in structs with argsz outside and a version inside.',
  model: 'smmuv3',
  structs: [
    iommuInvAddrInfoArm,
    iommuInvPasidInfoArm,
    arm.cacheInvalidateInfoArm,
    arm.iommuPasidSmmuv3,
    arm.iommuPasidTableConfig,
    ...container.structs,
    arm.setPasidTable,
    arm.cacheInvalidateArm,
    arm.setMsiBinding,
  ],
  constants: [...cacheInvalidateConstantsArm, ...smmuv32020Constants, ...container.constants],
  ioctls,
  kinds: [
    { kind: 'bind_data', struct: 'iommu_pasid_table_config' },
    { kind: 'cache_invalidate_info', struct: 'iommu_cache_invalidate_info' },
  ],
  quirks,
});
