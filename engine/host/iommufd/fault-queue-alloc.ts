import { hex } from '../../base/text.ts';
import { check, refuse } from '../check.ts';
import type { Handler } from './context.ts';
import { PageFaultQueue } from './fault-queue.ts';
import { noMemoryForObject } from './object-table.ts';
import { structNamed } from './user-data.ts';

export const FAULT_ALLOC_CHECKS = Object.freeze({
  flags: check('fault-queue-flags', 'EOPNOTSUPP', 'iommufd_fault_alloc', 'flags must be 0.', 'source', 'Linux 7.2'),
});

/** IOMMU_FAULT_QUEUE_ALLOC: an object and a file descriptor, which keeps it from being destroyed. */
export const faultQueueAlloc: Handler = (ctx, ucmd) => {
  const { cmd, call } = ucmd;
  if (cmd.u32('flags') !== 0) return refuse(FAULT_ALLOC_CHECKS.flags, { path: 'flags', found: hex(cmd.u32('flags')) });
  const noMemory = noMemoryForObject(call);
  if (noMemory) return noMemory;
  const structs = {
    record: structNamed(call, 'iommu_hwpt_pgfault'),
    response: structNamed(call, 'iommu_hwpt_page_response'),
  };
  const queue = ctx.objects.reserve(new PageFaultQueue(ctx.nextFd(), structs, call.version.shortReadRefused));
  cmd.set('out_fault_id', queue.id);
  cmd.set('out_fault_fd', queue.fd);
  const refusal = ucmd.respond();
  if (refusal) {
    ctx.objects.abort(queue);
    return refusal;
  }
  ctx.objects.finish(queue);
  ctx.queues.set(queue.fd, queue);
  return undefined;
};
