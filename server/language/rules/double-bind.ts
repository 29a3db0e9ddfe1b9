import { CHECKS } from '../../../engine/index.ts';
import { mayFailWith, pasidEvents } from '../pasid-flow.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'double-bind',
  severity: 'warning',
  errno: 'EBUSY',
  summary: 'a PASID is bound a second time without an unbind in between',
  why: 'A device takes one guest page table per PASID; a second bind ends in EBUSY. As posted it does more harm than that: the failure path unbinds the PASID from every device, and so takes the first binding away too. With bind_error_lost the caller sees 0.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
  submit bind
       //^^^^ PASID 1 is bound already, and the failing second bind takes the first one away too; unbind it first
}`,
      `uapi vfio-2021-03
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = 7
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "PASIDs come from elsewhere" {
  submit bind
  submit bind
       //^^^^ PASID 7 is bound already, and the failing second bind takes the first one away too; unbind it first
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
  submit bind
}`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    const { file } = context.resolved;
    for (const { step, operation, state, pasid, since } of pasidEvents(scenario, context)) {
      if (operation !== 'bind' || state !== 'bound' || !mayFailWith(step, 'EBUSY')) continue;
      yield {
        at: step.payload,
        file,
        message: `${pasid} is bound already, and the failing second bind takes the first one away too; unbind it first`,
        predicts: CHECKS.bindTwice,
        use: { scenario, step },
        related: since ? [{ file, start: since.head.start, end: since.head.end, message: 'the first bind' }] : [],
      };
    }
  },
});
