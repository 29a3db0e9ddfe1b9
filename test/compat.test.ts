/**
 * Payloads held against every generation, each with its rows worked out by hand from what is known of the handlers: which
 * check comes first, what it returns, and how many bytes have been copied by then.
 */
import { describe, expect, test } from 'vitest';
import { RUNNABLE_GENERATION_IDS } from '../engine/index.ts';
import { type CompatTable, compatOf, compatSummary, compatText, compatTexts } from '../server/features/compat/index.ts';
import { PROBES } from '../server/features/compat/probes.ts';
import type { Row } from '../server/features/compat/row.ts';
import { COMPAT_WIDTH } from '../server/features/compat/text.ts';
import { resolve } from '../server/language/resolve.ts';
import { runText } from './run-text.ts';

function tableOf(text: string, payload: string): CompatTable {
  const resolved = resolve('test.vsva', text, { resolve: (_f, path) => path, read: () => ({ problem: 'one file' }) });
  const declared = resolved.scenarioFile?.payloads.get(payload);
  const table = declared ? compatOf(resolved, declared) : { problem: `no payload ${payload}` };
  if ('problem' in table) throw new Error(table.problem);
  return table;
}

/** A row in one line: `verdict errno(hidden) check@function read/bytes ignored @offset lost`. */
function brief(row: Row): string {
  const { verdict, errno, hidden, check, bytes, read, ignored = [], offending, lost } = row;
  return [
    verdict,
    ...(errno ? [hidden ? `${errno}(hidden)` : errno] : []),
    ...(check ? [check.function ? `${check.id}@${check.function}` : check.id] : []),
    ...(bytes === undefined ? [] : [`${read}/${bytes}`]),
    ...ignored.map(([first, last]) => `-${first}..${last}`),
    ...(offending ? [`@${offending.offset}`] : []),
    ...(lost.length > 0 ? [`lost ${lost.join('; ')}`] : []),
  ].join(' ');
}

/** Rows by generation and form, of the generations that are asked for. */
function rowsOf(text: string, payload: string, form: Row['form'] | 'own' = 'own'): Record<string, string> {
  const rows = tableOf(text, payload).rows.filter((row) =>
    form === 'own' ? row.form === 'as it is' || row.form === 'translated' : row.form === form,
  );
  return Object.fromEntries(rows.map((row) => [row.generation, brief(row)]));
}

const V6 = 'uapi vfio-2020-07\n';
const V1 = 'uapi vfio-2020-03\n';
const BIND = 'argsz = sizeof, version = 1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48, gpgd = 0x1000_0000';
const FLUSH = 'argsz = sizeof, version = 1, cache = IOMMU_CACHE_INV_TYPE_IOTLB';
const RANGE =
  'granularity = IOMMU_INV_GRANU_ADDR, granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 9, addr = 0x7f00_0000_0000, granule_size = 4K, nb_granules = 2 }';

const NO_BIND = {
  'vfio-2018-02': 'no such call',
  'iommu-2018-04': 'no such call',
  'iommu-2018-05': 'no such call',
  'vfio-arm-2020': 'no such call',
};
const everyIommufd = (brief: string): Record<string, string> =>
  Object.fromEntries(RUNNABLE_GENERATION_IDS.filter((id) => id.startsWith('iommufd-')).map((id) => [id, brief]));

