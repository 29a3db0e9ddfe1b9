/** Carriers of answers to page requests. */
import { type Carrier, number, SIZE, type Spec } from './meaning.ts';

const RESPONSE: Spec = {
  as: 'choice',
  meaning: 'code',
  words: {
    IOMMU_PAGE_RESP_SUCCESS: 'success',
    IOMMU_PAGE_RESP_INVALID: 'invalid',
    IOMMU_PAGE_RESP_FAILURE: 'failure',
  },
};

const pageResponse = (size: Readonly<Record<string, Spec>>): Carrier => ({
  role: 'respond',
  struct: 'iommu_page_response',
  fields: {
    ...size,
    version: { as: 'version' },
    flags: { as: 'bits', bits: { IOMMU_PAGE_RESP_PASID_VALID: 'PASID given' } },
    pasid: number('PASID'),
    grpid: number('group'),
    code: RESPONSE,
  },
  covers: ['cookie', 'address'],
});

export const RESPONSES: readonly Carrier[] = [
  {
    role: 'respond',
    struct: 'page_response_msg',
    fields: {
      addr: number('address'),
      pasid: number('PASID'),
      resp_code: RESPONSE,
      pasid_present: number('PASID given'),
      page_req_group_id: number('group'),
      private_data: number('private data'),
    },
    covers: ['cookie'],
  },
  pageResponse({ argsz: SIZE }),
  pageResponse({}),
  {
    role: 'respond',
    struct: 'iommu_hwpt_page_response',
    fields: {
      cookie: number('cookie'),
      code: {
        as: 'choice',
        meaning: 'code',
        words: { IOMMUFD_PAGE_RESP_SUCCESS: 'success', IOMMUFD_PAGE_RESP_INVALID: 'invalid' },
      },
    },
    gives: { cookie: 'run' },
    // The cookie stands for the request and all that it said.
    covers: ['cookie', 'address', 'PASID', 'PASID given', 'group', 'private data'],
  },
];
