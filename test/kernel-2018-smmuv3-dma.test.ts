import { describe, expect, test } from 'vitest';
import type { StepResult } from '../engine/index.ts';
import { runText } from './run-text.ts';

const IDS = ['iommu-2018-04', 'iommu-2018-05'] as const;
const VA = '0x7f00_0000_0000';
const TABLE = 0x1000_8000n;
/** T0SZ 16, EPD1, V, IPS 48 bits, AA64, R, A, ASID 7; S stalls. */
const CD_WORD = '16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 1 << 45 | 1 << 46 | 7 << 48';
const STALL = '1 << 44';

const FILE = `
pagetable gpt aarch64-4k at 0x1000_0000 { ${VA} size 16K -> 0x4000_0000 rw }
struct pasid_table_config table {
  version = PASID_TABLE_CFG_VERSION_2, bytes = sizeof
  base_ptr = ${TABLE}, pasid_bits = 6
  model = IOMMU_MODEL_ARM_SMMU_V3, s1dss = 2
}
page_response answer { page_req_group_id = 0, pasid = 5, pasid_present = 1, resp_code = IOMMU_PAGE_RESP_SUCCESS }
`;
const bound = (word = CD_WORD): string => `
  write gpa ${TABLE} = [${word}, gpt.root, 0, 0xff]
  write gpa ${TABLE} + 5 * 64 = [${word}, gpt.root, 0, 0xff]
  submit table to bind_pasid_table on dev0
`;

function run(id: string, steps: string, machine = ''): readonly StepResult[] {
  const unit = machine.includes('iommu smmuv3') ? '' : 'iommu smmuv3 { }';
  const text = `uapi ${id} { model_unchecked = off }\nmachine {\n${unit}\n${machine}\n}\n${FILE}\nscenario "s" {\n${steps}\n}`;
  const { scenarios, diagnostics } = runText(text);
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  return scenarios[0]!.steps;
}
const failures = (id: string, steps: string, machine = ''): string[] =>
  run(id, steps, machine)
    .filter((s) => s.status !== 'passed')
    .map((s) => `${s.step.kind}: ${s.message}`);

describe.each(IDS)("a guest's table of context descriptors on %s", (id) => {
  test('is walked behind the second stage, and leaves bypass when it goes', () => {
    const steps = `dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, refs 4
      ${bound()}
      dma read dev0 pasid 5 at ${VA} expect hpa 0x1_4000_0000, hit psc, refs 15
      dma read dev0 pasid 6 at ${VA} expect fault C_BAD_CD
      dma read dev0 pasid 64 at ${VA} expect fault C_BAD_SUBSTREAMID
      dma read dev0 at ${VA} expect hpa 0x1_4000_0000
      submit table to unbind_pasid_table on dev0
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      dma read dev0 pasid 5 at ${VA} expect fault C_BAD_SUBSTREAMID`;
    expect(failures(id, steps)).toEqual([]);
  });

  test('a guest unmap is stale until sva_invalidate', () => {
    const steps = `${bound()}
      dma read dev0 pasid 5 at ${VA}
      unmap gpt ${VA}
      dma read dev0 pasid 5 at ${VA} expect stale
      submit struct tlb_invalidate_info {
        hdr = { version = 1, type = IOMMU_INV_TYPE_TLB }, granularity = IOMMU_INV_GRANU_PAGE_PASID, pasid = 5, addr = ${VA}
        ${id === 'iommu-2018-05' ? 'nr_pages = 1' : ''}
      } to sva_invalidate on dev0
      dma read dev0 pasid 5 at ${VA} expect fault F_TRANSLATION, fresh`;
    expect(failures(id, steps)).toEqual([]);
  });

  test('a stalled access waits for page_response, which resumes it', () => {
    const steps = `${bound(`${CD_WORD} | ${STALL}`)}
      dma read dev0 pasid 5 at ${VA} + 32K expect stall
      map gpt ${VA} + 32K -> 0x4000_8000 rw
      respond answer
      dma read dev0 pasid 5 at ${VA} + 32K expect hpa 0x1_4000_8000`;
    // Linux lets stage 1 stall only where it cannot be told not to.
    const done = run(id, steps, 'iommu smmuv3 { stall = force }');
    expect(done.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
    expect(done.at(-4)!.detail.notes).toEqual(['group 0 waits for page_response']);
    // CMD_RESUME, Ac.
    expect(done.at(-2)!.detail.issued).toEqual([[0x10_0000_1044n, 0n]]);
  });

  test('a page request likewise, which is answered with CMD_PRI_RESP', () => {
    const steps = `${bound()}
      dma read dev0 pasid 5 at ${VA} + 32K ats expect request
      respond answer`;
    const done = run(id, steps, 'device dev0 { ats = 1, pri = 1 }');
    expect(done.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
    // SSV, SubstreamID 5; success.
    expect(done.at(-1)!.detail.issued).toEqual([[0x10_0000_5841n, 0x2000n]]);
  });

  test('the host flushes by IPA alone, so that what rests on it stays', () => {
    const steps = `${bound()}
      dma read dev0 pasid 5 at ${VA}
      host unmap gpa 0x4000_0000
      dma read dev0 pasid 5 at ${VA} expect hit iotlb, stale`;
    expect(failures(id, steps)).toEqual([]);
  });
});