describe('binds', () => {
  test('one that is right is right wherever a guest page table can be bound', () => {
    expect(rowsOf(`${V6}bind_data b { ${BIND}, hpasid = 7 }`, 'b')).toEqual({
      ...NO_BIND,
      // 184 bytes with the dummy, of which version 1 is worth 72.
      'vfio-2020-03': 'accepted 72/184 -72..183',
      'vfio-2020-07': 'accepted 72/72',
      'vfio-2021-03': 'accepted 72/72',
      ...everyIommufd('accepted 24/24'),
    });
  });

  test('a guest PASID is listed where there is no place for it, and nothing fails for that', () => {
    const rows = rowsOf(`${V6}bind_data b { ${BIND}, hpasid = 7, flags = IOMMU_SVA_GPASID_VAL, gpasid = 5 }`, 'b');
    expect(rows['iommufd-6.8']).toBe('accepted 24/24 lost IOMMU_SVA_GPASID_VAL; gpasid = 5');
    expect(rows['vfio-2020-03']).toBe('accepted 72/184 -72..183');
  });

  test('an argsz below the vendor part is refused by the driver of 5.10 unless a quirk lets it be', () => {
    const rows = rowsOf(`${V6}bind_data b { ${BIND}, argsz = 56, hpasid = 7 }`, 'b');
    // The core copies 56 bytes, finds them enough, and the driver wants 72.
    expect(rows['vfio-2020-07']).toBe('refused EINVAL(hidden) argsz-too-small@intel_svm_bind_gpasid 56/72 -56..71 @0');
    const before = 'uapi vfio-2020-07 { vendor_size_unchecked = on }\n';
    expect(rowsOf(`${before}bind_data b { ${BIND}, argsz = 56, hpasid = 7 }`, 'b')['vfio-2020-07']).toBe(
      'accepted 56/72 -56..71',
    );
  });

  test('an address width is judged at the bind, and in iommufd when the page table is attached', () => {
    const rows = rowsOf(`${V6}bind_data b { ${BIND}, addr_width = 39, hpasid = 7 }`, 'b');
    expect(rows['vfio-2020-07']).toMatch(/^refused EINVAL\(hidden\) addr-width-unsupported@\S+ 72\/72 @12$/);
    expect(rows['vfio-2021-03']).toMatch(/^refused EINVAL addr-width-unsupported@\S+ 72\/72 @12$/);
    expect(rows['vfio-2020-03']).toMatch(/^refused EINVAL addr-width-unsupported@\S+ 72\/184 -72\.\.183 @40$/);
    for (const id of Object.keys(everyIommufd(''))) expect(rows[id]).toMatch(/^refused EINVAL \S+ 24\/24/);
  });

  test('padding that is not zero: checked in the argsz form, not in the version form, and no field of iommufd', () => {
    const rows = rowsOf(`${V6}bind_data b { ${BIND}, hpasid = 7, padding = [0, 0, 1] }`, 'b');
    expect(rows['vfio-2020-07']).toMatch(/^refused EINVAL\(hidden\) \S+@iommu_check_bind_data 72\/72 @48$/);
    expect(rows['vfio-2020-03']).toBe('accepted 72/184 -72..183');
    expect(rows['iommufd-6.8']).toBe('cannot be carried lost padding is not zero');
  });

  test('a memory type, which every driver of 2020 refuses and iommufd has no bit for', () => {
    const rows = rowsOf(`${V6}bind_data b { ${BIND}, hpasid = 7, vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_PCD }`, 'b');
    expect(rows['vfio-2020-07']).toMatch(/^refused EINVAL\(hidden\) \S+@intel_pasid_setup_nested 72\/72 @56$/);
    expect(rows['vfio-2020-03']).toMatch(/^refused EINVAL \S+@intel_pasid_setup_nested 72\/184 -72\.\.183 @56$/);
    expect(rows['iommufd-7.2']).toBe('cannot be carried lost IOMMU_SVA_VTD_GPASID_PCD');
  });

  test('the same bytes under the header of March 2020: argsz stands where the version is', () => {
    const raw = tableOf(`${V6}bind_data b { ${BIND}, hpasid = 7 }`, 'b').rows.filter((r) => r.form === 'raw bytes');
    expect(raw.map((row) => [row.generation, brief(row), row.takenFor])).toEqual([
      [
        'vfio-2020-03',
        'refused ENOMEM version-wrong@iommu_uapi_get_data_size 4/72 -4..71 @0',
        // format and flags lie where version, format and addr_width were put: 1 | 48 << 32.
        'iommu_gpasid_bind_data: version = 72, format = 1, flags = 0x3000000001, gpgd = 0',
      ],
    ]);
  });
});

