import { CHECKS } from '../../../engine/index.ts';
import { predict } from '../nesting-uses.ts';
import { atValue, type Finding, rule } from './rule.ts';

const MEMORY_TYPES: readonly (readonly [name: string, bit: bigint])[] = [
  ['PCD', 4n],
  ['PWT', 8n],
  ['EMTE', 16n],
  ['CD', 32n],
];

export default rule({
  id: 'memory-type-refused',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'vtd.flags ask for memory types, which the driver always refuses',
  why: 'The header defines PCD, PWT, EMTE and CD, but the driver refuses a bind with any of them, whatever ecap.MTS says. It also ignores pat and emt.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE | IOMMU_SVA_VTD_GPASID_PWT
                   //^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags ask for PWT, but the driver refuses every memory type; leave it out
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
    const value = flags?.value;
    if (!flags || value === undefined) return;
    const asked = MEMORY_TYPES.filter(([, bit]) => (value & bit) !== 0n).map(([name]) => name);
    if (asked.length === 0) return;
    const them = asked.length === 1 ? 'it' : 'them';
    const message = `flags ask for ${asked.join(', ')}, but the driver refuses every memory type; leave ${them} out`;
    yield* predict(view, 'bind', context, atValue(flags, message, { predicts: CHECKS.nestedMts }));
  },
});
