import { ARM_SMMU_CHECKS, encodePayload, getUint, type Image, Names } from '../../../engine/index.ts';
import { stepsOf } from '../scenario-names.ts';
import { RING_OF_2023 } from './example-heads.ts';
import { familyOf } from './field-checks.ts';
import { atReading, found, reading } from './reading.ts';
import { type Finding, type PayloadView, type RuleContext, rule } from './rule.ts';
import { predictRead } from './submits.ts';

/** Bits of an index, below those in which the consumer tells its errors. */
const INDEX_MASK = 0xff_ffffn;

export default rule({
  id: 'ring-empty',
  severity: 'warning',
  structs: ['iommu_hwpt_arm_smmuv3_invalidate'],
  errno: 'EINVAL',
  summary: 'a command ring has no command between its two indices',
  why: 'The commands to run lie from the index at cmdq_cons_uptr up to cmdq_prod. Where both are equal the ring is empty, and the posting of mid-2023 refuses a call that has nothing to do. Only what the file says of the consumer is looked at: a scenario that writes to user memory may move it.',
  examples: {
    bad: [
      `${RING_OF_2023}struct iommu_hwpt_arm_smmuv3_invalidate ring {
                                     // ^^^^ cmdq_prod is not set, so 0, and so is the index in consumer, so there is no command between the two; write cmdq_prod behind the last command
  cmdq_uptr = &commands, cmdq_cons_uptr = &consumer, cmdq_log2size = 2, cmdq_entry_size = 16
}
struct iommu_hwpt_invalidate run { size = sizeof, hwpt_id = guest.out_hwpt_id, data_len = sizeof(ring), data_uptr = &ring }
scenario "nothing to run" {
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
    if (familyOf(context) !== 'posted') return;
    const [prod, log2size] = [reading(view, 'cmdq_prod'), reading(view, 'cmdq_log2size')?.value];
    const consumer = consumerOf(view, context);
    const name = consumer?.payload.name?.text;
    if (prod?.value === undefined || log2size === undefined || !consumer) return;
    if (consumer.later.length > 0 || consumer.bytes.length < 4) return;
    const wrap = (1n << ((log2size < 30n ? log2size : 30n) + 1n)) - 1n;
    if ((prod.value & wrap) !== (getUint(consumer.bytes, 0, 4) & INDEX_MASK & wrap)) return;
    const message = `${found(prod, `${prod.value}`)}, and so is the index in ${name}, so there is no command between the two; write cmdq_prod behind the last command`;
    const finding = atReading(view, prod, message, { predicts: ARM_SMMU_CHECKS.posted.empty });
    for (const each of predictRead(view, context, finding)) {
      const steps = each.use?.scenario.steps ?? [];
      if (![...stepsOf(steps)].some((step) => step.kind === 'write')) yield each;
    }
  },
});

/** What lies at the consumer's index when a scenario begins; a `raw` is no struct, so that no rule looks at it. */
function consumerOf(view: PayloadView, { file }: RuleContext): Image | undefined {
  const expr = view.fields.get('cmdq_cons_uptr')?.expr;
  if (expr?.kind !== 'address-of' || (expr.path?.length ?? 0) > 0) return undefined;
  const declared = file.payloads.get(expr.name.text);
  return declared && encodePayload(declared, new Names(file));
}
