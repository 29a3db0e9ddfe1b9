import type { Probe } from './probes.ts';

/** Probes of what takes a request back: a good one is made first, for the PASID that the payload names. */
const GOOD_BIND = 'version = 1, format = 1, addr_width = 48, gpgd = 0x1000_0000, hpasid = MIN';

export const UNDO_PROBES: readonly Probe[] = [
  {
    role: 'unbind',
    model: 'vtd',
    needs: ['VFIO_IOMMU_NESTING_OP', 'VFIO_IOMMU_PASID_REQUEST'],
    call: 'VFIO_IOMMU_NESTING_OP',
    within: 'data',
    declarations: `bind_data good { argsz = sizeof, ${GOOD_BIND} }
nesting_op bound { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = good }
nesting_op asked { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = subject }`,
    steps: `submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = MIN, max = MIN } }
submit bound\nsubmit asked expect any`,
  },
  {
    role: 'unbind',
    model: 'vtd',
    needs: ['VFIO_IOMMU_NESTING_OP'],
    call: 'VFIO_IOMMU_NESTING_OP',
    within: 'data',
    declarations: `bind_data good { argsz = sizeof, ${GOOD_BIND} }
nesting_op bound { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = good }
nesting_op asked { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = subject }`,
    steps: 'submit bound\nsubmit asked expect any',
  },
  {
    role: 'unbind',
    model: 'vtd',
    needs: ['VFIO_IOMMU_BIND', 'VFIO_IOMMU_UNBIND_GUEST_PGTBL'],
    call: 'VFIO_IOMMU_BIND',
    within: 'data',
    // An evolved kernel takes its own version only, and says which that is.
    declarations: `struct iommu_gpasid_bind_data good { ${GOOD_BIND.replace('version = 1', 'version = newest')} }
struct vfio_iommu_type1_bind bound { argsz = sizeof, flags = VFIO_IOMMU_BIND_GUEST_PGTBL, data = good }
struct vfio_iommu_type1_bind asked { argsz = sizeof, flags = VFIO_IOMMU_UNBIND_GUEST_PGTBL, data = subject }`,
    steps: `submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = MIN, max = MIN } }
submit VFIO_NESTING_IOMMU_UAPI to VFIO_CHECK_EXTENSION as newest
submit bound to VFIO_IOMMU_BIND\nsubmit asked to VFIO_IOMMU_BIND expect any`,
  },
  {
    role: 'pasid-table-unset',
    model: 'vtd',
    also: ['smmuv3'],
    readsNothing: true,
    needs: ['unbind_pasid_table'],
    call: 'unbind_pasid_table',
    declarations:
      'struct pasid_table_config good { version = 1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }',
    steps: 'submit good to bind_pasid_table on dev0\nsubmit subject to unbind_pasid_table on dev0 expect any',
  },
  {
    role: 'pasid-table-unset',
    model: 'smmuv3',
    needs: ['VFIO_IOMMU_SET_PASID_TABLE'],
    call: 'VFIO_IOMMU_SET_PASID_TABLE',
    within: 'config',
    declarations: `struct iommu_pasid_table_config good { version = 1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0000, config = IOMMU_PASID_CONFIG_TRANSLATE, smmuv3.version = 1 }
struct vfio_iommu_type1_set_pasid_table bound { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_SET, config = good }
struct vfio_iommu_type1_set_pasid_table asked { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_UNSET, config = subject }`,
    steps: 'submit bound\nsubmit asked expect any',
  },
];
