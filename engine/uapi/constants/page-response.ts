import { IOMMU_H_5_4 } from '../sources.ts';
import { group } from './group.ts';

export const pageResponseVersion = group('IOMMU_PAGE_RESP_VERSION', IOMMU_H_5_4, [
  ['IOMMU_PAGE_RESP_VERSION_1', 1n, 'The only version of iommu_page_response.'],
]);

/** How a page request ended; the postings of 2018 number it alike. */
export const pageResponseCodes = (source: string, name = 'iommu_page_response_code') =>
  group(name, source, [
    ['IOMMU_PAGE_RESP_SUCCESS', 0n, 'The page is there, and the device may try again.'],
    ['IOMMU_PAGE_RESP_INVALID', 1n, 'The page cannot be had, and the device gives up this access.'],
    ['IOMMU_PAGE_RESP_FAILURE', 2n, 'Handling failed, and the device should send no further page requests.'],
  ]);

export const pageResponseConstants = [
  ...pageResponseVersion,
  ...group('IOMMU_PAGE_RESP', IOMMU_H_5_4, [
    ['IOMMU_PAGE_RESP_PASID_VALID', 1n, 'The pasid of the response is filled in.'],
  ]),
  ...pageResponseCodes(IOMMU_H_5_4),
] as const;
