import { describe, expect, test } from 'vitest';
import { type Check, PASID_TABLE_CHECKS } from '../engine/index.ts';
import { command, OP } from '../engine/models/smmuv3/commands.ts';
import { encodeDescriptor } from '../engine/models/vtd/descriptors.ts';
import { runText } from './run-text.ts';

const { bind, flush, response } = PASID_TABLE_CHECKS;

/** Payloads in which everything is right, for the posted kernel and for the one that its reviewers wanted. */
const COMMON = `
struct pasid_table_config posted { version = 1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }
struct pasid_table_config wanted {
  version = 2, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20, model = IOMMU_MODEL_INTEL_VTD
}
struct pasid_table_config for_arm = wanted { base_ptr = 0x1000_0040, model = IOMMU_MODEL_ARM_SMMU_V3, s1fmt = 1, s1dss = 2 }
struct tlb_invalidate_info pasid {
  hdr = { version = TLB_INV_HDR_VERSION_1, type = IOMMU_INV_TYPE_TLB }, granularity = IOMMU_INV_GRANU_PASID_SEL, pasid = 5
}
struct tlb_invalidate_info page = pasid { granularity = IOMMU_INV_GRANU_PAGE_PASID, addr = 0x7000_0000 ONE }
page_response answer { page_req_group_id = 3, pasid_present = 1, pasid = 5 }
`;
const OFF = '{ model_unchecked = off }';
const SMMU = 'machine { iommu smmuv3 { } }';
const PRI = 'machine { device dev0 { ats = 1, pri = 1 } }';

interface Setup {
  readonly id?: string;
  readonly quirks?: string;
  readonly declarations?: string;
}

const run = (steps: string, { id = 'iommu-2018-05', quirks = '', declarations = '' }: Setup = {}) => {
  const text = `uapi ${id} ${quirks}\n${COMMON.replace('ONE', id.endsWith('05') ? ', nr_pages = 1' : '')}\n${declarations}\nscenario "s" {\n${steps}\n}`;
  const { scenarios, diagnostics } = runText(text);
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return scenarios[0]!;
};
const last = (steps: string, setup?: Setup) => run(steps, setup).steps.at(-1)!;

const to = (name: string, payload: string, rest = ''): string => `submit ${payload} to ${name} on dev0 ${rest}`;
const config = (base: string, fields: string): string =>
  to('bind_pasid_table', `struct pasid_table_config = ${base} { ${fields} }`);
const request = (base: string, fields: string): string =>
  `${to('bind_pasid_table', 'posted')}\n${to('sva_invalidate', `struct tlb_invalidate_info = ${base} { ${fields} }`)}`;

