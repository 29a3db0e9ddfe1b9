import { type Check, check } from '../check.ts';
import { FD_CHECKS, GROUP_CHECKS, INFO_CHECKS } from '../vfio-container/checks.ts';

const V2 = 'SVA v2, patch 37/40';
const ioctl = 'vfio_iommu_type1_ioctl';
const bind = 'vfio_iommu_type1_bind_process';
const unbind = 'vfio_iommu_type1_unbind_process';
const group = 'vfio_iommu_bind_group';
const access = 'vfio_iommu_get_mm_by_vpid';

/** What both calls ask of their argument, in order. @param at the function that reads the payload */
const requestChecks = (at: string) =>
  Object.freeze({
    headerFault: check('user-fault', 'EFAULT', ioctl, 'The 8-byte header cannot be read.', 'posted patch', V2),
    headerArgsz: check('argsz-too-small', 'EINVAL', ioctl, 'argsz must be at least 8.', 'posted patch', V2),
    operation: check(
      'unknown-op',
      'EINVAL',
      ioctl,
      'The second word must be VFIO_IOMMU_BIND_PROCESS and nothing else.',
      'posted patch',
      V2,
    ),
    payloadArgsz: check(
      'argsz-too-small',
      'EINVAL',
      at,
      'argsz must cover the header and the 12 bytes of the process.',
      'posted patch',
      V2,
    ),
    payloadFault: check('user-fault', 'EFAULT', at, 'The 12 bytes of the process cannot be read.', 'posted patch', V2),
    payloadFlags: check('unknown-flag-bits', 'EINVAL', at, 'Only VFIO_IOMMU_BIND_PID is known.', 'posted patch', V2),
    noTask: check('process-unknown', 'ESRCH', access, 'No process has this pid.', 'posted patch', V2),
    noAccess: check(
      'process-not-accessible',
      'EACCES',
      access,
      'The caller must be allowed to ptrace-attach to the process.',
      'posted patch',
      V2,
    ),
    noMm: check(
      'process-without-mm',
      'ESRCH',
      access,
      'The process has no address space, as a kernel thread has none.',
      'posted patch',
      V2,
    ),
    callerNoMm: check('process-without-mm', 'EINVAL', at, 'The caller has no address space.', 'posted patch', V2),
    noDomain: check(
      'container-without-domain',
      'EINVAL',
      at,
      'The container has no group behind an IOMMU.',
      'posted patch',
      V2,
    ),
  }) satisfies Readonly<Record<string, Check>>;

/** VFIO_IOMMU_BIND of a process, in the kernel's order. */
export const BIND = Object.freeze({
  ...requestChecks(bind),
  noMemory: check(
    'out-of-memory',
    'ENOMEM',
    bind,
    'The record of the bond could not be allocated.',
    'posted patch',
    V2,
  ),
  deviceNoPasid: check(
    'device-pasid-bits',
    'EINVAL',
    'iommu_sva_device_init',
    'The device has no PASIDs to share an address space with.',
    'derived',
    V2,
  ),
  enableFailed: check(
    'driver-callback-failed',
    'ENOMEM',
    'iommu_sva_device_init',
    'The device could not be enabled.',
    'posted patch',
    V2,
  ),
  handlerFailed: check(
    'driver-callback-failed',
    'ENOMEM',
    'iommu_register_mm_exit_handler',
    'The exit handler of the device could not be registered.',
    'posted patch',
    V2,
  ),
  secondDevice: check(
    'several-devices',
    'EINVAL',
    group,
    'With multi_device_group off, a group may hold one device only.',
    'posted patch',
    V2,
  ),
  noMemoryMm: check(
    'out-of-memory',
    'ENOMEM',
    'io_mm_alloc',
    'The record of the address space could not be allocated.',
    'derived',
    V2,
  ),
  noPasid: check(
    'pasid-none-left',
    'ENOSPC',
    'io_mm_alloc',
    'No PASID that every device of the container has is free.',
    'derived',
    V2,
  ),
  noMemoryDevice: check(
    'out-of-memory',
    'ENOMEM',
    'io_mm_attach',
    'The record of the device could not be allocated.',
    'derived',
    V2,
  ),
  noEntry: check(
    'pasid-table-entry-missing',
    'ENOMEM',
    'io_mm_attach',
    'The page of the PASID table that holds the entry could not be had.',
    'derived',
    V2,
  ),
  resultFault: check(
    'user-fault',
    'EFAULT',
    bind,
    'The PASID could not be written back; a new bond is undone.',
    'posted patch',
    V2,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** VFIO_IOMMU_UNBIND of a process, in the kernel's order. */
export const UNBIND = Object.freeze({
  ...requestChecks(unbind),
  noBond: check(
    'process-not-bound',
    'ESRCH',
    unbind,
    'The address space of the process is not bound.',
    'posted patch',
    V2,
  ),
}) satisfies Readonly<Record<string, Check>>;

/** Every check of the vfio-2018-02 calls, call by call in the order in which the kernel meets them. */
export const VFIO_2018_CHECKS: Readonly<Record<'container' | 'bind' | 'unbind', Readonly<Record<string, Check>>>> =
  Object.freeze({
    container: Object.freeze({ ...FD_CHECKS, ...INFO_CHECKS, ...GROUP_CHECKS }),
    bind: BIND,
    unbind: UNBIND,
  });
