import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler } from './context.ts';
import { isRefusal } from './driver.ts';
import { ULONG_MAX } from './iova-allocator.ts';
import type { HwptPaging } from './objects.ts';

const SRC = 'Linux 6.8 and 7.2';
const set = 'iommufd_hwpt_set_dirty_tracking';
const get = 'iommufd_hwpt_get_dirty_bitmap';
const range = 'iommufd_check_iova_range';
const ENABLE = 1;
const NO_CLEAR = 1;

export const DIRTY_CHECKS = Object.freeze({
  setFlags: check('dirty-flags', 'EOPNOTSUPP', set, 'A flag is unknown.', 'source', SRC),
  noOps: check(
    'dirty-not-tracked',
    'EOPNOTSUPP',
    'iopt_set_dirty_tracking',
    'The page table was not allocated with IOMMU_HWPT_ALLOC_DIRTY_TRACKING.',
    'source',
    SRC,
  ),
  getFlags: check('bitmap-flags', 'EOPNOTSUPP', get, 'A flag is unknown, or __reserved is not 0.', 'source', SRC),
  overflow: check('bitmap-overflow', 'EOVERFLOW', range, 'The range passes the last address.', 'source', SRC),
  aligned: check(
    'bitmap-alignment',
    'EINVAL',
    range,
    'iova and length are multiples of page_size and of the smallest page, and page_size is not 0.',
    'source',
    SRC,
  ),
  noMemory: check(
    'bitmap-no-memory',
    'ENOMEM',
    'iova_bitmap_alloc',
    'No memory to hold the bitmap with, or (before 6.11) it cannot be written.',
    'source',
    SRC,
  ),
  gap: check(
    'bitmap-gap',
    'EINVAL',
    'iopt_area_contig_done',
    'Not all of the range is mapped; the bitmap holds what lies before the gap, and the errno is lost.',
    'source',
    SRC,
  ),
  fault: check(
    'bitmap-fault',
    'EFAULT',
    'iova_bitmap_get',
    'The bitmap cannot be written; the errno is lost.',
    'derived',
    SRC,
  ),
});
const CHECKS = DIRTY_CHECKS;

/** `iommufd_get_hwpt_paging`. */
export const getPaging = (ctx: Context, id: number, path: string): HwptPaging | Refusal =>
  ctx.objects.get(id, path, ['paging HWPT']) as HwptPaging | Refusal;

/** IOMMU_HWPT_SET_DIRTY_TRACKING. */
export const setDirtyTracking: Handler = (ctx, { cmd, call }) => {
  const flags = cmd.u32('flags');
  if ((flags & ~ENABLE) !== 0) return refuse(CHECKS.setFlags, { path: 'flags', found: hex(flags) });
  const hwpt = getPaging(ctx, cmd.u32('hwpt_id'), 'hwpt_id');
  if (isRefusal(hwpt)) return hwpt;
  if (!hwpt.domain.tracksDirty || !hwpt.domain.setDirtyTracking)
    return refuse(CHECKS.noOps, { path: 'hwpt_id', found: `HWPT ${hwpt.id}` });
  return hwpt.domain.setDirtyTracking((flags & ENABLE) !== 0, call);
};

/** IOMMU_HWPT_GET_DIRTY_BITMAP: sets the bits of pages that were written; it never clears one in the caller's bitmap. */
export const getDirtyBitmap: Handler = (ctx, { cmd, call }) => {
  const flags = cmd.u32('flags');
  if ((flags & ~NO_CLEAR) !== 0 || cmd.any('__reserved'))
    return refuse(CHECKS.getFlags, { path: 'flags', found: hex(flags) });
  const hwpt = getPaging(ctx, cmd.u32('hwpt_id'), 'hwpt_id');
  if (isRefusal(hwpt)) return hwpt;
  const [start, length, pageSize] = [cmd.get('iova'), cmd.get('length'), cmd.get('page_size')];
  const last = start + length - 1n;
  if (length === 0n || ULONG_MAX < last) return refuse(CHECKS.overflow, { path: 'length', found: hex(length) });
  for (const unit of [hwpt.ioas.iopt.alignment, pageSize])
    if (unit === 0n || (start & (unit - 1n)) !== 0n || ((last + 1n) & (unit - 1n)) !== 0n)
      return refuse(CHECKS.aligned, {
        path: 'iova',
        found: `${hex(start)}, ${hex(length)} bytes`,
        wanted: `multiples of ${unit}`,
      });
  if (!hwpt.domain.tracksDirty || !hwpt.domain.readDirty)
    return refuse(CHECKS.noOps, { path: 'hwpt_id', found: `HWPT ${hwpt.id}` });
  if (call.fail.hit()) return { ...refuse(CHECKS.noMemory), injected: true };
  // Before 6.11 the first pages of the bitmap were pinned here, and any error of that became this one.
  if (call.version.bitmapPinnedFirst && !call.user.copyFrom(cmd.get('data'), 1))
    return refuse(CHECKS.noMemory, { path: 'data', found: hex(cmd.get('data')) });
  const dirty = new Set<bigint>();
  call.lost = collect(hwpt, start, last, (flags & NO_CLEAR) === 0, (at, size) => {
    for (let page = at; page < at + size; page += pageSize) dirty.add((page - start) / pageSize);
  });
  for (const bit of dirty) {
    const at = cmd.get('data') + bit / 8n;
    const byte = call.user.copyFrom(at, 1);
    if (!byte) {
      call.lost ??= refuse(CHECKS.fault, { path: 'data', found: hex(at) });
      break;
    }
    byte[0]! |= 1 << Number(bit % 8n);
    call.user.copyTo(at, byte);
  }
  return undefined;
};

/**
 * `__iommu_read_and_clear_dirty`: asks the driver area by area, up to the first gap or refusal. The result of
 * `iova_bitmap_for_each` is dropped, so what stops it is lost on the caller.
 */
function collect(
  { ioas, domain }: HwptPaging,
  start: bigint,
  last: bigint,
  clear: boolean,
  record: (iova: bigint, size: bigint) => void,
): Refusal | undefined {
  for (let at = start; at <= last; ) {
    const area = ioas.iopt.areas.find((a) => a.start <= at && at <= a.last);
    if (!area) return refuse(CHECKS.gap, { path: 'iova', found: `${hex(at)}, where nothing is mapped` });
    const to = last < area.last ? last : area.last;
    const refusal = domain.readDirty!(at, to - at + 1n, clear, record);
    if (refusal) return refusal;
    at = to + 1n;
  }
  return undefined;
}
