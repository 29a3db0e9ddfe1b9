import { containerIoctls, GENERATIONS, hex, type Ioctl, ioctlNumbered } from '../../../engine/index.ts';
import { submitted } from '../nesting-uses.ts';
import { stepsOf } from '../scenario-names.ts';
import { expectsRefusal, type Finding, type RuleContext, rule } from './rule.ts';

export default rule({
  id: 'ioctl-takes-another',
  severity: 'warning',
  summary: 'a submit names an ioctl that takes another struct, or that this generation does not have',
  why: 'The number of an ioctl says nothing of its argument here: `_IO(";", nr)` encodes neither direction nor size, and the kernel reads whatever lies at the address as the struct it expects. Postings that were never merged used the same numbers for different calls, so a number of one generation may be another call in the next: 0x3b77 was VFIO_IOMMU_NESTING_OP, and is VFIO_DEVICE_ATTACH_IOMMUFD_PT today.',
  examples: {
    bad: [
      `uapi iommufd-6.8
machine { iommu selftest { } }
struct iommu_ioas_alloc ioas2 { size = sizeof }
scenario "another call" {
  submit ioas2 to IOMMU_DESTROY
               // ^^^^^^^^^^^^^ IOMMU_DESTROY takes iommu_destroy, but ioas2 is iommu_ioas_alloc
  submit ioas2 to 0x3b85
               // ^^^^^^ 0x3b85 is IOMMU_IOAS_MAP here and takes iommu_ioas_map, but ioas2 is iommu_ioas_alloc
}`,
      `uapi vfio-2021-03
bind_data guest_pgd { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48, hpasid = 1 }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "the number that version 6 gave it" {
  submit bind to 0x3b77
              // ^^^^^^ 0x3b77 is no ioctl of vfio-2021-03; in vfio-2020-07 it is VFIO_IOMMU_NESTING_OP
}`,
    ],
    good: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc ioas2 { size = sizeof }
scenario "by name and by number" {
  submit ioas2 to IOMMU_IOAS_ALLOC
  submit ioas2 to 0x3b81
  submit ioas2 to 0x3b8d expect any
}`,
      `uapi iommufd-6.8
raw nothing size 8
scenario "VFIO_GET_API_VERSION, which the compatibility layer answers" { submit nothing to 0x3b64 }`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    const { file } = context.resolved;
    const { generation } = context.file;
    for (const step of stepsOf(scenario.steps)) {
      if (step.kind !== 'submit' || !step.to || expectsRefusal(step)) continue;
      const { to } = step;
      const number = to.kind === 'int' ? to.value : undefined;
      const named = to.kind === 'name' ? generation.ioctls.get(to.name) : undefined;
      const ioctl = named ?? (number === undefined ? undefined : ioctlNumbered(number, generation));
      if (ioctl) {
        const view = submitted({ step }, context);
        if (!view || ioctl.struct === undefined || ioctl.struct === view.struct.name) continue;
        const here = number === undefined ? `${ioctl.name} takes` : `${hex(number)} is ${ioctl.name} here and takes`;
        const what = view.payload.name?.text ?? 'this payload';
        yield { at: to, file, message: `${here} ${ioctl.struct}, but ${what} is ${view.struct.name}` };
      } else if (number !== undefined) {
        const other = isTakenByCompat(number, context) ? undefined : elsewhere(number, context);
        if (other)
          yield {
            at: to,
            file,
            message: `${hex(number)} is no ioctl of ${generation.id}; in ${other.id} it is ${other.ioctl.name}`,
          };
      }
    }
  },
});

/** An iommufd hands the numbers of the VFIO container to its compatibility layer, whatever the header says of them. */
const isTakenByCompat = (number: bigint, { file }: RuleContext): boolean =>
  file.generation.ioctls.has('IOMMU_IOAS_ALLOC') && containerIoctls.some((ioctl) => BigInt(ioctl.number) === number);

/** Another generation that has the number: the nearest one before this, else the first behind it. */
function elsewhere(number: bigint, { file }: RuleContext): { readonly id: string; readonly ioctl: Ioctl } | undefined {
  const here = GENERATIONS.findIndex(({ id }) => id === file.generation.id);
  const others = [...GENERATIONS.slice(0, here).reverse(), ...GENERATIONS.slice(here + 1)];
  for (const generation of others) {
    const ioctl = ioctlNumbered(number, generation);
    if (ioctl) return { id: generation.id, ioctl };
  }
  return undefined;
}
