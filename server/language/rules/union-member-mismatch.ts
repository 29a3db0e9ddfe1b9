import { whereRead } from './nesting-operation.ts';
import { found, isOwn, unionsOf } from './reading.ts';
import { atTitle, type FieldView, type Finding, type PayloadView, rule } from './rule.ts';

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
 // ^^^^^ granu.addr_info is given, but granularity is IOMMU_INV_GRANU_PASID, with which the kernel reads these bytes as granu.pasid_info; write granularity = IOMMU_INV_GRANU_ADDR or fill in granu.pasid_info
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
//2 ^^^^^^^^^^^^^^^^^^^^^^ granu.pasid_info is given, but granularity is not set, so IOMMU_INV_GRANU_DOMAIN, with which the kernel reads no member of granu; write granularity = IOMMU_INV_GRANU_PASID
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
        const first = leftIn(view, filled, `${path}.${member}`);
        if (!first) continue;
        const chooses = Object.entries(located.field.selector!.members).find(([, name]) => name === other.name)?.[0];
        const read = member === undefined ? `reads no member of ${path}` : `reads these bytes as ${path}.${member}`;
        const remedy = [
          ...(chooses === undefined ? [] : [`write ${selector.path} = ${chooses}`]),
          ...(member === undefined ? [] : [`fill in ${path}.${member}`]),
        ];
        const message = `${filled} is given, but ${found(selector, constant)}, with which the kernel ${read}; ${remedy.join(' or ')}`;
        yield* whereRead(view, path, context, atName(view, first, message));
      }
    }
  },
});

/** The first field given in one member whose bytes nothing given later in the chosen member takes. */
function leftIn(view: PayloadView, filled: string, chosen: string): FieldView | undefined {
  const given = [...view.fields.values()];
  return given.find(
    (field, i) =>
      (field.path === filled || field.path.startsWith(`${filled}.`)) &&
      !given
        .slice(i + 1)
        .some(
          (later) => later.path.startsWith(`${chosen}.`) && later.offset <= field.offset && end(field) <= end(later),
        ),
  );
}

const end = ({ offset, field }: FieldView): number => offset + field.size;

/** At the name, since all of the field is wrong; at the payload's own name when it inherits the field. */
const atName = (view: PayloadView, field: FieldView, message: string): Finding =>
  isOwn(view, field) ? { at: field.nameSpan, file: field.file, message } : atTitle(view, message);
