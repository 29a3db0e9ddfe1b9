import { CHECKS } from '../../../engine/index.ts';
import { operationOf } from './nesting-operation.ts';
import { mayLackFields } from './reading.ts';
import { atTitle, type Finding, rule } from './rule.ts';

export default rule({
  id: 'op-without-data',
  severity: 'warning',
  structs: ['vfio_iommu_type1_nesting_op'],
  errno: 'EINVAL',
  checks: [CHECKS.bindArgsz, CHECKS.bindFault, CHECKS.flushArgsz, CHECKS.flushFault],
  summary: 'a nesting operation carries no payload',
  why: 'The operation reads its payload behind the 8-byte header, whatever argsz says: VFIO compares argsz with the header only. Without data it reads what happens to lie there. On a page of zeros that is an argsz of 0, which is refused; at the end of a mapping it is EFAULT; on a used stack it may be taken for a payload.',
  examples: {
    bad: [
      `uapi vfio-2020-07
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL }
        // ^^^^^^ VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL needs data, but there is none: the kernel reads iommu_gpasid_bind_data from what lies behind the header; add data = NAME
scenario "unbind what?" { submit unbind }`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data one_pasid { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, hpasid = 1 }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = one_pasid }
scenario "unbind PASID 1" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 1 } } expect returns 1
  submit unbind
}`,
      `uapi vfio-2020-07
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL }
scenario "the refusal is what this scenario is about" { submit unbind mapped 8 expect hidden EFAULT }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const operation = operationOf(view, context);
    if (!operation || view.fields.has('data') || mayLackFields(view)) return;
    const [zeros, unmapped] =
      operation.struct === 'iommu_cache_invalidate_info'
        ? [CHECKS.flushArgsz, CHECKS.flushFault]
        : [CHECKS.bindArgsz, CHECKS.bindFault];
    const message = `${operation.name} needs data, but there is none: the kernel reads ${operation.struct} from what lies behind the header; add data = NAME`;
    if (view.uses.length === 0) yield atTitle(view, message, { predicts: zeros });
    for (const use of view.uses)
      yield atTitle(view, message, { use, predicts: (use.step.mapped ?? view.payload.mapped) ? unmapped : zeros });
  },
});
