/**
 * What a payload asks for, whatever struct carries it: each carrier says which field holds which meaning. A payload is
 * translated by reading its meanings through one carrier and writing them through another of the same role.
 */
import { type Generation, locate, type Struct } from '../../../engine/index.ts';
import { RESPONSES } from './carriers-responses.ts';
import { PASID_TABLES } from './carriers-tables.ts';
import { type Carrier, number, type Role, SIZE, type Spec } from './meaning.ts';

/** Requests that are taken back by the payload that made them, in another head. */
const CARRIED_AS: Partial<Record<Role, Role>> = { unbind: 'bind', 'pasid-table-unset': 'pasid-table' };

/** Meanings that nothing goes wrong without: the hardware never sees them. */
export const INCIDENTAL: readonly string[] = ['guest PASID', 'guest PASID given'];

const VTD_FORMAT: Spec = { as: 'choice', meaning: 'format', words: { IOMMU_PASID_FORMAT_INTEL_VTD: 'vtd' } };

const gpasidBind = (vendor: string, size: Readonly<Record<string, Spec>>): Carrier => ({
  role: 'bind',
  struct: 'iommu_gpasid_bind_data',
  fields: {
    ...size,
    version: { as: 'version' },
    format: VTD_FORMAT,
    addr_width: number('address width'),
    flags: { as: 'bits', bits: { IOMMU_SVA_GPASID_VAL: 'guest PASID given' } },
    gpgd: number('table root'),
    hpasid: number('PASID'),
    gpasid: number('guest PASID'),
    [`${vendor}flags`]: {
      as: 'bits',
      bits: {
        IOMMU_SVA_VTD_GPASID_SRE: 'SRE',
        IOMMU_SVA_VTD_GPASID_EAFE: 'EAFE',
        IOMMU_SVA_VTD_GPASID_PCD: 'PCD',
        IOMMU_SVA_VTD_GPASID_PWT: 'PWT',
        IOMMU_SVA_VTD_GPASID_EMTE: 'EMTE',
        IOMMU_SVA_VTD_GPASID_CD: 'CD',
      },
    },
    [`${vendor}pat`]: number('PAT'),
    [`${vendor}emt`]: number('EMT'),
  },
});

const hwptVtdS1: Carrier = {
  role: 'bind',
  struct: 'iommu_hwpt_vtd_s1',
  fields: {
    flags: { as: 'bits', bits: { IOMMU_VTD_S1_SRE: 'SRE', IOMMU_VTD_S1_EAFE: 'EAFE', IOMMU_VTD_S1_WPE: 'WPE' } },
    pgtbl_addr: number('table root'),
    addr_width: number('address width'),
  },
  gives: { format: 'vtd', PASID: 'run' },
  // The PASID is named when the page table is attached.
  covers: ['PASID'],
};

const byPasid = { choice: 'granularity', word: 'pasid' };
const byAddress = { choice: 'granularity', word: 'address' };
const IOMMU_CACHES = {
  IOMMU_CACHE_INV_TYPE_IOTLB: 'IOTLB',
  IOMMU_CACHE_INV_TYPE_DEV_IOTLB: 'device TLB',
  IOMMU_CACHE_INV_TYPE_PASID: 'PASID cache',
};

const cacheInvalidate = (union: string, size: Readonly<Record<string, Spec>>): Carrier => ({
  role: 'invalidate',
  struct: 'iommu_cache_invalidate_info',
  fields: {
    ...size,
    version: { as: 'version' },
    cache: { as: 'bits', bits: IOMMU_CACHES },
    granularity: {
      as: 'choice',
      meaning: 'granularity',
      words: { IOMMU_INV_GRANU_DOMAIN: 'domain', IOMMU_INV_GRANU_PASID: 'pasid', IOMMU_INV_GRANU_ADDR: 'address' },
    },
    [`${union}pasid_info.flags`]: {
      as: 'bits',
      bits: { IOMMU_INV_PASID_FLAGS_PASID: 'PASID given', IOMMU_INV_PASID_FLAGS_ARCHID: 'archid given' },
      only: byPasid,
    },
    [`${union}pasid_info.archid`]: number('archid', byPasid),
    [`${union}pasid_info.pasid`]: number('PASID', byPasid),
    [`${union}addr_info.flags`]: {
      as: 'bits',
      bits: {
        IOMMU_INV_ADDR_FLAGS_PASID: 'PASID given',
        IOMMU_INV_ADDR_FLAGS_ARCHID: 'archid given',
        IOMMU_INV_ADDR_FLAGS_LEAF: 'leaf only',
      },
      only: byAddress,
    },
    [`${union}addr_info.archid`]: number('archid', byAddress),
    [`${union}addr_info.pasid`]: number('PASID', byAddress),
    [`${union}addr_info.addr`]: number('address', byAddress),
    [`${union}addr_info.granule_size`]: number('granule', byAddress),
    [`${union}addr_info.nb_granules`]: number('granules', byAddress),
  },
});

