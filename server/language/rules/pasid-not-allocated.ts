import { CHECKS } from '../../../engine/index.ts';
import type { Related } from '../diagnostic.ts';
import { mayFailWith, type PasidEvent, pasidEvents } from '../pasid-flow.ts';
import { requestedRanges } from '../pasid-requests.ts';
import { type Finding, rule } from './rule.ts';

const LIMIT = 0x10_0000n;

export default rule({
  id: 'pasid-not-allocated',
  severity: 'warning',
  errno: 'ENOENT',
  summary: 'a bind or unbind uses a PASID that the process does not hold',
  why: 'The host hands out PASIDs with VFIO_IOMMU_PASID_REQUEST, always the lowest free one of the range, and a bind or unbind of any other number is refused with ENOENT. Freeing a PASID also unbinds it everywhere, so what is freed needs no unbind and must not be used again.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = 7
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" { submit bind }
                    //^^^^ bind uses PASID 7, which this scenario has not allocated; submit a pasid_request as NAME first and write hpasid = NAME`,
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind   { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL,   data = guest_pgd }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = guest_pgd }
scenario "use after free" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_FREE_PASID, range = { min = pasid, max = pasid } }
  submit unbind
       //^^^^^^ unbind uses PASID 1 after it was freed; move it before the request that frees the PASID
}`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind   { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL,   data = guest_pgd }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
  submit unbind
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_FREE_PASID, range = { min = pasid, max = pasid } }
}`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    // Where the container hands out none, PASIDs come from something that a scenario does not show.
    if (!context.file.generation.kinds.has('pasid_request')) return;
    for (const event of pasidEvents(scenario, context)) {
      const { step, operation, state, pasid, value } = event;
      if ((state !== 'never allocated' && state !== 'freed') || !mayFailWith(step, 'ENOENT')) continue;
      if (value !== undefined && LIMIT <= value) continue;
      if (value === 0n && operation === 'bind') continue;
      if (state === 'never allocated' && value !== undefined) {
        // A number outside of every requested range is the payload's mistake, whatever the scenario does.
        const ranges = requestedRanges(context) ?? [];
        if (ranges.length > 0 && value !== 0n && !ranges.some((r) => r.min <= value && value <= r.max)) continue;
      }
      yield {
        at: step.payload,
        file: context.resolved.file,
        message:
          state === 'freed'
            ? afterFree(event)
            : `${operation} uses ${pasid}, which this scenario has not allocated; submit a pasid_request as NAME first and write hpasid = NAME`,
        predicts: operation === 'bind' ? CHECKS.bindNoPasid : CHECKS.unbindNoPasid,
        use: { scenario, step },
        related: related(event, context.resolved.file),
      };
    }
  },
});

const afterFree = ({ operation, pasid }: PasidEvent): string =>
  `${operation} uses ${pasid} after it was freed; ${operation === 'unbind' ? 'move it before the request that frees the PASID' : 'request a new one'}`;

function related({ field, since, state }: PasidEvent, file: string): Related[] {
  const all: Related[] = [];
  if (since && state === 'freed') all.push({ file, ...span(since.head), message: 'freed here' });
  if (field) all.push({ file: field.file, ...span(field.expr), message: 'the PASID is chosen here' });
  return all;
}

const span = ({ start, end }: { start: number; end: number }) => ({ start, end });
