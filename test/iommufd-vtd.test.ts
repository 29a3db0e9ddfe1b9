import { describe, expect, test } from 'vitest';
import { INTEL_IOMMUFD_CHECKS as CHECKS } from '../engine/index.ts';
import { failures, NESTED, type Options, run } from './iommufd-vtd-fixture.ts';

/** Every check of the VT-d driver behind iommufd, reached by a call in which only one thing is wrong. */
interface Case extends Options {
  readonly check: keyof typeof CHECKS;
  /** The last step is the one that is refused. */
  readonly steps: string;
}

const alloc = (fields: string): string => `submit struct iommu_hwpt_alloc = nested { ${fields} } expect any`;
const flush = (fields: string): string =>
  `${NESTED}submit struct iommu_hwpt_invalidate = flush { ${fields} } expect any`;
const entry = (fields: string): Pick<Case, 'steps' | 'more'> => ({
  steps: flush('data_uptr = &bad'),
  more: `array bad of iommu_hwpt_vtd_s1_invalidate { { ${fields} } }`,
});
/** A second payload for the nested page table. */
const s1 = (fields: string): Pick<Case, 'steps' | 'more'> => ({
  steps: `submit parent\nsubmit struct iommu_hwpt_alloc = nested { data_uptr = &bad } as n\nattach dev0 to n.out_hwpt_id expect any`,
  more: `struct iommu_hwpt_vtd_s1 bad = s1 { ${fields} }`,
});
const ATS = 'device dev0 { ats = 1, pri = 1 }';
const V72 = { uapi: 'iommufd-7.2', pasid: true } as const;
const posted = (fields: string): Pick<Case, 'steps' | 'more' | 'uapi'> => ({
  uapi: 'iommufd-2023-07',
  steps: `${NESTED}submit struct iommu_hwpt_invalidate = flush { data_uptr = &bad_ring } expect any`,
  more: `array bad of iommu_hwpt_vtd_s1_invalidate_desc { { ${fields} } }\nstruct iommu_hwpt_vtd_s1_invalidate bad_ring = ring { inv_data_uptr = &bad }`,
});

