import { type Check, check, type Skip } from '../check.ts';

const V10 = 'SMMUv3 nested stage v10, 2020-03';
const ioctl = 'vfio_iommu_type1_ioctl';
const table = 'arm_smmu_attach_pasid_table';
const flush = 'arm_smmu_cache_invalidate';
const msi = 'arm_smmu_bind_guest_msi';

/** VFIO_IOMMU_SET_PASID_TABLE, in the order in which the kernel meets them. */
export const TABLE_CHECKS = Object.freeze({
  fault: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The argument cannot be read up to the end of config.',
    'posted patch',
    V10,
  ),
  argsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must reach the end of config.', 'posted patch', V10),
  flags: check(
    'unknown-op',
    'EINVAL',
    ioctl,
    'VFIO_PASID_TABLE_FLAG_SET or UNSET must be set; with both of them SET counts, and other bits are not looked at.',
    'posted patch',
    V10,
  ),
  format: check(
    'format-unsupported',
    'EINVAL',
    table,
    'format must be IOMMU_PASID_FORMAT_SMMUV3.',
    'posted patch',
    V10,
  ),
  version: check(
    'version-wrong',
    'EINVAL',
    table,
    'version must be PASID_TABLE_CFG_VERSION_1 and smmuv3.version PASID_TABLE_SMMUV3_CFG_VERSION_1.',
    'posted patch',
    V10,
  ),
  notNesting: check(
    'not-nesting-container',
    'EINVAL',
    table,
    'The domain must be in nesting mode, which needs a container of the nesting type.',
    'posted patch',
    V10,
  ),
  again: check(
    'table-set-already',
    'EINVAL',
    table,
    'Stage 1 translates already: another table can be set after BYPASS, ABORT or UNSET only, though the header says that it is replaced.',
    'posted patch',
    V10,
  ),
  singleDescriptor: check(
    'pasid-bits-unsupported',
    'EINVAL',
    table,
    'pasid_bits must be 0, since one context descriptor is supported.',
    'posted patch',
    V10,
  ),
  pasidBits: check(
    'pasid-bits-unsupported',
    'EINVAL',
    table,
    'pasid_bits must not exceed the SubstreamIDs of a device and its SMMU.',
    'posted patch',
    'SMMUv3 nested stage for vSVA, v12',
  ),
  twoLevels: check(
    'table-levels-unsupported',
    'EINVAL',
    table,
    's1fmt names two levels with leaves of 64K, which needs IDR0.CD2L.',
    'posted patch',
    'SMMUv3 nested stage for vSVA, v12',
  ),
  noMemory: check(
    'out-of-memory',
    'ENOMEM',
    table,
    'The record of stage 1 could not be allocated.',
    'posted patch',
    V10,
  ),
  config: check('config-unknown', 'EINVAL', table, 'config must be TRANSLATE, BYPASS or ABORT.', 'posted patch', V10),
}) satisfies Readonly<Record<string, Check>>;

/** VFIO_IOMMU_CACHE_INVALIDATE, in the order in which the kernel meets them. */
export const FLUSH_CHECKS = Object.freeze({
  fault: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The argument cannot be read up to the end of info.',
    'posted patch',
    V10,
  ),
  argsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must reach the end of info, 56 bytes.', 'posted patch', V10),
  flags: check('unknown-flag-bits', 'EINVAL', ioctl, 'flags must be 0.', 'posted patch', V10),
  callback: check(
    'driver-callback-failed',
    'ENOMEM',
    flush,
    'The injected failure of the callback for this device.',
    'derived',
    V10,
  ),
  notNesting: check(
    'not-nesting-container',
    'EINVAL',
    flush,
    'The domain must be in nesting mode.',
    'posted patch',
    V10,
  ),
  version: check(
    'version-wrong',
    'EINVAL',
    flush,
    'info.version must be IOMMU_CACHE_INVALIDATE_INFO_VERSION_1.',
    'posted patch',
    V10,
  ),
  pasidNotArchid: check(
    'archid-required',
    'EINVAL',
    flush,
    'At PASID granularity archid must hold the ASID, and its flag must be set alone.',
    'posted patch',
    V10,
  ),
  addrNotArchid: check(
    'archid-required',
    'EINVAL',
    flush,
    'At ADDR granularity archid must hold the ASID, and the PASID flag must be clear.',
    'posted patch',
    V10,
  ),
  granularity: check(
    'cache-granularity-refused',
    'EINVAL',
    flush,
    'The IOTLB is flushed by PASID or ADDR; DOMAIN and unknown numbers are refused.',
    'posted patch',
    V10,
  ),
  otherCache: check(
    'cache-unsupported',
    'ENOENT',
    flush,
    'DEV_IOTLB and PASID caches cannot be flushed, which is told after the IOTLB has been.',
    'posted patch',
    V10,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** VFIO_IOMMU_SET_MSI_BINDING, in the order in which the kernel meets them. */
export const MSI_CHECKS = Object.freeze({
  fault: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The argument cannot be read up to the end of size.',
    'posted patch',
    V10,
  ),
  argsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must reach the end of size, 32 bytes.', 'posted patch', V10),
  unbindLost: check(
    'msi-unbind-lost',
    'ENOTTY',
    ioctl,
    'Unbinding has no return of its own, so that the call ends as an unknown command although the binding is gone.',
    'posted patch',
    V10,
  ),
  flags: check(
    'unknown-op',
    'EINVAL',
    ioctl,
    'flags must be VFIO_IOMMU_BIND_MSI or VFIO_IOMMU_UNBIND_MSI and nothing else.',
    'posted patch',
    V10,
  ),
  notNesting: check('not-nesting-container', 'EINVAL', msi, 'The domain must be in nesting mode.', 'posted patch', V10),
  noMemory: check(
    'out-of-memory',
    'ENOMEM',
    'iommu_dma_bind_guest_msi',
    'The record of the binding could not be allocated.',
    'posted patch',
    V10,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** Attaching a group to a domain of the SMMU. */
export const DOMAIN_CHECKS = Object.freeze({
  oneStage: check(
    'no-nesting-capability',
    'EINVAL',
    'arm_smmu_domain_finalise',
    'Nesting needs both stages (IDR0.S1P and IDR0.S2P).',
    'posted patch',
    V10,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** What the calls leave undone while they return 0. */
export const SKIPS = Object.freeze({
  noDomain: {
    id: 'no-domain',
    doc: 'Without a group in the container there is no domain: the loop over the domains is empty and the call returns 0.',
    evidence: 'derived',
    source: V10,
  },
  cacheEmpty: {
    id: 'cache-empty',
    doc: 'A request that names none of the known caches falls through every branch and returns 0.',
    evidence: 'posted patch',
    source: V10,
  },
} satisfies Readonly<Record<string, Skip>>);

/** All checks of this generation, by call. */
export const VFIO_ARM_CHECKS = Object.freeze({
  table: TABLE_CHECKS,
  flush: FLUSH_CHECKS,
  msi: MSI_CHECKS,
  domain: DOMAIN_CHECKS,
});
