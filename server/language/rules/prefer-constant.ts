import { hex } from '../../../engine/index.ts';
import { isOwn } from '../nesting-uses.ts';
import { atValue, type FieldView, type Finding, type RuleContext, rule } from './rule.ts';

export default rule({
  id: 'prefer-constant',
  severity: 'hint',
  summary: 'a number stands where the header has a name for it',
  why: 'The names of the header say what a payload means and can be searched for; numbers have to be looked up.',
  examples: {
    bad: [
      `uapi vfio-2020-07
pasid_request request { argsz = sizeof, flags = 2, range = { min = 1, max = 9 } }
                                              //^ flags is 2; write VFIO_IOMMU_FLAG_FREE_PASID`,
      `uapi vfio-2020-07
struct iommu_gpasid_bind_data_vtd attributes { flags = 0x3 }
                                                     //^^^ flags is 0x3; write IOMMU_SVA_VTD_GPASID_SRE | IOMMU_SVA_VTD_GPASID_EAFE`,
    ],
    good: [
      `uapi vfio-2020-07
pasid_request request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_FREE_PASID, range = { min = 1, max = 9 } }`,
      `uapi vfio-2020-07
struct iommu_gpasid_bind_data_vtd no_such_flag { flags = 0x80 }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const field of view.fields.values()) {
      if (field.expr.kind !== 'int' || field.value === undefined || !isOwn(view, field)) continue;
      const name = nameOf(field, field.value, context);
      if (name === undefined) continue;
      const value = field.field.flags ? hex(field.value) : field.value;
      yield atValue(field, `${field.path} is ${value}; write ${name}`);
    }
  },
});

/** The constant, or the flags joined with `|`, that give this value. */
function nameOf({ field }: FieldView, value: bigint, context: RuleContext): string | undefined {
  if (field.oneOf) return field.oneOf.find((name) => context.constant(name) === value);
  if (!field.flags || value === 0n) return undefined;
  const names = field.flags.filter((name) => (context.constant(name) & value) !== 0n);
  const sum = names.reduce((bits, name) => bits | context.constant(name), 0n);
  return sum === value ? names.join(' | ') : undefined;
}
