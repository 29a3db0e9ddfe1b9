import { CHECKS } from '../../../engine/index.ts';
import { capsOf, machineLine, predict } from '../nesting-uses.ts';
import { atValue, type Finding, rule } from './rule.ts';

const SRE = 1n;

export default rule({
  id: 'sre-unsupported',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'SRE is asked of a machine without supervisor requests',
  why: 'SRE lets the device send privileged requests under this PASID. The driver refuses it where ecap.SRS is 0. Without the flag a privileged request faults with SPT.6.',
  examples: {
    bad: [
      `uapi vfio-2020-07
machine { iommu vtd { SRS = 0, RPRIVS = 0 } }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE
                   //^^^^^^^^^^^^^^^^^^^^^^^^ flags ask for SRE, but this machine has no supervisor requests (ecap.SRS = 0); leave IOMMU_SVA_VTD_GPASID_SRE out
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
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE
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
    if ((flags.value & SRE) === 0n || capsOf(context).SRS !== 0) return;
    const message =
      'flags ask for SRE, but this machine has no supervisor requests (ecap.SRS = 0); leave IOMMU_SVA_VTD_GPASID_SRE out';
    const related = machineLine(context, { word: 'iommu' }, 'SRS', 'the machine has no supervisor requests');
    yield* predict(view, 'bind', context, atValue(flags, message, { predicts: CHECKS.nestedSre, related }));
  },
});
