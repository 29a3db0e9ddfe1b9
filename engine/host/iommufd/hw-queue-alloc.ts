import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler } from './context.ts';
import { type Call, type HwQueue, isRefusal } from './driver.ts';
import type { Area } from './io-pagetable.ts';
import { ULONG_MAX } from './iova-allocator.ts';
import { noMemoryForObject } from './object-table.ts';
import { HwQueueObject, type ViommuObject } from './objects.ts';
import { canPin, PAGE, pageDown, physOf } from './pages.ts';
import { getViommu } from './vdevice-alloc.ts';

const SRC = 'Linux 7.2';
const alloc = 'iommufd_hw_queue_alloc_ioctl';
const phys = 'iommufd_hw_queue_alloc_phys';
const pin = 'iommufd_access_pin_pages';

export const HW_QUEUE_CHECKS = Object.freeze({
  flags: check('hw-queue-flags', 'EOPNOTSUPP', alloc, 'flags must be 0, and type must not be.', 'source', SRC),
  length: check('hw-queue-length', 'EINVAL', alloc, 'The length must not be 0.', 'source', SRC),
  overflow: check('hw-queue-overflow', 'EOVERFLOW', alloc, 'The range passes the last address.', 'source', SRC),
  type: check('hw-queue-type', 'EOPNOTSUPP', alloc, 'The vIOMMU has no queues of this type.', 'source', SRC),
  pages: check('hw-queue-pages', 'ERANGE', phys, 'The range, rounded to pages, overflows.', 'source', SRC),
  noMemory: check('hw-queue-no-memory', 'ENOMEM', phys, 'No memory for the list of pages.', 'source', SRC),
  notMapped: check(
    'hw-queue-not-mapped',
    'ENOENT',
    pin,
    'The IOAS of the nesting parent does not map the range.',
    'source',
    SRC,
  ),
  unaligned: check(
    'hw-queue-unaligned',
    'EINVAL',
    pin,
    'A mapping in the range is not aligned to pages.',
    'source',
    SRC,
  ),
  fault: check(
    'hw-queue-fault',
    'EFAULT',
    'pfn_reader_user_pin',
    'A page of the range is not mapped in the caller.',
    'source',
    SRC,
  ),
  contiguous: check(
    'hw-queue-contiguous',
    'EFAULT',
    phys,
    'The pages do not lie behind one another in memory.',
    'source',
    SRC,
  ),
});
const CHECKS = HW_QUEUE_CHECKS;

/** IOMMU_HW_QUEUE_ALLOC: guest memory that hardware works on by physical address, pinned for as long. */
export const hwQueueAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const [type, iova, length] = [cmd.u32('type'), cmd.get('nesting_parent_iova'), cmd.get('length')];
  if (cmd.u32('flags') !== 0 || type === 0)
    return refuse(CHECKS.flags, { path: type === 0 ? 'type' : 'flags', found: hex(cmd.u32('flags')) });
  if (length === 0n) return refuse(CHECKS.length, { path: 'length', found: '0' });
  if (ULONG_MAX < iova + length - 1n) return refuse(CHECKS.overflow, { path: 'nesting_parent_iova', found: hex(iova) });
  const viommu = getViommu(ctx, cmd.u32('viommu_id'));
  if (isRefusal(viommu)) return viommu;
  const driver = viommu.driver;
  if (!driver?.initHwQueue || !driver.knowsHwQueue?.(type))
    return refuse(CHECKS.type, { path: 'type', found: hex(type) });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const pinned = pinQueue(viommu, iova, length, call);
  if (isRefusal(pinned)) return pinned;
  const queue = ctx.objects.reserve(new HwQueueObject(viommu, iova, length, pinned.unpin));
  const request = { type, index: cmd.u32('index'), basePa: pinned.basePa, iova, length };
  const made = driver.initHwQueue(request, call);
  if (isRefusal(made)) {
    ctx.objects.abort(queue);
    return made;
  }
  queue.driver = made;
  if (made.dependsOn) dependOn(ctx, queue, made.dependsOn);
  cmd.set('out_hw_queue_id', queue.id);
  const refusal = ucmd.respond();
  if (refusal) ctx.objects.abort(queue);
  else ctx.objects.finish(queue);
  return refusal;
};

/** `iommufd_hw_queue_depend`: the other queue gets one user more. */
function dependOn(ctx: Context, queue: HwQueueObject, other: HwQueue): void {
  for (const obj of ctx.objects.all()) {
    if (!(obj instanceof HwQueueObject) || obj.driver !== other) continue;
    obj.users++;
    queue.dependsOn = obj;
  }
}

interface Pinned {
  readonly basePa: bigint;
  readonly unpin: () => void;
}

/** `iommufd_hw_queue_alloc_phys`: whole pages are pinned, and they must lie behind one another. */
function pinQueue(viommu: ViommuObject, iova: bigint, length: bigint, call: Call): Pinned | Refusal {
  const start = pageDown(iova);
  if (ULONG_MAX < iova - start + length + PAGE - 1n)
    return refuse(CHECKS.pages, { path: 'length', found: hex(length) });
  const size = pageDown(iova - start + length + PAGE - 1n);
  if (call.fail.hit()) return { ...refuse(CHECKS.noMemory), injected: true };
  const areas = viommu.hwpt.ioas.iopt.contiguous(start, size);
  const seen = { path: 'nesting_parent_iova', found: `${hex(start)}, ${hex(size)} bytes` };
  if (!areas) return refuse(CHECKS.notMapped, seen);
  const odd = areas.find((a) => (a.start - (a.pages.base + a.offset)) % PAGE !== 0n);
  if (odd) return refuse(CHECKS.unaligned, seen);
  let next: bigint | undefined;
  for (const area of areas) {
    const [from, to] = [area.start < start ? start : area.start, minimum(area.last, start + size - 1n)];
    if (!canPin(call.user, area.pages, area.offset + (from - area.start), to - from + 1n))
      return refuse(CHECKS.fault, seen);
    if (next !== undefined && physAt(area, from) !== next) return refuse(CHECKS.contiguous, seen);
    next = physAt(area, to) + 1n;
  }
  for (const area of areas) area.locks++;
  const unpin = (): void => {
    for (const area of areas) area.locks--;
  };
  return { basePa: physAt(areas[0]!, iova), unpin };
}

const physAt = (area: Area, at: bigint): bigint => physOf(area.pages, area.offset + (at - area.start));
const minimum = (a: bigint, b: bigint): bigint => (a < b ? a : b);
