import { CHECKS } from '../../../engine/index.ts';
import { capsOf, machineLine, predict } from '../nesting-uses.ts';
import { atValue, type Finding, rule } from './rule.ts';

const EAFE = 2n;

export default rule({
  id: 'eafe-unsupported',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'EAFE is asked of a machine without the extended accessed flag',
  why: 'EAFE makes the walk set the extended-accessed bit together with the accessed bit. The driver refuses it where ecap.EAFS is 0.',
  examples: {
    bad: [
      `uapi vfio-2020-07
machine { iommu vtd { EAFS = 0 } }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_EAFE
                   //^^^^^^^^^^^^^^^^^^^^^^^^^ flags ask for EAFE, but this machine has no extended accessed flag (ecap.EAFS = 0); leave IOMMU_SVA_VTD_GPASID_EAFE out
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
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_EAFE
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const flags = view.fields.get('vendor.vtd.flags');
    if (flags?.value === undefined) return;
    if ((flags.value & EAFE) === 0n || capsOf(context).EAFS !== 0) return;
    const message =
      'flags ask for EAFE, but this machine has no extended accessed flag (ecap.EAFS = 0); leave IOMMU_SVA_VTD_GPASID_EAFE out';
    const related = machineLine(context, { word: 'iommu' }, 'EAFS', 'the machine has no extended accessed flag');
    yield* predict(view, 'bind', context, atValue(flags, message, { predicts: CHECKS.nestedEafe, related }));
  },
});