const CASES: readonly Case[] = [
  {
    check: 'pagingNoNesting',
    steps: 'submit parent expect any',
    machine: 'iommu vtd { NEST = 0 }',
  },
  {
    check: 'pagingData',
    steps: 'submit struct iommu_hwpt_alloc = nested { pt_id = ioas.id } expect any',
  },
  {
    check: 'pagingNoSecondStage',
    steps: 'attach dev0 expect any',
    machine: 'iommu vtd { SSTS = 0 }',
  },
  { check: 'pagingNoMemory', steps: 'submit parent fail_nth 2 expect any' },
  { check: 'nestedType', steps: `submit parent\n${alloc('data_type = 2')}`, uapi: 'iommufd-6.12' },
  {
    check: 'nestedUnknown',
    steps: `submit parent\n${alloc('data_uptr = &bad')}`,
    more: 'struct iommu_hwpt_vtd_s1 bad = s1 { flags = 8 }',
    quirks: 'vtd_s1_unchecked = off',
  },
  { check: 'nestedNoMemory', steps: 'submit parent\nsubmit nested fail_nth 2 expect any' },
  {
    check: 'mapReadOnly',
    steps:
      'submit parent\nsubmit struct iommu_ioas_map { size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE, ioas_id = ioas.id, user_va = &page, length = 4K, iova = 0x8000_0000 } expect any',
    more: 'raw page size 4K',
  },
  {
    check: 'mapRights',
    steps:
      'submit parent\nsubmit struct iommu_ioas_map { size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA, ioas_id = ioas.id, user_va = &page, length = 4K, iova = 0x8000_0000 } expect any',
    more: 'raw page size 4K',
  },
  { check: 'setupWidth', ...s1('addr_width = 39') },
  { check: 'setupWidth', ...s1('addr_width = 57'), machine: 'iommu vtd { FS5LP = 0 }' },
  { check: 'setupSre', ...s1('flags = IOMMU_VTD_S1_SRE'), machine: 'iommu vtd { SRS = 0 }' },
  { check: 'setupEafe', ...s1('flags = IOMMU_VTD_S1_EAFE'), machine: 'iommu vtd { EAFS = 0 }' },
  {
    check: 'setupBusy',
    steps: `submit parent\nsubmit nested
      read hpa iommu0.RTADDR & ~0xfff as root
      read hpa (root & ~0xfff) + dev0.sid * 32 as context
      read hpa context & ~0xfff as directory
      write hpa directory & ~0xfff = 1
      attach dev0 to nested.out_hwpt_id expect any`,
  },
  {
    check: 'attachNoMemory',
    steps: 'submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id fail_nth 4 expect any',
  },
  {
    check: 'attachNoDomainId',
    steps: 'submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id fail_nth 5 expect any',
  },
  {
    check: 'attachNoTag',
    steps: 'submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id fail_nth 6 expect any',
    uapi: 'iommufd-6.12',
  },
  {
    check: 'attachNoDomainId',
    steps: [...Array(15).keys()]
      .map(
        (n) => `submit struct iommu_hwpt_alloc = parent { dev_id = dev${n}.id } as h${n}
          attach dev${n} to h${n}.out_hwpt_id expect ${n < 14 ? 'ok' : 'any'}`,
      )
      .join('\n'),
    machine: `iommu vtd { ND = 0 }
      ram 0 size 512M -> 0x1_0000_0000 page 2M
      ${[...Array(15).keys()].map((n) => `device dev${n} { bdf = "0000:0${(n >> 3) + 1}:00.${n & 7}" }`).join('\n')}`,
  },
  {
    check: 'setupNoEntry',
    ...V72,
    steps: `${NESTED}attach dev0 to nested.out_hwpt_id pasid 100 fail_nth 6 expect any`,
  },
  {
    check: 'pasidDirty',
    uapi: 'iommufd-7.2',
    steps:
      'submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_PASID | IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h\nattach dev0 to h.out_hwpt_id\nattach dev0 to h.out_hwpt_id pasid 7 expect any',
  },
  {
    check: 'faultsNoPri',
    uapi: 'iommufd-6.12',
    steps:
      'submit struct iommu_fault_alloc { size = sizeof } as q\nsubmit parent\nsubmit struct iommu_hwpt_alloc = nested { flags = IOMMU_HWPT_FAULT_ID_VALID, fault_id = q.out_fault_id } as n\nattach dev0 to n.out_hwpt_id expect any',
  },
  { check: 'invalidateType', steps: flush('data_type = 1') },
  { check: 'invalidateType', steps: flush('data_type = 1, entry_num = 0') },
  { check: 'invalidateFlags', ...entry('npages = 1, flags = 2') },
  { check: 'invalidateFlags', ...entry('npages = 1, __reserved = 1') },
  { check: 'invalidateRange', ...entry('addr = 0x7f00_0000_0800, npages = 1') },
  { check: 'invalidateRange', ...entry('addr = 0x1000, npages = ~0') },
  { check: 'postedFields', ...posted('npages = 1, flags = 2') },
  { check: 'postedFields', ...posted('npages = 1, __reserved = 1') },
  { check: 'postedFields', ...posted('addr = 1, npages = 1') },
  {
    check: 'postedCount',
    uapi: 'iommufd-2023-07',
    steps: `${NESTED}submit struct iommu_hwpt_invalidate = flush { data_uptr = &bad_ring } expect any`,
    more: 'struct iommu_hwpt_vtd_s1_invalidate bad_ring = ring { entry_nr_uptr = 0x1000 }',
  },
  {
    check: 'postedReadOnlyParent',
    uapi: 'iommufd-2023-07',
    steps:
      'submit parent\nsubmit struct iommu_ioas_map { size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE, ioas_id = ioas.id, user_va = &page, length = 4K, iova = 0x8000_0000 }\nsubmit nested expect any',
    more: 'raw page size 4K',
  },
  {
    check: 'hwInfoType',
    uapi: 'iommufd-7.2',
    steps:
      'submit struct iommu_hw_info { size = sizeof, flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE, dev_id = dev0.id, in_data_type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3 } expect any',
  },
  {
    check: 'hwInfoNoMemory',
    steps: 'submit struct iommu_hw_info { size = sizeof, dev_id = dev0.id } fail_nth 1 expect any',
  },
  {
    check: 'dirtyOff',
    steps:
      'submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h\nsubmit struct iommu_hwpt_get_dirty_bitmap { size = sizeof, hwpt_id = h.out_hwpt_id, length = 4K, page_size = 4K, data = &page } expect any',
    more: 'raw page size 4K',
  },
  {
    check: 'dirtyNotPresent',
    steps: `submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h
      attach dev0 to h.out_hwpt_id
      read hpa iommu0.RTADDR & ~0xfff as root
      read hpa (root & ~0xfff) + dev0.sid * 32 as context
      read hpa context & ~0xfff as directory
      write hpa directory & ~0xfff = 0
      submit struct iommu_hwpt_set_dirty_tracking { size = sizeof, flags = 1, hwpt_id = h.out_hwpt_id } expect any`,
  },
];

