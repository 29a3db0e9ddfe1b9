import { iommufdTestH } from '../../sources.ts';
import { group } from '../group.ts';

const H = iommufdTestH('6.8');
const H72 = iommufdTestH('7.2');

/** The built-in mock IOMMU, as far as user space meets it. */
export const selftestConstants = [
  ...group('IOMMU_HWPT_DATA_SELFTEST', H, [
    ['IOMMU_HWPT_DATA_SELFTEST', 0xdeadn, 'The payload is one for the mock IOMMU.'],
    ['IOMMU_TEST_IOTLB_DEFAULT', 0xbadbeefn, 'What tests put into the IOTLB words of the mock to begin with.'],
  ]),
  ...group('IOMMU_HWPT_INVALIDATE_DATA_SELFTEST', H, [
    ['IOMMU_HWPT_INVALIDATE_DATA_SELFTEST', 0xdeadbeefn, 'The entries are for a nested page table of the mock.'],
    ['IOMMU_HWPT_INVALIDATE_DATA_SELFTEST_INVALID', 0xdadbeefn, 'No driver knows this type of entries.'],
    ['IOMMU_TEST_INVALIDATE_FLAG_ALL', 1n, 'All words of the cache are cleared.'],
  ]),
  ...group('IOMMU_HW_INFO_TYPE_SELFTEST', H, [
    ['IOMMU_HW_INFO_TYPE_SELFTEST', 0xfeedbeefn, 'The buffer holds what the mock IOMMU tells of itself.'],
    ['IOMMU_HW_INFO_SELFTEST_REGVAL', 0xdeadbeefn, 'What the only register of the mock reads.'],
  ]),
] as const;

export const viommuSelftestConstants = [
  ...group('IOMMU_VIOMMU_TYPE_SELFTEST', H72, [
    ['IOMMU_VIOMMU_TYPE_SELFTEST', 0xdeadbeefn, 'The virtual IOMMU is one of the mock.'],
    ['IOMMU_TEST_DEV_CACHE_DEFAULT', 0xbaddadn, 'What the four cache words of a mock device begin with.'],
  ]),
  ...group('IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST', H72, [
    ['IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST', 0xdeadbeefn, 'The entries are for a virtual IOMMU of the mock.'],
    ['IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST_INVALID', 0xdadbeefn, 'No virtual IOMMU knows this type of entries.'],
  ]),
] as const;

export const queueSelftestConstants = [
  ...group('IOMMU_VEVENTQ_TYPE_SELFTEST', H72, [
    ['IOMMU_VEVENTQ_TYPE_SELFTEST', 0xbeefbeefn, 'The events are those of the mock.'],
  ]),
  ...group('IOMMU_HW_QUEUE_TYPE_SELFTEST', H72, [
    ['IOMMU_HW_QUEUE_TYPE_SELFTEST', 0xdeadbeefn, 'The queue is one of the mock.'],
    ['IOMMU_TEST_HW_QUEUE_MAX', 2n, 'Number of queues that a virtual IOMMU of the mock has.'],
  ]),
] as const;
