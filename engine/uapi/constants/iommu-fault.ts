import { IOMMU_H, IOMMU_H_5_4 } from '../sources.ts';
import { group } from './group.ts';

export const iommuFaultConstants = [
  ...group('IOMMU_FAULT_PERM', IOMMU_H_5_4, [
    ['IOMMU_FAULT_PERM_READ', 1n, 'The access reads.'],
    ['IOMMU_FAULT_PERM_WRITE', 2n, 'The access writes.'],
    ['IOMMU_FAULT_PERM_EXEC', 4n, 'The access fetches instructions.'],
    ['IOMMU_FAULT_PERM_PRIV', 8n, 'The access is privileged.'],
  ]),
  ...group('iommu_fault_type', IOMMU_H_5_4, [
    ['IOMMU_FAULT_DMA_UNRECOV', 1n, 'The record is an unrecoverable DMA fault.'],
    ['IOMMU_FAULT_PAGE_REQ', 2n, 'The record is a page request.'],
  ]),
  ...group('iommu_fault_reason', IOMMU_H_5_4, [
    ['IOMMU_FAULT_REASON_UNKNOWN', 0n, 'The hardware gave no reason that has a number here.'],
    ['IOMMU_FAULT_REASON_PASID_FETCH', 1n, 'The PASID table could not be read.'],
    ['IOMMU_FAULT_REASON_BAD_PASID_ENTRY', 2n, 'The PASID table entry is not valid or is badly configured.'],
    ['IOMMU_FAULT_REASON_PASID_INVALID', 3n, 'The PASID lies outside the table or may not be used by this device.'],
    ['IOMMU_FAULT_REASON_WALK_EABT', 4n, 'A table access of the page walk ended in an external abort.'],
    ['IOMMU_FAULT_REASON_PTE_FETCH', 5n, 'A paging entry is not present or not valid.'],
    ['IOMMU_FAULT_REASON_PERMISSION', 6n, 'The paging entries do not allow this kind of access.'],
    ['IOMMU_FAULT_REASON_ACCESS', 7n, 'An access flag was clear where the hardware does not set it.'],
    ['IOMMU_FAULT_REASON_OOR_ADDRESS', 8n, 'An address of the walk lies outside the supported range.'],
  ]),
  ...group('IOMMU_FAULT_UNRECOV', IOMMU_H_5_4, [
    ['IOMMU_FAULT_UNRECOV_PASID_VALID', 1n, 'The pasid of the unrecoverable fault is filled in.'],
    ['IOMMU_FAULT_UNRECOV_ADDR_VALID', 2n, 'The addr of the unrecoverable fault is filled in.'],
    ['IOMMU_FAULT_UNRECOV_FETCH_ADDR_VALID', 4n, 'The fetch_addr of the unrecoverable fault is filled in.'],
  ]),
  ...group('IOMMU_FAULT_PAGE_REQUEST', IOMMU_H_5_4, [
    ['IOMMU_FAULT_PAGE_REQUEST_PASID_VALID', 1n, 'The pasid of the page request is filled in.'],
    ['IOMMU_FAULT_PAGE_REQUEST_LAST_PAGE', 2n, 'The request is the last of its group, which now wants an answer.'],
    ['IOMMU_FAULT_PAGE_REQUEST_PRIV_DATA', 4n, 'The private_data of the page request is filled in.'],
  ]),
] as const;

/** What 5.10 added. */
export const needsPasidConstants = group('IOMMU_FAULT_PAGE_REQUEST', IOMMU_H, [
  ['IOMMU_FAULT_PAGE_RESPONSE_NEEDS_PASID', 8n, 'The answer to this request has to repeat its pasid.'],
]);
