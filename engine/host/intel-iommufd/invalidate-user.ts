import { hex } from '../../base/text.ts';
import { getUint, putUint } from '../../uapi/index.ts';
import { type Refusal, refuse } from '../check.ts';
import { type Call, type Invalidated, isRefusal, type UserDataArray } from '../iommufd/driver.ts';
import { copyEntry, copyLenient } from '../iommufd/user-data.ts';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from './checks.ts';
import type { NestedFirstStage } from './nested-domain.ts';

const LEAF = 1n;
const PAGE_MASK = 0xfffn;
const EVERYTHING = 0xffff_ffff_ffff_ffffn;
const ENTRY = { type: 0, struct: 'iommu_hwpt_vtd_s1_invalidate', last: '__reserved' } as const;
const POSTED_DESC = 'iommu_hwpt_vtd_s1_invalidate_desc';

/** `intel_nested_cache_invalidate_user`: entry by entry, up to the first that is refused. */
export function invalidateArray(domain: NestedFirstStage, array: UserDataArray, call: Call): Invalidated {
  if (array.type !== ENTRY.type)
    return {
      done: 0,
      refusal: refuse(CHECKS.invalidateType, { path: 'data_type', found: hex(array.type), wanted: '0x0' }),
    };
  for (let index = 0; index < array.entryNum; index++) {
    const entry = copyEntry(call, array, ENTRY, index);
    if (isRefusal(entry)) return { done: index, refusal: entry };
    const [addr, npages, flags] = [entry.get('addr'), entry.get('npages'), entry.get('flags')];
    if ((flags & ~LEAF) !== 0n || entry.get('__reserved') !== 0n)
      return {
        done: index,
        refusal: refuse(CHECKS.invalidateFlags, {
          path: `entry ${index}: ${(flags & ~LEAF) === 0n ? '__reserved' : 'flags'}`,
          found: hex((flags & ~LEAF) === 0n ? entry.get('__reserved') : flags),
          wanted: (flags & ~LEAF) === 0n ? '0' : 'bit 0 only',
        }),
      };
    if ((addr & PAGE_MASK) !== 0n || (npages === EVERYTHING && addr !== 0n))
      return {
        done: index,
        refusal: refuse(CHECKS.invalidateRange, {
          path: `entry ${index}: addr`,
          found: npages === EVERYTHING ? `${hex(addr)} with all pages` : hex(addr),
          wanted: npages === EVERYTHING ? '0' : 'a multiple of 0x1000',
        }),
      };
    domain.flush(addr, npages, (flags & LEAF) !== 0n, call);
  }
  return { done: array.entryNum };
}

/**
 * The form of July 2023: a container with the addresses of the descriptors and of their number, which is written back
 * as the number that was carried out, on success and on failure. All ones in npages mean everything at address 0 only.
 */
export function invalidatePosted(
  domain: NestedFirstStage,
  payload: { readonly uptr: bigint; readonly len: number },
  call: Call,
): Refusal | undefined {
  const container = copyLenient(call, payload, 'iommu_hwpt_vtd_s1_invalidate');
  if (isRefusal(container)) return container;
  const [size, at] = [container.u32('entry_size'), container.get('inv_data_uptr')];
  const countAt = container.get('entry_nr_uptr');
  const seen = { path: 'entry_nr_uptr', found: hex(countAt) };
  const counted = call.user.copyFrom(countAt, 4);
  if (!counted) return refuse(CHECKS.postedCount, seen);
  const count = Number(getUint(counted, 0, 4));
  let refusal: Refusal | undefined;
  let index = 0;
  for (; index < count && !refusal; index++) {
    refusal = postedEntry(domain, at + BigInt(index) * BigInt(size), size, index, call);
    if (refusal) break;
    if (size === 0) {
      // Every descriptor is the same zeros, so doing one of them does them all.
      index = count;
      break;
    }
  }
  const written = new Uint8Array(4);
  putUint(written, 0, 4, BigInt(index));
  return call.user.copyTo(countAt, written) ? refusal : refuse(CHECKS.postedCount, seen);
}

function postedEntry(
  domain: NestedFirstStage,
  uptr: bigint,
  len: number,
  index: number,
  call: Call,
): Refusal | undefined {
  const desc = copyLenient(call, { uptr, len }, POSTED_DESC);
  if (isRefusal(desc)) return desc;
  const [addr, npages, flags] = [desc.get('addr'), desc.get('npages'), desc.get('flags')];
  const wrong = desc.get('__reserved') !== 0n ? '__reserved' : (flags & ~LEAF) !== 0n ? 'flags' : 'addr';
  if (wrong !== 'addr' || (addr & PAGE_MASK) !== 0n)
    return refuse(CHECKS.postedFields, { path: `descriptor ${index}: ${wrong}`, found: hex(desc.get(wrong)) });
  // iommu_flush_iotlb_psi takes an unsigned int, and the posting always passes the hint for leaves.
  const pages = npages === EVERYTHING && addr === 0n ? npages : npages & 0xffff_ffffn;
  domain.flush(addr, pages, pages !== EVERYTHING, call);
  return undefined;
}
