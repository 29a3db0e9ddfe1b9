import type { StepResult } from '../engine/index.ts';
import { runText } from './run-text.ts';

/** Releases in which a guest's STE comes by a vIOMMU. */
export const MERGED = ['iommufd-6.14', 'iommufd-6.17', 'iommufd-7.2'] as const;
export type Uapi = (typeof MERGED)[number] | 'iommufd-2023-07';

/** ASID of the guest's one context descriptor, and where that lies. */
export const ASID = 7;
export const CD = '0x1000_8040';
/** T0SZ 16, EPD1, V, IPS 48 bits, AA64, R, A. */
export const CD_WORD = '16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | 7 << 48';

const TABLE = `pagetable gpt aarch64-4k at 0x1000_0000 { 0x7f00_0000_0000 size 16K -> 0x4000_0000 rw }\n`;

const MERGED_DECLARATIONS = `${TABLE}
struct iommu_hwpt_alloc parent {
  size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT, dev_id = dev0.id, pt_id = ioas.id
}
struct iommu_viommu_alloc viommu {
  size = sizeof, type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3, dev_id = dev0.id, hwpt_id = parent.out_hwpt_id
}
struct iommu_vdevice_alloc vdevice {
  size = sizeof, viommu_id = viommu.out_viommu_id, dev_id = dev0.id, virt_id = 0x33
}
struct iommu_hwpt_arm_smmuv3 ste { ste = [${CD} | 0xb, 2] }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = viommu.out_viommu_id
  data_type = IOMMU_HWPT_DATA_ARM_SMMUV3, data_len = sizeof(ste), data_uptr = &ste
}
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = viommu.out_viommu_id
  data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, data_uptr = &cmds, entry_len = 16, entry_num = 1
}
`;

/** The page tables, a context descriptor, and the device at the guest's STE. */
export const NESTED = `submit parent
submit viommu
submit vdevice
write gpa ${CD} = [${CD_WORD}, gpt.root, 0, 0xff]
submit guest
attach dev0 to guest.out_hwpt_id
`;

const POSTED_DECLARATIONS = `${TABLE}
raw whole size 64
raw ring size 64
raw cons size 4
raw vsid size 4
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_arm_smmuv3 ste { ste_len = 64, ste_uptr = &whole }
struct iommu_hwpt_alloc guest {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  hwpt_type = IOMMU_HWPT_TYPE_ARM_SMMUV3, data_len = sizeof(ste), data_uptr = &ste
}
struct iommu_set_dev_data tell { size = sizeof, dev_id = dev0.id, data_uptr = &vsid, data_len = 4 }
struct iommu_hwpt_arm_smmuv3_invalidate queue {
  cmdq_uptr = &ring, cmdq_cons_uptr = &cons, cmdq_prod = 1, cmdq_entry_size = 16, cmdq_log2size = 2
}
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = guest.out_hwpt_id, data_len = sizeof(queue), data_uptr = &queue
}
`;

export const POSTED_NESTED = `submit parent
write user &vsid u32 = 0x33
submit tell
write gpa ${CD} = [${CD_WORD}, gpt.root, 0, 0xff]
write user &whole = [${CD} | 0xb, 2]
submit guest
attach dev0 to guest.out_hwpt_id
`;

export interface Options {
  readonly uapi?: Uapi;
  readonly quirks?: string;
  readonly machine?: string;
  /** Commands of the guest, that `flush` submits. */
  readonly cmds?: string;
  readonly more?: string;
}

/** Runs the steps of one scenario. @throws Error on a text that cannot be analysed */
export function run(steps: string, options: Options = {}): readonly StepResult[] {
  const { uapi = 'iommufd-7.2', quirks = '', machine = '', cmds = '0x30', more = '' } = options;
  const unit = machine.includes('iommu smmuv3') ? '' : 'iommu smmuv3 { }';
  const posted = uapi === 'iommufd-2023-07';
  const declared = posted
    ? POSTED_DECLARATIONS
    : `${MERGED_DECLARATIONS}\narray cmds of iommu_viommu_arm_smmuv3_invalidate { { cmd = [${cmds}] } }`;
  const text = `uapi ${uapi} { ${quirks} }\nmachine {\n${unit}\n${machine}\n}\n${declared}\n${more}\nscenario "s" {\n${steps}\n}`;
  const ran = runText(text);
  const errors = ran.diagnostics.filter((d) => d.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((d) => d.message).join('\n'));
  return ran.scenarios[0]!.steps;
}

/** Messages of the steps that failed: empty when a scenario holds. */
export const failures = (steps: string, options: Options = {}): string[] =>
  run(steps, options)
    .filter((step) => step.status !== 'passed')
    .map((step) => `${step.step.kind}: ${step.message} ${step.detail.notes?.join('; ') ?? ''}`);

/** What a step made the kernel send, in words. */
export const issued = (step: StepResult): string[] => [...(step.detail.issuedText ?? [])];