const CASES: readonly (readonly [check: Check, steps: string, setup?: Setup])[] = [
  [bind.noOp, to('bind_pasid_table', 'posted'), { declarations: 'machine { iommu vtd { NEST = 0 } }' }],
  [bind.noOp, to('bind_pasid_table', 'posted'), { declarations: 'machine { iommu smmuv3 { S2P = 0 } }' }],
  [bind.unreadable, to('bind_pasid_table', 'posted', 'mapped 7')],
  [bind.unreadable, to('bind_pasid_table', 'posted', 'mapped 23')],
  [bind.notAttached, `detach dev0\n${to('bind_pasid_table', 'posted')}`],
  [bind.version, config('posted', 'version = 3')],
  [bind.version, config('wanted', ''), {}],
  [bind.bytes, config('posted', 'bytes = 20')],
  [bind.bytes, config('wanted', 'bytes = 24'), { quirks: OFF }],
  [bind.noModel, to('bind_pasid_table', 'posted'), { quirks: OFF }],
  [bind.modelUnknown, config('wanted', 'model = 9'), { quirks: OFF }],
  [bind.modelMismatch, to('bind_pasid_table', 'for_arm'), { quirks: OFF }],
  [bind.modelMismatch, to('bind_pasid_table', 'wanted'), { quirks: OFF, declarations: SMMU }],
  [bind.otherField, config('wanted', 's1fmt = 1'), { quirks: OFF }],
  [bind.otherField, config('wanted', 's1dss = 1'), { quirks: OFF }],
  [bind.padding, config('wanted', 'padding = [1]'), { quirks: OFF }],
  [bind.padding, config('wanted', 'padding2 = [1]'), { quirks: OFF }],
  [bind.misaligned, config('posted', 'base_ptr = 0x1000_0040')],
  [bind.misaligned, config('wanted', 'base_ptr = 0x1000_0040'), { quirks: OFF }],
  [bind.misaligned, config('for_arm', 'base_ptr = 0x1000_0020'), { quirks: OFF, declarations: SMMU }],
  [bind.pasidBits, config('posted', 'pasid_bits = 21')],
  [bind.pasidBits, to('bind_pasid_table', 'posted'), { declarations: 'machine { device dev0 { pasid = 19 } }' }],
  [bind.pasidBits, to('bind_pasid_table', 'posted'), { declarations: 'machine { iommu vtd { model = 1 } }' }],
  [bind.levels, config('for_arm', 's1fmt = 3'), { quirks: OFF, declarations: SMMU }],
  [
    bind.levels,
    to('bind_pasid_table', 'for_arm'),
    { quirks: OFF, declarations: 'machine { iommu smmuv3 { CD2L = 0 } }' },
  ],
  [bind.pasid0, config('for_arm', 's1dss = 3'), { quirks: OFF, declarations: SMMU }],
  [bind.again, `${to('bind_pasid_table', 'posted')}\n${to('bind_pasid_table', 'posted')}`],
  [bind.noMemory, to('bind_pasid_table', 'posted', 'fail_nth 1')],
  [flush.unreadable, `${to('bind_pasid_table', 'posted')}\n${to('sva_invalidate', 'pasid', 'mapped 39')}`],
  [flush.version, request('pasid', 'hdr.version = 0')],
  [flush.notBound, to('sva_invalidate', 'pasid')],
  [flush.type, request('pasid', 'hdr.type = 3')],
  [flush.granularity, request('pasid', 'granularity = 3')],
  [flush.pair, request('page', 'hdr.type = IOMMU_INV_TYPE_PASID')],
  [flush.misaligned, request('page', 'size = 1, addr = 0x7000_1000')],
  [response.unreadable, to('page_response', 'answer', 'mapped 31')],
  [response.code, to('page_response', 'page_response = answer { resp_code = 3 }')],
  [response.nothingPending, to('page_response', 'answer')],
];

describe('every check is met by one thing that is wrong', () => {
  test.each(CASES.map((c, i) => [`${i + 1}: ${c[0].id}`, ...c] as const))('%s', (_name, check, steps, setup) => {
    const step = last(steps, setup);
    expect(step.detail.refusal?.check).toBe(check);
    expect(step.outcome).toBe(check.errno);
  });

  test('no check is left out', () => {
    const met = new Set(CASES.map(([check]) => check));
    const all = Object.values(PASID_TABLE_CHECKS).flatMap((group) => Object.values<Check>(group));
    expect(all.filter((check) => !met.has(check)).map((check) => check.id)).toEqual([]);
  });

  test('what no source of the driver tells is marked as worked out or as said in the review', () => {
    const all = Object.values(PASID_TABLE_CHECKS).flatMap((group) => Object.values<Check>(group));
    expect(all.filter((check) => check.evidence === 'source' || check.evidence === 'posted patch')).toEqual([]);
  });
});

