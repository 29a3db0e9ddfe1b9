import { ARM_SMMU_CHECKS, hex } from '../../../engine/index.ts';
import { CONFIG, configOf, EATS, eatsOf, isValid, VSTE_ALLOWED } from '../../../engine/models/smmuv3/ste.ts';
import { familyOf } from './field-checks.ts';
import { atReading, type Reading, readingAt } from './reading.ts';
import { type Finding, type PayloadView, rule } from './rule.ts';
import { predictRead } from './submits.ts';

const { bits, config, eats } = ARM_SMMU_CHECKS.nested;

export default rule({
  id: 'vste-refused',
  severity: 'warning',
  structs: ['iommu_hwpt_arm_smmuv3'],
  errno: 'EIO',
  checks: [bits, config, eats],
  summary: "a guest's stream table entry has a bit or a value that the host does not take",
  why: 'Of the entry of a guest the driver takes the stage-1 half: V, Config, S1Fmt, S1ContextPtr and S1CDMax of the first word, S1DSS, S1CIR, S1COR, S1CSH, S1STALLD and EATS of the second. Any other bit ends in EIO, so a VMM masks what it copies. Config is abort (0), bypass (4) or stage 1 (5), as stage 2 belongs to the host. An entry with V = 0 is taken as all zeros, whatever else it says.',
  examples: {
    bad: [
      `uapi iommufd-6.14
machine { iommu smmuv3 { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_viommu_alloc viommu { size = sizeof, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3 }
struct iommu_hwpt_arm_smmuv3 other_bits { ste = [0xb, 1 << 40] }
                                             // ^^^^^^^^^^^^^^ word 1 of ste is 0x10000000000, but the host takes bits of 0x380000ff only; clear 0x10000000000
struct iommu_hwpt_arm_smmuv3 second_stage { ste = [0xd, 0] }
                                               // ^^^^^^^^ Config in word 0 of ste is 6, but the host takes 0 (abort), 4 (bypass) and 5 (stage 1)
struct iommu_hwpt_alloc one {
  size = sizeof, dev_id = dev0.id, pt_id = viommu.out_viommu_id
  data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, data_len = sizeof(other_bits), data_uptr = &other_bits
}
struct iommu_hwpt_alloc two = one { data_uptr = &second_stage }
scenario "as the guest wrote it" {
  submit parent
  submit viommu
  submit one
  submit two
}`,
    ],
    good: [
      `uapi iommufd-6.14
machine { iommu smmuv3 { } }
struct iommu_hwpt_alloc parent { size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_viommu_alloc viommu { size = sizeof, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3 }
struct iommu_hwpt_arm_smmuv3 ste { ste = [0xb | 0x1234_0000, 1] }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = viommu.out_viommu_id
  data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, data_len = sizeof(ste), data_uptr = &ste
}
scenario "stage 1" {
  submit parent
  submit viommu
  submit nested
}`,
    ],
  },
  *payload(view, context): Iterable<Finding> {
    if (familyOf(context) !== 'iommufd' || view.payload.elements) return;
    const words = [word(view, 0), word(view, 1)] as const;
    const [first, second] = [words[0].value, words[1].value];
    if (first === undefined || second === undefined || !isValid(first)) return;
    for (const [i, reading] of words.entries()) {
      const odd = reading.value! & ~VSTE_ALLOWED[i]!;
      if (odd === 0n) continue;
      const message = `word ${i} of ste is ${hex(reading.value!)}, but the host takes bits of ${hex(VSTE_ALLOWED[i]!)} only; clear ${hex(odd)}`;
      yield* predictRead(view, context, atReading(view, reading, message, { predicts: bits }));
      return;
    }
    const kind = configOf(first);
    if (kind !== CONFIG.abort && kind !== CONFIG.bypass && kind !== CONFIG.stage1) {
      const message = `Config in word 0 of ste is ${kind}, but the host takes 0 (abort), 4 (bypass) and 5 (stage 1)`;
      yield* predictRead(view, context, atReading(view, words[0], message, { predicts: config }));
    } else if (eatsOf(second) !== EATS.none && eatsOf(second) !== EATS.full) {
      const message = `EATS in word 1 of ste is ${eatsOf(second)}, but the host takes 0 and 1`;
      yield* predictRead(view, context, atReading(view, words[1], message, { predicts: eats }));
    }
  },
});

const word = (view: PayloadView, i: number): Reading => readingAt(view, 'ste', i * 8, 8);
