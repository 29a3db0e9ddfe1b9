import { familyOf } from './field-checks.ts';
import { constantOf, type Reading, reading } from './reading.ts';
import type { PayloadView, RuleContext } from './rule.ts';

/** Structs that a rule about invalidations of the SMMUv3 series looks at. */
export const ARM_REQUEST = 'vfio_iommu_type1_cache_invalidate';

const CACHE_TYPE = 'IOMMU_CACHE_INV_TYPE_';
const GRANULARITY = 'IOMMU_INV_GRANU_';

/** What a VFIO_IOMMU_CACHE_INVALIDATE of 2020 asks an SMMU for. */
export interface ArmRequest {
  readonly cache: Reading;
  /** Whether the TLB is among the caches, and the names of the others. */
  readonly iotlb: boolean;
  readonly others: readonly string[];
  readonly granularity: Reading;
  /** Undefined for a number that is no granularity. */
  readonly by: 'DOMAIN' | 'PASID' | 'ADDR' | undefined;
  /** What says whether a PASID or an ASID is meant; DOMAIN has none. */
  readonly flags: Reading | undefined;
  /** Whether the flag of the PASID and that of the ASID are set; undefined until a run knows. */
  readonly tags: { readonly pasid: boolean; readonly archid: boolean } | undefined;
}

/** Reads a payload as such a request; undefined when it is none, or when a run must say which caches it names. */
export function armRequest(view: PayloadView, context: RuleContext): ArmRequest | undefined {
  if (familyOf(context) !== 'arm' || view.struct.name !== ARM_REQUEST) return undefined;
  const [cache, granularity] = [reading(view, 'info.cache'), reading(view, 'info.granularity')];
  if (cache?.value === undefined || granularity?.value === undefined) return undefined;
  const has = (type: string): boolean => (cache.value! & context.constant(CACHE_TYPE + type)) !== 0n;
  const names = ['DOMAIN', 'PASID', 'ADDR'].map((name) => GRANULARITY + name);
  const by = constantOf(granularity.value, names, context)?.slice(GRANULARITY.length) as ArmRequest['by'];
  const path = by === 'PASID' ? 'pasid_info.flags' : 'addr_info.flags';
  const flags = by === 'PASID' || by === 'ADDR' ? readUnion(view, path) : undefined;
  const tag = (name: string): boolean => (flags!.value! & context.constant(`IOMMU_INV_${by}_FLAGS_${name}`)) !== 0n;
  return {
    cache,
    iotlb: has('IOTLB'),
    others: ['DEV_IOTLB', 'PASID'].filter(has).map((type) => CACHE_TYPE + type),
    granularity,
    by,
    flags,
    tags: flags?.value === undefined ? undefined : { pasid: tag('PASID'), archid: tag('ARCHID') },
  };
}

/** The members of the union can be given with its name or without. */
const readUnion = (view: PayloadView, path: string): Reading | undefined =>
  reading(view, `info.${path}`) ?? reading(view, `info.granu.${path}`);
