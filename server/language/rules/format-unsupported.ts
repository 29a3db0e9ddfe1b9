import { CHECKS, VFIO_2020_03_CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { whereRead } from './nesting-operation.ts';
import { atReading, constantOf, constantText, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'format-unsupported',
  severity: 'warning',
  structs: ['iommu_gpasid_bind_data'],
  errno: 'EINVAL',
  summary: 'format names no page-table format that the kernel binds',
  why: 'format says whose page-table format the guest uses and which member of vendor is filled in. The IOMMU core refuses a value past the last known one, on bind and on unbind alike. It lets 0, which is what an unset format is, pass on to the driver, and the VT-d driver then refuses the bind because it takes its own format only.',
  examples: {
    bad: [
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = 2 }
                                                                                     // ^ format is 2, but VT-d takes IOMMU_PASID_FORMAT_INTEL_VTD (1) only; write format = IOMMU_PASID_FORMAT_INTEL_VTD
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "the core knows one format" { submit bind }`,
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1 }
       // ^^^^^^^^^^^ format is not set, so 0, but VT-d takes IOMMU_PASID_FORMAT_INTEL_VTD (1) only; write format = IOMMU_PASID_FORMAT_INTEL_VTD
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "the driver refuses format 0" { submit bind }`,
      `uapi vfio-2020-03
bind_data guest_table { version = IOMMU_UAPI_VERSION, hpasid = 1, addr_width = 48 }
       // ^^^^^^^^^^^ format is not set, so 0, but VT-d takes IOMMU_PASID_FORMAT_INTEL_VTD (1) only; write format = IOMMU_PASID_FORMAT_INTEL_VTD
struct vfio_iommu_type1_bind bind { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = guest_table }
scenario "no core in front of the driver" { submit bind }`,
    ],
    good: [
      `uapi vfio-2020-07
bind_data one_pasid { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, hpasid = 1 }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = one_pasid }
scenario "unbind does not ask the driver about the format" {
  submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 1 } } expect returns 1
  submit unbind
}`,
      `uapi vfio-2020-07
bind_data guest_table { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1 }
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest_table }
scenario "the refusal is what this scenario is about" { submit bind expect hidden, reason format-unsupported }`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const format = reading(view, 'format');
    const wanted = view.struct.fields.find((f) => f.name === 'format')?.oneOf ?? [];
    if (format?.value === undefined || constantOf(format.value, wanted, context)) return;
    // The core compares with the last format it knows, so whatever lies below is left to the driver, which unbind skips.
    const isLow = wanted.every((name) => format.value! < context.constant(name));
    const message = `${found(format, `${format.value}`)}, but VT-d takes ${wanted
      .map((name) => constantText(name, context))
      .join(' or ')} only; write format = ${wanted[0]}`;
    const ofV6 = isLow ? CHECKS.bindVendorFormat : CHECKS.bindFormat;
    const finding = atReading(view, format, message, {
      predicts: familyOf(context) === 'v1' ? VFIO_2020_03_CHECKS.bindFormFormat : ofV6,
    });
    yield* whereRead(view, isLow ? 'vendor' : format.path, context, finding);
  },
});
