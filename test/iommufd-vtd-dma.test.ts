import { describe, expect, test } from 'vitest';
import { failures, issued, MERGED, NESTED, type Options, run, type Uapi, WITH_PASID } from './iommufd-vtd-fixture.ts';

const ALL: readonly Uapi[] = ['iommufd-2023-07', ...MERGED];
const ATS = 'device dev0 { ats = 1, pri = 1 }';

describe.each(ALL)('DMA end to end on %s', (uapi) => {
  test('a paging domain, then a nested one, then nothing', () => {
    const steps = `
      dma read dev0 at 0x1000 expect fault SPT.2
      attach dev0 to ioas.id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, miss, refs 4
      dma read dev0 at 0xffff_f000 expect fault SSS.2
      submit parent
      submit nested
      replace dev0 to nested.out_hwpt_id
      expect bound dev0 to nested.out_hwpt_id
      dma read dev0 at 0x7f00_0000_0010 expect hpa 0x1_4000_0010, miss, refs 24
      dma read dev0 at 0x7f00_0000_0010 expect hit iotlb
      detach dev0
      dma read dev0 at 0x7f00_0000_0010 expect fault SPT.2`;
    expect(failures(steps, { uapi })).toEqual([]);
  });

  test('a guest unmap is stale until it is invalidated', () => {
    const steps = `${NESTED}
      dma read dev0 at 0x7f00_0000_0000
      unmap gpt 0x7f00_0000_0000
      dma read dev0 at 0x7f00_0000_0000 expect stale
      submit flush
      dma read dev0 at 0x7f00_0000_0000 expect fault SFS.2, fresh`;
    expect(failures(steps, { uapi })).toEqual([]);
  });

  test('an invalidation reaches the device TLB too', () => {
    const steps = `${NESTED}
      dma read dev0 at 0x7f00_0000_0000 ats
      dma read dev0 at 0x7f00_0000_0000 ats expect hit devtlb
      unmap gpt 0x7f00_0000_0000
      dma read dev0 at 0x7f00_0000_0000 ats expect stale
      submit flush
      expect uncached devtlb dev0 at 0x7f00_0000_0000
      dma read dev0 at 0x7f00_0000_0000 ats expect fault SFS.2 or request`;
    expect(failures(steps, { uapi, machine: ATS })).toEqual([]);
  });

  test('what the caller maps is what a device reads and writes', () => {
    const steps = `
      write user &page u32 = 0xcafe
      submit struct iommu_ioas_map {
        size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE
        ioas_id = ioas.id, user_va = &page, length = 4K, iova = 0x8000_0000
      }
      attach dev0 to ioas.id
      dma read dev0 at 0x8000_0000 expect value 0xcafe
      dma write dev0 at 0x8000_0010 = 0x1234
      read user &page + 0x10 u32 as seen
      expect seen == 0x1234
      submit struct iommu_ioas_unmap { size = sizeof, ioas_id = ioas.id, iova = 0x8000_0000, length = 4K }
      dma read dev0 at 0x8000_0000 expect fault SSS.2, fresh`;
    expect(failures(steps, { uapi, more: 'raw page size 4K' })).toEqual([]);
  });
});

describe('the second stage under a nested domain', () => {
  const steps = (dma: string): string => `${NESTED}
    dma read dev0 at 0x7f00_0000_0000 ${dma}
    host unmap gpa 0x4000_0000
    dma read dev0 at 0x7f00_0000_0000 ${dma}`;

  test.each(MERGED.slice(1))('%s flushes the nested domain and its device TLB', (uapi) => {
    expect(failures(`${steps('')} expect fault SSS.2, fresh`, { uapi })).toEqual([]);
    expect(failures(`${steps('ats')} expect fault or request`, { uapi, machine: ATS })).toEqual([]);
  });

  test('iommufd-6.8 flushes neither, which is a quirk', () => {
    expect(failures(`${steps('')} expect hit, stale`)).toEqual([]);
    expect(failures(`${steps('ats')} expect hit devtlb, stale`, { machine: ATS })).toEqual([]);
    const quirks = 'nested_parent_flush_missing = off';
    expect(failures(`${steps('')} expect fault SSS.2, fresh`, { quirks })).toEqual([]);
    expect(failures(`${steps('ats')} expect fault or request`, { quirks, machine: ATS })).toEqual([]);
  });

  test('a page that moved, and rights that went, are flushed', () => {
    const moved = `${NESTED}
      dma write dev0 at 0x7f00_0000_0000 expect hpa 0x1_4000_0000
      host map gpa 0x4000_0000 -> 0x2_0000_0000
      dma write dev0 at 0x7f00_0000_0000 expect hpa 0x2_0000_0000, fresh
      host protect gpa 0x4000_0000 size 4K r
      dma write dev0 at 0x7f00_0000_0000 expect fault SGN.6, fresh`;
    expect(failures(moved, { uapi: 'iommufd-7.2' })).toEqual([]);
  });
});

