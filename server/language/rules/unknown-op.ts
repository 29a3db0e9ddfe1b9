import { CHECKS, type Check } from '../../../engine/index.ts';
import { atReading, bitsOf, constantOf, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';

/** The structs whose flags hold one request, the constant that masks it, and the check on it. */
const REQUEST: Readonly<Record<string, { readonly mask: string; readonly check: Check; readonly noun: string }>> = {
  vfio_iommu_type1_nesting_op: { mask: 'VFIO_NESTING_OP_MASK', check: CHECKS.headerOp, noun: 'the operations' },
  vfio_iommu_type1_pasid_request: { mask: 'VFIO_PASID_REQUEST_MASK', check: CHECKS.requestOp, noun: 'the requests' },
};

export default rule({
  id: 'unknown-op',
  severity: 'warning',
  structs: ['vfio_iommu_type1_nesting_op', 'vfio_iommu_type1_pasid_request'],
  errno: 'EINVAL',
  summary: 'flags name no single operation',
  why: 'The low 16 flag bits of a nesting operation are a number, not a set: 0 binds, 1 unbinds, 2 invalidates, and everything above is refused although the mask lets all 16 bits through. A PASID request has one bit to allocate and one to free; it is refused when both or none of them are set, but only after its range was checked.',
  examples: {
    bad: [
      `uapi vfio-2020-07
nesting_op both { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL | VFIO_IOMMU_NESTING_OP_CACHE_INVLD }
                                       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags is 3, which is none of the operations; write VFIO_IOMMU_NESTING_OP_BIND_PGTBL or VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL or VFIO_IOMMU_NESTING_OP_CACHE_INVLD
scenario "1 | 2 is operation 3" { submit both }`,
      `uapi vfio-2020-07
pasid_request neither { argsz = sizeof, range = { min = 1, max = 100 } }
           // ^^^^^^^ flags is not set, so 0, which is none of the requests; write VFIO_IOMMU_FLAG_ALLOC_PASID or VFIO_IOMMU_FLAG_FREE_PASID
pasid_request both = neither { flags = VFIO_IOMMU_FLAG_ALLOC_PASID | VFIO_IOMMU_FLAG_FREE_PASID }
                                    // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags is 3, which is none of the requests; write VFIO_IOMMU_FLAG_ALLOC_PASID or VFIO_IOMMU_FLAG_FREE_PASID
scenario "one bit of two" {
  submit neither
  submit both
}`,
    ],
    good: [
      `uapi vfio-2020-07
pasid_request one { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } }
scenario "one bit" { submit one }`,
      `uapi vfio-2020-07
nesting_op seven { argsz = sizeof, flags = 7 }
scenario "the refusal is what this scenario is about" { submit seven expect EINVAL, reason unknown-op }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const request = REQUEST[view.struct.name];
    const flags = request && reading(view, 'flags');
    const known = view.struct.fields.find((f) => f.name === 'flags')?.oneOf;
    if (!request || flags?.value === undefined || constantOf(flags.value, known, context)) return;
    // Bits past the mask are refused earlier and for another reason.
    if ((flags.value & ~bitsOf([request.mask], context)) !== 0n) return;
    const message = `${found(flags, `${flags.value}`)}, which is none of ${request.noun}; write ${known!.join(' or ')}`;
    yield atReading(view, flags, message, { predicts: request.check });
  },
});
