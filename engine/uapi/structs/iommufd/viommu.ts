import { aligned64, type Member, struct, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';
import { reserved, size } from './common.ts';
import type { Payloads } from './hwpt.ts';

const VIOMMU = 'Makes a virtual IOMMU: the slice of a physical one that a guest owns.';
const noFlags = u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' });

const viommuFields = (types: readonly string[]): readonly Member[] => [
  size,
  noFlags,
  u32('type', { doc: 'Kind of the virtual IOMMU, which has to be that of the physical one.', oneOf: types }),
  u32('dev_id', { doc: 'Device whose physical IOMMU is sliced.' }),
  u32('hwpt_id', { doc: 'Nesting parent that holds the guest physical address space.' }),
  u32('out_viommu_id', { doc: 'Id of the new virtual IOMMU.', out: true }),
];

/** Before a driver payload came. */
export const viommuAlloc24 = (types: readonly string[]) =>
  struct('iommu_viommu_alloc', { doc: VIOMMU, source: iommufdH('6.14') }, viommuFields(types));

export const viommuAlloc40 = (release: string, types: readonly string[], payloads: Payloads) =>
  struct('iommu_viommu_alloc', { doc: VIOMMU, source: iommufdH(release) }, [
    ...viommuFields(types),
    u32('data_len', { doc: 'Length of the payload, 0 when there is none.', unit: 'bytes' }),
    reserved('Documented as zero, though the kernel does not look at it.'),
    aligned64('data_uptr', {
      doc: 'Address of the payload, which the driver also answers into.',
      space: 'user',
      target: { by: 'type', to: payloads, length: 'data_len' },
    }),
  ]);

export const vdeviceAlloc = struct(
  'iommu_vdevice_alloc',
  { doc: 'Tells a virtual IOMMU by which id the guest knows a device.', source: iommufdH('6.14') },
  [
    size,
    u32('viommu_id', { doc: 'Virtual IOMMU that the guest sees in front of the device.' }),
    u32('dev_id', { doc: 'Device behind it.' }),
    u32('out_vdevice_id', { doc: 'Id of the new virtual device.', out: true }),
    aligned64('virt_id', { doc: 'Id by which the guest knows the device, such as a virtual StreamID.' }),
  ],
);

export const veventHeader = struct(
  'iommufd_vevent_header',
  { doc: 'Stands before every event that is read from a vEVENTQ.', source: iommufdH('6.17') },
  [
    u32('flags', {
      doc: 'Whether events were lost, in which case no event follows.',
      flags: ['IOMMU_VEVENTQ_FLAG_LOST_EVENTS'],
      out: true,
    }),
    u32('sequence', { doc: 'Number of the event; a gap tells how many were lost.', out: true }),
  ],
);

export const veventqAlloc = (release: string, types: readonly string[]) =>
  struct(
    'iommu_veventq_alloc',
    { doc: 'Makes a queue, read as a file, for events of a virtual IOMMU.', source: iommufdH(release) },
    [
      size,
      noFlags,
      u32('viommu_id', { doc: 'Virtual IOMMU whose events are wanted.' }),
      u32('type', { doc: 'Kind of the events; each has one queue at most.', oneOf: types }),
      u32('veventq_depth', { doc: 'Events that the queue keeps before it loses some, 1 to 524288.', unit: 'events' }),
      u32('out_veventq_id', { doc: 'Id of the new queue.', out: true }),
      u32('out_veventq_fd', { doc: 'File descriptor of the new queue.', out: true }),
      reserved('Must be zero, or the call returns EOPNOTSUPP.'),
    ],
  );

export const hwQueueAlloc = (release: string, types: readonly string[]) =>
  struct(
    'iommu_hw_queue_alloc',
    { doc: 'Lets hardware work directly on a queue that lies in guest memory.', source: iommufdH(release) },
    [
      size,
      noFlags,
      u32('viommu_id', { doc: 'Virtual IOMMU that the queue belongs to.' }),
      u32('type', { doc: 'Kind of the queue.', oneOf: types }),
      u32('index', { doc: 'Number of the queue within the virtual IOMMU.' }),
      u32('out_hw_queue_id', { doc: 'Id of the new queue object.', out: true }),
      aligned64('nesting_parent_iova', { doc: 'First byte of the queue, which has to be mapped.', space: 'GPA' }),
      aligned64('length', { doc: 'Length of the queue, which has to lie in contiguous host memory.', unit: 'bytes' }),
    ],
  );
