import { CHECKS } from '../../../engine/index.ts';
import { capsOf, machineLine, predict } from '../nesting-uses.ts';
import { atTitle, type Finding, rule } from './rule.ts';

export default rule({
  id: 'no-nesting-capability',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'a guest page table is bound on a machine that cannot nest',
  why: 'Binding a guest page table puts it as a first stage over the second stage of the host, which needs ecap.NEST. The driver refuses each bind without it, and a nesting container can attach no further group.',
  examples: {
    bad: [
      `uapi vfio-2020-07
machine { iommu vtd { NEST = 0 } }
bind_data guest_pgd {
        //^^^^^^^^^ guest_pgd is bound on a machine with ecap.NEST = 0; write NEST = 1 to nest it over the second stage
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (capsOf(context).NEST !== 0) return;
    const what = view.payload.name?.text ?? 'this page table';
    const message = `${what} is bound on a machine with ecap.NEST = 0; write NEST = 1 to nest it over the second stage`;
    const related = machineLine(context, { word: 'iommu' }, 'NEST', 'the machine cannot nest');
    yield* predict(view, 'bind', context, atTitle(view, message, { predicts: CHECKS.nestedNoCap, related }));
  },
});
