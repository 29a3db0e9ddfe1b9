import type { Rng } from './rng.ts';
import { SIDS, type Step } from './vtd-case.ts';
import type { Making } from './vtd-generate.ts';
import type { Domain, Mapping } from './vtd-tables.ts';

type Invalidate = Extract<Step, { do: 'invalidate' }>;

/** Descriptors as words (VT-d 6.5.2), written out here so that the engine's tables are not what they are checked against. */
const contextCache = (granularity: bigint, did: number, sid: number, mask: bigint): bigint[] => [
  1n | (granularity << 4n) | (BigInt(did) << 16n) | (BigInt(sid) << 32n) | (mask << 48n),
  0n,
];
const iotlb = (granularity: bigint, did: number, address: bigint, order: number, leaf: boolean): bigint[] => [
  2n | (granularity << 4n) | (BigInt(did) << 16n),
  address | BigInt(order) | (leaf ? 0x40n : 0n),
];
const pasidIotlb = (
  granularity: bigint,
  did: number,
  pasid: number,
  address: bigint,
  order: number,
  leaf: boolean,
): bigint[] => [
  6n | (granularity << 4n) | (BigInt(did) << 16n) | (BigInt(pasid) << 32n),
  address | BigInt(order) | (leaf ? 0x40n : 0n),
];
const pasidCache = (granularity: bigint, did: number, pasid: number): bigint[] => [
  7n | (granularity << 4n) | (BigInt(did) << 16n) | (BigInt(pasid) << 32n),
  0n,
];

const PAGE = ~0xfffn;

/** An invalidation that fits a mapping, or one that is wrong, too small or larger than needed. */
export function invalidation(making: Making, mapping: Mapping | undefined): Invalidate {
  const { rng, variant, devices } = making;
  const domain = mapping?.domain ?? rng.pick([...devices.values()]);
  const did = rng.chance(12) ? domain.did + 1 : domain.did;
  const pasid = rng.chance(8) ? domain.pasid ^ 1 : domain.pasid;
  const sid = rng.chance(80) ? (ownerOf(making, domain) ?? rng.pick(SIDS)) : rng.pick(SIDS);
  const { address, order } = pages(rng, mapping);
  const leaf = rng.chance(40);
  const scalable = variant.mode === 'scalable';
  const make = rng.weighted<() => [string, bigint[]]>([
    [1, () => ['cc_inv global', contextCache(1n, 0, 0, 0n)]],
    [1, () => ['cc_inv domain', contextCache(2n, did, 0, 0n)]],
    [3, () => ['cc_inv device', contextCache(3n, did, sid, rng.chance(20) ? rng.bits(2) : 0n)]],
    [1, () => ['iotlb_inv global', iotlb(1n, 0, 0n, 0, false)]],
    [2, () => ['iotlb_inv domain', iotlb(2n, did, 0n, 0, false)]],
    [
      scalable ? 3 : 8,
      () => ['iotlb_inv page', iotlb(3n, did, address, Math.min(order, rng.chance(3) ? 63 : 18), leaf)],
    ],
    [scalable ? 2 : 0, () => ['p_iotlb_inv pasid', pasidIotlb(2n, did, pasid, 0n, 0, false)]],
    [scalable ? 7 : 0, () => ['p_iotlb_inv page', pasidIotlb(3n, did, pasid, address, order, leaf)]],
    [scalable ? 1 : 0, () => ['pc_inv domain', pasidCache(0n, did, 0)]],
    [scalable ? 2 : 0, () => ['pc_inv pasid', pasidCache(1n, did, pasid)]],
    [scalable ? 1 : 0, () => ['pc_inv global', pasidCache(3n, 0, 0)]],
    [1, () => ['damaged', damaged(rng, scalable ? pasidCache(1n, did, pasid) : iotlb(1n, 0, 0n, 0, false))]],
  ]);
  const [what, words] = make();
  return { do: 'invalidate', what, words };
}

/** A range that covers the page, or part of it, or something beside it. */
function pages(rng: Rng, mapping: Mapping | undefined): { address: bigint; order: number } {
  if (!mapping) return { address: rng.bits(36) << 12n, order: 0 };
  const exact = 9 * (mapping.level - 1);
  const order = rng.weighted([
    [5, exact],
    [3, 0],
    [1, Math.max(0, exact - 9)],
    [1, exact + rng.below(10)],
  ] as const);
  let address = mapping.address | (rng.bits(12 + exact) & PAGE);
  if (rng.chance(12)) address ^= 1n << BigInt(12 + exact);
  address = BigInt.asUintN(64, (address >> BigInt(12 + order)) << BigInt(12 + order));
  return { address, order };
}

/** A descriptor that hardware stops at, most of the time. */
function damaged(rng: Rng, words: bigint[]): bigint[] {
  const at = rng.below(2);
  return words.map((word, i) => (i === at ? word ^ (1n << BigInt(rng.below(64))) : word));
}

const ownerOf = ({ devices }: Making, domain: Domain): number | undefined =>
  [...devices].find(([, other]) => other === domain)?.[0];
