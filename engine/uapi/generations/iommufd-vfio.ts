import { compatConstants } from '../constants/iommufd/vfio-compat.ts';
import { VFIO_H } from '../sources.ts';
import * as compat from '../structs/iommufd/vfio-compat.ts';
import { containerIoctls } from './container.ts';

/** The least that each call takes. */
const MINIMUM: Readonly<Record<string, number>> = {
  VFIO_IOMMU_GET_INFO: 16,
  VFIO_IOMMU_MAP_DMA: 32,
  VFIO_IOMMU_UNMAP_DMA: 24,
};

/** The calls of a VFIO container that an iommufd takes too, for the IOAS that IOMMU_VFIO_IOAS has chosen. */
export const vfioCompat = {
  structs: compat.vfioCompatStructs,
  constants: compatConstants,
  ioctls: containerIoctls.map(({ name, number, struct, doc }) => {
    const minimum = MINIMUM[name];
    return { name, number, doc, source: VFIO_H, ...(struct ? { struct } : {}), ...(minimum ? { minimum } : {}) };
  }),
};
