import { type Check, check } from '../check.ts';

const THREAD = 'review of vSVA v4, 2018-05-30';
const V4 = 'vSVA v4 and v5, 2018';
const V510 = 'Linux 5.10.223, for the same call';
const core = 'iommu_bind_pasid_table';
const bind = 'bind_pasid_table of the driver';
const flush = 'sva_invalidate of the driver';
const respond = 'iommu_page_response';

/**
 * bind_pasid_table. The posted driver is not known, so only what the review said is certain: which checks make sense,
 * and that the contents of the table cannot be checked, since a new one is all zeros.
 */
export const BIND_CHECKS = Object.freeze({
  noOp: check(
    'driver-without-op',
    'ENODEV',
    core,
    'The driver implements the call only where the IOMMU nests and so contains what a bad table does.',
    'review thread',
    THREAD,
  ),
  unreadable: check(
    'user-fault',
    'EFAULT',
    core,
    'The config cannot be read; inside the kernel its caller has copied it.',
    'derived',
    V4,
  ),
  notAttached: check('device-not-attached', 'EINVAL', bind, 'The device has no domain.', 'derived', V4),
  version: check(
    'version-wrong',
    'EINVAL',
    bind,
    'version must be one that this kernel knows: 1 as posted, 2 once the model is checked.',
    'derived',
    V4,
  ),
  bytes: check('bytes-wrong', 'EINVAL', bind, 'bytes must be the size of the struct of this version.', 'derived', V4),
  noModel: check(
    'model-missing',
    'EINVAL',
    bind,
    'With model_unchecked off, a config has to name its model, which version 1 cannot.',
    'review thread',
    THREAD,
  ),
  modelUnknown: check(
    'model-unknown',
    'EINVAL',
    bind,
    'model must be a number that was given to an IOMMU.',
    'review thread',
    THREAD,
  ),
  modelMismatch: check(
    'model-mismatch',
    'EINVAL',
    bind,
    'The table was made for another model than the IOMMU of the host.',
    'review thread',
    THREAD,
  ),
  otherField: check(
    'field-of-other-model',
    'EINVAL',
    bind,
    'The model decides which fields count: those of another model must be 0.',
    'review thread',
    THREAD,
  ),
  padding: check('padding-not-zero', 'EINVAL', bind, 'Padding of version 2 must be 0.', 'derived', THREAD),
  misaligned: check(
    'base-misaligned',
    'EINVAL',
    bind,
    'base_ptr must be aligned as the model wants it: to 4 KiB for VT-d, to 64 bytes for SMMUv3.',
    'review thread',
    THREAD,
  ),
  pasidBits: check(
    'pasid-bits-unsupported',
    'EINVAL',
    bind,
    'pasid_bits must not exceed the PASIDs of the device and its IOMMU.',
    'review thread',
    THREAD,
  ),
  levels: check(
    'table-levels-unsupported',
    'EINVAL',
    bind,
    's1fmt must be 0, or 1 or 2 where the SMMU has tables of two levels (IDR0.CD2L).',
    'derived',
    THREAD,
  ),
  pasid0: check('s1dss-reserved', 'EINVAL', bind, 's1dss must be 0, 1 or 2.', 'derived', THREAD),
  again: check('table-set-already', 'EBUSY', bind, 'The device has a PASID table bound already.', 'derived', V4),
  noMemory: check('out-of-memory', 'ENOMEM', bind, 'The record of the table could not be allocated.', 'derived', V4),
}) satisfies Readonly<Record<string, Check>>;

/** sva_invalidate. */
export const FLUSH_CHECKS = Object.freeze({
  unreadable: check(
    'user-fault',
    'EFAULT',
    'iommu_sva_invalidate',
    'The request cannot be read; inside the kernel its caller has copied it.',
    'derived',
    V4,
  ),
  version: check('version-wrong', 'EINVAL', flush, 'hdr.version must be TLB_INV_HDR_VERSION_1.', 'derived', V4),
  notBound: check('table-not-bound', 'EINVAL', flush, 'The device has no PASID table bound.', 'derived', V4),
  type: check('cache-type-unknown', 'EINVAL', flush, 'hdr.type must lie below IOMMU_INV_NR_TYPE.', 'derived', V4),
  granularity: check(
    'granularity-unknown',
    'EINVAL',
    flush,
    'granularity must be one of the posting, which numbers them anew from one to the next.',
    'derived',
    V4,
  ),
  pair: check(
    'cache-granularity-refused',
    'EINVAL',
    flush,
    'The IOMMU has no command that flushes this cache at this granularity.',
    'derived',
    V4,
  ),
  misaligned: check(
    'address-misaligned',
    'ERANGE',
    flush,
    'addr must be aligned to blocks of 2^size pages; VT-d refused it so until July 2020.',
    'derived',
    V4,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** page_response. */
export const RESPONSE_CHECKS = Object.freeze({
  unreadable: check(
    'user-fault',
    'EFAULT',
    respond,
    'The answer cannot be read; inside the kernel its caller has copied it.',
    'derived',
    V4,
  ),
  code: check(
    'response-code-unknown',
    'EINVAL',
    respond,
    'resp_code must be SUCCESS, INVALID or FAILURE.',
    'derived',
    V4,
  ),
  nothingPending: check(
    'no-page-request',
    'EINVAL',
    respond,
    'A page request with this group index and PASID must be waiting.',
    'derived',
    V510,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** All checks of the two generations, by call. */
export const PASID_TABLE_CHECKS = Object.freeze({ bind: BIND_CHECKS, flush: FLUSH_CHECKS, response: RESPONSE_CHECKS });
