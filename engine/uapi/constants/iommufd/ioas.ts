import { iommufdH } from '../../sources.ts';
import { group } from '../group.ts';

const H = iommufdH('6.5');

export const ioasConstants = [
  ...group('iommufd_ioas_map_flags', H, [
    ['IOMMU_IOAS_MAP_FIXED_IOVA', 1n, 'The mapping goes where iova says instead of where the kernel likes.'],
    ['IOMMU_IOAS_MAP_WRITEABLE', 2n, 'DMA may write to the mapping.'],
    ['IOMMU_IOAS_MAP_READABLE', 4n, 'DMA may read from the mapping.'],
  ]),
  ...group('iommufd_option', H, [
    ['IOMMU_OPTION_RLIMIT_MODE', 0n, 'Whether pinned memory counts for the process, 1, or for the user, 0.'],
    ['IOMMU_OPTION_HUGE_PAGES', 1n, 'Whether contiguous pages of an address space may share a large entry.'],
  ]),
  ...group('iommufd_option_ops', H, [
    ['IOMMU_OPTION_OP_SET', 0n, 'Sets the option to val64.'],
    ['IOMMU_OPTION_OP_GET', 1n, 'Reads the option into val64.'],
  ]),
  ...group('iommufd_vfio_ioas_op', H, [
    ['IOMMU_VFIO_IOAS_GET', 0n, 'Tells which address space the VFIO container ioctls work on.'],
    ['IOMMU_VFIO_IOAS_SET', 1n, 'Makes the VFIO container ioctls work on this address space.'],
    ['IOMMU_VFIO_IOAS_CLEAR', 2n, 'Leaves the VFIO container ioctls without an address space.'],
  ]),
] as const;