const s1Invalidate = (struct: string, leaf: string): Carrier => ({
  role: 'invalidate',
  struct,
  fields: {
    addr: number('address', byAddress),
    npages: { as: 'pages', only: byAddress },
    flags: { as: 'bits', bits: { [leaf]: 'leaf only' } },
  },
  gives: { granularity: 'address', IOTLB: 1n, 'PASID given': 1n, PASID: 'run' },
  // Every PASID and every device TLB behind the page table is flushed.
  covers: ['granularity', 'IOTLB', 'device TLB', 'PASID given', 'PASID'],
  everything: { addr: 0n, npages: 0xffff_ffff_ffff_ffffn },
});

const tlbInvalidate = (
  granularity: Readonly<Record<string, string>>,
  range: Readonly<Record<string, Spec>>,
): Carrier => ({
  role: 'invalidate',
  struct: 'tlb_invalidate_info',
  fields: {
    'hdr.version': { as: 'version' },
    'hdr.type': {
      as: 'one bit',
      bits: {
        IOMMU_INV_TYPE_TLB: 'IOTLB',
        IOMMU_INV_TYPE_DTLB: 'device TLB',
        IOMMU_INV_TYPE_PASID: 'PASID cache',
      },
    },
    granularity: { as: 'choice', meaning: 'granularity', words: granularity },
    flags: { as: 'bits', bits: { IOMMU_INVALIDATE_ADDR_LEAF: 'leaf only' } },
    pasid: number('PASID'),
    addr: number('address', byAddress),
    ...range,
  },
  gives: { 'PASID given': 1n },
  covers: ['PASID given'],
});

/** A generation's carrier of a role is the first whose struct it has with all of these fields. */
export const CARRIERS: readonly Carrier[] = [
  gpasidBind('vendor.vtd.', { argsz: SIZE }),
  gpasidBind('vtd.', {}),
  hwptVtdS1,
  cacheInvalidate('granu.', { argsz: SIZE }),
  cacheInvalidate('', {}),
  s1Invalidate('iommu_hwpt_vtd_s1_invalidate', 'IOMMU_VTD_INV_FLAGS_LEAF'),
  s1Invalidate('iommu_hwpt_vtd_s1_invalidate_desc', 'IOMMU_VTD_QI_FLAGS_LEAF'),
  tlbInvalidate(
    {
      IOMMU_INV_GRANU_DOMAIN_ALL_PASID: 'domain',
      IOMMU_INV_GRANU_PASID_SEL: 'pasid',
      IOMMU_INV_GRANU_PAGE_PASID: 'address',
    },
    { size: { as: 'order', only: byAddress }, nr_pages: number('granules', byAddress) },
  ),
  tlbInvalidate(
    {
      IOMMU_INV_GRANU_DOMAIN: 'domain',
      IOMMU_INV_GRANU_PASID_SEL: 'pasid',
      IOMMU_INV_GRANU_PAGE_PASID: 'address',
    },
    { size: { as: 'order', whole: true, only: byAddress } },
  ),
  {
    role: 'pasid',
    struct: 'vfio_iommu_type1_pasid_request',
    fields: {
      argsz: SIZE,
      flags: {
        as: 'choice',
        meaning: 'operation',
        words: { VFIO_IOMMU_FLAG_ALLOC_PASID: 'allocate', VFIO_IOMMU_FLAG_FREE_PASID: 'free' },
      },
      'range.min': number('lowest'),
      'range.max': number('highest'),
    },
  },
  {
    role: 'pasid',
    struct: 'vfio_iommu_type1_pasid_request',
    fields: {
      argsz: SIZE,
      flags: {
        as: 'choice',
        meaning: 'operation',
        words: { VFIO_IOMMU_PASID_ALLOC: 'allocate', VFIO_IOMMU_PASID_FREE: 'free' },
      },
      'alloc_pasid.min': number('lowest', { choice: 'operation', word: 'allocate' }),
      'alloc_pasid.max': number('highest', { choice: 'operation', word: 'allocate' }),
      free_pasid: number('lowest', { choice: 'operation', word: 'free' }),
    },
  },
  {
    role: 'process',
    struct: 'vfio_iommu_type1_bind_process',
    fields: {
      flags: { as: 'bits', bits: { VFIO_IOMMU_BIND_PID: 'pid given' } },
      pid: number('pid'),
    },
  },
  ...PASID_TABLES,
  ...RESPONSES,
];

const fits = ({ fields }: Carrier, struct: Struct, { constants }: Generation): boolean =>
  Object.entries(fields).every(
    ([path, spec]) =>
      !('missing' in locate(struct, path.split('.'))) &&
      [spec.as === 'bits' || spec.as === 'one bit' ? spec.bits : spec.as === 'choice' ? spec.words : {}].every(
        (named) => Object.keys(named).every((constant) => constants.has(constant)),
      ),
  );

/** The carrier of a struct of a generation; undefined for one whose payloads have no role here. */
export const carrierOf = (struct: Struct, generation: Generation): Carrier | undefined =>
  CARRIERS.find((carrier) => carrier.struct === struct.name && fits(carrier, struct, generation));

/** What carries a role in a generation. */
export function carrierFor(
  role: Role,
  generation: Generation,
): { readonly carrier: Carrier; readonly struct: Struct } | undefined {
  const carried = CARRIED_AS[role] ?? role;
  for (const carrier of CARRIERS) {
    const struct = carrier.role === carried ? generation.structs.get(carrier.struct) : undefined;
    if (struct && fits(carrier, struct, generation)) return { carrier, struct };
  }
  return undefined;
}
