import { type Check, check } from '../check.ts';

const SRC = 'Linux 5.8';
const setIommu = 'vfio_ioctl_set_iommu';
const info = 'vfio_iommu_type1_get_info';
const attach = 'vfio_iommu_type1_attach_group';

/** The container's file descriptor, before any call of a series is reached. */
export const FD_CHECKS = Object.freeze({
  fdClosed: check('fd-closed', 'EBADF', 'ioctl', 'The process that owned the container has exited.', 'source', SRC),
  noDriver: check(
    'container-without-iommu',
    'EINVAL',
    'vfio_fops_unl_ioctl',
    'The container has no IOMMU backend yet: VFIO_SET_IOMMU comes first.',
    'source',
    SRC,
  ),
  unknownIoctl: check(
    'unknown-ioctl',
    'ENOTTY',
    'vfio_iommu_type1_ioctl',
    'The container does not know this command number.',
    'source',
    SRC,
  ),
  setNoGroup: check(
    'set-iommu-without-group',
    'EINVAL',
    setIommu,
    'A container needs a group before it gets an IOMMU type.',
    'source',
    SRC,
  ),
  setTwice: check('set-iommu-twice', 'EINVAL', setIommu, 'The container has an IOMMU type already.', 'source', SRC),
  setUnknown: check('set-iommu-unknown-type', 'ENODEV', setIommu, 'No IOMMU backend offers this type.', 'source', SRC),
}) satisfies Readonly<Record<string, Check>>;

/** VFIO_IOMMU_GET_INFO. */
export const INFO_CHECKS = Object.freeze({
  infoFault: check('user-fault', 'EFAULT', info, 'The argument cannot be read or written.', 'source', SRC),
  infoArgsz: check('argsz-too-small', 'EINVAL', info, 'argsz must reach the end of iova_pgsizes.', 'source', SRC),
}) satisfies Readonly<Record<string, Check>>;

/** Groups that join and leave. */
export const GROUP_CHECKS = Object.freeze({
  attachBusy: check(
    'already-attached',
    'EBUSY',
    '__iommu_attach_group',
    'The group is attached to a domain already.',
    'source',
    SRC,
  ),
  attachNoMemory: check(
    'out-of-memory',
    'ENOMEM',
    attach,
    'The records of the group could not be allocated.',
    'source',
    SRC,
  ),
  attachNoDomain: check('domain-alloc-failed', 'EIO', attach, 'The IOMMU driver returned no domain.', 'source', SRC),
  attachNoNesting: check(
    'no-nesting-capability',
    'ENODEV',
    'intel_iommu_domain_set_attr',
    'Nesting mode needs ecap.NEST on every unit.',
    'source',
    SRC,
  ),
  detachNot: check(
    'device-not-attached',
    'ENODEV',
    'vfio_iommu_type1_detach_group',
    'The group is not attached to this container.',
    'derived',
    SRC,
  ),
}) satisfies Readonly<Record<string, Check>>;
