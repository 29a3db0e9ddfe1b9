import { flex, type Member, nested, type Struct, struct, u16, u32, u64 } from '../descriptor.ts';
import { VFIO_H, VFIO_H_4_16, VFIO_H_5_4, VFIO_H_5_10 } from '../sources.ts';

/** @param ids the constants that number the capabilities of this generation */
export const infoCapHeader = (ids: readonly string[]): Struct =>
  struct(
    'vfio_info_cap_header',
    { doc: 'Head of each capability in the chain behind an information struct.', source: VFIO_H_5_4 },
    [
      u16('id', { doc: 'Which capability follows.', oneOf: ids, out: true }),
      u16('version', { doc: 'Version of that capability, 1 for all of them now.', out: true }),
      u32('next', {
        doc: 'Distance of the next capability from the start of the information struct, 0 in the last one.',
        unit: 'bytes',
        out: true,
      }),
    ],
  );

const pageSizes = u64('iova_pgsizes', { doc: 'Page sizes that can be mapped, one bit for each size.', out: true });

/** Before 5.4: no capabilities. */
export const vfioIommuType1InfoWithoutCaps = struct(
  'vfio_iommu_type1_info',
  { doc: 'What a container can map.', source: VFIO_H_4_16 },
  [
    u32('argsz', { doc: 'Size of the buffer, at least 16.', role: 'size', unit: 'bytes' }),
    u32('flags', { doc: 'Whether iova_pgsizes holds something.', flags: ['VFIO_IOMMU_INFO_PGSIZES'], out: true }),
    pageSizes,
  ],
);

export const vfioIommuType1Info = struct(
  'vfio_iommu_type1_info',
  { doc: 'What a container can map, with a chain of capabilities behind it.', source: VFIO_H_5_4 },
  [
    u32('argsz', {
      doc: 'Size of the buffer, at least 16; the kernel writes back what the capabilities need when it is too small.',
      role: 'size',
      unit: 'bytes',
      out: true,
    }),
    u32('flags', {
      doc: 'Which of iova_pgsizes and cap_offset hold something.',
      flags: ['VFIO_IOMMU_INFO_PGSIZES', 'VFIO_IOMMU_INFO_CAPS'],
      out: true,
    }),
    pageSizes,
    u32('cap_offset', {
      doc: 'Distance of the first capability from the start of this struct, 0 when the buffer is too small for any.',
      unit: 'bytes',
      out: true,
    }),
  ],
);

export const vfioIovaRange = struct(
  'vfio_iova_range',
  { doc: 'One range of addresses that a container may map.', source: VFIO_H },
  [
    u64('start', { doc: 'First address of the range.', space: 'GPA', out: true }),
    u64('end', { doc: 'Last address of the range, which belongs to it.', space: 'GPA', out: true }),
  ],
);

export const iovaRangeCap = (header: Struct): Struct =>
  struct(
    'vfio_iommu_type1_info_cap_iova_range',
    { doc: 'Capability that lists the addresses outside all reserved regions.', source: VFIO_H },
    [
      nested('header', header, { doc: 'Header with id VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE.', out: true }),
      u32('nr_iovas', { doc: 'Number of ranges that follow.', unit: 'ranges', out: true }),
      u32('reserved', { doc: 'Zero bytes in front of the ranges.', role: 'reserved', out: true }),
      flex('iova_ranges', 'struct vfio_iova_range', vfioIovaRange.size, vfioIovaRange.align, {
        doc: 'The ranges in ascending order, which a mapping may not leave.',
        out: true,
      }),
    ],
  );

export const migrationCap = (header: Struct): Struct =>
  struct(
    'vfio_iommu_type1_info_cap_migration',
    { doc: 'Capability that says how the container logs dirty pages.', source: VFIO_H },
    [
      nested('header', header, { doc: 'Header with id VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION.', out: true }),
      u32('flags', { doc: 'Kept for later use by migration, 0 now.', role: 'reserved', out: true }),
      u64('pgsize_bitmap', { doc: 'Page sizes that can be logged, one bit for each size.', out: true }),
      u64('max_dirty_bitmap_size', { doc: 'Largest dirty bitmap that one call returns.', unit: 'bytes', out: true }),
    ],
  );

export const dmaAvailCap = (header: Struct): Struct =>
  struct(
    'vfio_iommu_type1_info_dma_avail',
    { doc: 'Capability that says how many more mappings the container takes.', source: VFIO_H_5_10 },
    [
      nested('header', header, { doc: 'Header with id VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL.', out: true }),
      u32('avail', { doc: 'Mappings that are left.', unit: 'mappings', out: true }),
    ],
  );

export const vfioIommuType1DmaMap = struct(
  'vfio_iommu_type1_dma_map',
  {
    doc: 'Maps memory of the process into the address space of the container, stage 2 when it nests.',
    source: VFIO_H_4_16,
  },
  [
    u32('argsz', { doc: 'Bytes the caller filled in, at least 32.', role: 'size', unit: 'bytes' }),
    u32('flags', {
      doc: 'What devices may do with the memory, at least one of read and write.',
      flags: ['VFIO_DMA_MAP_FLAG_READ', 'VFIO_DMA_MAP_FLAG_WRITE'],
    }),
    u64('vaddr', { doc: 'Start of the memory in the process, which is pinned.', space: 'user', aligned: 4096n }),
    u64('iova', {
      doc: 'Address the memory gets in the container, which is guest-physical when the container nests.',
      space: 'GPA',
      aligned: 4096n,
    }),
    u64('size', { doc: 'Length of the mapping in whole pages, not 0.', unit: 'bytes', aligned: 4096n }),
  ],
);

/** @param flags what the flags word may hold @param behind what follows the range */
const dmaUnmap = (source: string, flags: Member, behind: readonly Member[]): Struct =>
  struct('vfio_iommu_type1_dma_unmap', { doc: 'Takes mappings out of the address space of the container.', source }, [
    u32('argsz', { doc: 'Bytes the caller filled in, at least 24.', role: 'size', unit: 'bytes' }),
    flags,
    u64('iova', { doc: 'First address to unmap.', space: 'GPA', aligned: 4096n }),
    u64('size', {
      doc: 'Length of the range in whole pages; the kernel writes back how much it unmapped.',
      unit: 'bytes',
      aligned: 4096n,
      out: true,
    }),
    ...behind,
  ]);

/** Before 5.8: no dirty bitmap. */
export const vfioIommuType1DmaUnmapPlain = dmaUnmap(
  VFIO_H_4_16,
  u32('flags', { doc: 'Must be zero, or the unmap is refused with EINVAL.', role: 'reserved' }),
  [],
);

export const vfioIommuType1DmaUnmap = dmaUnmap(
  VFIO_H,
  u32('flags', {
    doc: 'Whether data asks for the dirty bitmap of the range.',
    flags: ['VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP'],
  }),
  [
    flex('data', '__u8', 1, 1, {
      doc: 'A struct vfio_bitmap that says where the dirty bitmap goes, read only with VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP.',
    }),
  ],
);
