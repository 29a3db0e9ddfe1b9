import { bindProcessConstants } from '../constants/bind-process.ts';
import { generation, type Ioctl, type Quirk } from '../generation.ts';
import { SVA_V2_VFIO_H } from '../sources.ts';
import { vfioIommuType1Bind, vfioIommuType1BindProcess, vfioIommuType1BindV1 } from '../structs/bind-process.ts';
import { container416, containerIoctls } from './container.ts';

const ioctls: readonly Ioctl[] = [
  ...containerIoctls,
  {
    name: 'VFIO_IOMMU_BIND',
    number: 0x3b7a,
    struct: 'vfio_iommu_type1_bind',
    doc: 'Binds the address space of a process to every device of the container and writes back its PASID.',
    source: SVA_V2_VFIO_H,
  },
  {
    name: 'VFIO_IOMMU_UNBIND',
    number: 0x3b7b,
    struct: 'vfio_iommu_type1_bind',
    doc: 'Ends the bond of a process, found again by its pid and not by the PASID.',
    source: SVA_V2_VFIO_H,
  },
];

/** Off, all of them, is version 2. */
const quirks: readonly Quirk[] = [
  {
    name: 'mode_not_flags',
    on: true,
    doc: 'On, the second word of vfio_iommu_type1_bind is called mode; off, it is called flags, with the same bytes and checks.',
    evidence: 'review thread',
  },
  {
    name: 'multi_device_group',
    on: true,
    doc: 'On, every device of a group is enabled however many there are; off, a second device is refused with EINVAL.',
    evidence: 'review thread',
  },
  {
    name: 'group_partial_enable',
    on: true,
    doc: 'On, a device that cannot be enabled ends the bind and leaves the devices before it enabled; off, they are disabled again.',
    evidence: 'review thread',
  },
  {
    name: 'teardown_in_setup_order',
    on: true,
    doc: 'On, a device is disabled before its exit handler goes, in the order of the setup; off, the setup registers the handler first and the teardown is its reverse.',
    evidence: 'review thread',
  },
  {
    name: 'defunct_bond_kept',
    on: true,
    doc: 'On, the bond of a process that died stays in the list until the container goes; off, it leaves the list with the process.',
    evidence: 'review thread',
  },
];

/** SVA v1, patch 37/37: a container shares the address space of a process with its devices. */
export const vfio201802 = generation({
  id: 'vfio-2018-02',
  title: 'bind a process to a VFIO container (SVA v1, February 2018)',
  doc: 'The first posting of SVA for VFIO, on Linux 4.16: a device is given the address space of a process, by a head with argsz and an operation and its payload behind it.',
  model: 'vtd',
  structs: [...container416.structs, vfioIommuType1BindProcess, vfioIommuType1Bind, vfioIommuType1BindV1],
  constants: [...bindProcessConstants, ...container416.constants],
  ioctls,
  kinds: [{ kind: 'bind_data', struct: 'vfio_iommu_type1_bind_process' }],
  quirks,
});