describe('invalidations', () => {
  test('a range of two pages under one PASID', () => {
    const rows = rowsOf(`${V6}cache_invalidate_info f { ${FLUSH}, ${RANGE} }`, 'f');
    expect(rows).toMatchObject({
      'vfio-2018-02': 'no such call',
      'vfio-2020-03': 'accepted 48/48',
      // SMMUv3 tags by ASID: the PASID is no help to it.
      'vfio-arm-2020': expect.stringMatching(/^refused EINVAL \S+@arm_smmu_cache_invalidate 48\/48 @8$/) as string,
      'vfio-2020-07': 'accepted 56/56',
      'vfio-2021-03': 'accepted 56/56',
      ...everyIommufd('accepted 24/24'),
    });
  });

  test('a whole domain: left undone without an errno on VT-d of 2020, and everything of the page table in iommufd', () => {
    const rows = rowsOf(`${V6}cache_invalidate_info f { ${FLUSH}, granularity = IOMMU_INV_GRANU_DOMAIN }`, 'f');
    expect(rows['vfio-2020-07']).toBe('refused skipped(hidden) cache-granularity-skipped 56/56');
    expect(rows['vfio-2020-03']).toBe('refused skipped(hidden) cache-granularity-skipped 48/48');
    expect(rows['iommufd-6.8']).toBe('accepted 24/24');
  });

  test('cached PASID entries are nothing that an iommufd entry can name', () => {
    const rows = rowsOf(
      `${V6}cache_invalidate_info f { argsz = sizeof, version = 1, cache = IOMMU_CACHE_INV_TYPE_PASID, granularity = IOMMU_INV_GRANU_PASID, granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 9 } }`,
      'f',
    );
    expect(rows['iommufd-6.8']).toBe('cannot be carried lost IOMMU_CACHE_INV_TYPE_PASID');
    expect(rows['vfio-2020-07']).toBe('refused skipped(hidden) cache-granularity-skipped 56/56');
  });

  test('an argsz that stops before the range is refused before the range is read', () => {
    const rows = rowsOf(`${V6}cache_invalidate_info f { ${FLUSH}, argsz = 32, ${RANGE} }`, 'f');
    expect(rows['vfio-2020-07']).toMatch(
      /^refused EINVAL\(hidden\) \S+@iommu_uapi_cache_invalidate 16\/56 -16\.\.55 @0$/,
    );
    // Without argsz nobody learns of it.
    expect(rows['vfio-2020-03']).toBe('accepted 48/48');
  });

  test('an entry of iommufd in the words of 2020: everything becomes a PASID flush', () => {
    const text = 'uapi iommufd-6.8\nstruct iommu_hwpt_vtd_s1_invalidate e { npages = ~0 }';
    const rows = rowsOf(text, 'e');
    expect(rows['iommufd-6.8']).toBe('accepted 24/24');
    expect(rows['vfio-2020-07']).toBe('accepted 56/56');
    const unaligned = rowsOf(
      'uapi iommufd-6.8\nstruct iommu_hwpt_vtd_s1_invalidate e { addr = 0x800, npages = 1 }',
      'e',
    );
    expect(unaligned['iommufd-6.8']).toMatch(/^refused EINVAL \S+ 24\/24 @0$/);
    // VT-d of 2020 only logs it.
    expect(unaligned['vfio-2020-07']).toBe('accepted 56/56');
  });
});

describe('PASID requests', () => {
  const text = `${V1}pasid_request r { argsz = sizeof, flags = VFIO_IOMMU_PASID_ALLOC, alloc_pasid = { min = 1, max = 10 } }`;

  test('have two structs, and a number that means four things', () => {
    expect(rowsOf(text, 'r')).toMatchObject({
      'vfio-2020-03': 'accepted 20/20',
      'vfio-2020-07': 'accepted 16/16',
      'vfio-2021-03': 'no such call',
    });
    const rows = tableOf(text, 'r').rows.filter((row) => row.form === 'raw bytes');
    expect(Object.fromEntries(rows.map((row) => [row.generation, row.struct]))).toEqual({
      'vfio-2018-02': 'vfio_iommu_type1_bind',
      'vfio-arm-2020': 'vfio_iommu_type1_set_pasid_table',
      'vfio-2020-07': 'vfio_iommu_type1_pasid_request',
    });
    // BIND of 2018 takes min for the payload's flags and max for its pasid, and asks for the process with pid 0.
    expect(brief(rows[0]!)).toBe('refused ESRCH process-unknown@vfio_iommu_get_mm_by_vpid 20/20 @16');
    // min and max lie where they did. The PASID is the result of the call, and nobody writes the word at 16.
    expect(brief(rows[2]!)).toBe('answer misplaced 16/20 -16..19 @16');
    expect(rows[2]!.offending?.what).toBe('alloc_pasid.result is not written');
  });

  test('of 16 bytes make the kernel of March 2020 read 20, and it writes the PASID behind them', () => {
    const request = `${V6}pasid_request r { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 5, max = 9 } }`;
    const row = tableOf(request, 'r').rows.find((r) => r.generation === 'vfio-2020-03' && r.form === 'raw bytes')!;
    expect(brief(row)).toBe('answer misplaced 16/16 @16');
    expect(row.overread).toBe(4);
    expect(row.offending?.what).toBe('alloc_pasid.result is written behind the payload');
  });
});

