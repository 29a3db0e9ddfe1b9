import { type FieldInfo, type Member, nested, type Struct, struct, u8, u32, u64 } from '../descriptor.ts';
import { IN_KERNEL_2018_IOMMU_H, V4_2018_IOMMU_H, V5_2018_IOMMU_H } from '../sources.ts';

/** A C enumeration, four bytes on x86-64. */
const enumeration = (name: string, of: string, info: FieldInfo): Member => ({ ...u32(name, info), type: `enum ${of}` });

const CONFIG = 'Where a guest keeps its PASID table, which the host enters as it is into the context of a device.';

/** Up to here every version agrees. @param version the constants that name the versions */
export const configMembers = (version: readonly string[]): readonly Member[] => [
  u32('version', { doc: 'Layout version.', role: 'version', oneOf: version }),
  u32('bytes', { doc: 'Size of this struct.', role: 'size', unit: 'bytes' }),
  u64('base_ptr', {
    doc: 'Address of the PASID table in guest memory, which VT-d wants aligned to 4 KiB and SMMUv3 to 64 bytes.',
    space: 'GPA',
    aligned: 64n,
  }),
  u8('pasid_bits', { doc: 'Width of the PASIDs that the table has room for.', unit: 'bits' }),
];

const config = (source: string, version: string): Struct =>
  struct('pasid_table_config', { doc: CONFIG, source }, configMembers([version]));

export const pasidTableConfigV4 = config(V4_2018_IOMMU_H, 'PASID_TABLE_CFG_VERSION');
export const pasidTableConfigV5 = config(V5_2018_IOMMU_H, 'PASID_TABLE_CFG_VERSION_1');

const hdr = (source: string, types: readonly string[]): Struct =>
  struct('tlb_invalidate_hdr', { doc: 'Head of an invalidation, the same for every kind of cache.', source }, [
    u32('version', { doc: 'Layout version.', role: 'version', oneOf: ['TLB_INV_HDR_VERSION_1'] }),
    enumeration('type', 'iommu_inv_type', { doc: 'Cache to flush, one for each request.', oneOf: types }),
  ]);

const TYPES = ['IOMMU_INV_TYPE_DTLB', 'IOMMU_INV_TYPE_TLB', 'IOMMU_INV_TYPE_PASID'];

export const tlbInvalidateHdrV4 = hdr(V4_2018_IOMMU_H, [...TYPES, 'IOMMU_INV_TYPE_CONTEXT']);
export const tlbInvalidateHdrV5 = hdr(V5_2018_IOMMU_H, TYPES);

const INFO = 'Asks the host to drop what is cached from a bound PASID table.';
const granularity = (oneOf: readonly string[]): Member =>
  enumeration('granularity', 'iommu_inv_granularity', { doc: 'How much of the cache to flush.', oneOf });
const flags = (names: readonly string[]): Member =>
  u32('flags', { doc: 'What else limits or widens the flush.', flags: names });
const order = u8('size', { doc: 'Logarithm of the pages in one block, so that 0 is 4 KiB.', unit: 'log2 pages' });
const pasid = u32('pasid', { doc: 'PASID to flush, for a granularity that names one.' });
const addr = u64('addr', { doc: 'First address of the range, for a granularity of pages.', space: 'GVA' });

export const tlbInvalidateInfoV4 = struct('tlb_invalidate_info', { doc: INFO, source: V4_2018_IOMMU_H }, [
  nested('hdr', tlbInvalidateHdrV4, { doc: 'Version and cache.' }),
  granularity([
    'IOMMU_INV_GRANU_DOMAIN',
    'IOMMU_INV_GRANU_DEVICE',
    'IOMMU_INV_GRANU_DOMAIN_PAGE',
    'IOMMU_INV_GRANU_ALL_PASID',
    'IOMMU_INV_GRANU_PASID_SEL',
    'IOMMU_INV_GRANU_NG_ALL_PASID',
    'IOMMU_INV_GRANU_NG_PASID',
    'IOMMU_INV_GRANU_PAGE_PASID',
  ]),
  flags([
    'IOMMU_INVALIDATE_NO_PASID',
    'IOMMU_INVALIDATE_ADDR_LEAF',
    'IOMMU_INVALIDATE_GLOBAL_PAGE',
    'IOMMU_INVALIDATE_PASID_TAGGED',
  ]),
  order,
  pasid,
  addr,
]);

export const tlbInvalidateInfoV5 = struct('tlb_invalidate_info', { doc: INFO, source: V5_2018_IOMMU_H }, [
  nested('hdr', tlbInvalidateHdrV5, { doc: 'Version and cache.' }),
  granularity(['IOMMU_INV_GRANU_DOMAIN_ALL_PASID', 'IOMMU_INV_GRANU_PASID_SEL', 'IOMMU_INV_GRANU_PAGE_PASID']),
  flags(['IOMMU_INVALIDATE_ADDR_LEAF', 'IOMMU_INVALIDATE_GLOBAL_PAGE']),
  order,
  u64('nr_pages', { doc: 'Number of blocks of that size.', unit: 'blocks' }),
  pasid,
  addr,
]);

/** In the kernel alone, as C has it: pasid_present is one bit of its word. */
export const pageResponseMsg = struct(
  'page_response_msg',
  { doc: 'Answers one group of page requests of a device.', source: IN_KERNEL_2018_IOMMU_H },
  [
    u64('addr', { doc: 'Page that was asked for.', space: 'GVA' }),
    u32('pasid', { doc: 'PASID of the request, read only with pasid_present.' }),
    enumeration('resp_code', 'page_response_code', {
      doc: 'Outcome that the device is told.',
      oneOf: ['IOMMU_PAGE_RESP_SUCCESS', 'IOMMU_PAGE_RESP_INVALID', 'IOMMU_PAGE_RESP_FAILURE'],
    }),
    u32('pasid_present', { doc: 'Whether pasid holds something, in bit 0.' }),
    u32('page_req_group_id', { doc: 'Group index of the request that is answered.' }),
    u64('private_data', { doc: 'Opaque word of the device that goes back with the answer.' }),
  ],
);
