import { type Check, check } from '../check.ts';
import {
  BIND_CHECKS,
  INVALIDATE_CHECKS,
  UNBIND_CHECKS,
  VERSIONED_BIND_CHECKS,
  VERSIONED_INVALIDATE_CHECKS,
} from '../intel/checks.ts';
import { FD_CHECKS, GROUP_CHECKS, INFO_CHECKS } from '../vfio-container/checks.ts';

const V1 = 'vSVA v1, 2020-03-22';
const REVIEW = 'review of vSVA v1, April 2020';
const ioctl = 'vfio_iommu_type1_ioctl';
const alloc = 'vfio_iommu_type1_pasid_alloc';
const free = 'vfio_iommu_type1_pasid_free';
const bind = 'vfio_iommu_type1_bind_gpasid';
const size = 'iommu_uapi_get_data_size';

// The argsz form's checks of the head are not in this driver.
const { bindVendorFormat, bindVendorArgsz, bindVendorFlags, ...bindDriver } = BIND_CHECKS;

/** Every check of the vfio-2020-03 calls, in the order in which the kernel meets them within each call. */
export const CHECKS = Object.freeze({
  ...FD_CHECKS,
  ...INFO_CHECKS,

  // VFIO_IOMMU_PASID_REQUEST
  requestHeaderFault: check('user-fault', 'EFAULT', ioctl, 'The 8-byte header cannot be read.', 'posted patch', V1),
  requestArgsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must be at least 8.', 'posted patch', V1),
  requestSize: check(
    'argsz-too-small',
    'EINVAL',
    ioctl,
    'With request_size_unchecked off, argsz must cover all 20 bytes.',
    'derived',
    V1,
  ),
  requestFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    ioctl,
    'Only the ALLOC and FREE bits are known, and not both at once.',
    'posted patch',
    V1,
  ),
  requestFault: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The 12 bytes behind the header cannot be read, whatever argsz says.',
    'posted patch',
    V1,
  ),
  requestOp: check('unknown-op', 'EINVAL', ioctl, 'One of ALLOC and FREE must be set.', 'posted patch', V1),
  allocNoDomain: check(
    'container-without-domain',
    'EFAULT',
    alloc,
    'The container has no group behind an IOMMU.',
    'posted patch',
    V1,
  ),
  allocLost: check(
    'pasid-none-left',
    'EFAULT',
    ioctl,
    'No PASID was allocated: whatever the reason, the caller gets EFAULT.',
    'review thread',
    REVIEW,
  ),
  allocNoMm: check(
    'no-vfio-mm',
    'EINVAL',
    alloc,
    'With alloc_error_lost off: the container could not be tied to the address space of its process.',
    'posted patch',
    V1,
  ),
  allocNoSpace: check(
    'pasid-none-left',
    'ENOSPC',
    alloc,
    'With alloc_error_lost off: no PASID of the range is free, or the quota of 1000 per process is used up.',
    'posted patch',
    V1,
  ),
  resultLost: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The PASID could not be written back: the number of bytes that are missing is returned as if it were success.',
    'derived',
    V1,
  ),
  freeNoDomain: check(
    'container-without-domain',
    'EFAULT',
    free,
    'The container has no group behind an IOMMU.',
    'posted patch',
    V1,
  ),
  freeNoMm: check(
    'no-vfio-mm',
    'EINVAL',
    free,
    'The container could not be tied to the address space of its process.',
    'posted patch',
    V1,
  ),
  freeUnknown: check('pasid-not-allocated', 'ENOENT', free, 'The PASID is not allocated.', 'derived', V1),

  // VFIO_IOMMU_BIND
  bindHeaderFault: check('user-fault', 'EFAULT', ioctl, 'The 8-byte header cannot be read.', 'posted patch', V1),
  bindArgsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must be at least 8.', 'posted patch', V1),
  bindVersionFault: check('user-fault', 'EFAULT', ioctl, 'The version at byte 8 cannot be read.', 'posted patch', V1),
  bindNoSize: check(
    'version-wrong',
    'ENOMEM',
    size,
    'A version above the last one is worth a negative size, which no allocation can have.',
    'derived',
    V1,
  ),
  bindVersionRefused: check(
    'version-wrong',
    'EINVAL',
    size,
    'With version_unchecked off, version must be one of the size table.',
    'derived',
    V1,
  ),
  bindSize: check(
    'argsz-too-small',
    'EINVAL',
    ioctl,
    'With version_to_size off, argsz must cover the bytes that the version is worth.',
    'review thread',
    REVIEW,
  ),
  bindNoMemory: check('out-of-memory', 'ENOMEM', ioctl, 'The copy could not be allocated.', 'posted patch', V1),
  bindFault: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The payload cannot be read as far as its version says.',
    'posted patch',
    V1,
  ),
  bindOp: check(
    'unknown-op',
    'EINVAL',
    ioctl,
    'The low two flag bits must hold one of bind and unbind.',
    'posted patch',
    V1,
  ),
  bindFlags: check(
    'unknown-flag-bits',
    'EINVAL',
    ioctl,
    'With bind_flags_ignored off, no bit above the operation may be set.',
    'derived',
    V1,
  ),
  bindNotNesting: check(
    'not-nesting-container',
    'EINVAL',
    bind,
    'With nesting_type_unchecked off, the container must be of the nesting type.',
    'review thread',
    REVIEW,
  ),
  bindNoDevices: check(
    'container-without-domain',
    'EINVAL',
    bind,
    'The container has no group behind an IOMMU.',
    'posted patch',
    V1,
  ),
  ...VERSIONED_BIND_CHECKS,
  ...bindDriver,
  ...UNBIND_CHECKS,

  // VFIO_IOMMU_CACHE_INVALIDATE
  flushHeaderFault: check('user-fault', 'EFAULT', ioctl, 'The 8-byte header cannot be read.', 'posted patch', V1),
  flushArgsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must be at least 8.', 'posted patch', V1),
  flushFlags: check('reserved-not-zero', 'EINVAL', ioctl, 'flags must be 0.', 'posted patch', V1),
  flushVersionFault: check('user-fault', 'EFAULT', ioctl, 'The version at byte 8 cannot be read.', 'posted patch', V1),
  flushNoSize: check(
    'version-wrong',
    'ENOMEM',
    size,
    'A version above the last one is worth a negative size, which no allocation can have.',
    'derived',
    V1,
  ),
  flushVersionRefused: check(
    'version-wrong',
    'EINVAL',
    size,
    'With version_unchecked off, version must be one of the size table.',
    'derived',
    V1,
  ),
  flushSize: check(
    'argsz-too-small',
    'EINVAL',
    ioctl,
    'With version_to_size off, argsz must cover the bytes that the version is worth.',
    'review thread',
    REVIEW,
  ),
  flushNoMemory: check('out-of-memory', 'ENOMEM', ioctl, 'The copy could not be allocated.', 'posted patch', V1),
  flushFault: check(
    'user-fault',
    'EFAULT',
    ioctl,
    'The payload cannot be read as far as its version says.',
    'posted patch',
    V1,
  ),
  flushNotNesting: check(
    'not-nesting-container',
    'EINVAL',
    ioctl,
    'With nesting_type_unchecked off, the container must be of the nesting type.',
    'review thread',
    REVIEW,
  ),
  flushSeveral: check(
    'several-devices',
    'EINVAL',
    ioctl,
    'With partial_invalidate_left off, the container must hold a single device, as the review proposed.',
    'review thread',
    REVIEW,
  ),
  ...VERSIONED_INVALIDATE_CHECKS,
  ...INVALIDATE_CHECKS,

  // Groups
  ...GROUP_CHECKS,
}) satisfies Readonly<Record<string, Check>>;
