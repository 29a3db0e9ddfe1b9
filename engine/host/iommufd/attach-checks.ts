import { check } from '../check.ts';

const SRC = 'Linux 6.8 and 7.2';
const NEW = 'Linux 7.2';
const attach = 'iommufd_hw_pagetable_attach';
const replace = 'iommufd_device_do_replace';
const pasid = 'iommufd_hwpt_pasid_compat';

/** Checks of attaching, replacing and detaching, for the device itself and for its PASIDs. */
export const ATTACH_CHECKS = Object.freeze({
  kind: check(
    'attach-wrong-kind',
    'EINVAL',
    'iommufd_device_change_pt',
    'The id is neither an IOAS nor a page table.',
    'source',
    SRC,
  ),
  noPasid: check(
    'pasid-not-supported',
    'EOPNOTSUPP',
    'iommufd_device_attach',
    'This release attaches devices, and no PASIDs.',
    'derived',
    'Linux 6.8 to 6.14',
  ),
  noMemory: check('attach-no-memory', 'ENOMEM', attach, 'No memory for an attachment.', 'source', SRC),
  twice: check('attach-twice', 'EBUSY', attach, 'The device, or its PASID, is attached already.', 'source', NEW),
  groupOther: check(
    'attach-group-other',
    'EINVAL',
    attach,
    'Another device of the group is attached to another page table.',
    'source',
    SRC,
  ),
  notPasidTable: check(
    'hwpt-not-for-pasid',
    'EINVAL',
    pasid,
    'A PASID can be attached to a page table only that was allocated with IOMMU_HWPT_ALLOC_PASID.',
    'source',
    NEW,
  ),
  ridNotPasidTable: check(
    'rid-not-for-pasid',
    'EINVAL',
    pasid,
    'A device and its PASIDs mix only where the page table of the device was allocated with IOMMU_HWPT_ALLOC_PASID.',
    'source',
    NEW,
  ),
  pasidRange: check(
    'pasid-range',
    'EINVAL',
    'iommu_attach_device_pasid',
    'The PASID is 0, or beyond what the device and its IOMMU offer.',
    'source',
    NEW,
  ),
  pasidNoOp: check(
    'pasid-no-op',
    'EOPNOTSUPP',
    'iommu_attach_device_pasid',
    'The driver cannot attach a PASID to this page table.',
    'source',
    NEW,
  ),
  replaceNone: check(
    'replace-not-attached',
    'EINVAL',
    replace,
    'Nothing is attached there that could be replaced.',
    'source',
    SRC,
  ),
  detachNone: check(
    'detach-not-attached',
    'EINVAL',
    'iommufd_device_detach',
    'Nothing is attached there; VFIO does not call down in that case.',
    'derived',
    SRC,
  ),
  unbindAttached: check(
    'unbind-attached',
    'EBUSY',
    'iommufd_device_unbind',
    'A vDEVICE of a release before 6.17 still holds the device, or something is still attached.',
    'derived',
    SRC,
  ),
});
