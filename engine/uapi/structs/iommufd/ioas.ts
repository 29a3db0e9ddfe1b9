import { aligned64, s32, struct, u16, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';
import { reserved, size } from './common.ts';

const H = iommufdH('6.5');
const MAP_FLAGS = ['IOMMU_IOAS_MAP_FIXED_IOVA', 'IOMMU_IOAS_MAP_WRITEABLE', 'IOMMU_IOAS_MAP_READABLE'];

export const destroy = struct(
  'iommu_destroy',
  { doc: 'Destroys an object that no other object and no device needs any more.', source: H },
  [size, u32('id', { doc: 'Object to destroy, of whatever type; one that is in use returns EBUSY.' })],
);

export const ioasAlloc = struct(
  'iommu_ioas_alloc',
  { doc: 'Makes an I/O address space that holds mappings of user memory.', source: H },
  [
    size,
    u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' }),
    u32('out_ioas_id', { doc: 'Id of the new address space.', out: true }),
  ],
);

export const iovaRange = struct(
  'iommu_iova_range',
  { doc: 'An inclusive range of I/O virtual addresses.', source: H },
  [
    aligned64('start', { doc: 'First address of the range.' }),
    aligned64('last', { doc: 'Last address of the range, inclusive.' }),
  ],
);

export const ioasIovaRanges = struct(
  'iommu_ioas_iova_ranges',
  { doc: 'Asks which ranges of an address space the attached devices leave usable.', source: H },
  [
    size,
    u32('ioas_id', { doc: 'Address space to ask.' }),
    u32('num_iovas', {
      doc: 'Length of the array at allowed_iovas, written back as the number of ranges there are.',
      inout: true,
    }),
    reserved(),
    aligned64('allowed_iovas', {
      doc: 'Array that the ranges are written to, as many as fit.',
      space: 'user',
      target: { struct: 'iommu_iova_range', count: 'num_iovas' },
    }),
    aligned64('out_iova_alignment', {
      doc: 'Alignment that the bounds of a mapping must have, at most the page size.',
      unit: 'bytes',
      out: true,
    }),
  ],
);

export const ioasAllowIovas = struct(
  'iommu_ioas_allow_iovas',
  { doc: 'Keeps ranges of an address space usable: a device that would take them away cannot attach.', source: H },
  [
    size,
    u32('ioas_id', { doc: 'Address space whose list of ranges is replaced.' }),
    u32('num_iovas', { doc: 'Number of ranges at allowed_iovas.' }),
    reserved(),
    aligned64('allowed_iovas', {
      doc: 'Array of the ranges to keep.',
      space: 'user',
      target: { struct: 'iommu_iova_range', count: 'num_iovas' },
    }),
  ],
);

export const ioasMap = struct(
  'iommu_ioas_map',
  { doc: 'Pins user memory and maps it into an address space.', source: H },
  [
    size,
    u32('flags', {
      doc: 'Access that DMA gets, of which at least one is needed, and who picks iova.',
      flags: MAP_FLAGS,
    }),
    u32('ioas_id', { doc: 'Address space to map into.' }),
    reserved(),
    aligned64('user_va', { doc: 'First byte of the memory to map.', space: 'user' }),
    aligned64('length', { doc: 'Length of the mapping.', unit: 'bytes' }),
    aligned64('iova', {
      doc: 'Address to map at with IOMMU_IOAS_MAP_FIXED_IOVA, else written with the address that the kernel picked.',
      inout: true,
    }),
  ],
);

export const ioasCopy = struct(
  'iommu_ioas_copy',
  { doc: 'Maps what one address space maps into another without pinning it again.', source: H },
  [
    size,
    u32('flags', { doc: 'Access that DMA gets through the copy, and who picks dst_iova.', flags: MAP_FLAGS }),
    u32('dst_ioas_id', { doc: 'Address space to map into.' }),
    u32('src_ioas_id', { doc: 'Address space to copy from.' }),
    aligned64('length', { doc: 'Length of the mapping to copy, all of which has to be mapped.', unit: 'bytes' }),
    aligned64('dst_iova', {
      doc: 'Address to map at with IOMMU_IOAS_MAP_FIXED_IOVA, else written with the one that the kernel picked.',
      inout: true,
    }),
    aligned64('src_iova', { doc: 'Address in the source where the copy begins.' }),
  ],
);

export const ioasUnmap = struct(
  'iommu_ioas_unmap',
  { doc: 'Unmaps every mapping that lies within a range, none of which may reach beyond it.', source: H },
  [
    size,
    u32('ioas_id', { doc: 'Address space to unmap from.' }),
    aligned64('iova', { doc: 'First address of the range; 0 with a length of all ones unmaps everything.' }),
    aligned64('length', {
      doc: 'Length of the range, written back as the bytes that were unmapped.',
      unit: 'bytes',
      inout: true,
    }),
  ],
);

export const option = struct(
  'iommu_option',
  { doc: 'Sets or reads an option of an object or of the whole file descriptor.', source: H },
  [
    size,
    u32('option_id', { doc: 'Which option.', oneOf: ['IOMMU_OPTION_RLIMIT_MODE', 'IOMMU_OPTION_HUGE_PAGES'] }),
    u16('op', { doc: 'Whether it is set or read.', oneOf: ['IOMMU_OPTION_OP_SET', 'IOMMU_OPTION_OP_GET'] }),
    u16('__reserved', { doc: 'Must be zero.', role: 'reserved' }),
    u32('object_id', { doc: 'Object that the option belongs to, 0 for one of the file descriptor.' }),
    aligned64('val64', { doc: 'Value to set, or written with the value that was read.', inout: true }),
  ],
);

export const vfioIoas = struct(
  'iommu_vfio_ioas',
  { doc: 'Chooses the address space that the VFIO container ioctls on an iommufd work on.', source: H },
  [
    size,
    u32('ioas_id', { doc: 'Address space to use from now on, or written with the one in use.', inout: true }),
    u16('op', {
      doc: 'Whether it is read, set or given up.',
      oneOf: ['IOMMU_VFIO_IOAS_GET', 'IOMMU_VFIO_IOAS_SET', 'IOMMU_VFIO_IOAS_CLEAR'],
    }),
    u16('__reserved', { doc: 'Must be zero.', role: 'reserved' }),
  ],
);

export const ioasMapFile = struct(
  'iommu_ioas_map_file',
  {
    doc: 'Maps a range of a memory file into an address space, without an address of the process.',
    source: iommufdH('6.14'),
  },
  [
    size,
    u32('flags', { doc: 'Access that DMA gets, and who picks iova.', flags: MAP_FLAGS }),
    u32('ioas_id', { doc: 'Address space to map into.' }),
    s32('fd', { doc: 'File descriptor of the memory file.' }),
    aligned64('start', { doc: 'Offset in the file where the mapping begins.', unit: 'bytes' }),
    aligned64('length', { doc: 'Length of the mapping.', unit: 'bytes' }),
    aligned64('iova', {
      doc: 'Address to map at with IOMMU_IOAS_MAP_FIXED_IOVA, else written with the address that the kernel chose.',
      inout: true,
    }),
  ],
);

export const ioasChangeProcess = struct(
  'iommu_ioas_change_process',
  {
    doc: 'Moves the accounting of file mappings to the calling process after an exec or fork.',
    source: iommufdH('6.14'),
  },
  [size, reserved()],
);