/** What each call makes the kernel send, word for word. */
interface Flushed extends Options {
  readonly what: string;
  readonly steps: string;
  readonly sent: readonly string[];
}

const two = `array some of iommu_hwpt_vtd_s1_invalidate { { addr = 0x7f00_0000_1000, npages = 2 } }`;
const all = `array some of iommu_hwpt_vtd_s1_invalidate { { addr = 0, npages = ~0 } }`;
const leaf = `array some of iommu_hwpt_vtd_s1_invalidate { { addr = 0x7f00_0000_0000, npages = 4, flags = IOMMU_VTD_INV_FLAGS_LEAF } }`;
const some = `${NESTED}submit struct iommu_hwpt_invalidate = flush { data_uptr = &some }`;
const WHOLE = 'ADDR 0x7fff_ffff_ffff_f000';
const V72 = { uapi: 'iommufd-7.2', pasid: true } as const;

const FLUSHED: readonly Flushed[] = [
  { what: 'attaching sends nothing without caching mode', steps: NESTED, sent: [] },
  {
    what: 'attaching in caching mode flushes what may have been cached as absent',
    steps: NESTED,
    machine: 'iommu vtd { CM = 1 }',
    sent: ['pc_inv pasid: DID 2, PASID 0', 'p_iotlb_inv pasid: DID 2, PASID 0'],
  },
  {
    what: 'a range is widened to the block around it',
    steps: some,
    more: two,
    sent: ['p_iotlb_inv page: DID 2, PASID 0, ADDR 0x7f00_0000_0000, AM 2'],
  },
  {
    what: 'and so for the device TLB',
    steps: some,
    more: two,
    machine: ATS,
    sent: [
      'p_iotlb_inv page: DID 2, PASID 0, ADDR 0x7f00_0000_0000, AM 2',
      'dev_tlb_inv: SID 16, ADDR 0x7f00_0000_1000',
    ],
  },
  {
    what: 'leaves only: IH',
    steps: some,
    more: leaf,
    sent: ['p_iotlb_inv page: DID 2, PASID 0, ADDR 0x7f00_0000_0000, AM 2, IH 1'],
  },
  {
    what: 'everything goes by PASID in 6.8',
    steps: some,
    more: all,
    machine: ATS,
    sent: ['p_iotlb_inv pasid: DID 2, PASID 0', `dev_tlb_inv: SID 16, ${WHOLE}`],
  },
  {
    what: 'and by a block of all pages since 6.10',
    steps: some,
    more: all,
    uapi: 'iommufd-6.12',
    machine: ATS,
    sent: ['p_iotlb_inv page: DID 2, PASID 0, ADDR 0x0, AM 52', `dev_tlb_inv: SID 16, ${WHOLE}`],
  },
  {
    what: 'a nested domain that is attached nowhere has nothing to flush',
    steps: 'submit parent\nsubmit nested\nsubmit flush',
    sent: [],
  },
  {
    what: 'an unmap of the second stage by page',
    steps: 'attach dev0\nhost unmap gpa 0x4000_0000',
    sent: ['iotlb_inv page: DID 2, ADDR 0x4000_0000, IH 1'],
  },
  {
    what: 'without PSI by domain',
    steps: 'attach dev0\nhost unmap gpa 0x4000_0000',
    machine: 'iommu vtd { PSI = 0 }',
    sent: ['iotlb_inv domain: DID 2'],
  },
  {
    what: 'beyond MAMV by domain',
    steps: 'attach dev0\nhost unmap gpa 0 size 64K',
    machine: 'iommu vtd { MAMV = 3 }',
    sent: ['iotlb_inv domain: DID 2'],
  },
  {
    what: 'a range that holds whole tables lacks the hint for leaves',
    steps: 'attach dev0\nhost unmap gpa 0x4000_0000 size 2M',
    sent: ['iotlb_inv page: DID 2, ADDR 0x4000_0000, AM 9'],
  },
  {
    what: 'an unmap under a nested domain',
    uapi: 'iommufd-6.12',
    machine: ATS,
    steps: `${NESTED}host unmap gpa 0x4000_0000`,
    sent: ['iotlb_inv page: DID 2, ADDR 0x4000_0000, IH 1', `dev_tlb_inv: SID 16, ${WHOLE}`],
  },
  {
    what: 'a mapping needs no flush',
    steps: 'attach dev0\nhost unmap gpa 0 size 4K\nhost map gpa 0 -> 0x2_0000_0000',
    sent: [],
  },
  {
    what: 'replacing tears the entry down first',
    machine: ATS,
    steps: `attach dev0\nsubmit parent\nsubmit nested\nreplace dev0 to nested.out_hwpt_id`,
    sent: ['pc_inv pasid: DID 2, PASID 0', 'iotlb_inv domain: DID 2', `dev_tlb_inv: SID 16, ${WHOLE}`],
  },
  {
    what: 'detaching',
    machine: ATS,
    steps: `${NESTED}detach dev0`,
    sent: ['pc_inv pasid: DID 2, PASID 0', 'iotlb_inv domain: DID 2', `dev_tlb_inv: SID 16, ${WHOLE}`],
  },
  {
    what: 'under a hypervisor the device TLB is left to it',
    machine: `${ATS}\niommu vtd { CM = 1 }`,
    steps: `${NESTED}detach dev0`,
    sent: ['pc_inv pasid: DID 2, PASID 0', 'iotlb_inv domain: DID 2'],
  },
  {
    what: 'an invalidation at a PASID',
    ...V72,
    machine: ATS,
    steps: `submit parent\nsubmit nested\nattach dev0 to nested.out_hwpt_id pasid 7\nsubmit flush`,
    sent: [
      'p_iotlb_inv page: DID 2, PASID 7, ADDR 0x7f00_0000_0000',
      'p_dev_tlb_inv pasid: SID 16, PASID 7, ADDR 0x7f00_0000_0000',
    ],
  },
  {
    what: 'a PASID is replaced in place in 6.17',
    ...V72,
    uapi: 'iommufd-6.17',
    steps: `submit parent\nsubmit nested\nattach dev0 to parent.out_hwpt_id pasid 7\nreplace dev0 to nested.out_hwpt_id pasid 7`,
    sent: ['pc_inv pasid: DID 2, PASID 7', 'p_iotlb_inv pasid: DID 2, PASID 7'],
  },
  {
    what: 'and torn down first in 7.2',
    ...V72,
    steps: `submit parent\nsubmit nested\nattach dev0 to parent.out_hwpt_id pasid 7\nreplace dev0 to nested.out_hwpt_id pasid 7`,
    sent: ['pc_inv pasid: DID 2, PASID 7', 'iotlb_inv domain: DID 2'],
  },
  {
    what: 'dirty tracking changes the entry',
    steps:
      'submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h\nattach dev0 to h.out_hwpt_id\nsubmit struct iommu_hwpt_set_dirty_tracking { size = sizeof, flags = 1, hwpt_id = h.out_hwpt_id }',
    sent: ['pc_inv pasid: DID 2, PASID 0', 'iotlb_inv domain: DID 2'],
  },
];

