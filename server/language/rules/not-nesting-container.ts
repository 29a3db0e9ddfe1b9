import { CHECKS, type Check } from '../../../engine/index.ts';
import { isNestingContainer, machineLine, operationOf } from '../nesting-uses.ts';
import { atTitle, type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

export default rule({
  id: 'not-nesting-container',
  severity: 'warning',
  structs: ['vfio_iommu_type1_nesting_op', 'vfio_iommu_type1_pasid_request'],
  errno: 'EOPNOTSUPP',
  summary: 'a container without nesting is asked for a PASID or a nesting operation',
  why: 'Only a container of type VFIO_TYPE1_NESTING_IOMMU keeps its mappings in the second stage, so that a guest table can lie above them. Every other type refuses PASIDs, binds and invalidations before it looks at the payload.',
  examples: {
    bad: [
      `uapi vfio-2020-07
machine { container { type = VFIO_TYPE1v2_IOMMU } }
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
            //^^^^^^^ request needs a container of type VFIO_TYPE1_NESTING_IOMMU, but this machine has VFIO_TYPE1v2_IOMMU
scenario "s" { submit request }`,
      `uapi vfio-2020-07
machine { container { type = VFIO_TYPE1v2_IOMMU } }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = 1
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
         //^^^^ bind needs a container of type VFIO_TYPE1_NESTING_IOMMU, but this machine has VFIO_TYPE1v2_IOMMU
scenario "s" { submit bind }`,
    ],
    good: [
      `uapi vfio-2020-07
machine { container { type = VFIO_TYPE1_NESTING_IOMMU } }
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
scenario "s" { submit request }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const check = refusing(view, context);
    // What nothing submits, an included payload most of all, may be meant for another machine.
    if (!check || isNestingContainer(context) || view.uses.length === 0) return;
    const what = view.payload.name?.text ?? view.payload.word.text;
    const type = [...context.file.generation.constants.values()].find(
      (c) => c.group === 'VFIO_IOMMU_TYPE' && c.value === BigInt(context.machine.containerType),
    );
    const message = `${what} needs a container of type VFIO_TYPE1_NESTING_IOMMU, but this machine has ${type?.name ?? context.machine.containerType}`;
    const related = machineLine(context, { word: 'container' }, 'type', 'the type is chosen here');
    yield atTitle(view, message, { predicts: check, related });
  },
});

function refusing(view: PayloadView, context: RuleContext): Check | undefined {
  if (view.struct.name === 'vfio_iommu_type1_pasid_request') return CHECKS.requestNoVmm;
  const operation = operationOf(view, context);
  return operation && (operation === 'flush' ? CHECKS.flushNoNesting : CHECKS.bindNoNesting);
}
