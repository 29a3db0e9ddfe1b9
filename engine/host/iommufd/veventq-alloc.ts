import { hex } from '../../base/text.ts';
import { check, refuse } from '../check.ts';
import type { Handler } from './context.ts';
import { isRefusal } from './driver.ts';
import { noMemoryForObject } from './object-table.ts';
import { structNamed } from './user-data.ts';
import { getViommu } from './vdevice-alloc.ts';
import { EventQueue } from './veventq.ts';

const SRC = 'Linux 7.2';
const alloc = 'iommufd_veventq_alloc';

export const VEVENTQ_CHECKS = Object.freeze({
  flags: check(
    'veventq-flags',
    'EOPNOTSUPP',
    alloc,
    'flags and __reserved must be 0, and type must not be.',
    'source',
    SRC,
  ),
  depth: check('veventq-depth', 'EINVAL', alloc, 'The depth is 0, or more than 524288.', 'source', SRC),
  exists: check('veventq-exists', 'EEXIST', alloc, 'The vIOMMU has a queue of this type already.', 'source', SRC),
});
const CHECKS = VEVENTQ_CHECKS;

/** IOMMU_VEVENTQ_ALLOC: a queue for one type of events of a vIOMMU. The type itself is not judged. */
export const veventqAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  const [eventType, depth] = [cmd.u32('type'), cmd.u32('veventq_depth')];
  if (cmd.u32('flags') !== 0 || cmd.any('__reserved') || eventType === 0)
    return refuse(CHECKS.flags, { path: eventType === 0 ? 'type' : 'flags', found: hex(cmd.u32('flags')) });
  if (depth === 0 || call.version.veventqDepthMax < depth)
    return refuse(CHECKS.depth, { path: 'veventq_depth', found: `${depth}` });
  const viommu = getViommu(ctx, cmd.u32('viommu_id'));
  if (isRefusal(viommu)) return viommu;
  if (viommu.veventqs.some((q) => q.eventType === eventType))
    return refuse(CHECKS.exists, { path: 'type', found: hex(eventType) });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const header = structNamed(call, 'iommufd_vevent_header');
  const { shortReadRefused } = call.version;
  const queue = new EventQueue(ctx.nextFd(), viommu, { eventType, depth, header, shortReadRefused });
  ctx.objects.reserve(queue);
  cmd.set('out_veventq_id', queue.id);
  cmd.set('out_veventq_fd', queue.fd);
  const refusal = ucmd.respond();
  if (refusal) {
    ctx.objects.abort(queue);
    return refusal;
  }
  ctx.objects.finish(queue);
  ctx.queues.set(queue.fd, queue);
  return undefined;
};
