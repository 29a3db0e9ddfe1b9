import { type Check, check } from '../check.ts';
import { BIND_CHECKS, INVALIDATE_CHECKS, UNBIND_CHECKS } from '../intel/checks.ts';
import { FD_CHECKS, GROUP_CHECKS, INFO_CHECKS } from '../vfio-container/checks.ts';

const V6 = 'vSVA v6, 2020-07-28';
const SRC = 'Linux 5.10.223';

const request = 'vfio_iommu_type1_pasid_request';
const nesting = 'vfio_iommu_type1_nesting_op';
const pgtbl = 'vfio_iommu_handle_pgtbl_op';
const flush = 'vfio_iommu_invalidate_cache';
const attach = 'vfio_iommu_type1_attach_group';
const prepare = 'iommu_sva_prepare_bind_data';
const checkBind = 'iommu_check_bind_data';
const uapiFlush = 'iommu_uapi_cache_invalidate';
const checkFlush = 'iommu_check_cache_invl_data';

const { attachBusy, ...joining } = GROUP_CHECKS;

/** Every check of the vfio-2020-07 calls, in the order in which the kernel meets them within each call. */
export const CHECKS = Object.freeze({
  // The container file descriptor
  ...FD_CHECKS,

  // VFIO_IOMMU_GET_INFO
  ...INFO_CHECKS,

  // VFIO_IOMMU_PASID_REQUEST
  requestFault: check(
    'user-fault',
    'EFAULT',
    request,
    'The 16 bytes of the request cannot be read.',
    'posted patch',
    V6,
  ),
  requestArgsz: check('argsz-too-small', 'EINVAL', request, 'argsz must be at least 16.', 'posted patch', V6),
  requestFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    request,
    'Only the ALLOC and FREE bits are known.',
    'posted patch',
    V6,
  ),
  requestRange: check(
    'pasid-range-inverted',
    'EINVAL',
    request,
    'range.min must not exceed range.max.',
    'posted patch',
    V6,
  ),
  requestNoVmm: check(
    'not-nesting-container',
    'EOPNOTSUPP',
    request,
    'Only a nesting container that offers system-wide PASIDs hands them out.',
    'posted patch',
    V6,
  ),
  requestOp: check('unknown-op', 'EINVAL', request, 'Exactly one of ALLOC and FREE must be set.', 'posted patch', V6),
  requestNoSpace: check(
    'pasid-none-left',
    'ENOSPC',
    request,
    'No PASID of the range is free, or the quota of 1000 per process is used up.',
    'posted patch',
    V6,
  ),
  requestNoMemory: check(
    'out-of-memory',
    'ENOMEM',
    request,
    'The kernel could not record the new PASID.',
    'posted patch',
    V6,
  ),

  // VFIO_IOMMU_NESTING_OP, VFIO layer
  headerFault: check('user-fault', 'EFAULT', nesting, 'The 8-byte header cannot be read.', 'posted patch', V6),
  headerArgsz: check('argsz-too-small', 'EINVAL', nesting, 'argsz must be at least 8.', 'posted patch', V6),
  headerFlags: check('unknown-flag-bits', 'EINVAL', nesting, 'The high 16 flag bits must be 0.', 'posted patch', V6),
  headerOp: check(
    'unknown-op',
    'EINVAL',
    nesting,
    'The low 16 flag bits must name one of the three operations.',
    'posted patch',
    V6,
  ),
  bindNoNesting: check(
    'not-nesting-container',
    'EOPNOTSUPP',
    pgtbl,
    'The container must be of the nesting type and offer BIND_PGTBL.',
    'posted patch',
    V6,
  ),
  flushNoNesting: check(
    'not-nesting-container',
    'EOPNOTSUPP',
    flush,
    'The container must be of the nesting type and offer CACHE_INVLD.',
    'posted patch',
    V6,
  ),
  bindNoVmm: check(
    'no-system-wide-pasid',
    'EINVAL',
    pgtbl,
    'Page tables are bound to system-wide PASIDs only.',
    'review thread',
    V6,
  ),

  // IOMMU core, bind and unbind
  bindNoOp: check(
    'driver-without-op',
    'ENODEV',
    'iommu_uapi_sva_bind_gpasid',
    'The IOMMU driver must implement guest PASID binding.',
    'source',
    SRC,
  ),
  bindFault: check(
    'user-fault',
    'EFAULT',
    prepare,
    'The bind data cannot be read up to min(argsz, 72).',
    'source',
    SRC,
  ),
  bindArgsz: check(
    'argsz-too-small',
    'EINVAL',
    prepare,
    'argsz must reach the vendor union at byte 56.',
    'source',
    SRC,
  ),
  bindVersion: check(
    'version-wrong',
    'EINVAL',
    checkBind,
    'version must be IOMMU_GPASID_BIND_VERSION_1.',
    'source',
    SRC,
  ),
  bindFormat: check(
    'format-unsupported',
    'EINVAL',
    checkBind,
    'format must not lie past the last known one.',
    'source',
    SRC,
  ),
  bindFlags: check('unknown-flag-bits', 'EINVAL', checkBind, 'Only IOMMU_SVA_GPASID_VAL is known.', 'source', SRC),
  bindPadding: check('padding-not-zero', 'EINVAL', checkBind, 'Every padding byte must be 0.', 'source', SRC),

  // VT-d driver, bind
  ...BIND_CHECKS,

  // VT-d driver, unbind
  ...UNBIND_CHECKS,

  // IOMMU core, cache invalidation
  flushNoOp: check(
    'driver-without-op',
    'ENODEV',
    uapiFlush,
    'The IOMMU driver must implement cache invalidation.',
    'source',
    SRC,
  ),
  flushFault: check(
    'user-fault',
    'EFAULT',
    uapiFlush,
    'The invalidation data cannot be read up to min(argsz, 56).',
    'source',
    SRC,
  ),
  flushArgsz: check(
    'argsz-too-small',
    'EINVAL',
    uapiFlush,
    'argsz must reach the granu union at byte 16.',
    'source',
    SRC,
  ),
  flushArgszPasid: check(
    'argsz-too-small',
    'EINVAL',
    uapiFlush,
    'PASID granularity needs argsz to reach byte 32.',
    'source',
    SRC,
  ),
  flushArgszAddr: check(
    'argsz-too-small',
    'EINVAL',
    uapiFlush,
    'ADDR granularity needs argsz to reach byte 56.',
    'source',
    SRC,
  ),
  flushVersion: check(
    'version-wrong',
    'EINVAL',
    checkFlush,
    'version must be IOMMU_CACHE_INVALIDATE_INFO_VERSION_1.',
    'source',
    SRC,
  ),
  flushCache: check(
    'unknown-flag-bits',
    'EINVAL',
    checkFlush,
    'cache may name IOTLB, DEV_IOTLB and PASID only.',
    'source',
    SRC,
  ),
  flushGranularity: check(
    'granularity-unknown',
    'EINVAL',
    checkFlush,
    'granularity must be DOMAIN, PASID or ADDR.',
    'source',
    SRC,
  ),
  flushPasidCacheByAddr: check(
    'cache-granularity-refused',
    'EINVAL',
    checkFlush,
    'The PASID cache cannot be invalidated by address.',
    'source',
    SRC,
  ),
  flushAddrFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    checkFlush,
    'granu.addr_info.flags must stay within bits 0 to 2.',
    'source',
    SRC,
  ),
  flushPasidFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    checkFlush,
    'granu.pasid_info.flags must stay within bits 0 and 1.',
    'source',
    SRC,
  ),
  flushDevTlbByDomain: check(
    'cache-granularity-refused',
    'EINVAL',
    checkFlush,
    'The device TLB cannot be invalidated by domain.',
    'source',
    SRC,
  ),
  flushPadding: check('padding-not-zero', 'EINVAL', checkFlush, 'Every padding byte must be 0.', 'source', SRC),

  // VT-d driver, cache invalidation
  ...INVALIDATE_CHECKS,

  // Groups
  attachBusy,
  attachSecond: check(
    'nesting-container-full',
    'EINVAL',
    attach,
    'A nesting container takes one domain only.',
    'posted patch',
    V6,
  ),
  ...joining,
}) satisfies Readonly<Record<string, Check>>;
