import { whereRead } from './nesting-operation.ts';
import { found, unionsOf } from './reading.ts';
import { type FieldView, type Finding, rule } from './rule.ts';

export default rule({
  id: 'union-member-mismatch',
  severity: 'warning',
  summary: 'a union member is filled in that the kernel does not read',
  why: 'The members of a union share their bytes, and the field in front of it chooses the member that the kernel reads. What is written into another member is not an error to it: it takes the bytes for its own member, so that an address may become a tag, or it reads none of them. Nothing is refused, but something else is flushed or bound than was meant.',
  examples: {
    bad: [
      `uapi vfio-2020-07
cache_invalidate_info one_page {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_PASID
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_PASID
    pasid = 1
    addr = 0x7f00_0000_0000
    granule_size = 4K
    nb_granules = 1
  }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "all of PASID 1 is flushed" { submit flush }`,
      `uapi vfio-2020-07
cache_invalidate_info one_page {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granu.pasid_info.pasid = 1
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "nothing is flushed" { submit flush }`,
    ],
    good: [
      `uapi vfio-2020-07
cache_invalidate_info one_page {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_PASID
    pasid = 1
    addr = 0x7f00_0000_0000
    granule_size = 4K
    nb_granules = 1
  }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = one_page }
scenario "one page is flushed" { submit flush }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    for (const { path, located, selector, constant, member } of unionsOf(view, context)) {
      if (constant === undefined) continue;
      for (const other of located.field.struct?.fields ?? []) {
        const filled = `${path}.${other.name}`;
        if (other.name === member) continue;
        const first = [...view.fields.values()].find((f) => f.path === filled || f.path.startsWith(`${filled}.`));
        if (!first) continue;
        const chooses = Object.entries(located.field.selector!.members).find(([, name]) => name === other.name)?.[0];
        const read = member === undefined ? `reads no member of ${path}` : `reads these bytes as ${path}.${member}`;
        const remedy = [
          ...(chooses === undefined ? [] : [`write ${selector.path} = ${chooses}`]),
          ...(member === undefined ? [] : [`fill in ${path}.${member}`]),
        ];
        const message = `${filled} is given, but ${found(selector, constant)}, with which the kernel ${read}; ${remedy.join(' or ')}`;
        yield* whereRead(view, path, context, atName(first, message));
      }
    }
  },
});

const atName = ({ nameSpan, file }: FieldView, message: string): Finding => ({ at: nameSpan, file, message });