/** Conditions that a machine with one unit and the core's own checks leave out of reach, each with why. */
const OUT_OF_REACH: Partial<Record<keyof typeof CHECKS, string>> = {
  pagingFlags: 'the core knows the flags of each release and passes no other',
  nestedUnsupported: 'without ecap.NEST there is no parent to nest on, and the core refuses flags',
  nestedParent: 'the core refuses a parent that is none',
  pagingNoDirty: 'the core asks canTrackDirty first',
  mapNoMemory: 'the core counts the same point first',
  mapRange: 'the aperture keeps such mappings from the driver',
  pasidUnsupported: 'pasidBits is 0 then, and the core refuses every PASID',
};

describe('the VT-d driver behind iommufd refuses', () => {
  for (const [i, { check, steps, ...options }] of CASES.entries())
    test(`${check} (${i})`, () => {
      const last = run(steps, options).at(-1)!;
      expect(last.detail.refusal?.check, `${last.outcome} ${last.message} ${last.detail.reason}`).toEqual(
        CHECKS[check],
      );
      // What the core throws away is seen by nobody but the reader of the results.
      expect(last.detail.hidden ?? last.outcome).toBe(CHECKS[check].errno);
    });

  test('every check has its test', () => {
    const named = new Set([...CASES.map((c) => c.check), ...Object.keys(OUT_OF_REACH)]);
    expect(Object.keys(CHECKS).filter((name) => !named.has(name as keyof typeof CHECKS))).toEqual([]);
  });
});

