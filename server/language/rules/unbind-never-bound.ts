import { pasidEvents } from '../pasid-flow.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'unbind-never-bound',
  severity: 'information',
  summary: 'an unbind has nothing to unbind',
  why: 'An unbind of a PASID that is allocated but not bound returns 0 and does nothing, so a mistaken hpasid or a second unbind goes unnoticed. A PASID that was never allocated is refused with ENOENT instead (pasid-not-allocated).',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit unbind
       //^^^^^^ PASID 1 is not bound here: the kernel returns 0 and does nothing
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
}`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    const { file } = context.resolved;
    for (const { step, operation, state, pasid, since } of pasidEvents(scenario, context)) {
      if (operation !== 'unbind' || (state !== 'allocated' && state !== 'unbound')) continue;
      const found = state === 'unbound' ? `${pasid} is unbound already` : `${pasid} is not bound here`;
      yield {
        at: step.payload,
        file,
        message: `${found}: the kernel returns 0 and does nothing`,
        related:
          since && state === 'unbound'
            ? [{ file, start: since.head.start, end: since.head.end, message: 'unbound here' }]
            : [],
      };
    }
  },
});
