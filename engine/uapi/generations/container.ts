import {
  capsConstants,
  dirtyConstants,
  dmaAvailConstants,
  vfioContainerConstants,
} from '../constants/vfio-container.ts';
import type { Struct } from '../descriptor.ts';
import type { GenerationData, Ioctl } from '../generation.ts';
import { VFIO_H_4_16 } from '../sources.ts';
import * as container from '../structs/vfio-container.ts';

/** What every VFIO generation finds in its kernel: the container without nesting, as the releases have it. */
type Part = Pick<GenerationData, 'structs' | 'constants'>;

export const containerIoctls: readonly Ioctl[] = [
  {
    name: 'VFIO_GET_API_VERSION',
    number: 0x3b64,
    doc: 'Returns VFIO_API_VERSION and takes no argument.',
    source: VFIO_H_4_16,
  },
  {
    name: 'VFIO_CHECK_EXTENSION',
    number: 0x3b65,
    doc: 'Returns a positive number when the container supports the type or extension that is its argument.',
    source: VFIO_H_4_16,
  },
  {
    name: 'VFIO_SET_IOMMU',
    number: 0x3b66,
    doc: 'Gives the container the IOMMU type that is its argument, after a group joined it.',
    source: VFIO_H_4_16,
  },
  {
    name: 'VFIO_IOMMU_GET_INFO',
    number: 0x3b70,
    struct: 'vfio_iommu_type1_info',
    doc: 'Fills in what the container can map and the capabilities that fit the buffer.',
    source: VFIO_H_4_16,
  },
  {
    name: 'VFIO_IOMMU_MAP_DMA',
    number: 0x3b71,
    struct: 'vfio_iommu_type1_dma_map',
    instead: 'the VMM edits the second stage with "host map"',
    doc: 'Maps memory of the process for all devices of the container.',
    source: VFIO_H_4_16,
  },
  {
    name: 'VFIO_IOMMU_UNMAP_DMA',
    number: 0x3b72,
    struct: 'vfio_iommu_type1_dma_unmap',
    instead: 'the VMM edits the second stage with "host unmap"',
    doc: 'Unmaps a range for all devices of the container and flushes it.',
    source: VFIO_H_4_16,
  },
];

/** Linux 4.16, without capabilities. */
export const container416: Part = {
  structs: [
    container.vfioIommuType1InfoWithoutCaps,
    container.vfioIommuType1DmaMap,
    container.vfioIommuType1DmaUnmapPlain,
  ],
  constants: vfioContainerConstants,
};

const NESTING = 'VFIO_IOMMU_TYPE1_INFO_CAP_NESTING';
const IOVA_RANGE = 'VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE';
const MIGRATION = 'VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION';

/** The head of a capability, by the capabilities there are. */
export const capHeader54 = container.infoCapHeader([IOVA_RANGE]);
export const capHeader202003 = container.infoCapHeader([IOVA_RANGE, NESTING]);
export const capHeader202007 = container.infoCapHeader([IOVA_RANGE, MIGRATION, NESTING]);
export const capHeader202103 = container.infoCapHeader([
  IOVA_RANGE,
  MIGRATION,
  'VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL',
  NESTING,
]);

/** Linux 5.4 to 5.7: the addresses that can be mapped are a capability. */
export const container54 = (header: Struct): Part => ({
  structs: [
    header,
    container.vfioIommuType1Info,
    container.vfioIovaRange,
    container.iovaRangeCap(header),
    container.vfioIommuType1DmaMap,
    container.vfioIommuType1DmaUnmapPlain,
  ],
  constants: [...vfioContainerConstants, ...capsConstants],
});

/** Linux 5.8: dirty pages. */
export const container58 = (header: Struct): Part => ({
  structs: [
    header,
    container.vfioIommuType1Info,
    container.vfioIovaRange,
    container.iovaRangeCap(header),
    container.migrationCap(header),
    container.vfioIommuType1DmaMap,
    container.vfioIommuType1DmaUnmap,
  ],
  constants: [...vfioContainerConstants, ...capsConstants, ...dirtyConstants],
});

/** What differs in Linux 5.10: the number of mappings left. */
export const container510 = (header: Struct): Part => ({
  structs: [header, container.iovaRangeCap(header), container.migrationCap(header), container.dmaAvailCap(header)],
  constants: dmaAvailConstants,
});
