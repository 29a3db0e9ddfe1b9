import type { StepResult } from '../engine/index.ts';
import { type Ran, runText } from './run-text.ts';

export const MERGED = ['iommufd-6.8', 'iommufd-6.12', 'iommufd-6.14', 'iommufd-6.17', 'iommufd-7.2'] as const;
export type Uapi = (typeof MERGED)[number] | 'iommufd-2023-07';
/** Releases that attach PASIDs. */
export const WITH_PASID = ['iommufd-6.17', 'iommufd-7.2'] as const;

/** A guest table with four pages, a nesting parent and a page table nested on it, in the words of each release. */
export function declarations(uapi: Uapi, pasid = false): string {
  const table = `
pagetable gpt x86-64 at 0x1000_0000 { 0x7f00_0000_0000 size 16K -> 0x4000_0000 rw }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = gpt.root, addr_width = 48 }
`;
  if (uapi === 'iommufd-2023-07')
    return `${table}
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_alloc nested {
  size = sizeof, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  hwpt_type = IOMMU_HWPT_TYPE_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
array ranges of iommu_hwpt_vtd_s1_invalidate_desc { { addr = 0x7f00_0000_0000, npages = 1 } }
raw count bytes "01 00 00 00"
struct iommu_hwpt_vtd_s1_invalidate ring {
  entry_size = sizeof(struct iommu_hwpt_vtd_s1_invalidate_desc), entry_nr_uptr = &count, inv_data_uptr = &ranges
}
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = nested.out_hwpt_id, data_len = sizeof(ring), data_uptr = &ring
}
`;
  const forPasid = pasid ? ' | IOMMU_HWPT_ALLOC_PASID' : '';
  return `${table}
struct iommu_hwpt_alloc parent {
  size = sizeof, flags = IOMMU_HWPT_ALLOC_NEST_PARENT${forPasid}, dev_id = dev0.id, pt_id = ioas.id
}
struct iommu_hwpt_alloc nested {
  size = sizeof, flags = 0${forPasid}, dev_id = dev0.id, pt_id = parent.out_hwpt_id
  data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = sizeof(s1), data_uptr = &s1
}
array ranges of iommu_hwpt_vtd_s1_invalidate { { addr = 0x7f00_0000_0000, npages = 1 } }
struct iommu_hwpt_invalidate flush {
  size = sizeof, hwpt_id = nested.out_hwpt_id, data_uptr = &ranges
  data_type = IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, entry_len = sizeof(struct iommu_hwpt_vtd_s1_invalidate), entry_num = 1
}
`;
}

export interface Options {
  readonly uapi?: Uapi;
  readonly quirks?: string;
  readonly machine?: string;
  /** More declarations. */
  readonly more?: string;
  /** Page tables are made for PASIDs. */
  readonly pasid?: boolean;
}

export function fileText(
  steps: string,
  { uapi = 'iommufd-6.8', quirks = '', machine = '', more = '', pasid = false }: Options = {},
): string {
  const on = quirks ? ` { ${quirks} }` : '';
  return `uapi ${uapi}${on}\n${machine && `machine { ${machine} }\n`}${declarations(uapi, pasid)}\n${more}\nscenario "s" {\n${steps}\n}\n`;
}

/** Runs the steps of one scenario. @throws Error on a text that cannot be analysed */
export function run(steps: string, options: Options = {}): readonly StepResult[] {
  const ran: Ran = runText(fileText(steps, options));
  const errors = ran.diagnostics.filter((d) => d.severity === 'error');
  if (0 < errors.length) throw new Error(errors.map((d) => d.message).join('\n'));
  return ran.scenarios[0]!.steps;
}

/** Messages of the steps that failed: empty when a scenario holds. */
export const failures = (steps: string, options: Options = {}): string[] =>
  run(steps, options)
    .filter((step) => step.status !== 'passed')
    .map((step) => `${step.step.kind}: ${step.message}`);

/** What a step made the kernel send, in words. */
export const issued = (step: StepResult): string[] => [...(step.detail.issuedText ?? [])];

/** The page tables, with the device at the nested one. */
export const NESTED = 'submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id\n';
