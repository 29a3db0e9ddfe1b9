import { VFIO_H, VFIO_H_4_16, VFIO_H_5_4, VFIO_H_5_10 } from '../sources.ts';
import { group } from './group.ts';

/** As of 4.16; what later headers added follows. */
export const vfioContainerConstants = [
  ...group('VFIO_API', VFIO_H_4_16, [['VFIO_API_VERSION', 0n, 'The version that VFIO_GET_API_VERSION returns.']]),
  ...group('VFIO_IOMMU_TYPE', VFIO_H_4_16, [
    ['VFIO_TYPE1_IOMMU', 1n, 'Type 1 container, which takes unmaps that do not match the mappings.'],
    ['VFIO_SPAPR_TCE_IOMMU', 2n, 'Container for the TCE tables of POWER servers.'],
    ['VFIO_TYPE1v2_IOMMU', 3n, 'Type 1 container that refuses to split a mapping and has one stage.'],
    ['VFIO_TYPE1_NESTING_IOMMU', 6n, 'Type 1 version 2 container whose mappings are stage 2 below guest tables.'],
    ['VFIO_SPAPR_TCE_v2_IOMMU', 7n, 'Container for TCE tables with memory registered beforehand.'],
    ['VFIO_NOIOMMU_IOMMU', 8n, 'Container without translation, which taints the kernel.'],
  ]),
  ...group('VFIO_EXTENSION', VFIO_H_4_16, [
    ['VFIO_DMA_CC_IOMMU', 4n, 'The IOMMU enforces cache coherent DMA, whatever a device asks for.'],
    ['VFIO_EEH', 5n, 'Error handling of POWER servers is available.'],
  ]),
  ...group('VFIO_IOMMU_INFO', VFIO_H_4_16, [
    ['VFIO_IOMMU_INFO_PGSIZES', 1n, 'The iova_pgsizes of the container information is filled in.'],
  ]),
  ...group('VFIO_DMA_MAP_FLAG', VFIO_H_4_16, [
    ['VFIO_DMA_MAP_FLAG_READ', 1n, 'Devices may read the mapping.'],
    ['VFIO_DMA_MAP_FLAG_WRITE', 2n, 'Devices may write the mapping.'],
  ]),
] as const;

export const capsConstants = [
  ...group('VFIO_IOMMU_INFO', VFIO_H_5_4, [
    ['VFIO_IOMMU_INFO_CAPS', 2n, 'The container has capabilities, at cap_offset when the buffer had room.'],
  ]),
  ...group('VFIO_IOMMU_TYPE1_INFO_CAP', VFIO_H_5_4, [
    ['VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE', 1n, 'The capability is vfio_iommu_type1_info_cap_iova_range.'],
  ]),
] as const;

export const dirtyConstants = [
  ...group('VFIO_IOMMU_TYPE1_INFO_CAP', VFIO_H, [
    ['VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION', 2n, 'The capability is vfio_iommu_type1_info_cap_migration.'],
  ]),
  ...group('VFIO_DMA_UNMAP_FLAG', VFIO_H, [
    ['VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP', 1n, 'Returns the dirty bitmap of the range before it is unmapped.'],
  ]),
] as const;

export const dmaAvailConstants = group('VFIO_IOMMU_TYPE1_INFO_CAP', VFIO_H_5_10, [
  ['VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL', 3n, 'The capability is vfio_iommu_type1_info_dma_avail.'],
]);
