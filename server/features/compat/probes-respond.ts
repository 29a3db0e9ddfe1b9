import type { Probe } from './probes.ts';

/** Probes of answers: a page request that the payload may answer is raised first. */
export const RESPONSE_PROBES: readonly Probe[] = [
  {
    role: 'respond',
    model: 'vtd',
    also: ['smmuv3'],
    machine: 'device dev0 { ats = 1, pri = 1 }',
    needs: ['page_response'],
    call: 'page_response',
    substitutes: 'The page request that is answered is raised with the group and PASID that the payload names.',
    declarations: 'page_response pending { page_req_group_id = GROUP, pasid_present = GIVEN, pasid = MIN }',
    steps: 'inject dev0 pending\nsubmit subject to page_response on dev0 expect any',
  },
  {
    role: 'respond',
    model: 'vtd',
    machine: 'device dev0 { ats = 1, pri = 1 }',
    needs: ['IOMMU_FAULT_QUEUE_ALLOC', 'iommu_hwpt_page_response'],
    call: 'write',
    substitutes: 'cookie is that of a page request which the probe has read from its fault queue.',
    declarations: `struct iommu_fault_alloc queue { size = sizeof }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_vtd_s1 first_stage { pgtbl_addr = 0x1000_0000, addr_width = 48 }
struct iommu_hwpt_alloc nested { size = sizeof, flags = IOMMU_HWPT_FAULT_ID_VALID, dev_id = dev0.id, pt_id = parent.out_hwpt_id, data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(first_stage), data_uptr = &first_stage, fault_id = queue.out_fault_id }
struct iommu_hwpt_pgfault got { }`,
    steps: `submit parent
submit queue
submit nested
attach dev0 to nested.out_hwpt_id
inject dev0 struct iommu_hwpt_pgfault { flags = IOMMU_PGFAULT_FLAGS_LAST_PAGE, addr = 0x7000, perm = IOMMU_PGFAULT_PERM_READ, grpid = 3 }
read fd queue.out_fault_fd into got
write user &subject u32 = got.cookie
write fd queue.out_fault_fd from subject expect any`,
  },
];
