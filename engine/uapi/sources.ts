/** Where the layouts, constants and ioctls of the tables are known from. */

/** The argsz form of the IOMMU structs; the July 2020 series has the same bytes. */
export const IOMMU_H = 'include/uapi/linux/iommu.h (5.10)';
export const VFIO_H = 'include/uapi/linux/vfio.h (5.8)';
export const IOMMU_H_5_4 = 'include/uapi/linux/iommu.h (5.4)';
export const IOMMU_H_5_8 = 'include/uapi/linux/iommu.h (5.8)';
export const VFIO_H_4_16 = 'include/uapi/linux/vfio.h (4.16)';
export const VFIO_H_5_4 = 'include/uapi/linux/vfio.h (5.4)';
export const VFIO_H_5_10 = 'include/uapi/linux/vfio.h (5.10)';

/** Postings that were never merged, by series and date. */
export const SVA_V1_VFIO_H = 'SVA v1, 2018-02-12, patch 37/37, include/uapi/linux/vfio.h';
export const SVA_V2_VFIO_H = 'SVA v2, 2018-05-11, patch 13/40, include/uapi/linux/vfio.h';
export const V4_2018_IOMMU_H = 'vSVA v4, 2018-04-16, include/uapi/linux/iommu.h';
export const V5_2018_IOMMU_H = 'vSVA v5, 2018-05-11, include/uapi/linux/iommu.h';
/** Not a user header: the calls of 2018 and the page response stand in the kernel's own. */
export const IN_KERNEL_2018_IOMMU_H = 'vSVA v4 as carried by a public tree, include/linux/iommu.h';
export const V1_IOMMU_H = 'vSVA v1, 2020-03-22, include/uapi/linux/iommu.h';
export const V1_VFIO_H = 'vSVA v1, 2020-03-22, include/uapi/linux/vfio.h';
export const ARM_IOMMU_H = 'SMMUv3 nested stage v10, 2020-03, include/uapi/linux/iommu.h';
export const ARM_VFIO_H = 'SMMUv3 nested stage v10, 2020-03, include/uapi/linux/vfio.h';
export const V8_IOMMU_H = 'vSVA v8, 2021-03, include/uapi/linux/iommu.h';
export const V8_VFIO_H = 'vSVA v8, 2021-03, include/uapi/linux/vfio.h';
export const V6_IOMMU_H = 'vSVA v6, 2020-07-28, include/uapi/linux/iommu.h';
export const V6_VFIO_H = 'vSVA v6, 2020-07-28, include/uapi/linux/vfio.h';

/** The iommufd header of a release, and the header of its built-in test. */
export const iommufdH = (release: string): string => `include/uapi/linux/iommufd.h (${release})`;
export const iommufdTestH = (release: string): string => `drivers/iommu/iommufd/iommufd_test.h (${release})`;
export const vfioH = (release: string): string => `include/uapi/linux/vfio.h (${release})`;
export const IOMMUFD_2023 = 'iommufd nesting core v3 and VT-d v4, 2023-07-24, include/uapi/linux/iommufd.h';
export const ARM_RFC_2023 = 'SMMUv3 nesting RFC of mid-2023, include/uapi/linux/iommufd.h';
