import { ARM_SMMU_CHECKS, COMMAND_BYTES } from '../../../engine/index.ts';
import { RING_OF_2023 } from './example-heads.ts';
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
      `${RING_OF_2023}struct iommu_hwpt_arm_smmuv3_invalidate ring {
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
      `${RING_OF_2023}struct iommu_hwpt_arm_smmuv3_invalidate ring {
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
    if (size?.value === undefined || size.value === BigInt(COMMAND_BYTES)) return;
    const message = `${found(size, `${size.value}`)}, but a command has ${COMMAND_BYTES} bytes; write cmdq_entry_size = ${COMMAND_BYTES}`;
    yield* predictRead(view, context, atReading(view, size, message, { predicts: ARM_SMMU_CHECKS.posted.entrySize }));
  },
});
