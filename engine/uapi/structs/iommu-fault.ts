import { array, nested, overlay, type Struct, struct, u32, u64 } from '../descriptor.ts';
import { IOMMU_H, IOMMU_H_5_4 } from '../sources.ts';

export const iommuFaultUnrecoverable = struct(
  'iommu_fault_unrecoverable',
  { doc: 'A DMA fault that the IOMMU ended by itself and that nobody can answer.', source: IOMMU_H_5_4 },
  [
    u32('reason', {
      doc: 'Which step of the translation failed.',
      oneOf: [
        'IOMMU_FAULT_REASON_UNKNOWN',
        'IOMMU_FAULT_REASON_PASID_FETCH',
        'IOMMU_FAULT_REASON_BAD_PASID_ENTRY',
        'IOMMU_FAULT_REASON_PASID_INVALID',
        'IOMMU_FAULT_REASON_WALK_EABT',
        'IOMMU_FAULT_REASON_PTE_FETCH',
        'IOMMU_FAULT_REASON_PERMISSION',
        'IOMMU_FAULT_REASON_ACCESS',
        'IOMMU_FAULT_REASON_OOR_ADDRESS',
      ],
    }),
    u32('flags', {
      doc: 'Which of pasid, addr and fetch_addr hold something.',
      flags: [
        'IOMMU_FAULT_UNRECOV_PASID_VALID',
        'IOMMU_FAULT_UNRECOV_ADDR_VALID',
        'IOMMU_FAULT_UNRECOV_FETCH_ADDR_VALID',
      ],
    }),
    u32('pasid', { doc: 'PASID of the faulting DMA, read only with IOMMU_FAULT_UNRECOV_PASID_VALID.' }),
    u32('perm', {
      doc: 'Kind of access the device asked for.',
      flags: ['IOMMU_FAULT_PERM_READ', 'IOMMU_FAULT_PERM_WRITE', 'IOMMU_FAULT_PERM_EXEC', 'IOMMU_FAULT_PERM_PRIV'],
    }),
    u64('addr', {
      doc: 'Address the device accessed, read only with IOMMU_FAULT_UNRECOV_ADDR_VALID.',
      space: 'GVA',
    }),
    u64('fetch_addr', {
      doc: 'Address of the table entry whose fetch aborted, read only with IOMMU_FAULT_UNRECOV_FETCH_ADDR_VALID.',
    }),
  ],
);

const pageRequest = (source: string, flags: readonly string[]): Struct =>
  struct(
    'iommu_fault_page_request',
    { doc: 'A page request: the device waits until its group is answered with an iommu_page_response.', source },
    [
      u32('flags', {
        doc: 'Which fields hold something, and whether the request closes its group.',
        flags,
      }),
      u32('pasid', { doc: 'PASID the page is wanted under, read only with IOMMU_FAULT_PAGE_REQUEST_PASID_VALID.' }),
      u32('grpid', { doc: 'Page request group index, which the response has to repeat.' }),
      u32('perm', {
        doc: 'Access the page must allow once the request succeeded.',
        flags: ['IOMMU_FAULT_PERM_READ', 'IOMMU_FAULT_PERM_WRITE', 'IOMMU_FAULT_PERM_EXEC', 'IOMMU_FAULT_PERM_PRIV'],
      }),
      u64('addr', { doc: 'Page the device wants to access.', space: 'GVA' }),
      array('private_data', 8, 2, {
        doc: 'Opaque words of the device that go back with the answer, read only with IOMMU_FAULT_PAGE_REQUEST_PRIV_DATA.',
      }),
    ],
  );

const fault = (source: string, request: Struct): Struct =>
  struct(
    'iommu_fault',
    { doc: 'One fault record of a device; type says which of the two records is filled in.', source },
    [
      u32('type', {
        doc: 'Chooses between event and prm.',
        oneOf: ['IOMMU_FAULT_DMA_UNRECOV', 'IOMMU_FAULT_PAGE_REQ'],
      }),
      u32('padding', { doc: 'Zero bytes that bring the record to an 8-byte boundary.', role: 'padding' }),
      overlay([
        nested('event', iommuFaultUnrecoverable, {
          doc: 'The fault when type is IOMMU_FAULT_DMA_UNRECOV.',
          when: { field: 'type', is: 'IOMMU_FAULT_DMA_UNRECOV' },
        }),
        nested('prm', request, {
          doc: 'The page request when type is IOMMU_FAULT_PAGE_REQ.',
          when: { field: 'type', is: 'IOMMU_FAULT_PAGE_REQ' },
        }),
        // No padding role: these bytes are the two records above, not bytes that must be zero.
        array('padding2', 1, 56, { doc: 'Keeps the struct at 64 bytes for records still to be defined.' }),
      ]),
    ],
  );

const REQUEST_FLAGS = [
  'IOMMU_FAULT_PAGE_REQUEST_PASID_VALID',
  'IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE',
  'IOMMU_FAULT_PAGE_REQUEST_PRIV_DATA',
];

export const iommuFaultPageRequest = pageRequest(IOMMU_H_5_4, REQUEST_FLAGS);
export const iommuFault = fault(IOMMU_H_5_4, iommuFaultPageRequest);

/** As of 5.10, where a request says whether its answer has to repeat the PASID. */
export const iommuFaultPageRequestNeedsPasid = pageRequest(IOMMU_H, [
  ...REQUEST_FLAGS,
  'IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID',
]);
export const iommuFaultNeedsPasid = fault(IOMMU_H, iommuFaultPageRequestNeedsPasid);
