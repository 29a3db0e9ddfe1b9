import { type Member, type Struct, struct, u32 } from '../descriptor.ts';
import { IOMMU_H } from '../sources.ts';

const INFO = 'Answers one group of page requests of a device.';

const response = (version: string): readonly Member[] => [
  u32('version', { doc: 'Layout version.', role: 'version', oneOf: [version] }),
  u32('flags', { doc: 'Whether pasid holds something.', flags: ['IOMMU_PAGE_RESP_PASID_VALID'] }),
  u32('pasid', {
    doc: 'PASID of the request, read only with IOMMU_PAGE_RESP_PASID_VALID and compared with the pending request.',
  }),
  u32('grpid', { doc: 'Group index of the request that is answered.' }),
  u32('code', {
    doc: 'Outcome that the device is told.',
    oneOf: ['IOMMU_PAGE_RESP_SUCCESS', 'IOMMU_PAGE_RESP_INVALID', 'IOMMU_PAGE_RESP_FAILURE'],
  }),
];

/** The form without argsz, which only its version tells apart. @param version the constant that names version 1 */
export const pageResponseByVersion = (version: string, source: string): Struct =>
  struct('iommu_page_response', { doc: INFO, source }, response(version));

export const iommuPageResponse = struct('iommu_page_response', { doc: INFO, source: IOMMU_H }, [
  u32('argsz', {
    doc: 'Bytes of this struct that the caller filled in, which the kernel of this generation does not check.',
    role: 'size',
    unit: 'bytes',
  }),
  ...response('IOMMU_PAGE_RESP_VERSION_1'),
]);
