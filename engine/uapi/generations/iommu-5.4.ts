import { iommuFaultConstants } from '../constants/iommu-fault.ts';
import { pageResponseConstants } from '../constants/page-response.ts';
import { generation } from '../generation.ts';
import { IOMMU_H_5_4 } from '../sources.ts';
import { iommuFault, iommuFaultPageRequest, iommuFaultUnrecoverable } from '../structs/iommu-fault.ts';
import { pageResponseByVersion } from '../structs/page-response.ts';

/** The first merged header: faults and their answer, told apart by version. */
export const iommu54 = generation({
  id: 'iommu-5.4',
  title: 'fault records and page response as merged (Linux 5.4)',
  doc: 'The header linux/iommu.h as Linux 5.3 and 5.4 have it: fault records and page responses inside the kernel, with no ioctl that takes them.',
  model: 'vtd',
  header: true,
  structs: [
    iommuFaultUnrecoverable,
    iommuFaultPageRequest,
    iommuFault,
    pageResponseByVersion('IOMMU_PAGE_RESP_VERSION_1', IOMMU_H_5_4),
  ],
  constants: [...iommuFaultConstants, ...pageResponseConstants],
  ioctls: [],
  kinds: [{ kind: 'page_response', struct: 'iommu_page_response' }],
  quirks: [],
});
