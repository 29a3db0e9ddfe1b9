import { IN_KERNEL_2018_IOMMU_H, V4_2018_IOMMU_H, V5_2018_IOMMU_H } from '../sources.ts';
import { group } from './group.ts';
import { pageResponseCodes } from './page-response.ts';

const onlyConfig = 'The only version of pasid_table_config.';

/** What both postings have. */
export const pasidTable2018Constants = [
  ...group('TLB_INV_HDR_VERSION', V4_2018_IOMMU_H, [
    ['TLB_INV_HDR_VERSION_1', 1n, 'The only version of tlb_invalidate_hdr.'],
  ]),
  ...group('iommu_inv_type', V4_2018_IOMMU_H, [
    ['IOMMU_INV_TYPE_DTLB', 0n, 'Translations in the device.'],
    ['IOMMU_INV_TYPE_TLB', 1n, 'Translations in the IOMMU.'],
    ['IOMMU_INV_TYPE_PASID', 2n, 'Cached PASID table entries.'],
  ]),
  ...pageResponseCodes(IN_KERNEL_2018_IOMMU_H, 'page_response_code'),
] as const;

export const pasidTableV4Constants = [
  ...group('PASID_TABLE_CFG_VERSION', V4_2018_IOMMU_H, [['PASID_TABLE_CFG_VERSION', 1n, onlyConfig]]),
  ...group('iommu_inv_type', V4_2018_IOMMU_H, [
    ['IOMMU_INV_TYPE_CONTEXT', 3n, 'Cached context entries.'],
    ['IOMMU_INV_NR_TYPE', 4n, 'Number of cache types, so the first that is none.'],
  ]),
  ...group('iommu_inv_granularity', V4_2018_IOMMU_H, [
    ['IOMMU_INV_GRANU_DOMAIN', 1n, 'Everything of the domain.'],
    ['IOMMU_INV_GRANU_DEVICE', 2n, 'Everything of one device.'],
    ['IOMMU_INV_GRANU_DOMAIN_PAGE', 3n, 'One range of the domain.'],
    ['IOMMU_INV_GRANU_ALL_PASID', 4n, 'Everything of all PASIDs.'],
    ['IOMMU_INV_GRANU_PASID_SEL', 5n, 'Everything of one PASID.'],
    ['IOMMU_INV_GRANU_NG_ALL_PASID', 6n, 'What is not global of all PASIDs.'],
    ['IOMMU_INV_GRANU_NG_PASID', 7n, 'What is not global of one PASID.'],
    ['IOMMU_INV_GRANU_PAGE_PASID', 8n, 'One range of one PASID.'],
    ['IOMMU_INV_NR_GRANU', 9n, 'First number that is no granularity.'],
  ]),
  ...group('IOMMU_INVALIDATE', V4_2018_IOMMU_H, [
    ['IOMMU_INVALIDATE_NO_PASID', 1n, 'The caller has no PASID to name.'],
    ['IOMMU_INVALIDATE_ADDR_LEAF', 2n, 'Only leaf entries changed, so that cached table pointers may stay.'],
    ['IOMMU_INVALIDATE_GLOBAL_PAGE', 4n, 'Global pages are to be dropped too.'],
    ['IOMMU_INVALIDATE_PASID_TAGGED', 8n, 'The DMA carries the PASID that is named.'],
  ]),
] as const;

/** The fifth posting numbered types, granularities and flags anew. */
export const pasidTableV5Constants = [
  ...group('PASID_TABLE_CFG_VERSION', V5_2018_IOMMU_H, [['PASID_TABLE_CFG_VERSION_1', 1n, onlyConfig]]),
  ...group('iommu_inv_type', V5_2018_IOMMU_H, [
    ['IOMMU_INV_NR_TYPE', 3n, 'Number of cache types, so the first that is none.'],
  ]),
  ...group('iommu_inv_granularity', V5_2018_IOMMU_H, [
    ['IOMMU_INV_GRANU_DOMAIN_ALL_PASID', 0n, 'Everything of the domain, under all PASIDs.'],
    ['IOMMU_INV_GRANU_PASID_SEL', 1n, 'Everything of one PASID.'],
    ['IOMMU_INV_GRANU_PAGE_PASID', 2n, 'One range of one PASID.'],
    ['IOMMU_INV_NR_GRANU', 3n, 'First number that is no granularity.'],
  ]),
  ...group('IOMMU_INVALIDATE', V5_2018_IOMMU_H, [
    ['IOMMU_INVALIDATE_ADDR_LEAF', 1n, 'Only leaf entries changed, so that cached table pointers may stay.'],
    ['IOMMU_INVALIDATE_GLOBAL_PAGE', 2n, 'Global pages are to be dropped too.'],
  ]),
] as const;
