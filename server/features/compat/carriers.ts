/**
 * What a payload asks for, whatever struct carries it: each carrier says which field holds which meaning. A payload is
 * translated by reading its meanings through one carrier and writing them through another of the same role.
 */
import { type Generation, locate, type Struct } from '../../../engine/index.ts';

export type Role = 'bind' | 'invalidate' | 'pasid' | 'process' | 'pasid-table';

export const ROLES: Readonly<Record<Role, string>> = {
  bind: 'binds a guest page table',
  invalidate: 'invalidates what is cached from a guest page table',
  pasid: 'allocates or frees PASIDs',
  process: 'binds a process',
  'pasid-table': 'hands over a PASID table',
};

/** How a field holds a meaning. `only` limits it to one word of a choice that the same struct makes. */
export type Spec = { readonly only?: { readonly choice: string; readonly word: string } } & (
  | { readonly as: 'size' | 'version' }
  | { readonly as: 'number'; readonly meaning: string }
  /** Constants that are bits of the field, each a meaning of its own. */
  | { readonly as: 'bits'; readonly bits: Readonly<Record<string, string>> }
  /** Constants of which one is chosen, each a word of one meaning. */
  | { readonly as: 'choice'; readonly meaning: string; readonly words: Readonly<Record<string, string>> }
  /** Constants of which one is chosen, each being what `bits` is elsewhere: one request, one bit. */
  | { readonly as: 'one bit'; readonly bits: Readonly<Record<string, string>> }
  /** Length of the range in 4 KiB pages. */
  | { readonly as: 'pages' }
  /** Logarithm of the pages in a granule; `whole`: the granule is the range, as nothing counts granules. */
  | { readonly as: 'order'; readonly whole?: true }
);

export interface Carrier {
  readonly role: Role;
  readonly struct: string;
  readonly fields: Readonly<Record<string, Spec>>;
  /** Meanings that using this struct has by itself; `'run'`: a value that the probe has. */
  readonly gives?: Readonly<Record<string, bigint | string>>;
  /** Meanings that need no field here, since the request is limited by other means. */
  readonly covers?: readonly string[];
  /** Field values that mean "all of it", where other structs choose another granularity. */
  readonly everything?: Readonly<Record<string, bigint>>;
}

/** Meanings that nothing goes wrong without: the hardware never sees them. */
export const INCIDENTAL: readonly string[] = ['guest PASID', 'guest PASID given'];

const number = (meaning: string, only?: { choice: string; word: string }): Spec =>
  only ? { as: 'number', meaning, only } : { as: 'number', meaning };

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

const TABLE_FORMATS = { IOMMU_PASID_FORMAT_SMMUV3: 'smmuv3' };
const SIZE: Spec = { as: 'size' };

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
  {
    role: 'pasid-table',
    struct: 'pasid_table_config',
    fields: {
      version: { as: 'version' },
      bytes: SIZE,
      base_ptr: number('table base'),
      pasid_bits: number('PASID bits'),
    },
    gives: { stage: 'translate' },
  },
  {
    role: 'pasid-table',
    struct: 'iommu_pasid_table_config',
    fields: {
      version: { as: 'version' },
      format: { as: 'choice', meaning: 'format', words: TABLE_FORMATS },
      base_ptr: number('table base'),
      pasid_bits: number('PASID bits'),
      config: {
        as: 'choice',
        meaning: 'stage',
        words: {
          IOMMU_PASID_CONFIG_TRANSLATE: 'translate',
          IOMMU_PASID_CONFIG_BYPASS: 'bypass',
          IOMMU_PASID_CONFIG_ABORT: 'abort',
        },
      },
      'smmuv3.version': { as: 'version' },
      'smmuv3.s1fmt': number('s1fmt'),
      'smmuv3.s1dss': number('s1dss'),
    },
    gives: { format: 'smmuv3' },
  },
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
  for (const carrier of CARRIERS) {
    const struct = carrier.role === role ? generation.structs.get(carrier.struct) : undefined;
    if (struct && fits(carrier, struct, generation)) return { carrier, struct };
  }
  return undefined;
}
