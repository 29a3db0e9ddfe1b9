import { CHECKS, type Check } from '../../../engine/index.ts';
import { atTitle, atValue, type Finding, type PayloadView, rule } from './rule.ts';

/** How far argsz must reach, by struct, and the check that says so. */
function needs(view: PayloadView): { readonly bytes: number; readonly check: Check } | undefined {
  switch (view.struct.name) {
    case 'vfio_iommu_type1_nesting_op':
      return { bytes: 8, check: CHECKS.headerArgsz };
    case 'vfio_iommu_type1_pasid_request':
      return { bytes: 16, check: CHECKS.requestArgsz };
    case 'vfio_iommu_type1_info':
      return { bytes: 16, check: CHECKS.infoArgsz };
    case 'iommu_gpasid_bind_data':
      return (view.fields.get('argsz')?.value ?? 0n) < 56n
        ? { bytes: 56, check: CHECKS.bindArgsz }
        : { bytes: 72, check: CHECKS.bindVendorArgsz };
    case 'iommu_cache_invalidate_info': {
      const granularity = view.fields.get('granularity')?.value ?? 0n;
      if (granularity === 2n) return { bytes: 56, check: CHECKS.flushArgszAddr };
      return granularity === 1n
        ? { bytes: 32, check: CHECKS.flushArgszPasid }
        : { bytes: 16, check: CHECKS.flushArgsz };
    }
    default:
      return undefined;
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
  *payload(view): Iterable<Finding> {
    const need = needs(view);
    const argsz = view.fields.get('argsz');
    if (!need || (argsz && argsz.value === undefined)) return;
    const value = argsz?.value ?? 0n;
    if (BigInt(need.bytes) <= value) return;
    const message = `argsz is ${argsz ? value : 'not set, so 0'}, but ${view.struct.name} needs at least ${need.bytes}`;
    yield argsz ? atValue(argsz, message, { predicts: need.check }) : atTitle(view, message, { predicts: need.check });
  },
});
