import { whereRead } from './nesting-operation.ts';
import { mayLackFields, unionsOf } from './reading.ts';
import { atValue, type Finding, rule } from './rule.ts';

export default rule({
  id: 'union-member-missing',
  severity: 'hint',
  summary: 'nothing of the union member that the kernel reads is given',
  why: 'The field in front of a union chooses the member that the kernel reads. Where nothing of that member is given its bytes are 0, which is legal. For vendor.vtd it means a PASID entry without any attribute, so that supervisor requests are refused; for granu it means no tags, address 0 and no granules. Give one of its fields, as 0 if need be, to say that this is meant.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_table {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
        // ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ format is IOMMU_PASID_FORMAT_INTEL_VTD, but nothing of vendor.vtd is given, so it is all 0; write vendor.vtd.flags = 0 where that is meant
  addr_width = 48
  gpgd = 0x1000_0000
  hpasid = 1
}`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data guest_table {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48
  gpgd = 0x1000_0000
  hpasid = 1
  vendor.vtd.flags = 0
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (mayLackFields(view)) return;
    for (const { path, located, selector, constant, member } of unionsOf(view, context)) {
      if (member === undefined || !selector.from) continue;
      const given = [...view.fields.keys()].some((key) => key === path || key.startsWith(`${path}.`));
      if (given) continue;
      const first = located.field.struct?.fields.find((f) => f.name === member)?.struct?.fields[0];
      const remedy = `${path}.${member}${first ? `.${first.name}` : ''} = 0`;
      const message = `${selector.path} is ${constant}, but nothing of ${path}.${member} is given, so it is all 0; write ${remedy} where that is meant`;
      yield* whereRead(view, path, context, atValue(selector.from, message));
    }
  },
});