describe('what one generation alone asks for', () => {
  test('a process: the probe has one with that pid, and the number means another call two years later', () => {
    const text = 'uapi vfio-2018-02\nbind_data q { flags = VFIO_IOMMU_BIND_PID, pid = 5 }';
    expect(rowsOf(text, 'q')).toEqual({
      ...Object.fromEntries(RUNNABLE_GENERATION_IDS.map((id) => [id, 'no such call'])),
      'vfio-2018-02': 'accepted 12/12',
    });
    const request = tableOf(text, 'q').rows.find((r) => r.generation === 'vfio-2020-03' && r.form === 'raw bytes')!;
    // flags of the head say ALLOC, flags of the payload are the lowest PASID and pasid, 0, the highest.
    expect(brief(request)).toMatch(/^refused EFAULT pasid-none-left@\S+ 20\/20 @8$/);
    expect(request.note).toBe('0x3b7a is VFIO_IOMMU_PASID_REQUEST here, VFIO_IOMMU_BIND in vfio-2018-02');
  });

  test("a table of SMMUv3: no struct of 2018 says that it is one, and Arm's levels have no place in it", () => {
    const text = `uapi vfio-arm-2020
bind_data t { version = 1, format = IOMMU_PASID_FORMAT_SMMUV3, base_ptr = 0x1000_0000, config = IOMMU_PASID_CONFIG_TRANSLATE, smmuv3.version = 1, smmuv3.s1fmt = 1 }`;
    const lost = 'cannot be carried lost format = IOMMU_PASID_FORMAT_SMMUV3; smmuv3.s1fmt = 1';
    expect(rowsOf(text, 't')).toMatchObject({
      'iommu-2018-04': lost,
      'iommu-2018-05': lost,
      'vfio-arm-2020': 'accepted 32/32',
    });
  });
});

describe('evolved structs', () => {
  const versions = (text: string, payload: string): Record<string, string> =>
    Object.fromEntries(
      tableOf(text, payload)
        .rows.filter((row) => row.form.includes('user'))
        .map((row) => [row.form, brief(row)]),
    );

  test('version to size: each side breaks the other', () => {
    const grown = `${V1}evolve struct iommu_gpasid_bind_data version 2 { __u64 extra }
struct iommu_gpasid_bind_data b { version = 2, format = 1, addr_width = 48, gpgd = 0x1000_0000, hpasid = 7, extra = 5 }`;
    expect(versions(grown, 'b')).toEqual({
      'old user, old kernel': 'accepted 72/184 -72..183',
      'old user, new kernel': 'refused EINVAL version-wrong@intel_svm_bind_gpasid 72/184 -72..183 @0',
      'new user, old kernel': 'refused ENOMEM version-wrong@iommu_uapi_get_data_size 4/192 -4..191 @0',
      'new user, new kernel': 'accepted 192/192',
    });
  });

  test('argsz: old callers go on, and an old kernel does not see what it does not know', () => {
    const grown = `${V6}evolve struct iommu_gpasid_bind_data version 2 { __u64 extra }
bind_data b { ${BIND}, hpasid = 7, extra = 5 }`;
    expect(versions(grown, 'b')).toEqual({
      'old user, old kernel': 'accepted 72/72',
      'old user, new kernel': 'accepted 72/72',
      'new user, old kernel': 'silently truncated 72/80 -72..79 @72',
      'new user, new kernel': 'accepted 80/80',
    });
    expect(rowsOf(grown, 'b')['iommufd-6.8']).toBe('cannot be carried lost extra = 5');
  });

  test('the version that the reviewers of 2018 asked for is shipped', () => {
    const text = `uapi iommu-2018-05
bind_data t { version = PASID_TABLE_CFG_VERSION_2, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20, model = IOMMU_MODEL_INTEL_VTD }`;
    expect(tableOf(text, 't').size).toBe(32);
    expect(versions(text, 't')).toEqual({
      'old user, old kernel': 'accepted 24/24',
      // A config that names no model is what the reviewers did not want any more.
      'old user, new kernel': expect.stringMatching(/^refused EINVAL \S+@\S.* 8\/24 -8\.\.23 @0$/) as string,
      'new user, old kernel': expect.stringMatching(/^refused EINVAL version-wrong@\S.* 8\/32 -8\.\.31 @0$/) as string,
      'new user, new kernel': 'accepted 32/32',
    });
  });
});

