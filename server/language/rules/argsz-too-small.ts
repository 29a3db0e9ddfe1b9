import { CHECKS, type Check } from '../../../engine/index.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';

interface Need {
  readonly bytes: number;
  readonly check: Check;
  /** The part of the payload that is only read by some operations. */
  readonly part?: string;
}

/** How far argsz must reach and the check that says so, in the order in which the kernel asks. */
function needs(view: PayloadView, context: RuleContext): readonly Need[] {
  switch (view.struct.name) {
    case 'vfio_iommu_type1_nesting_op':
      return [{ bytes: 8, check: CHECKS.headerArgsz }];
    case 'vfio_iommu_type1_pasid_request':
      return [{ bytes: 16, check: CHECKS.requestArgsz }];
    case 'vfio_iommu_type1_info':
      return [{ bytes: 16, check: CHECKS.infoArgsz }];
    case 'iommu_gpasid_bind_data': {
      const core = { bytes: 56, check: CHECKS.bindArgsz };
      return context.file.quirks.get('vendor_size_unchecked')
        ? [core]
        : [core, { bytes: 72, check: CHECKS.bindVendorArgsz, part: 'vendor' }];
    }
    case 'iommu_cache_invalidate_info': {
      const granularity = reading(view, 'granularity')?.value;
      const core = { bytes: 16, check: CHECKS.flushArgsz };
      if (granularity === context.constant('IOMMU_INV_GRANU_ADDR'))
        return [core, { bytes: 56, check: CHECKS.flushArgszAddr }];
      return granularity === context.constant('IOMMU_INV_GRANU_PASID')
        ? [core, { bytes: 32, check: CHECKS.flushArgszPasid }]
        : [core];
    }
    default:
      return [];
  }
}

export default rule({
  id: 'argsz-too-small',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'argsz ends before the part that the call needs',
  why: 'The kernel compares argsz with the bytes it must read before it looks at anything else. An unset argsz is 0. Write argsz = sizeof and let the size follow the payload.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pasid_request r { argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID }
                        //^ argsz is 8, but vfio_iommu_type1_pasid_request needs at least 16
scenario "s" { submit r }`,
    ],
    good: [
      `uapi vfio-2020-07
pasid_request r { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 2 } }
scenario "s" { submit r }`,
      `uapi vfio-2020-07
pasid_request r { argsz = 8, flags = VFIO_IOMMU_FLAG_ALLOC_PASID }
scenario "the refusal is what this scenario is about" { submit r expect EINVAL }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const argsz = reading(view, 'argsz');
    if (argsz?.value === undefined) return;
    for (const need of needs(view, context)) {
      if (BigInt(need.bytes) <= argsz.value) continue;
      const message = `${found(argsz, `${argsz.value}`)}, but ${view.struct.name} needs at least ${need.bytes}`;
      const finding = atReading(view, argsz, message, { predicts: need.check });
      // The vendor part is read for a bind, not for an unbind.
      if (need.part) yield* whereRead(view, need.part, context, finding);
      else yield finding;
      return;
    }
  },
});
