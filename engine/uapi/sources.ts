/** Where the layouts, constants and ioctls of the tables are known from. */

/** The argsz form of the IOMMU structs; the July 2020 series has the same bytes. */
export const IOMMU_H = 'include/uapi/linux/iommu.h (5.10)';
export const VFIO_H = 'include/uapi/linux/vfio.h (5.8)';
export const V6_IOMMU_H = 'vSVA v6, 2020-07-28, include/uapi/linux/iommu.h';
export const V6_VFIO_H = 'vSVA v6, 2020-07-28, include/uapi/linux/vfio.h';
