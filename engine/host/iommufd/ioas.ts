import { hex } from '../../base/text.ts';
import { check, type Refusal, refuse } from '../check.ts';
import type { Context, Handler, Ucmd } from './context.ts';
import { isRefusal } from './driver.ts';
import { IoPagetable } from './io-pagetable.ts';
import { intersects, type Range } from './iova-allocator.ts';
import { noMemoryForObject } from './object-table.ts';
import { Ioas } from './objects.ts';
import { structNamed, View } from './user-data.ts';

const SRC = 'Linux 6.8 and 7.2';
const load = 'iommufd_ioas_load_iovas';

export const IOAS_CHECKS = Object.freeze({
  allocFlags: check('ioas-flags', 'EOPNOTSUPP', 'iommufd_ioas_alloc_ioctl', 'flags must be 0.', 'source', SRC),
  rangesReserved: check(
    'iova-ranges-reserved',
    'EOPNOTSUPP',
    'iommufd_ioas_iova_ranges',
    '__reserved must be 0.',
    'source',
    SRC,
  ),
  rangesFault: check(
    'iova-ranges-fault',
    'EFAULT',
    'iommufd_ioas_iova_ranges',
    'The array of ranges cannot be written.',
    'source',
    SRC,
  ),
  rangesRoom: check(
    'iova-ranges-room',
    'EMSGSIZE',
    'iommufd_ioas_iova_ranges',
    'There are more ranges than num_iovas has room for; what fits was written.',
    'source',
    SRC,
  ),
  allowReserved: check(
    'allow-iovas-reserved',
    'EOPNOTSUPP',
    'iommufd_ioas_allow_iovas',
    '__reserved must be 0.',
    'source',
    SRC,
  ),
  allowFault: check('allow-iovas-fault', 'EFAULT', load, 'The array of ranges cannot be read.', 'source', SRC),
  allowEmpty: check('allow-iovas-empty', 'EINVAL', load, 'start must lie below last.', 'source', SRC),
  allowOverlap: check('allow-iovas-overlap', 'EINVAL', load, 'Two ranges overlap.', 'source', SRC),
  allowNoMemory: check('allow-iovas-no-memory', 'ENOMEM', load, 'No memory for a range.', 'source', SRC),
});
const CHECKS = IOAS_CHECKS;

/** IOMMU_IOAS_ALLOC. */
export const ioasAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  if (cmd.u32('flags') !== 0) return refuse(CHECKS.allocFlags, { path: 'flags', found: hex(cmd.u32('flags')) });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const ioas = ctx.objects.reserve(new Ioas(new IoPagetable()));
  cmd.set('out_ioas_id', ioas.id);
  const refusal = ucmd.respond();
  if (refusal) ctx.objects.abort(ioas);
  else ctx.objects.finish(ioas);
  return refusal;
};

/** `iommufd_get_ioas`. */
export function getIoas(ctx: Context, id: number, path: string): Ioas | Refusal {
  return ctx.objects.get(id, path, ['IOAS']) as Ioas | Refusal;
}

/** IOMMU_IOAS_IOVA_RANGES: what can be mapped, and how it must be aligned. */
export const ioasIovaRanges: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  if (cmd.get('__reserved') !== 0n) return refuse(CHECKS.rangesReserved, { path: '__reserved', found: 'not 0' });
  const ioas = getIoas(ctx, cmd.u32('ioas_id'), 'ioas_id');
  if (isRefusal(ioas)) return ioas;
  cmd.set('out_iova_alignment', ioas.iopt.alignment);
  const written = writeRanges(ucmd, 'allowed_iovas', 'iommu_iova_range', ioas.iopt.usable());
  if (written) return written;
  const room = cmd.u32('num_iovas');
  const found = ioas.iopt.usable().length;
  cmd.set('num_iovas', found);
  call.notes.push(...(found === 1 ? [] : [`${found} usable ranges`]));
  const refusal = ucmd.respond();
  if (refusal) return refusal;
  return room < found
    ? refuse(CHECKS.rangesRoom, { path: 'num_iovas', found: `${room}`, wanted: `at least ${found}` })
    : undefined;
};

/** Writes as many ranges as there is room for. @param struct has `start` and `last` */
export function writeRanges(ucmd: Ucmd, path: string, struct: string, ranges: readonly Range[]): Refusal | undefined {
  const { call, cmd } = ucmd;
  const element = structNamed(call, struct);
  for (const [i, { start, last }] of ranges.slice(0, cmd.u32('num_iovas')).entries()) {
    const view = new View(element);
    view.set('start', start);
    view.set('last', last);
    if (!call.user.copyTo(cmd.get(path) + BigInt(i * element.size), view.bytes))
      return refuse(CHECKS.rangesFault, { path, found: `entry ${i}` });
  }
  return undefined;
}

/** IOMMU_IOAS_ALLOW_IOVAS: ranges that no device may reserve from now on, and that automatic addresses come from. */
export const ioasAllowIovas: Handler = (ctx, { cmd, call }) => {
  if (cmd.get('__reserved') !== 0n) return refuse(CHECKS.allowReserved, { path: '__reserved', found: 'not 0' });
  const ioas = getIoas(ctx, cmd.u32('ioas_id'), 'ioas_id');
  if (isRefusal(ioas)) return ioas;
  const element = structNamed(call, 'iommu_iova_range');
  const ranges: Range[] = [];
  for (let i = 0; i < cmd.u32('num_iovas'); i++) {
    const bytes = call.user.copyFrom(cmd.get('allowed_iovas') + BigInt(i * element.size), element.size);
    if (!bytes) return refuse(CHECKS.allowFault, { path: 'allowed_iovas', found: `entry ${i}` });
    const view = new View(element, bytes);
    const range = { start: view.get('start'), last: view.get('last') };
    if (range.last <= range.start)
      return refuse(CHECKS.allowEmpty, { path: `entry ${i}`, found: `${hex(range.start)} to ${hex(range.last)}` });
    if (ranges.some((r) => intersects(r, range))) return refuse(CHECKS.allowOverlap, { path: `entry ${i}` });
    if (call.fail.hit()) return { ...refuse(CHECKS.allowNoMemory), injected: true };
    ranges.push(range);
  }
  return ioas.iopt.allow(ranges);
};
