import { type Finding, rule } from './rule.ts';

export default rule({
  id: 'field-out',
  severity: 'information',
  summary: 'a field is given that the kernel only writes',
  why: 'The kernel overwrites this field with its answer and never looks at what it held before. Read it after the call instead: expect field == value behind the submit, or NAME.field later on. argsz is different: there the kernel first reads how much room there is.',
  examples: {
    bad: [
      `uapi vfio-2020-07
struct vfio_iommu_type1_info info { argsz = sizeof, flags = VFIO_IOMMU_INFO_PGSIZES }
                                                 // ^^^^^ flags is written by the kernel, which does not read it; leave it out
scenario "flags is an answer" { submit info }`,
    ],
    good: [
      `uapi vfio-2020-07
struct vfio_iommu_type1_info info { argsz = sizeof }
scenario "flags is an answer" { submit info expect flags == VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS }`,
    ],
  },
  *payload(view, { file: { generation } }): Iterable<Finding> {
    // Structs that only ever come from the kernel are given whole where a scenario plays the device.
    if (![...generation.ioctls.values()].some((ioctl) => ioctl.struct === view.struct.name)) return;
    for (const { field, path, nameSpan, file } of view.fields.values()) {
      // A size says how much room there is, and an alignment is demanded only of what the kernel reads.
      if (!field.out || field.role === 'size' || field.aligned !== undefined) continue;
      yield { at: nameSpan, file, message: `${path} is written by the kernel, which does not read it; leave it out` };
    }
  },
});
