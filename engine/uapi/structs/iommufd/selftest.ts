import { aligned64, type Member, struct, u32 } from '../../descriptor.ts';
import { iommufdTestH } from '../../sources.ts';

const HWPT = 'Payload of a nested page table of the mock IOMMU.';
const iotlb = u32('iotlb', { doc: 'Value that the four IOTLB words of the page table begin with.' });

export const hwptSelftest4 = struct('iommu_hwpt_selftest', { doc: HWPT, source: iommufdTestH('6.8') }, [iotlb]);
export const hwptSelftest8 = struct('iommu_hwpt_selftest', { doc: HWPT, source: iommufdTestH('7.2') }, [
  iotlb,
  u32('pagetable_type', { doc: 'Format of the page table that the mock keeps.' }),
]);

const flags: Member = u32('flags', {
  doc: 'Whether all words are cleared or the one that is named.',
  flags: ['IOMMU_TEST_INVALIDATE_FLAG_ALL'],
});

export const hwptInvalidateSelftest = struct(
  'iommu_hwpt_invalidate_selftest',
  { doc: 'Clears IOTLB words of a nested page table of the mock IOMMU.', source: iommufdTestH('6.8') },
  [flags, u32('iotlb_id', { doc: 'Word to clear, 0 to 3; judged even when all are cleared.' })],
);

export const testHwInfo = struct(
  'iommu_test_hw_info',
  { doc: 'What the mock IOMMU tells of itself.', source: iommufdTestH('6.8') },
  [
    u32('flags', { doc: 'Zero.', out: true }),
    u32('test_reg', { doc: 'Always IOMMU_HW_INFO_SELFTEST_REGVAL.', out: true }),
  ],
);

export const viommuInvalidateSelftest = struct(
  'iommu_viommu_invalidate_selftest',
  { doc: 'Clears words of the device cache behind a virtual IOMMU of the mock.', source: iommufdTestH('7.2') },
  [
    flags,
    u32('vdev_id', { doc: 'Id by which the guest knows the device; an unknown one is refused with EINVAL.' }),
    u32('cache_id', { doc: 'Word to clear, 0 to 3; judged even when all are.' }),
  ],
);

export const viommuEventSelftest = struct(
  'iommu_viommu_event_selftest',
  { doc: 'The event that the mock reports through a vEVENTQ.', source: iommufdTestH('7.2') },
  [u32('virt_id', { doc: 'Id by which the guest knows the device.', out: true })],
);

export const viommuSelftest = struct(
  'iommu_viommu_selftest',
  { doc: 'Payload of a virtual IOMMU of the mock, which it answers into.', source: iommufdTestH('7.2') },
  [
    u32('in_data', { doc: 'Any number.' }),
    u32('out_data', { doc: 'The number of in_data.', out: true }),
    aligned64('out_mmap_offset', { doc: 'Offset to pass to mmap on the iommufd.', out: true }),
    aligned64('out_mmap_length', { doc: 'Length to pass to mmap.', unit: 'bytes', out: true }),
  ],
);
