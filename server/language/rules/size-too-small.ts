import { IOMMUFD_CHECKS, type Ioctl } from '../../../engine/index.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

export default rule({
  id: 'size-too-small',
  severity: 'warning',
  errno: 'EINVAL',
  summary: 'size ends before the last field that the call ever had',
  why: 'Every call of an iommufd begins with its size, and the kernel asks for as much as the first release with that call had; what a later release added may be missing and counts as 0. An unset size is 0. Write size = sizeof and let it follow the payload.',
  examples: {
    bad: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc short { size = 8 }
                                    // ^ size is 8, but IOMMU_IOAS_ALLOC needs at least 12; write size = sizeof
struct iommu_ioas_alloc unset { }
                     // ^^^^^ size is not set, so 0, but IOMMU_IOAS_ALLOC needs at least 12; write size = sizeof
scenario "no address space" {
  submit short
  submit unset
}`,
    ],
    good: [
      `uapi iommufd-7.2
struct iommu_ioas_alloc whole { size = sizeof }
struct iommu_hwpt_alloc first_form { size = 40, dev_id = dev0.id, pt_id = ioas.id }
scenario "what came later may be missing" {
  submit whole
  submit first_form
}`,
      `uapi iommufd-6.8
struct iommu_ioas_alloc short { size = 8 }
scenario "the refusal is what this scenario is about" { submit short expect EINVAL }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const size = reading(view, 'size');
    const ioctl = size && callOf(view, context);
    if (size?.value === undefined || ioctl?.minimum === undefined || BigInt(ioctl.minimum) <= size.value) return;
    const message = `${found(size, `${size.value}`)}, but ${ioctl.name} needs at least ${ioctl.minimum}; write size = sizeof`;
    const finding = atReading(view, size, message, { predicts: IOMMUFD_CHECKS.dispatch.size });
    yield* predictRead(view, context, finding);
  },
});

/** The call of an iommufd that takes this struct: its first field is the size. */
function callOf(view: PayloadView, { file }: RuleContext): Ioctl | undefined {
  const first = view.struct.fields[0];
  if (first?.name !== 'size' || first.role !== 'size') return undefined;
  return [...file.generation.ioctls.values()].find((ioctl) => ioctl.struct === view.struct.name);
}
