import type { Ioctl } from '../generation.ts';
import { ARM_RFC_2023, IOMMUFD_2023, iommufdH, iommufdTestH, vfioH } from '../sources.ts';

/**
 * A call of the iommufd. `minimum` ends at the last field of the first release that had the call, as the kernel's table
 * of calls says it.
 */
const call = (name: string, nr: number, struct: string, minimum: number, doc: string, source: string): Ioctl => ({
  name,
  number: 0x3b00 | nr,
  struct,
  minimum,
  doc,
  source,
});

const H65 = iommufdH('6.5');

/** Objects, address spaces and options: what iommufd began with. */
export const IOAS_IOCTLS: readonly Ioctl[] = [
  call('IOMMU_DESTROY', 0x80, 'iommu_destroy', 8, 'Destroys an object that nothing uses any more.', H65),
  call('IOMMU_IOAS_ALLOC', 0x81, 'iommu_ioas_alloc', 12, 'Makes an I/O address space.', H65),
  call('IOMMU_IOAS_ALLOW_IOVAS', 0x82, 'iommu_ioas_allow_iovas', 24, 'Keeps ranges of an address space usable.', H65),
  call('IOMMU_IOAS_COPY', 0x83, 'iommu_ioas_copy', 40, 'Maps what another address space maps.', H65),
  call(
    'IOMMU_IOAS_IOVA_RANGES',
    0x84,
    'iommu_ioas_iova_ranges',
    32,
    'Tells the usable ranges of an address space.',
    H65,
  ),
  call('IOMMU_IOAS_MAP', 0x85, 'iommu_ioas_map', 40, 'Maps user memory into an address space.', H65),
  call('IOMMU_IOAS_UNMAP', 0x86, 'iommu_ioas_unmap', 24, 'Unmaps a range of an address space.', H65),
  call('IOMMU_OPTION', 0x87, 'iommu_option', 24, 'Sets or reads an option.', H65),
  call('IOMMU_VFIO_IOAS', 0x88, 'iommu_vfio_ioas', 12, 'Chooses the address space of the VFIO container ioctls.', H65),
];

/** Of the VFIO device: how it comes to an iommufd and to a page table. */
export const DEVICE_IOCTLS: readonly Ioctl[] = [
  call(
    'VFIO_DEVICE_BIND_IOMMUFD',
    0x76,
    'vfio_device_bind_iommufd',
    16,
    'Hands the device to an iommufd; an ioctl of the device file.',
    vfioH('6.6'),
  ),
  call(
    'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
    0x77,
    'vfio_device_attach_iommufd_pt',
    12,
    'Attaches the device to an address space or page table, in the place of the one before; an ioctl of the device file.',
    vfioH('6.6'),
  ),
  call(
    'VFIO_DEVICE_DETACH_IOMMUFD_PT',
    0x78,
    'vfio_device_detach_iommufd_pt',
    8,
    'Detaches the device, which then blocks DMA; an ioctl of the device file.',
    vfioH('6.6'),
  ),
];

/** Nested page tables as posted in 2023, with the numbers of that posting. */
export const POSTED_2023_IOCTLS: readonly Ioctl[] = [
  call('IOMMU_HWPT_ALLOC', 0x89, 'iommu_hwpt_alloc', 24, 'Makes a page table, or a nested one.', IOMMUFD_2023),
  call('IOMMU_GET_HW_INFO', 0x8a, 'iommu_hw_info', 32, 'Tells what the IOMMU of a device can do.', IOMMUFD_2023),
  call(
    'IOMMU_RESV_IOVA_RANGES',
    0x8b,
    'iommu_resv_iova_ranges',
    24,
    'Tells what a device cannot use for DMA.',
    IOMMUFD_2023,
  ),
  call(
    'IOMMU_HWPT_INVALIDATE',
    0x8c,
    'iommu_hwpt_invalidate',
    24,
    'Invalidates what is cached of a nested page table.',
    IOMMUFD_2023,
  ),
  call(
    'IOMMU_SET_DEV_DATA',
    0x8d,
    'iommu_set_dev_data',
    20,
    'Tells the driver about a device of the guest.',
    ARM_RFC_2023,
  ),
  call('IOMMU_UNSET_DEV_DATA', 0x8e, 'iommu_unset_dev_data', 8, 'Takes back what the driver was told.', ARM_RFC_2023),
];

const H68 = iommufdH('6.8');

/** Page tables as merged. */
export const HWPT_IOCTLS: readonly Ioctl[] = [
  call('IOMMU_HWPT_ALLOC', 0x89, 'iommu_hwpt_alloc', 24, 'Makes a page table, or a nested one.', H68),
  call('IOMMU_GET_HW_INFO', 0x8a, 'iommu_hw_info', 32, 'Tells what the IOMMU of a device can do.', H68),
  call(
    'IOMMU_HWPT_SET_DIRTY_TRACKING',
    0x8b,
    'iommu_hwpt_set_dirty_tracking',
    16,
    'Turns dirty tracking on or off.',
    H68,
  ),
  call('IOMMU_HWPT_GET_DIRTY_BITMAP', 0x8c, 'iommu_hwpt_get_dirty_bitmap', 48, 'Reads which pages were written.', H68),
  call(
    'IOMMU_HWPT_INVALIDATE',
    0x8d,
    'iommu_hwpt_invalidate',
    32,
    'Invalidates what is cached of a nested page table.',
    H68,
  ),
];

export const FAULT_IOCTL: Ioctl = call(
  'IOMMU_FAULT_QUEUE_ALLOC',
  0x8e,
  'iommu_fault_alloc',
  16,
  'Makes a queue for page faults.',
  iommufdH('6.11'),
);

const H614 = iommufdH('6.14');

export const VIOMMU_IOCTLS: readonly Ioctl[] = [
  call('IOMMU_IOAS_MAP_FILE', 0x8f, 'iommu_ioas_map_file', 40, 'Maps a memory file into an address space.', H614),
  call('IOMMU_VIOMMU_ALLOC', 0x90, 'iommu_viommu_alloc', 24, 'Makes a virtual IOMMU.', H614),
  call('IOMMU_VDEVICE_ALLOC', 0x91, 'iommu_vdevice_alloc', 24, 'Makes a virtual device in a virtual IOMMU.', H614),
  call(
    'IOMMU_IOAS_CHANGE_PROCESS',
    0x92,
    'iommu_ioas_change_process',
    8,
    'Moves the accounting of file mappings here.',
    H614,
  ),
];

const H617 = iommufdH('6.17');

export const QUEUE_IOCTLS: readonly Ioctl[] = [
  call('IOMMU_VEVENTQ_ALLOC', 0x93, 'iommu_veventq_alloc', 28, 'Makes a queue for events of a virtual IOMMU.', H617),
  call('IOMMU_HW_QUEUE_ALLOC', 0x94, 'iommu_hw_queue_alloc', 40, 'Gives hardware a queue in guest memory.', H617),
];

export const TEST_IOCTL: Ioctl = {
  name: 'IOMMU_TEST_CMD',
  number: 0x3ba0,
  doc: "Drives the kernel's built-in test with a struct of its own; scenarios drive the mock with steps instead.",
  source: iommufdTestH('6.8'),
};