describe.each(['iommu-2018-04', 'iommu-2018-05'])('%s', (id) => {
  test('a table is bound, known by its PASIDs, and unbound', () => {
    const steps = `${config('posted', 'pasid_bits = 6')} expect ok
      expect bound dev0 pasid 63
      expect unbound dev0 pasid 64
      ${to('unbind_pasid_table', 'posted')} expect ok
      expect unbound dev0 pasid 1
      expect bound dev0`;
    expect(run(steps, { id }).status).toBe('passed');
  });

  test('model_unchecked: a VT-d table goes into an SMMUv3, or names its model and is refused', () => {
    const on = last(to('bind_pasid_table', 'posted'), { id, declarations: SMMU });
    expect(on.outcome).toBe('ok');
    const off = last(to('bind_pasid_table', 'wanted'), { id, quirks: OFF, declarations: SMMU });
    expect(off.detail.reason).toBe('model-mismatch');
    const right = last(to('bind_pasid_table', 'for_arm'), { id, quirks: OFF, declarations: SMMU });
    expect(right.outcome).toBe('ok');
  });

  test('64 bytes are enough for SMMUv3 and too little for VT-d', () => {
    const steps = config('posted', 'base_ptr = 0x1000_0040');
    expect(last(steps, { id, declarations: SMMU }).outcome).toBe('ok');
    expect(last(steps, { id }).outcome).toBe('EINVAL');
  });

  test('a flush of one PASID', () => {
    const steps = `${to('bind_pasid_table', 'posted')}\n${to('sva_invalidate', 'pasid')}`;
    expect(last(steps, { id }).detail.issued).toEqual([encodeDescriptor('p_iotlb_inv', { G: 2, DID: 2, PASID: 5 })]);
    // An SMMUv3 tags by ASID, which the request does not name.
    expect(last(steps, { id, declarations: SMMU }).detail.issued).toEqual([command(OP.tlbiNhAll, { vmid: 1 })]);
  });

  test('a flush of one page', () => {
    const steps = `${to('bind_pasid_table', 'posted')}\n${to('sva_invalidate', 'page')}`;
    const one = encodeDescriptor('p_iotlb_inv', { G: 3, DID: 2, PASID: 5, ADDR: 0x7000_0000 });
    expect(last(steps, { id }).detail.issued).toEqual([one]);
    expect(last(steps, { id, declarations: SMMU }).detail.issued).toEqual([
      command(OP.tlbiNhVaa, { vmid: 1, address: 0x7000_0000 }),
    ]);
  });

  test('a page request is answered once', () => {
    const steps = `inject dev0 answer
      ${to('page_response', 'page_response = answer { pasid_present = 0 }')} expect EINVAL
      ${to('page_response', 'answer')} expect ok
      ${to('page_response', 'answer')} expect EINVAL, reason no-page-request
      inject dev0 answer
      respond answer expect ok`;
    expect(run(steps, { id, declarations: PRI }).status).toBe('passed');
  });

  test('an access with a PASID is not walked, one without goes through the second stage', () => {
    expect(last(`${to('bind_pasid_table', 'posted')}\ndma read dev0 pasid 5 at 0`, { id }).outcome).toBe('problem');
    expect(
      run(`${to('bind_pasid_table', 'posted')}\ndma read dev0 at 0x1000 expect hpa 0x1_0000_1000`, { id }).status,
    ).toBe('passed');
  });

  test('a call wants a device, and there is no ioctl', () => {
    expect(last('submit posted to bind_pasid_table', { id }).outcome).toBe('problem');
    expect(last('submit 0 to 0x3b7a', { id }).outcome).toBe('problem');
  });
});

describe('the two postings give the same words other numbers', () => {
  const sized = (blocks: number): string =>
    `${to('bind_pasid_table', 'posted')}\n${to('sva_invalidate', `struct tlb_invalidate_info = page { nr_pages = ${blocks}, size = 1 }`)}`;

  test('v5: blocks of 2^size pages', () => {
    const block = (ADDR: number): bigint[] => encodeDescriptor('p_iotlb_inv', { G: 3, DID: 2, PASID: 5, AM: 1, ADDR });
    expect(last(sized(2)).detail.issued).toEqual([block(0x7000_0000), block(0x7000_2000)]);
  });

  test('v5: what is too long for single commands goes as a whole PASID', () => {
    expect(last(sized(1 << 20)).detail.issued).toEqual([encodeDescriptor('p_iotlb_inv', { G: 2, DID: 2, PASID: 5 })]);
  });

  test('v4 has context entries and more granularities', () => {
    const context = `${to('bind_pasid_table', 'posted')}\n${to('sva_invalidate', 'struct tlb_invalidate_info = pasid { hdr.type = IOMMU_INV_TYPE_CONTEXT, granularity = IOMMU_INV_GRANU_DEVICE }')}`;
    expect(last(context, { id: 'iommu-2018-04' }).detail.issued).toEqual([
      encodeDescriptor('cc_inv', { G: 3, DID: 2, SID: 0x10 }),
    ]);
  });
});
