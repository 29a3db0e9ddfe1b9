import { check } from '../check.ts';

const SRC = 'Linux 6.8 and 7.2';
const NEW = 'Linux 7.2';
const POSTED = 'iommufd nesting v3, July 2023';
const alloc = 'iommufd_hwpt_alloc';
const paging = 'iommufd_hwpt_paging_alloc';
const nested = 'iommufd_hwpt_nested_alloc';
const viommu = 'iommufd_viommu_alloc_hwpt_nested';

/** IOMMU_HWPT_ALLOC, in the order in which the kernel meets them. */
export const HWPT_CHECKS = Object.freeze({
  reserved: check('hwpt-reserved', 'EOPNOTSUPP', alloc, '__reserved must be 0.', 'source', SRC),
  data: check(
    'hwpt-data-len',
    'EINVAL',
    alloc,
    'data_type and data_len go together: both are 0, or neither is.',
    'source',
    SRC,
  ),
  parent: check('hwpt-pt-unknown', 'EINVAL', alloc, 'No object has the id in pt_id.', 'source', SRC),
  parentKind: check(
    'hwpt-pt-kind',
    'EINVAL',
    alloc,
    'pt_id is neither an IOAS, nor a paging HWPT, nor (6.13) a vIOMMU.',
    'source',
    SRC,
  ),
  flags: check('hwpt-flags', 'EOPNOTSUPP', paging, 'A flag is unknown to this release.', 'source', SRC),
  dirty: check(
    'hwpt-no-dirty',
    'EOPNOTSUPP',
    paging,
    'The IOMMU of the device cannot track dirty pages.',
    'source',
    NEW,
  ),
  faultParent: check('hwpt-fault-parent', 'EOPNOTSUPP', paging, 'A nesting parent has no fault queue.', 'source', NEW),
  nestedFlags: check(
    'hwpt-nested-flags',
    'EOPNOTSUPP',
    nested,
    'A nested page table takes no such flag in this release.',
    'source',
    SRC,
  ),
  nestedNoOp: check(
    'hwpt-nested-no-op',
    'EOPNOTSUPP',
    nested,
    'A nested page table needs a payload, and a driver that takes one on this kind of parent.',
    'source',
    SRC,
  ),
  notParent: check(
    'hwpt-not-a-parent',
    'EINVAL',
    nested,
    'The parent was not allocated with IOMMU_HWPT_ALLOC_NEST_PARENT, or was made by the kernel itself.',
    'source',
    SRC,
  ),
  otherInstance: check(
    'hwpt-other-iommu',
    'EINVAL',
    alloc,
    'The device is behind another IOMMU than the vIOMMU.',
    'source',
    NEW,
  ),
  viommuFlags: check('hwpt-viommu-flags', 'EOPNOTSUPP', viommu, 'A flag is unknown to this release.', 'source', NEW),
  viommuNoOp: check(
    'hwpt-viommu-no-op',
    'EOPNOTSUPP',
    viommu,
    'A nested page table needs a payload, and a vIOMMU that takes one.',
    'source',
    NEW,
  ),
  postedParent: check(
    'hwpt-posted-parent',
    'EINVAL',
    alloc,
    'A page table of the default type follows an IOAS; one of another type needs a parent that the user made.',
    'derived',
    POSTED,
  ),
});
