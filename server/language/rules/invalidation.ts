import { type Struct, SUPPORTED_INVALIDATIONS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { constantOf, type Reading, reading } from './reading.ts';
import type { PayloadView, RuleContext } from './rule.ts';

export type CacheType = keyof typeof SUPPORTED_INVALIDATIONS;
export type Granularity = (typeof SUPPORTED_INVALIDATIONS)[CacheType][number];

export const GRANULARITY = 'IOMMU_INV_GRANU_';
export const CACHE_TYPE = 'IOMMU_CACHE_INV_TYPE_';
const CACHE_TYPES = Object.keys(SUPPORTED_INVALIDATIONS) as CacheType[];

/** Of March 2020, which holds the request itself. */
const HOLDER = 'vfio_iommu_type1_cache_invalidate';

/** The structs that a rule about such requests looks at. */
export const REQUESTS: readonly string[] = ['iommu_cache_invalidate_info', HOLDER];

/** What an iommu_cache_invalidate_info asks for. */
export interface Request {
  /** In front of its fields: `cache_info.` where it is written in place. */
  readonly prefix: string;
  readonly cache: Reading;
  /** The caches asked for, from the lowest bit up, as the driver goes through them; undefined until a run knows. */
  readonly types: readonly CacheType[] | undefined;
  readonly granularity: Reading;
  /** Undefined when it is none of them, or known only to a run. */
  readonly by: Granularity | undefined;
}

/** Reads a payload as a cache invalidation; undefined when it is none. */
export const requestOf = (view: PayloadView, context: RuleContext): Request | undefined =>
  view.struct.name === 'iommu_cache_invalidate_info' ? readRequest(view, view.struct, '', context) : undefined;

/** The same also for one that stands in place, `cache_info { .. }`; where that is a name, the named payload is asked. */
export function requestIn(view: PayloadView, context: RuleContext): Request | undefined {
  if (view.struct.name !== HOLDER) return requestOf(view, context);
  const field = view.struct.fields.find(({ name }) => name === 'cache_info');
  if (!field?.struct || view.fields.has('cache_info')) return undefined;
  return readRequest(view, field.struct, 'cache_info.', context);
}

function readRequest(view: PayloadView, struct: Struct, prefix: string, context: RuleContext): Request | undefined {
  // The structs of SMMUv3 have the same names, and another driver behind them.
  const family = familyOf(context);
  if (family !== 'v6' && family !== 'v1') return undefined;
  const [cache, granularity] = [reading(view, `${prefix}cache`), reading(view, `${prefix}granularity`)];
  if (!cache || !granularity) return undefined;
  const { oneOf } = struct.fields.find((f) => f.name === 'granularity')!;
  const name = constantOf(granularity.value, oneOf, context);
  const types =
    cache.value === undefined
      ? undefined
      : CACHE_TYPES.filter((type) => (cache.value! & context.constant(CACHE_TYPE + type)) !== 0n);
  return { prefix, cache, types, granularity, by: name?.slice(GRANULARITY.length) as Granularity | undefined };
}

/** The pair that the core refuses before the driver sees it, which it does in this order. */
export function refusedPair({ types, by }: Request): CacheType | undefined {
  if (by === 'ADDR' && types?.includes('PASID')) return 'PASID';
  if (by === 'DOMAIN' && types?.includes('DEV_IOTLB')) return 'DEV_IOTLB';
  return undefined;
}

/** The range of an ADDR request, and the block that VT-d flushes for it. */
export interface FlushRange {
  readonly addr: Reading;
  readonly granule: Reading;
  readonly count: Reading;
  /** Bytes asked for, as the kernel multiplies them: modulo 2^64. */
  readonly bytes: bigint;
  /** The product before it wraps. */
  readonly meant: bigint;
  /** Bytes of the power-of-two block. */
  readonly block: bigint;
}

const PAGE = 0x1000n;

/** The range of an ADDR request; undefined for another one, or when a run must say how long it is. */
export function rangeOf(view: PayloadView, request: Request): FlushRange | undefined {
  if (request.by !== 'ADDR') return undefined;
  // In the form without argsz the union has no name.
  const [addr, granule, count] = ['addr', 'granule_size', 'nb_granules'].map(
    (name) =>
      reading(view, `${request.prefix}granu.addr_info.${name}`) ?? reading(view, `${request.prefix}addr_info.${name}`)!,
  ) as [Reading, Reading, Reading];
  if (granule.value === undefined || count.value === undefined) return undefined;
  const meant = granule.value * count.value;
  const bytes = BigInt.asUintN(64, meant);
  let block = PAGE;
  while (block < (bytes / PAGE) * PAGE) block <<= 1n;
  return { addr, granule, count, bytes, meant, block };
}