describe('what is flushed', () => {
  test.each(FLUSHED)('$what', ({ steps, sent, ...options }) => {
    const ran = run(steps, options);
    expect(ran.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
    expect(issued(ran.at(-1)!)).toEqual(sent);
  });
});

describe.each(WITH_PASID)('PASIDs on %s', (uapi) => {
  test('a PASID has its own page table, beside that of the device', () => {
    const steps = `submit parent
      submit nested
      attach dev0 to parent.out_hwpt_id
      attach dev0 to nested.out_hwpt_id pasid 7
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, refs 4
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect hpa 0x1_4000_0000, refs 24
      dma read dev0 pasid 8 at 0x7f00_0000_0000 expect fault SPT.2
      dma read dev0 pasid 200 at 0x7f00_0000_0000 expect fault SPD.2
      unmap gpt 0x7f00_0000_0000
      submit flush
      dma read dev0 pasid 7 at 0x7f00_0000_0000 expect fault SFS.2, fresh
      detach dev0 pasid 7
      dma read dev0 pasid 7 at 0x7f00_0000_1000 expect fault SPT.2
      dma read dev0 at 0x1000 expect hit`;
    expect(failures(steps, { uapi, pasid: true })).toEqual([]);
  });

  test('a page request waits in the fault queue, and the answer goes back', () => {
    const more = `struct iommu_fault_alloc queue { size = sizeof }
      struct iommu_hwpt_alloc faulting = nested {
        flags = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID, fault_id = queue.out_fault_id
      }
      struct iommu_hwpt_pgfault asked { }
      struct iommu_hwpt_page_response answer { cookie = asked.cookie, code = IOMMUFD_PAGE_RESP_SUCCESS }`;
    const steps = `submit parent
      submit queue
      submit faulting
      attach dev0 to faulting.out_hwpt_id pasid 7
      unmap gpt 0x7f00_0000_0000
      dma write dev0 pasid 7 at 0x7f00_0000_0010 ats expect request
      read fd queue.out_fault_fd into asked
      expect asked.dev_id == dev0.id && asked.pasid == 7 && asked.addr == 0x7f00_0000_0000
      expect asked.perm == IOMMU_PGFAULT_PERM_WRITE
      expect asked.flags == (IOMMU_PGFAULT_FLAGS_PASID_VALID | IOMMU_PGFAULT_FLAGS_LAST_PAGE)
      map gpt 0x7f00_0000_0000 -> 0x4000_0000 rw
      write fd queue.out_fault_fd from answer
      dma write dev0 pasid 7 at 0x7f00_0000_0010 ats expect hpa 0x1_4000_0010`;
    const ran = run(steps, { uapi, pasid: true, machine: ATS, more });
    expect(ran.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
    // page_grp_resp: PP, RC 0, RID 0x10, PASID 7, LPIG, PRGI 0.
    const answer = ran.find((s) => s.step.kind === 'fd' && s.detail.issued);
    expect(answer!.detail.issued).toEqual([[(7n << 32n) | (0x10n << 16n) | 0x19n, 4n, 0n, 0n]]);
  });

  test('a privileged page request is answered with INVALID by the driver', () => {
    const steps = `submit parent
      submit struct iommu_hwpt_alloc = nested { data_uptr = &supervisor } as n
      attach dev0 to n.out_hwpt_id pasid 7
      dma read dev0 pasid 7 at 0x7f00_0010_0000 priv ats expect request`;
    const more = 'struct iommu_hwpt_vtd_s1 supervisor = s1 { flags = IOMMU_VTD_S1_SRE }';
    const last = run(steps, { uapi, pasid: true, machine: ATS, more }).at(-1)!;
    expect(last.status).toBe('passed');
    expect(last.detail.notes).toEqual(['kernel log: Page request in Privilege Mode']);
    expect((last.detail.issued![0]![0]! >> 12n) & 15n).toBe(1n);
  });

  test('a page request that nothing takes is answered with INVALID at once', () => {
    const steps = `submit parent
      submit nested
      attach dev0 to nested.out_hwpt_id pasid 7
      dma read dev0 pasid 7 at 0x7f00_0010_0000 ats expect request`;
    const last = run(steps, { uapi, pasid: true, machine: ATS }).at(-1)!;
    expect(last.status).toBe('passed');
    expect((last.detail.issued![0]![0]! >> 12n) & 15n).toBe(1n);
  });
});

describe('dirty tracking', () => {
  const more = 'raw bitmap size 8';
  const alloc =
    'submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h\nattach dev0 to h.out_hwpt_id\n';
  const track = (flags: number): string =>
    `submit struct iommu_hwpt_set_dirty_tracking { size = sizeof, flags = ${flags}, hwpt_id = h.out_hwpt_id }\n`;
  const get = (flags: string): string =>
    `submit struct iommu_hwpt_get_dirty_bitmap { size = sizeof, flags = ${flags}, hwpt_id = h.out_hwpt_id, iova = 0, length = 64K, page_size = 4K, data = &bitmap }\n`;

  test('pages that a device wrote are reported once, and again after the next write', () => {
    const steps = `${alloc}${track(1)}
      dma read dev0 at 0x1000
      dma write dev0 at 0x3000
      dma write dev0 at 0x5000
      ${get('IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR')}
      read user &bitmap u32 as first
      expect first == 0x28
      write user &bitmap u64 = 0
      ${get('0')}
      read user &bitmap u32 as second
      expect second == 0x28
      write user &bitmap u64 = 0
      dma write dev0 at 0x5000 expect miss
      ${get('0')}
      read user &bitmap u32 as third
      expect third == 0x20`;
    for (const uapi of ['iommufd-6.8', 'iommufd-7.2'] as const) expect(failures(steps, { uapi, more })).toEqual([]);
  });

  test('a nested user dirties the second stage of its parent', () => {
    const steps = `submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING | IOMMU_HWPT_ALLOC_NEST_PARENT } as h
      submit struct iommu_hwpt_alloc = nested { pt_id = h.out_hwpt_id } as n
      attach dev0 to n.out_hwpt_id
      ${track(1)}
      dma write dev0 at 0x7f00_0000_1000
      submit struct iommu_hwpt_get_dirty_bitmap { size = sizeof, hwpt_id = h.out_hwpt_id, iova = 0x4000_0000, length = 64K, page_size = 4K, data = &bitmap }
      read user &bitmap u32 as seen
      expect seen == 2`;
    expect(failures(steps, { more })).toEqual([]);
  });
});

describe('groups and lifetime', () => {
  const machine = 'device dev0 { group = g }\ndevice dev1 { group = g }';

  test('devices of a group follow the first, and go with the last', () => {
    const steps = `attach dev0
      dma read dev1 at 0x1000 expect hpa 0x1_0000_1000
      attach dev1
      detach dev0
      dma read dev0 at 0x1000 expect hit, fresh
      detach dev1
      dma read dev0 at 0x1000 expect fault SPT.2`;
    expect(failures(steps, { machine })).toEqual([]);
  });

  test('a reset forgets what the device holds', () => {
    const steps = `attach dev0
      dma read dev0 at 0x1000 ats
      expect cached devtlb dev0 at 0x1000
      reset dev0
      expect uncached devtlb dev0 at 0x1000`;
    expect(failures(steps, { machine: ATS })).toEqual([]);
  });

  test('when the process exits, its devices are blocked', () => {
    expect(
      failures(
        `${NESTED}dma read dev0 at 0x7f00_0000_0000\nexit\ndma read dev0 at 0x7f00_0000_0000 expect fault SPT.2, fresh`,
      ),
    ).toEqual([]);
  });

  test('an empty iommufd begins blocked, and a device that leaves is blocked again', () => {
    const steps = `dma read dev0 at 0x1000 expect fault SPT.2
      submit struct iommu_ioas_alloc { size = sizeof } as own
      submit struct iommu_ioas_map {
        size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE
        ioas_id = own.out_ioas_id, user_va = &page, length = 4K, iova = 0x1000
      }
      attach dev0 to own.out_ioas_id
      dma write dev0 at 0x1000 = 0x55
      read user &page u8 as seen
      expect seen == 0x55
      unbind dev0
      dma read dev0 at 0x1000 expect fault SPT.2, fresh`;
    const machine = 'iommufd { empty = 1 }\ndevice dev0 { bdf = "0000:81:1f.7" }';
    expect(failures(steps, { machine, more: 'raw page size 4K' })).toEqual([]);
  });

  test('addresses of interrupts cannot be mapped once a device is attached', () => {
    const map = (iova: string): string => `submit struct iommu_ioas_map {
      size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE, ioas_id = own.out_ioas_id
      user_va = &page, length = 4K, iova = ${iova}
    } expect EINVAL`;
    const steps = `submit struct iommu_ioas_alloc { size = sizeof } as own
      attach dev0 to own.out_ioas_id
      ${map('0xfee0_0000')}
      ${map('0xfeef_f000')}
      ${map('0x1_0000_0000_0000')}`;
    expect(failures(steps, { more: 'raw page size 4K' })).toEqual([]);
  });

  test('two IOASes are two address spaces', () => {
    const steps = `submit struct iommu_ioas_alloc { size = sizeof } as other
      submit struct iommu_ioas_map {
        size = sizeof, flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE
        ioas_id = other.out_ioas_id, user_va = &page, length = 4K, iova = 0x1000
      }
      attach dev0 to ioas.id
      attach dev1 to other.out_ioas_id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000
      dma write dev1 at 0x1000 = 7
      dma read dev1 at 0x2000 expect fault SSS.2
      read user &page u32 as seen
      expect seen == 7`;
    expect(failures(steps, { machine: 'device dev0 { }\ndevice dev1 { }', more: 'raw page size 4K' })).toEqual([]);
  });
});
