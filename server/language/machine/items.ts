import type { Generation } from '../../../engine/index.ts';

/**
 * The items that a machine of a generation can have: its file descriptor is a VFIO container or an iommufd, and only the
 * one that binds processes has any besides the caller.
 */
export function machineItems({ ioctls, structs }: Generation): readonly string[] {
  return [
    // An iommufd knows the ioctls of a container too, but is none.
    ...(ioctls.has('VFIO_SET_IOMMU') && !ioctls.has('IOMMU_IOAS_ALLOC') ? ['container'] : []),
    'iommu',
    'device',
    'ram',
    'haw',
    ...(structs.has('iommu_ioas_alloc') ? ['iommufd'] : []),
    ...(structs.has('vfio_iommu_type1_bind_process') ? ['process'] : []),
  ];
}
