import { aligned64, struct, u32 } from '../../descriptor.ts';
import { iommufdH } from '../../sources.ts';
import { size } from './common.ts';

const H = iommufdH('6.11');

export const faultAlloc = struct(
  'iommu_fault_alloc',
  { doc: 'Makes a fault queue, a file that page faults are read from and answers written to.', source: H },
  [
    size,
    u32('flags', { doc: 'No flag exists, so it is 0.', role: 'reserved' }),
    u32('out_fault_id', { doc: 'Id of the new fault queue.', out: true }),
    u32('out_fault_fd', { doc: 'File descriptor of the new fault queue.', out: true }),
  ],
);

export const hwptPgfault = struct(
  'iommu_hwpt_pgfault',
  { doc: 'One page fault, as read from a fault queue: the device waits until the group is answered.', source: H },
  [
    u32('flags', {
      doc: 'Whether pasid holds something, and whether the fault closes its group.',
      flags: ['IOMMU_PGFAULT_FLAGS_PASID_VALID', 'IOMMU_PGFAULT_FLAGS_LAST_PAGE'],
      out: true,
    }),
    u32('dev_id', { doc: 'Device that met the fault.', out: true }),
    u32('pasid', { doc: 'PASID of the access, valid only with IOMMU_PGFAULT_FLAGS_PASID_VALID.', out: true }),
    u32('grpid', { doc: 'Page request group index.', out: true }),
    u32('perm', {
      doc: 'Access that the device asks for.',
      flags: [
        'IOMMU_PGFAULT_PERM_READ',
        'IOMMU_PGFAULT_PERM_WRITE',
        'IOMMU_PGFAULT_PERM_EXEC',
        'IOMMU_PGFAULT_PERM_PRIV',
      ],
      out: true,
    }),
    u32('__reserved', { doc: 'Zero.', role: 'reserved', out: true }),
    aligned64('addr', { doc: 'Address that the device asks for.', space: 'GVA', out: true }),
    u32('length', {
      doc: 'Hint how much else the device will want, which the kernel leaves at 0.',
      unit: 'bytes',
      out: true,
    }),
    u32('cookie', { doc: 'Number that the answer repeats.', out: true }),
  ],
);

export const hwptPageResponse = struct(
  'iommu_hwpt_page_response',
  { doc: 'The answer to a group of page faults, as written to the fault queue.', source: H },
  [
    u32('cookie', { doc: 'Number of the fault that is answered.' }),
    u32('code', {
      doc: 'Whether the device may try again.',
      oneOf: ['IOMMUFD_PAGE_RESP_SUCCESS', 'IOMMUFD_PAGE_RESP_INVALID'],
    }),
  ],
);