describe('what a refused call leaves behind', () => {
  test('an array stops at its first bad entry and says how many it did', () => {
    const more = `array some of iommu_hwpt_vtd_s1_invalidate {
      { addr = 0x7f00_0000_0000, npages = 1 }, { addr = 0x7f00_0000_1000, npages = 1 }
      { addr = 0x7f00_0000_2000, npages = 1, flags = 4 }, { addr = 0x7f00_0000_3000, npages = 1 }
    }`;
    const steps = `${NESTED}
      for p in [0, 1, 2, 3] { dma read dev0 at 0x7f00_0000_0000 + p * 4K expect miss }
      submit struct iommu_hwpt_invalidate = flush { data_uptr = &some, entry_num = 4 } expect EOPNOTSUPP, reason vtd-invalidate-flags, entry_num == 2
      expect uncached dev0 at 0x7f00_0000_0000
      expect uncached dev0 at 0x7f00_0000_1000
      expect cached dev0 at 0x7f00_0000_2000
      expect cached dev0 at 0x7f00_0000_3000`;
    expect(failures(steps, { more })).toEqual([]);
  });

  test('an array whose tail is not mapped does what can be read', () => {
    const more = `array some of iommu_hwpt_vtd_s1_invalidate mapped 30 {
      { addr = 0x7f00_0000_0000, npages = 1 }, { addr = 0x7f00_0000_1000, npages = 1 }
    }`;
    const steps = `${NESTED}submit struct iommu_hwpt_invalidate = flush { data_uptr = &some, entry_num = 2 } expect EFAULT, entry_num == 1`;
    expect(failures(steps, { more })).toEqual([]);
  });

  test('no entries are a probe of the type', () => {
    const steps = `${NESTED}submit struct iommu_hwpt_invalidate = flush { data_uptr = 0, entry_num = 0 } expect ok, entry_num == 0`;
    for (const uapi of ['iommufd-6.8', 'iommufd-7.2'] as const) expect(failures(steps, { uapi })).toEqual([]);
  });

  test('entries of another length than 24 are EINVAL, a zero tail included', () => {
    for (const length of [16, 32])
      expect(
        failures(
          `${NESTED}submit struct iommu_hwpt_invalidate = flush { entry_len = ${length} } expect EINVAL, entry_num == 0`,
        ),
      ).toEqual([]);
  });

  test('the posting of 2023 writes the count back, on success and on failure', () => {
    const more = `array some of iommu_hwpt_vtd_s1_invalidate_desc { { addr = 0x7f00_0000_0000, npages = 1 }, { addr = 1, npages = 1 } }
      raw two bytes "02 00 00 00"
      struct iommu_hwpt_vtd_s1_invalidate both = ring { inv_data_uptr = &some, entry_nr_uptr = &two }`;
    const steps = `${NESTED}
      submit flush expect ok
      read user &count u32 as done
      expect done == 1
      submit struct iommu_hwpt_invalidate = flush { data_uptr = &both } expect EINVAL, reason vtd-posted-fields
      read user &two u32 as one
      expect one == 1`;
    expect(failures(steps, { more, uapi: 'iommufd-2023-07' })).toEqual([]);
  });

  test('a replacement that is refused leaves what was there', () => {
    const more = 'struct iommu_hwpt_vtd_s1 bad = s1 { addr_width = 40 }';
    const steps = `submit parent
      attach dev0 to parent.out_hwpt_id
      dma read dev0 at 0x1000
      submit struct iommu_hwpt_alloc = nested { data_uptr = &bad } as n
      replace dev0 to n.out_hwpt_id expect EINVAL, reason vtd-s1-addr-width
      expect bound dev0 to parent.out_hwpt_id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, fresh`;
    expect(failures(steps, { more })).toEqual([]);
  });

  test('an attachment that is refused leaves the device blocked', () => {
    const more = 'struct iommu_hwpt_vtd_s1 bad = s1 { addr_width = 40 }';
    const steps = `submit parent
      submit struct iommu_hwpt_alloc = nested { data_uptr = &bad } as n
      attach dev0 to n.out_hwpt_id expect EINVAL
      expect unbound dev0
      dma read dev0 at 0x1000 expect fault SPT.2
      attach dev0 to parent.out_hwpt_id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000`;
    expect(failures(steps, { more })).toEqual([]);
  });

  test('a payload is judged when it is attached, and its misaligned root lands in the entry', () => {
    const more = 'struct iommu_hwpt_vtd_s1 odd = s1 { pgtbl_addr = gpt.root | 0x100, flags = 0x10, __reserved = 5 }';
    const steps = `submit parent
      submit struct iommu_hwpt_alloc = nested { data_uptr = &odd } as n expect ok
      attach dev0 to n.out_hwpt_id expect ok
      dma read dev0 at 0x7f00_0000_0000 expect fault SPT.3`;
    expect(failures(steps, { more })).toEqual([]);
  });

  test('every fallible point of an attachment can be hit, and none changes anything', () => {
    const options = { uapi: 'iommufd-7.2', pasid: true, machine: ATS } as const;
    const prefix = 'submit parent\nsubmit nested\n';
    let nth = 1;
    for (; nth < 20; nth++) {
      const steps = `${prefix}attach dev0 to nested.out_hwpt_id fail_nth ${nth} expect any
        expect unbound dev0
        dma read dev0 at 0x7f00_0000_0000 expect fault SPT.2`;
      const [attach, ...after] = run(steps, options).slice(2);
      if (attach!.outcome === 'problem') break;
      expect(['ENOMEM', 'ENOSPC']).toContain(attach!.outcome);
      expect(after.map((s) => s.status)).toEqual(['passed', 'passed']);
    }
    // The core's own, the domain id with its record, and four cache tags.
    expect(nth).toBeGreaterThan(7);
  });
});

describe('GET_HW_INFO', () => {
  test('tells the registers and the erratum, of every unit', () => {
    const more = 'struct iommu_hw_info_vtd info { }';
    const steps = `submit struct iommu_hw_info { size = sizeof, dev_id = dev0.id, data_len = sizeof(info), data_uptr = &info } as out
      expect out.out_data_type == IOMMU_HW_INFO_TYPE_INTEL_VTD
      expect info.cap_reg == iommu0.CAP && info.ecap_reg == iommu0.ECAP
      expect info.flags == IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17`;
    for (const uapi of ['iommufd-6.8', 'iommufd-7.2'] as const) expect(failures(steps, { uapi, more })).toEqual([]);
  });
});
