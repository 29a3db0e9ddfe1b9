import { hexGrouped } from '../../../engine/index.ts';
import { PASID_ENTRY } from '../../../engine/models/vtd/structures.ts';
import { predict } from '../nesting-uses.ts';
import { atValue, type Finding, rule } from './rule.ts';

const PAGE_OFFSET = 0xfffn;
/** The word of the PASID entry that FSPTPTR shares with the attributes of the first stage. */
const WORD = { first: 128, last: 139 };

export default rule({
  id: 'gpgd-misaligned',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  summary: 'gpgd has low bits that end up as attributes of the PASID entry',
  why: 'The kernel does not check the alignment of gpgd. It ORs the value into the PASID entry unmasked, so bits 0 to 7 set SRE to EAFE and bits 8 to 11 reserved bits: the guest gets attributes that it did not ask for, or each of its accesses faults.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  gpgd = 0x1000_0001
       //^^^^^^^^^^^ gpgd is 0x1000_0001, which the kernel does not refuse: its low bits set SRE in the PASID entry; write 0x1000_0000
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
    good: [
      `uapi vfio-2020-07
pagetable gpt x86-64 at 0x1000_0000 { }
bind_data guest_pgd {
  argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48, hpasid = pasid
  gpgd = gpt.root
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_pgd }
scenario "s" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } } as pasid
  submit bind
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const field = view.fields.get('gpgd');
    if (field?.value === undefined) return;
    const low = field.value & PAGE_OFFSET;
    if (low === 0n) return;
    const message = `gpgd is ${hexGrouped(field.value)}, which the kernel does not refuse: its low bits set ${bitNames(low).join(', ')} in the PASID entry; write ${hexGrouped(field.value - low)}`;
    yield* predict(view, 'bind', context, atValue(field, message));
  },
});

/** What the low bits are in the PASID entry, named as there. */
function bitNames(low: bigint): string[] {
  const names: string[] = [];
  for (let bit = WORD.first; bit <= WORD.last; bit++) {
    if (((low >> BigInt(bit - WORD.first)) & 1n) === 0n) continue;
    const field = PASID_ENTRY.fields.find((f) => f.lo <= bit && bit < f.lo + f.width);
    const name = field?.name ?? 'reserved bits';
    if (!names.includes(name)) names.push(name);
  }
  return names;
}
