import { VFIO_H } from '../../sources.ts';
import { group } from '../group.ts';
import { capsConstants, dmaAvailConstants, vfioContainerConstants } from '../vfio-container.ts';

/** What linux/vfio.h has for the calls of a container that an iommufd takes, up to 5.12. */
export const compatConstants = [
  ...vfioContainerConstants,
  ...capsConstants,
  ...dmaAvailConstants,
  ...group('VFIO_EXTENSION', VFIO_H, [
    ['VFIO_UNMAP_ALL', 9n, 'All mappings of the container can be taken out by one call.'],
    ['VFIO_UPDATE_VADDR', 10n, 'The user address behind a mapping can be changed, which an iommufd cannot.'],
  ]),
  ...group('VFIO_DMA_MAP_FLAG', VFIO_H, [
    ['VFIO_DMA_MAP_FLAG_VADDR', 4n, 'Gives a mapping another user address, which an iommufd refuses.'],
  ]),
  ...group('VFIO_DMA_UNMAP_FLAG', VFIO_H, [
    ['VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP', 1n, 'Asks for the dirty bitmap of the range, which an iommufd refuses.'],
    ['VFIO_DMA_UNMAP_FLAG_ALL', 2n, 'Takes all mappings out; iova and size are 0 then.'],
    [
      'VFIO_DMA_UNMAP_FLAG_VADDR',
      4n,
      'Takes the user addresses away and leaves the mappings, which an iommufd refuses.',
    ],
  ]),
] as const;
