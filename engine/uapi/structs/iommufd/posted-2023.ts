import { aligned64, struct, u32, u64 } from '../../descriptor.ts';
import { ARM_RFC_2023, IOMMUFD_2023 } from '../../sources.ts';
import { reserved, size } from './common.ts';

/** Forms of mid-2023 that were merged otherwise or not at all. */
export const hwptAlloc = struct(
  'iommu_hwpt_alloc',
  {
    doc: 'Makes a hardware page table that follows an address space, or a nested one on top of another.',
    source: IOMMUFD_2023,
  },
  [
    size,
    u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' }),
    u32('dev_id', { doc: 'Device whose IOMMU the page table is made for.' }),
    u32('pt_id', { doc: 'Address space to follow, or page table to nest on.' }),
    u32('out_hwpt_id', { doc: 'Id of the new page table.', out: true }),
    reserved(),
    u32('hwpt_type', {
      doc: 'Which driver payload lies at data_uptr; IOMMU_HWPT_TYPE_DEFAULT has none.',
      oneOf: [
        'IOMMU_HWPT_TYPE_DEFAULT',
        'IOMMU_HWPT_TYPE_VTD_S1',
        'IOMMU_HWPT_TYPE_ARM_SMMUV3',
        'IOMMU_HWPT_TYPE_SELFTTEST',
      ],
      aliases: ['data_type'],
    }),
    u32('data_len', { doc: 'Length of the payload.', unit: 'bytes' }),
    aligned64('data_uptr', {
      doc: 'Address of the payload.',
      space: 'user',
      target: {
        by: 'hwpt_type',
        to: {
          IOMMU_HWPT_TYPE_VTD_S1: 'iommu_hwpt_vtd_s1',
          IOMMU_HWPT_TYPE_ARM_SMMUV3: 'iommu_hwpt_arm_smmuv3',
          IOMMU_HWPT_TYPE_SELFTTEST: 'iommu_hwpt_selftest',
        },
        length: 'data_len',
      },
    }),
  ],
);

export const hwInfo = struct(
  'iommu_hw_info',
  { doc: 'Asks what the IOMMU behind a device can do, in the terms of its kind.', source: IOMMUFD_2023 },
  [
    size,
    u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' }),
    u32('dev_id', { doc: 'Device to ask about.' }),
    u32('data_len', {
      doc: 'Length of the buffer, written back as the length that was filled.',
      unit: 'bytes',
      inout: true,
    }),
    aligned64('data_ptr', {
      doc: 'Buffer for what the driver tells.',
      space: 'user',
      target: { length: 'data_len' },
      aliases: ['data_uptr'],
    }),
    u32('out_data_type', { doc: 'What lies in the buffer now.', out: true }),
    reserved(),
  ],
);

export const resvIovaRange = struct(
  'iommu_resv_iova_range',
  { doc: 'An inclusive range of addresses that a device cannot use for DMA.', source: IOMMUFD_2023 },
  [
    aligned64('start', { doc: 'First address of the reserved range.', out: true }),
    aligned64('last', { doc: 'Last address of the reserved range, inclusive.', out: true }),
  ],
);

export const resvIovaRanges = struct(
  'iommu_resv_iova_ranges',
  { doc: 'Asks which ranges a device cannot use for DMA.', source: IOMMUFD_2023 },
  [
    size,
    u32('dev_id', { doc: 'Device to ask about.' }),
    u32('num_iovas', {
      doc: 'Length of the array at resv_iovas, written back as the number of ranges there are.',
      inout: true,
    }),
    reserved(),
    aligned64('resv_iovas', {
      doc: 'Array that the ranges are written to, as many as fit.',
      space: 'user',
      target: { struct: 'iommu_resv_iova_range', count: 'num_iovas' },
    }),
  ],
);

export const hwptInvalidate = struct(
  'iommu_hwpt_invalidate',
  {
    doc: 'Hands the driver one payload that says what to invalidate; the type of the page table says what it is.',
    source: IOMMUFD_2023,
  },
  [
    size,
    u32('hwpt_id', { doc: 'Nested page table whose cached translations are meant.' }),
    u32('data_len', { doc: 'Length of the payload, which must not be 0.', unit: 'bytes' }),
    reserved('Must be zero, or the call returns EOPNOTSUPP.'),
    aligned64('data_uptr', { doc: 'Address of the payload.', space: 'user', target: { length: 'data_len' } }),
  ],
);

