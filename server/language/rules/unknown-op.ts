import { CHECKS, type Check, VFIO_2018_CHECKS, VFIO_2020_03_CHECKS, VFIO_ARM_CHECKS } from '../../../engine/index.ts';
import { type Family, familyOf } from './field-checks.ts';
import { atReading, bitsOf, constantOf, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';

interface Request {
  readonly field: string;
  /** Bits past these are another check's. */
  readonly mask?: string | bigint;
  readonly check: Check;
  readonly noun: string;
  /** Any of the bits will do, whatever stands beside it. */
  readonly anyBit?: true;
}

const V6: Readonly<Record<string, Request>> = {
  vfio_iommu_type1_nesting_op: {
    field: 'flags',
    mask: 'VFIO_NESTING_OP_MASK',
    check: CHECKS.headerOp,
    noun: 'the operations',
  },
  vfio_iommu_type1_pasid_request: {
    field: 'flags',
    mask: 'VFIO_PASID_REQUEST_MASK',
    check: CHECKS.requestOp,
    noun: 'the requests',
  },
};

const bindProcess = { check: VFIO_2018_CHECKS.bind['operation']!, noun: 'the operations' };

/** The structs with one request in a field, by family of generations, and the check on it. */
const REQUEST: Readonly<Partial<Record<Family, Readonly<Record<string, Request>>>>> = {
  process: {
    vfio_iommu_type1_bind: { field: 'flags', ...bindProcess },
    'vfio_iommu_type1_bind (v1)': { field: 'mode', ...bindProcess },
  },
  v1: {
    vfio_iommu_type1_bind: {
      field: 'flags',
      mask: 3n,
      check: VFIO_2020_03_CHECKS.bindOp,
      noun: 'the operations',
    },
    vfio_iommu_type1_pasid_request: {
      field: 'flags',
      mask: 0n,
      check: VFIO_2020_03_CHECKS.requestOp,
      noun: 'the requests',
    },
  },
  arm: {
    vfio_iommu_type1_set_pasid_table: {
      field: 'flags',
      check: VFIO_ARM_CHECKS.table.flags,
      noun: 'the operations',
      anyBit: true,
    },
    vfio_iommu_type1_set_msi_binding: { field: 'flags', check: VFIO_ARM_CHECKS.msi.flags, noun: 'the operations' },
  },
  v6: V6,
};

export default rule({
  id: 'unknown-op',
  severity: 'warning',
  structs: [...new Set(Object.values(REQUEST).flatMap((requests) => Object.keys(requests)))],
  errno: 'EINVAL',
  summary: 'flags name no single operation',
  why: 'The low 16 flag bits of a nesting operation are a number, not a set: 0 binds, 1 unbinds, 2 invalidates, and everything above is refused although the mask lets all 16 bits through. A PASID request has one bit to allocate and one to free; it is refused when both or none of them are set, but only after its range was checked. The process of 2018 and the tables and doorbells of SMMUv3 have such a word too, compared as a whole; only SET_PASID_TABLE looks at one bit after the other.',
  examples: {
    bad: [
      `uapi vfio-2020-07
nesting_op both { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL | VFIO_IOMMU_NESTING_OP_CACHE_INVLD }
                                       // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags is 3, which is none of the operations; write VFIO_IOMMU_NESTING_OP_BIND_PGTBL or VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL or VFIO_IOMMU_NESTING_OP_CACHE_INVLD
scenario "1 | 2 is operation 3" { submit both }`,
      `uapi vfio-2018-02
struct vfio_iommu_type1_bind bind { argsz = sizeof, mode = 2, data = bind_data { } }
                                                        // ^ flags is 2, which is none of the operations; write VFIO_IOMMU_BIND_PROCESS
scenario "mode or flags, it is a number" { submit bind to VFIO_IOMMU_BIND }`,
      `uapi vfio-2020-03
pasid_request neither { argsz = sizeof }
           // ^^^^^^^ flags is not set, so 0, which is none of the requests; write VFIO_IOMMU_PASID_ALLOC or VFIO_IOMMU_PASID_FREE
scenario "nothing asked for" { submit neither }`,
      `uapi vfio-arm-2020
struct vfio_iommu_type1_set_msi_binding both { argsz = sizeof, flags = VFIO_IOMMU_BIND_MSI | VFIO_IOMMU_UNBIND_MSI }
                                                                    // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ flags is 3, which is none of the operations; write VFIO_IOMMU_BIND_MSI or VFIO_IOMMU_UNBIND_MSI
struct vfio_iommu_type1_set_pasid_table neither { argsz = sizeof, flags = 4, config = { version = PASID_TABLE_CFG_VERSION_1, config = IOMMU_PASID_CONFIG_BYPASS } }
                                                                       // ^ flags is 4, which is none of the operations; write VFIO_PASID_TABLE_FLAG_SET or VFIO_PASID_TABLE_FLAG_UNSET
scenario "one of two" {
  submit both
  submit neither
}`,
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
    const family = familyOf(context);
    const request = family && REQUEST[family]?.[view.struct.name];
    const flags = request && reading(view, request.field);
    const known = request && view.struct.fields.find((f) => f.name === request.field)?.oneOf;
    if (!known || flags?.value === undefined || constantOf(flags.value, known, context)) return;
    if (request.anyBit && (flags.value & bitsOf(known, context)) !== 0n) return;
    // Bits past the mask are refused earlier and for another reason.
    const { mask } = request;
    const within = typeof mask === 'string' ? bitsOf([mask], context) : mask;
    if (within !== undefined && (flags.value & ~within) !== 0n) return;
    const message = `${found(flags, `${flags.value}`)}, which is none of ${request.noun}; write ${known.join(' or ')}`;
    yield atReading(view, flags, message, { predicts: request.check });
  },
});
