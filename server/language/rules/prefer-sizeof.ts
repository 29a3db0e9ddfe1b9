import { isOwn } from '../nesting-uses.ts';
import { atValue, type Finding, rule } from './rule.ts';

export default rule({
  id: 'prefer-sizeof',
  severity: 'hint',
  summary: 'argsz is written as a number that sizeof would give',
  why: '`sizeof` follows the payload when a field is added or another payload is embedded. A number that differs on purpose is left alone.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pasid_request request { argsz = 16, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
                              //^^ argsz is 16, the size of this payload; write sizeof`,
    ],
    good: [
      `uapi vfio-2020-07
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
pasid_request short   { argsz = 12,     flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 } }
scenario "the number is what this scenario is about" {
  submit request
  submit short expect EINVAL
}`,
    ],
  },
  *payload(view): Iterable<Finding> {
    if (view.payload.elements) return;
    for (const field of view.fields.values()) {
      if (field.field.role !== 'size' || field.expr.kind !== 'int' || !isOwn(view, field)) continue;
      if (field.value !== BigInt(view.image.bytes.length)) continue;
      yield atValue(field, `${field.path} is ${field.value}, the size of this payload; write sizeof`);
    }
  },
});