describe('the table', () => {
  const text = `${V6}bind_data b { ${BIND}, hpasid = 7, flags = IOMMU_SVA_GPASID_VAL, gpasid = 5 }
nesting_op op { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = b }
pasid_request p { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 9, max = 1 } }`;

  test('agrees with a run of the same call', () => {
    const { scenarios } = runText(`${text}\nscenario "s" { submit p expect any }`);
    const step = scenarios[0]!.steps[0]!;
    const own = tableOf(text, 'p').rows.find((row) => row.form === 'as it is')!;
    expect([own.errno, own.check?.id]).toEqual([step.outcome, step.detail.reason]);
    expect(own.errno).toBe('EINVAL');
  });

  test('of a head is that of the payload it carries', () => {
    const table = tableOf(text, 'op');
    expect(table.carried).toBe('b');
    expect(table.rows).toEqual(tableOf(text, 'b').rows);
  });

  test('is printed once for a payload and the call that carries it', () => {
    const other = 'nesting_op twin { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = b }';
    const whole = `${text}\n${other}`;
    const texts = compatTexts(['b', 'op', 'twin', 'p'].map((name) => tableOf(whole, name)));
    expect(texts.map((each) => each.split(': struct')[0])).toEqual(['b, which op and twin carry', 'p']);
    const heads = compatTexts(['op', 'twin'].map((name) => tableOf(whole, name)));
    expect(heads.map((each) => each.split(': struct')[0])).toEqual(['op and twin, which carry b']);
  });

  test('is there for what takes a request back, where the request is made first', () => {
    const unbind = `${text}\nnesting_op u { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = b }`;
    expect(tableOf(unbind, 'u').role).toBe('unbinds a guest page table');
    expect(rowsOf(unbind, 'u')).toMatchObject({
      'vfio-2020-03': 'accepted 72/184 -72..183',
      'vfio-2020-07': 'accepted 72/72',
      'vfio-2021-03': 'accepted 72/72',
      'iommufd-6.8': 'no such call',
    });
    // The core refuses it and version 6 keeps that to itself.
    const short = unbind.replace('argsz = sizeof', 'argsz = 8');
    expect(rowsOf(short, 'u')['vfio-2020-07']).toMatch(/^refused EINVAL\(hidden\) argsz-too-small@\S+ 56\/72 /);
  });

  test('has nothing to say of what the kernel alone writes', () => {
    expect(() => tableOf('uapi iommufd-6.8\nstruct iommu_hw_info_vtd i { }', 'i')).toThrow(
      'no call takes a struct iommu_hw_info_vtd: the kernel only writes it',
    );
  });

  test('is asked with what the head says of its payload, wherever the same head is taken', () => {
    const good = `uapi iommufd-6.8
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000_0000, addr_width = 48 }
struct iommu_hwpt_vtd_s1_invalidate e { addr = 0x1000, npages = 1 }
struct iommu_hwpt_alloc alloc { size = sizeof, dev_id = 1, pt_id = 3, data_type = IOMMU_HWPT_DATA_VTD_S1, data_len = 24, data_uptr = &s1 }
struct iommu_hwpt_invalidate flush { size = sizeof, hwpt_id = 4, data_uptr = &e, entry_len = 24, entry_num = 1 }`;
    const one = (head: string, from: string, to: string): Record<string, string> =>
      rowsOf(good.replace(from, to), head);
    expect(rowsOf(good, 'flush')['iommufd-7.2']).toBe('accepted 24/24');
    expect(rowsOf(good, 'alloc')['iommufd-7.2']).toBe('accepted 24/24');
    for (const id of ['iommufd-6.8', 'iommufd-6.12', 'iommufd-7.2']) {
      expect(one('flush', 'entry_len = 24', 'entry_len = 32')[id]).toMatch(/^refused EINVAL entry-length@/);
      expect(one('flush', 'entry_num = 1', 'entry_num = 1, __reserved = 1')[id]).toMatch(/^refused EOPNOTSUPP /);
      expect(one('alloc', 'data_len = 24', 'data_len = 32')[id]).toMatch(/^refused EINVAL data-length@/);
      expect(one('alloc', 'size = sizeof', 'size = 20')[id]).toMatch(/^refused EINVAL size-too-small@/);
    }
    // The head of another shape is the probe's, and so is what it says.
    expect(one('flush', 'entry_len = 24', 'entry_len = 32')['iommufd-2023-07']).toBe('accepted 24/24');
    const nesting = `${V6}bind_data b { ${BIND}, hpasid = 9 }\nnesting_op op { argsz = 4, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = b }`;
    expect(rowsOf(nesting, 'op')['vfio-2020-07']).toMatch(/^refused EINVAL argsz-too-small@/);
    expect(rowsOf(nesting, 'b')['vfio-2020-07']).toMatch(/^accepted /);
  });

  test('of an array asks all of it: in one call, or in as many as there are entries', () => {
    const array = `uapi iommufd-6.8
array e of iommu_hwpt_vtd_s1_invalidate { { addr = 0x1000, npages = 1 }, { addr = 0x800, npages = 1 }, { addr = 0x2000, npages = 1 } }
array good of iommu_hwpt_vtd_s1_invalidate { { addr = 0x1000, npages = 1 }, { addr = 0x3000, npages = 1 } }
struct iommu_hwpt_invalidate call { size = sizeof, data_uptr = &e, entry_len = 24, entry_num = 3 }`;
    const table = tableOf(array, 'call');
    expect([table.carried, table.size, table.entries]).toEqual(['e', 72, 3]);
    const rows = rowsOf(array, 'e');
    // The first entry is done, the second refused, the third never copied: addr of entry 1 is byte 24.
    const partly = /^refused EINVAL \S+@intel_nested_cache_invalidate_user 48\/72 -48\.\.71 @24$/;
    for (const id of Object.keys(everyIommufd(''))) expect(rows[id]).toMatch(partly);
    const noted = Object.fromEntries(
      table.rows.filter(({ form }) => form !== 'raw bytes').map(({ generation, note }) => [generation, note]),
    );
    expect(noted['iommufd-6.8']).toBe('entry 2 of 3');
    // VT-d of 2020 only logs it; where a request is refused, the first that differs is told.
    expect([rows['vfio-2020-07'], noted['vfio-2020-07']]).toEqual(['accepted 56/56', 'each of 3 calls']);
    expect(noted['iommu-2018-05']).toBe('entry 2 of 3');
    expect(rowsOf(array, 'good')['iommufd-7.2']).toBe('accepted 48/48');
    expect(compatText(table)).toContain('All 3 entries are asked');
  });

  test('is plain text of at most 100 columns, with a summary that counts each generation once', () => {
    const table = tableOf(text, 'b');
    const lines = compatText(table).split('\n');
    expect(lines.filter((line) => line.length > COMPAT_WIDTH || /[^\x20-\x7e]/.test(line))).toEqual([]);
    const accepted = Object.values(rowsOf(text, 'b')).filter((row) => row.startsWith('accepted')).length;
    expect(compatSummary(table)).toBe(`72 bytes · ${accepted} of ${RUNNABLE_GENERATION_IDS.length} generations accept`);
  });

  test('every probe comes as far as its payload in some generation', () => {
    const payloads: Readonly<Record<string, string>> = {
      b: text,
      f: `${V6}cache_invalidate_info f { ${FLUSH}, ${RANGE} }`,
      p: text,
      q: 'uapi vfio-2018-02\nbind_data q { }',
      t: 'uapi iommu-2018-05\nbind_data t { version = 1, bytes = sizeof, base_ptr = 0x1000_0000, pasid_bits = 20 }',
      u: `${text}\nnesting_op u { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = b }`,
      un: 'uapi vfio-arm-2020\nstruct vfio_iommu_type1_set_pasid_table un { argsz = sizeof, flags = VFIO_PASID_TABLE_FLAG_UNSET }',
      a: 'uapi iommu-2018-04\npage_response a { page_req_group_id = 3, pasid_present = 1, pasid = 5 }',
    };
    const rows = Object.entries(payloads).flatMap(([name, of]) => tableOf(of, name).rows);
    expect(rows.filter((row) => row.verdict === 'not asked').map((row) => `${row.generation}: ${row.note}`)).toEqual(
      [],
    );
    expect(new Set(PROBES.map((probe) => probe.role))).toEqual(
      new Set(['bind', 'unbind', 'invalidate', 'pasid', 'process', 'pasid-table', 'pasid-table-unset', 'respond']),
    );
  });
});
