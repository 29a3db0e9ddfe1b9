import { CHECKS, hexGrouped } from '../../../engine/index.ts';
import { predict } from '../nesting-uses.ts';
import { stepsOf } from '../scenario-names.ts';
import { atValue, type Finding, rule } from './rule.ts';

export default rule({
  id: 'gpgd-out-of-range',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'gpgd lies outside of what the second stage maps',
  why: 'gpgd is a guest physical address that the second stage translates. The driver compares it with the highest address that was ever mapped there and refuses what lies above. A hole below that address is accepted, and then each walk faults.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  gpgd = 0x1_0000_0000
       //^^^^^^^^^^^^^ gpgd is 0x1_0000_0000, but the second stage ends at 0x8000_0000
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
    good: [
      `uapi vfio-2020-07
pagetable gpt x86-64 at 0x1000_0000 { }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  gpgd = gpt.root
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const field = view.fields.get('gpgd');
    const gpgd = field?.value;
    if (!field || gpgd === undefined) return;
    // A scenario that maps more into the second stage may raise the limit.
    if (view.uses.some(({ scenario }) => [...stepsOf(scenario.steps)].some((s) => s.kind === 'host'))) return;
    const { ram } = context.machine;
    const end = ram.map((r) => r.gpa + r.size).reduce((max, e) => (max < e ? e : max), 0n);
    if (end < gpgd) {
      const message = `gpgd is ${hexGrouped(gpgd)}, but the second stage ends at ${hexGrouped(end)}`;
      yield* predict(view, 'bind', context, atValue(field, message, { predicts: CHECKS.nestedRoot }));
    } else if (!ram.some((r) => r.gpa <= gpgd && gpgd < r.gpa + r.size)) {
      const message = `gpgd is ${hexGrouped(gpgd)}, which the kernel does not refuse although no guest RAM is there: each walk will fault`;
      yield* predict(view, 'bind', context, atValue(field, message));
    }
  },
});
