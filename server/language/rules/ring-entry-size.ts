import { ARM_SMMU_CHECKS } from '../../../engine/index.ts';
import { familyOf } from './field-checks.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, rule } from './rule.ts';
import { predictRead } from './submits.ts';

export default rule({
  id: 'ring-entry-size',
  severity: 'warning',
  structs: ['iommu_hwpt_arm_smmuv3_invalidate'],
  errno: 'EINVAL',
  summary: 'the entries of a command ring do not have the size of a command',
  why: 'A command of an SMMUv3 has 16 bytes. The posting of mid-2023 hands over the ring of the guest with the size of an entry beside it, and takes no other.',
  examples: {
    bad: [
      `uapi iommufd-2023-07
machine { iommu smmuv3 { } }
raw vste bytes "4b 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
raw commands bytes "30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
raw consumer size 4
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_arm_smmuv3 guest_ste { ste_len = sizeof(vste), ste_uptr = &vste }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  hwpt_type = IOMMU_HWPT_TYPE_ARM_SMMUV3, data_len = sizeof(guest_ste), data_uptr = &guest_ste
}
struct iommu_hwpt_arm_smmuv3_invalidate ring {
  cmdq_uptr = &commands, cmdq_cons_uptr = &consumer, cmdq_prod = 1, cmdq_log2size = 2
  cmdq_entry_size = 8
                 // ^ cmdq_entry_size is 8, but a command has 16 bytes; write cmdq_entry_size = 16
}
struct iommu_hwpt_invalidate run { size = sizeof, hwpt_id = guest.out_hwpt_id, data_len = sizeof(ring), data_uptr = &ring }
scenario "half commands" {
  submit parent
  submit guest
  submit run
}`,
    ],
    good: [
      `uapi iommufd-2023-07
machine { iommu smmuv3 { } }
raw vste bytes "4b 00 00 10 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
raw commands bytes "30 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"
raw consumer size 4
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_arm_smmuv3 guest_ste { ste_len = sizeof(vste), ste_uptr = &vste }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  hwpt_type = IOMMU_HWPT_TYPE_ARM_SMMUV3, data_len = sizeof(guest_ste), data_uptr = &guest_ste
}
struct iommu_hwpt_arm_smmuv3_invalidate ring {
  cmdq_uptr = &commands, cmdq_cons_uptr = &consumer, cmdq_prod = 1, cmdq_log2size = 2, cmdq_entry_size = 16
}
struct iommu_hwpt_invalidate run { size = sizeof, hwpt_id = guest.out_hwpt_id, data_len = sizeof(ring), data_uptr = &ring }
scenario "one command" {
  submit parent
  submit guest
  submit run
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    const size = familyOf(context) === 'posted' ? reading(view, 'cmdq_entry_size') : undefined;
    if (size?.value === undefined || size.value === 16n) return;
    const message = `${found(size, `${size.value}`)}, but a command has 16 bytes; write cmdq_entry_size = 16`;
    yield* predictRead(view, context, atReading(view, size, message, { predicts: ARM_SMMU_CHECKS.posted.entrySize }));
  },
});