export const hwptVtdS1InvalidateDesc = struct(
  'iommu_hwpt_vtd_s1_invalidate_desc',
  { doc: 'One range of guest virtual addresses to drop from the caches of VT-d.', source: IOMMUFD_2023 },
  [
    aligned64('addr', {
      doc: 'First address of the range; 0 with all ones in npages means everything.',
      space: 'GVA',
      aligned: 4096n,
    }),
    aligned64('npages', { doc: 'Length of the range.', unit: '4 KiB pages' }),
    u32('flags', { doc: 'Whether only leaf entries are dropped.', flags: ['IOMMU_VTD_QI_FLAGS_LEAF'] }),
    reserved('Must be zero, or the descriptor is refused with EINVAL.'),
  ],
);

export const hwptVtdS1Invalidate = struct(
  'iommu_hwpt_vtd_s1_invalidate',
  {
    doc: 'Carries an array of invalidation descriptors and their count behind two more addresses.',
    source: IOMMUFD_2023,
  },
  [
    u32('flags', { doc: 'Documented as zero, though the kernel does not look at it.', role: 'reserved' }),
    u32('entry_size', { doc: 'Length of one descriptor, which is also the distance to the next.', unit: 'bytes' }),
    aligned64('entry_nr_uptr', {
      doc: 'Address of a 32-bit number of descriptors, read and written back.',
      space: 'user',
      target: {},
    }),
    aligned64('inv_data_uptr', {
      doc: 'Address of the array of descriptors.',
      space: 'user',
      target: { struct: 'iommu_hwpt_vtd_s1_invalidate_desc', element: 'entry_size' },
    }),
  ],
);

export const hwptSelftest = struct(
  'iommu_hwpt_selftest',
  {
    doc: 'Payload of a page table of the mock IOMMU.',
    source: 'iommufd nesting core v3 14/17, 2023-07-24, drivers/iommu/iommufd/iommufd_test.h',
  },
  [
    u64('flags', { doc: 'Whether the page table is a nested one.', flags: ['IOMMU_TEST_FLAG_NESTED'] }),
    u64('test_config', { doc: 'Value that the IOTLB words of the page table begin with.' }),
  ],
);

export const hwptArmSmmuv3 = struct(
  'iommu_hwpt_arm_smmuv3',
  {
    doc: "The guest's stream table entry behind an address, with room for the event that refuses it.",
    source: ARM_RFC_2023,
  },
  [
    aligned64('flags', { doc: 'Bit 0 asks for a page table of stage 2.' }),
    aligned64('ste_len', { doc: 'Length of the stream table entry.', unit: 'bytes' }),
    aligned64('ste_uptr', { doc: 'Address of the stream table entry.', space: 'user', target: { length: 'ste_len' } }),
    aligned64('event_len', { doc: 'Length of the room for an event.', unit: 'bytes' }),
    aligned64('out_event_uptr', {
      doc: 'Where the event is written that the hardware would log for a bad entry.',
      space: 'user',
      target: { length: 'event_len' },
    }),
  ],
);

export const hwptArmSmmuv3Invalidate = struct(
  'iommu_hwpt_arm_smmuv3_invalidate',
  {
    doc: "The guest's command queue as a ring, of which the kernel takes what lies between its two indices.",
    source: ARM_RFC_2023,
  },
  [
    aligned64('cmdq_uptr', {
      doc: 'Address of the ring.',
      space: 'user',
      target: { element: 'cmdq_entry_size' },
    }),
    aligned64('cmdq_cons_uptr', {
      doc: 'Address of the 32-bit consumer index, read and written back with an error code in bits 30:24.',
      space: 'user',
      target: {},
    }),
    u32('cmdq_prod', { doc: 'Producer index with its wrap bit.' }),
    u32('cmdq_entry_size', { doc: 'Length of one command, 16.', unit: 'bytes' }),
    u32('cmdq_log2size', { doc: 'Commands that the ring holds, as a power of two.' }),
    reserved(),
  ],
);

export const setDevData = struct(
  'iommu_set_dev_data',
  {
    doc: 'Tells the driver what it needs to know of a device in the guest, such as its StreamID.',
    source: ARM_RFC_2023,
  },
  [
    size,
    u32('dev_id', { doc: 'Device that the data belongs to.' }),
    aligned64('data_uptr', { doc: 'Address of the data.', space: 'user', target: { length: 'data_len' } }),
    u32('data_len', { doc: 'Length of the data.', unit: 'bytes' }),
  ],
);

export const unsetDevData = struct(
  'iommu_unset_dev_data',
  { doc: 'Takes back what was told of a device.', source: ARM_RFC_2023 },
  [size, u32('dev_id', { doc: 'Device that the data belonged to.' })],
);
