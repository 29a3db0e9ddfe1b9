import { hex } from '../../base/text.ts';
import type { Generation } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import { View } from '../iommufd/user-data.ts';
import type { DeviceConfig } from '../machine-config.ts';
import type { UserMemory } from '../user-memory.ts';
import { FLUSH_CHECKS as CHECKS } from './checks.ts';
import type { Cache, CommandsFor, Scope } from './commands.ts';

/** What the constants of either posting mean; the numbers are those of the generation. */
const CACHES: Readonly<Record<string, Cache>> = {
  IOMMU_INV_TYPE_DTLB: 'device TLB',
  IOMMU_INV_TYPE_TLB: 'TLB',
  IOMMU_INV_TYPE_PASID: 'PASID table',
  IOMMU_INV_TYPE_CONTEXT: 'context',
};
const SCOPES: Readonly<Record<string, Scope>> = {
  IOMMU_INV_GRANU_DOMAIN: 'domain',
  IOMMU_INV_GRANU_DEVICE: 'device',
  IOMMU_INV_GRANU_DOMAIN_PAGE: 'domain pages',
  IOMMU_INV_GRANU_ALL_PASID: 'all PASIDs',
  IOMMU_INV_GRANU_DOMAIN_ALL_PASID: 'all PASIDs',
  IOMMU_INV_GRANU_PASID_SEL: 'PASID',
  IOMMU_INV_GRANU_NG_ALL_PASID: 'all PASIDs',
  IOMMU_INV_GRANU_NG_PASID: 'PASID',
  IOMMU_INV_GRANU_PAGE_PASID: 'PASID pages',
};
/** Commands for one request; a range that needs more is flushed as a whole, which is more than was asked for. */
const MOST_PAGES = 512n;
const PASIDS = 0xf_ffff;

export interface FlushRequest {
  readonly user: UserMemory;
  readonly generation: Generation;
  readonly device: DeviceConfig;
  readonly bound: boolean;
  readonly commandsFor: CommandsFor;
}

/** sva_invalidate: the commands that the request comes to. */
export function svaInvalidate(request: FlushRequest, argument: bigint): readonly bigint[][] | Refusal {
  const { user, generation, device, bound, commandsFor } = request;
  const struct = generation.structs.get('tlb_invalidate_info')!;
  const bytes = user.copyFrom(argument, struct.size);
  if (!bytes) return refuse(CHECKS.unreadable, { found: `${struct.size} bytes wanted` });
  const view = new View(struct, bytes);
  const version = view.u32('hdr.version');
  if (version !== 1) return refuse(CHECKS.version, { path: 'hdr.version', found: `${version}`, wanted: '1' });
  if (!bound) return refuse(CHECKS.notBound, { found: device.name });
  const type = named(generation, 'iommu_inv_type', view.get('hdr.type'), CACHES);
  if (!type) return refuse(CHECKS.type, { path: 'hdr.type', found: `${view.get('hdr.type')}` });
  const granularity = named(generation, 'iommu_inv_granularity', view.get('granularity'), SCOPES);
  if (!granularity) return refuse(CHECKS.granularity, { path: 'granularity', found: `${view.get('granularity')}` });

  const cache = CACHES[type]!;
  let scope = SCOPES[granularity]!;
  const size = view.get('size');
  const addr = view.get('addr');
  const byPages = scope === 'PASID pages' || scope === 'domain pages';
  const block = 4096n << size;
  const blocks = view.has('nr_pages') ? view.get('nr_pages') : 1n;
  if (byPages && addr % block !== 0n)
    return refuse(CHECKS.misaligned, { path: 'addr', found: hex(addr), wanted: `a multiple of ${hex(block)}` });
  const few = blocks <= MOST_PAGES && size <= 9n && blocks << size <= MOST_PAGES;
  if (byPages && !few) scope = scope === 'PASID pages' ? 'PASID' : 'domain';
  const leafFlag = generation.constants.get('IOMMU_INVALIDATE_ADDR_LEAF')!.value;
  const flush = {
    cache,
    scope,
    device,
    pasid: view.u32('pasid') & PASIDS,
    order: Number(size > 9n ? 9n : size),
    leaf: (view.get('flags') & leafFlag) !== 0n,
  };
  const count = byPages && few ? Number(blocks) : 1;
  const commands: bigint[][] = [];
  for (let i = 0; i < count; i++) {
    const some = commandsFor({ ...flush, addr: BigInt.asUintN(64, addr + block * BigInt(i)) });
    if (!some) return refuse(CHECKS.pair, { path: 'granularity', found: `${type} with ${granularity}` });
    commands.push(...some);
  }
  return commands;
}

/** The constant of a group with this value, if it names something of ours: a count of the group does not. */
const named = (
  { constants }: Generation,
  group: string,
  value: bigint,
  known: Readonly<Record<string, unknown>>,
): string | undefined =>
  [...constants.values()].find((c) => c.group === group && c.value === value && c.name in known)?.name;
