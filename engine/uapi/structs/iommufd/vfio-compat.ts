import { type Struct, struct, u32, u64 } from '../../descriptor.ts';
import { VFIO_H } from '../../sources.ts';
import * as container from '../vfio-container.ts';

const header = container.infoCapHeader(['VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE', 'VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL']);

const dmaUnmap = struct(
  'vfio_iommu_type1_dma_unmap',
  { doc: 'Takes mappings out of the address space behind the container ioctls.', source: VFIO_H },
  [
    u32('argsz', { doc: 'Bytes the caller filled in, at least 24.', role: 'size', unit: 'bytes' }),
    u32('flags', { doc: 'Whether all mappings go.', flags: ['VFIO_DMA_UNMAP_FLAG_ALL'] }),
    u64('iova', { doc: 'First address to unmap.', space: 'GPA' }),
    u64('size', {
      doc: 'Length of the range, which holds whole mappings; the kernel writes back how much it unmapped.',
      unit: 'bytes',
      inout: true,
    }),
  ],
);

/** The structs of a VFIO container as an iommufd takes them. */
export const vfioCompatStructs: readonly Struct[] = [
  header,
  container.vfioIommuType1Info,
  container.vfioIovaRange,
  container.iovaRangeCap(header),
  container.dmaAvailCap(header),
  container.vfioIommuType1DmaMap,
  dmaUnmap,
];
