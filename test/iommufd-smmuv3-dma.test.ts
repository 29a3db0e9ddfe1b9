import { describe, expect, test } from 'vitest';
import {
  CD,
  CD_WORD,
  failures,
  issued,
  MERGED,
  NESTED,
  POSTED_NESTED,
  run,
  type Uapi,
} from './iommufd-smmuv3-fixture.ts';

/** Page tables of the kernel for PASIDs and for a device that has some. */
const PASIDS = ['own', 'kept']
  .map(
    (name) => `submit struct iommu_hwpt_alloc {
  size = sizeof, flags = IOMMU_HWPT_ALLOC_PASID, dev_id = dev0.id, pt_id = ioas.id
} as ${name}
`,
  )
  .join('');
const LINEAR = 'iommu smmuv3 { ST_LEVEL = 0 }';
const VA = '0x7f00_0000_0000';

describe.each(MERGED)('DMA end to end on %s', (uapi) => {
  test('nothing, a page table of the kernel, a guest, nothing', () => {
    const steps = `
      attach dev0 to ioas.id
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, miss, refs 4, config 4
      dma read dev0 at 0x1000 expect hit iotlb
      dma read dev0 at 0x8000_0000 expect fault F_TRANSLATION
      detach dev0
      dma read dev0 at 0x1000 expect fault abort
      ${NESTED}
      // The level-1 descriptor of the stream stays known: the driver says that only leaves have changed.
      dma read dev0 at ${VA} + 0x10 expect hpa 0x1_4000_0010, miss, refs 24, config 6
      dma read dev0 at ${VA} + 0x20 expect hpa 0x1_4000_0020, hit iotlb, config 0
      dma read dev0 at 0x1000 expect fault F_TRANSLATION
      detach dev0
      dma read dev0 at ${VA} expect fault abort`;
    expect(failures(steps, { uapi })).toEqual([]);
  });

  test('a nesting parent by itself is a second stage', () => {
    const steps = `submit parent
      attach dev0 to parent.out_hwpt_id
      dma write dev0 at 0x1000 expect hpa 0x1_0000_1000, refs 4, config 2`;
    expect(failures(steps, { uapi })).toEqual([]);
  });

  test('until something is attached every access ends without an event', () => {
    expect(failures('dma read dev0 at 0x1000 expect fault abort\nexpect faults 0', { uapi })).toEqual([]);
  });

  test('a cold nested access reads 24 entries of tables and 6 or 7 of the configuration', () => {
    const steps = (config: number): string =>
      `${NESTED} dma read dev0 at ${VA} expect hpa 0x1_4000_0000, refs 24, config ${config}`;
    expect(failures(steps(7), { uapi })).toEqual([]);
    expect(failures(steps(6), { uapi, machine: LINEAR })).toEqual([]);
  });

  test.each([
    ['by address', '7 << 48 | 0x12, 0x7f00_0000_0000 | 1'],
    ['by address, whatever the ASID', '0x13, 0x7f00_0000_0000'],
    ['by ASID', '7 << 48 | 0x11'],
    ['all of the guest', '0x10'],
    ['all of everybody, which becomes all of the guest', '0x30'],
    ['by range', '7 << 48 | 3 << 12 | 0x12, 0x7f00_0000_0000 | 1 << 10'],
  ])('a guest unmap is stale until it is invalidated: %s', (_how, cmds) => {
    const steps = `${NESTED}
      dma read dev0 at ${VA}
      unmap gpt ${VA}
      dma read dev0 at ${VA} expect stale
      submit flush
      dma read dev0 at ${VA} expect fault F_TRANSLATION, fresh`;
    expect(failures(steps, { uapi, cmds })).toEqual([]);
  });

  test.each([
    ['another ASID', '8 << 48 | 0x11'],
    ['another address', '7 << 48 | 0x12, 0x7f00_0000_1000'],
    ['a context descriptor', '0x33_0000_0005, 1'],
  ])('what names %s leaves it stale', (_what, cmds) => {
    const steps = `${NESTED}
      dma read dev0 at ${VA}
      unmap gpt ${VA}
      submit flush
      dma read dev0 at ${VA} expect hit iotlb, stale`;
    expect(failures(steps, { uapi, cmds })).toEqual([]);
  });

  test('a changed context descriptor is stale until CFGI_CD names it', () => {
    const steps = `${NESTED}
      dma read dev0 at ${VA}
      write gpa ${CD} = (${CD_WORD}) & ~(1 << 31)
      dma read dev0 at ${VA} expect stale
      submit flush
      dma read dev0 at ${VA} expect fault C_BAD_CD`;
    expect(failures(steps, { uapi, cmds: '0x33_0000_0005, 1' })).toEqual([]);
    expect(failures(steps, { uapi, cmds: '0x33_0000_0006' })).toEqual([]);
  });

  test('a guest with the virtual StreamID of nobody flushes nothing', () => {
    const steps = `${NESTED}
      dma read dev0 at ${VA}
      write gpa ${CD} = 0
      submit flush expect EIO, reason command-vsid-unknown, issued == []
      dma read dev0 at ${VA} expect stale`;
    expect(failures(steps, { uapi, cmds: '0x34_0000_0006' })).toEqual([]);
  });

  test('an edit of the second stage is flushed by the kernel, and the combined entry goes', () => {
    const steps = `${NESTED}
      dma read dev0 at ${VA} expect hpa 0x1_4000_0000
      host map gpa 0x4000_0000 -> 0x2_0000_0000
      dma read dev0 at ${VA} expect hpa 0x2_0000_0000, fresh
      host protect gpa 0x4000_0000 size 4K r
      dma write dev0 at ${VA} expect fault F_PERMISSION, fresh
      host unmap gpa 0x4000_0000
      dma read dev0 at ${VA} expect fault F_TRANSLATION, fresh`;
    expect(failures(steps, { uapi })).toEqual([]);
  });

  test('an STE that hardware finds illegal, and one that ends accesses', () => {
    const odd = (words: string): string => `struct iommu_hwpt_arm_smmuv3 odd { ste = [${words}] }`;
    const steps = (fault: string): string => `submit parent
      submit viommu
      submit vdevice
      submit struct iommu_hwpt_alloc = guest { data_uptr = &odd } as made
      attach dev0 to made.out_hwpt_id
      dma read dev0 at ${VA} expect ${fault}`;
    expect(failures(steps('fault C_BAD_STE'), { uapi, more: odd('31 << 59 | 0xb') })).toEqual([]);
    expect(failures(steps('fault abort'), { uapi, more: odd('0xfff0') })).toEqual([]);
    expect(failures(steps('fault abort'), { uapi, more: odd('1') })).toEqual([]);
    const bypass = steps('fault F_TRANSLATION').replace(`at ${VA}`, 'at 0x9000_0000');
    expect(failures(bypass, { uapi, more: odd('9') })).toEqual([]);
    expect(failures(steps('hpa 0x1_0000_2000').replace(VA, '0x2000'), { uapi, more: odd('9') })).toEqual([]);
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
      dma read dev0 at 0x8000_0000 expect fault F_TRANSLATION, fresh`;
    expect(failures(steps, { uapi, more: 'raw page size 4K' })).toEqual([]);
  });
});

describe('machines', () => {
  test.each([
    ['StreamIDs of 8 bits take a linear table', 'SIDSIZE = 8', 'hpa 0x1_4000_0000, refs 24, config 6'],
    ['StreamIDs of 16 bits', 'SIDSIZE = 16', 'hpa 0x1_4000_0000, refs 24, config 7'],
    ['a StreamID that the table has no room for', 'SIDSIZE = 4', 'fault C_BAD_STREAMID'],
    ['addresses of 40 bits start with two joined tables or at level 0', 'OAS = 2', 'hpa 0x1_4000_0000, refs 24'],
    ['VMIDs of 8 bits', 'VMID16 = 0', 'hpa 0x1_4000_0000'],
  ])('%s: %s', (_what, fields, outcome) => {
    const machine = `iommu smmuv3 { ${fields} }`;
    const steps = `${NESTED} dma read dev0 at ${VA} expect ${outcome}`;
    expect(failures(steps, { machine: fields.includes('OAS') ? `${machine}\nram 0 size 2G -> 4G` : machine })).toEqual(
      [],
    );
  });

  test.each(['GRAN4K = 0', 'GRAN4K = 0, GRAN64K = 0'])('a kernel with pages of 4K has no use for %s', (fields) => {
    const steps = 'attach dev0 to ioas.id expect EINVAL, reason domain-page-size';
    expect(failures(steps, { machine: `iommu smmuv3 { ${fields} }` })).toEqual([]);
  });
});

const EVENTS = `submit struct iommu_veventq_alloc {
  size = sizeof, viommu_id = viommu.out_viommu_id, type = IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, veventq_depth = 4
} as queue
`;

describe.each(MERGED.slice(1))('events of the unit on %s', (uapi) => {
  const withQueue = NESTED.replace('write gpa', `${EVENTS}write gpa`);
  const more = 'raw room size 40';

  test('a fault of stage 1 reaches the guest as the hardware recorded it, under its own StreamID', () => {
    const steps = `${withQueue}
      dma write dev0 at 0x1234 expect fault F_TRANSLATION
      read fd queue.out_veventq_fd into room size 40
      read user &room + 8 u64 as word0
      expect word0 == 0x33_0000_0010
      read user &room + 16 u64 as word1
      expect (word1 >> 35 & 1) == 0 && (word1 >> 39 & 1) == 0 && (word1 >> 40 & 3) == 2
      read user &room + 24 u64 as address
      expect address == 0x1234`;
    const done = run(steps, { uapi, more });
    expect(done.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
    expect(done.find((s) => s.step.kind === 'dma')!.detail.notes).toBeUndefined();
  });

  test('a fault of stage 2 is logged by the host', () => {
    const steps = `${withQueue}
      host unmap gpa 0x4000_0000
      dma read dev0 at ${VA} expect fault F_TRANSLATION
      read fd queue.out_veventq_fd into room size 40 as got`;
    const done = run(steps, { uapi, more });
    expect(done.at(-2)!.detail.notes).toEqual(['kernel log: event F_TRANSLATION s2 of dev0 at 0x7f00_0000_0000']);
    expect(done.at(-1)!.detail.returns).toBe(0n);
  });

  test('without a queue the host logs it', () => {
    const step = run(`${NESTED} dma read dev0 at 0x1000 expect fault`, { uapi }).at(-1)!;
    expect(step.detail.notes).toEqual(['kernel log: event F_TRANSLATION s1 of dev0 at 0x1000']);
  });

  test('C_BAD_STE of a vSTE that the kernel has not looked into', () => {
    const steps = `${withQueue.replace('submit guest', 'submit struct iommu_hwpt_alloc = guest { data_uptr = &odd } as made').replace('guest.out', 'made.out')}
      dma read dev0 at ${VA} expect fault C_BAD_STE
      read fd queue.out_veventq_fd into room size 40
      read user &room + 8 u64 as word0
      expect word0 == 0x33_0000_0004`;
    const odd = 'struct iommu_hwpt_arm_smmuv3 odd { ste = [31 << 59 | 0xb] }';
    expect(failures(steps, { uapi, more: `${more}\n${odd}` })).toEqual([]);
  });
});

test('6.14 logs every event', () => {
  const step = run(`${NESTED} dma read dev0 at 0x1000 expect fault`, { uapi: 'iommufd-6.14' }).at(-1)!;
  expect(step.detail.notes).toEqual(['kernel log: event F_TRANSLATION s1 of dev0 at 0x1000']);
});

describe('stalls', () => {
  const S = '1 << 44';
  const stalling = (machine: string): string[] => {
    const nested = NESTED.replace(CD_WORD, `${CD_WORD} | ${S}`)
      .replace(
        'submit guest',
        'submit struct iommu_fault_alloc { size = sizeof } as faults\nsubmit struct iommu_hwpt_alloc = guest { flags = IOMMU_HWPT_FAULT_ID_VALID, fault_id = faults.out_fault_id } as made',
      )
      .replace('guest.out_hwpt_id', 'made.out_hwpt_id');
    const steps = `${nested}
      dma read dev0 at 0x7f00_0000_8000 expect stall
      read fd faults.out_fault_fd into room size 40 as got
      expect got == 40
      read user &room + 16 u32 as perm
      expect perm == 1
      read user &room + 24 u64 as address
      expect address == 0x7f00_0000_8000
      map gpt 0x7f00_0000_8000 -> 0x4000_8000 rw
      write user &answer = 0
      read user &room + 36 u32 as cookie
      write user &answer u32 = cookie
      write fd faults.out_fault_fd from answer
      dma read dev0 at 0x7f00_0000_8000 expect hpa 0x1_4000_8000`;
    return failures(steps, { machine, more: 'raw room size 40\nraw answer size 8' });
  };

  test('a device that stalls has its faults in the queue of the page table, and the answer resumes it', () => {
    expect(stalling('iommu smmuv3 { stall = force }')).toEqual([]);
  });

  test('a stall that nobody takes is logged, and stays', () => {
    const steps = `${NESTED.replace(CD_WORD, `${CD_WORD} | ${S}`)} dma read dev0 at 0x1000 expect stall`;
    const step = run(steps).at(-1)!;
    expect(step.status).toBe('passed');
    expect(step.detail.notes?.[0]).toContain('stalled under STAG');
  });
});

const ATS = 'device dev0 { ats = 1, pri = 1 }';
const WITH_ATS = { machine: ATS, more: `struct iommu_hwpt_arm_smmuv3 ats { ste = [${CD} | 0xb, 2 | 1 << 28] }` };
const NESTED_ATS = NESTED.replace(
  'submit guest',
  'submit struct iommu_hwpt_alloc = guest { data_uptr = &ats } as made',
).replace('guest.out', 'made.out');

describe('ATS', () => {
  test('the guest flushes what its device caches', () => {
    const steps = `${NESTED_ATS}
      dma read dev0 at ${VA} ats
      dma read dev0 at ${VA} ats expect hit devtlb
      unmap gpt ${VA}
      submit flush
      dma read dev0 at ${VA} ats expect hit devtlb, stale
      submit struct iommu_hwpt_invalidate = flush { data_uptr = &atc }
      expect uncached devtlb dev0 at ${VA}`;
    const more = `${WITH_ATS.more}\narray atc of iommu_viommu_arm_smmuv3_invalidate { { cmd = [0x33_0000_0040, 0x34] } }`;
    expect(failures(steps, { machine: ATS, more })).toEqual([]);
  });

  test('a change of the second stage empties the device', () => {
    const steps = `${NESTED_ATS}
      dma read dev0 at ${VA} ats expect hpa 0x1_4000_0000
      host map gpa 0x4000_0000 -> 0x2_0000_0000
      dma read dev0 at ${VA} ats expect hpa 0x2_0000_0000, fresh`;
    expect(failures(steps, WITH_ATS)).toEqual([]);
  });

  test('a vSTE without EATS leaves the device none', () => {
    const steps = `${NESTED} dma read dev0 at ${VA} ats expect fault F_BAD_ATS_TREQ`;
    expect(failures(steps, { machine: ATS })).toEqual([]);
  });

  test('page requests are denied, since the driver has no use for them', () => {
    const steps = `${NESTED_ATS} dma read dev0 at 0x7f00_0000_8000 ats expect request`;
    const step = run(steps, WITH_ATS).at(-1)!;
    expect(step.status).toBe('passed');
    expect(step.detail.notes).toEqual(['kernel log: unexpected PRI request received']);
    expect(step.detail.issued).toEqual([[0x10_0000_0041n, 0n]]);
  });
});

const STE = 'CMD_CFGI_STE: StreamID 0x10, LEAF 1';
const ALL_ATC = 'CMD_ATC_INV: StreamID 0x10, address 0x0, SIZE 52';
const CD0 = (ssid: number): string => `CMD_CFGI_CD: StreamID 0x10,${ssid === 0 ? '' : ` SSID ${ssid},`} LEAF 1`;

interface Sent {
  readonly what: string;
  readonly uapi?: Uapi;
  readonly machine?: string;
  readonly steps: string;
  readonly sent: readonly string[];
}

const SENT: readonly Sent[] = [
  {
    what: 'a guest in place of nothing: the words that nobody looks at yet, then word 0',
    steps: NESTED,
    sent: [STE, STE],
  },
  {
    what: 'a guest in place of a bypass breaks the entry before 7.0, for MEV changes with Config',
    uapi: 'iommufd-6.17',
    steps: `${NESTED}submit struct iommu_hwpt_alloc = guest { data_uptr = &bypass } as b
      replace dev0 to b.out_hwpt_id
      replace dev0 to guest.out_hwpt_id`,
    sent: [STE, STE, STE],
  },
  {
    what: 'and does not since',
    steps: `${NESTED}submit struct iommu_hwpt_alloc = guest { data_uptr = &bypass } as b
      replace dev0 to b.out_hwpt_id
      replace dev0 to guest.out_hwpt_id`,
    sent: [STE, STE],
  },
  {
    what: 'a page table of the kernel: its context descriptor, then the entry',
    steps: 'attach dev0 to ioas.id',
    sent: ['CMD_CFGI_CD: StreamID 0x10', CD0(0), CD0(0), STE, STE],
  },
  {
    what: 'an unmap of it by ASID',
    steps: 'attach dev0 to ioas.id\nhost unmap gpa 0x1000 size 12K',
    sent: ['CMD_TLBI_NH_VA: VMID 0, ASID 1, address 0x1000, LEAF 1, TG 1, NUM 2, TTL 3'],
  },
  {
    what: 'page by page without RIL',
    machine: 'iommu smmuv3 { RIL = 0 }',
    steps: 'attach dev0 to ioas.id\nhost unmap gpa 0x1000 size 8K',
    sent: [
      'CMD_TLBI_NH_VA: VMID 0, ASID 1, address 0x1000, LEAF 1',
      'CMD_TLBI_NH_VA: VMID 0, ASID 1, address 0x2000, LEAF 1',
    ],
  },
  {
    what: 'the last attachment frees the page table, and its ASID is flushed',
    steps: 'attach dev0 to ioas.id\ndetach dev0',
    sent: [STE, STE, CD0(0), CD0(0), 'CMD_TLBI_NH_ASID: VMID 0, ASID 1'],
  },
  {
    what: 'a nesting parent goes with everything of its VMID',
    steps: 'submit parent\nsubmit struct iommu_destroy { size = sizeof, id = parent.out_hwpt_id }',
    sent: ['CMD_TLBI_S12_VMALL: VMID 1'],
  },
  {
    what: 'an unmap below a guest: IPA, then all of stage 1',
    steps: `${NESTED}host unmap gpa 0x4000_0000`,
    sent: ['CMD_TLBI_S2_IPA: VMID 1, address 0x4000_0000, LEAF 1, TG 1, TTL 3', 'CMD_TLBI_NH_ALL: VMID 1'],
  },
  {
    what: 'ATS goes on: the device is emptied',
    machine: ATS,
    steps: 'submit parent\nattach dev0 to parent.out_hwpt_id',
    sent: [STE, STE, ALL_ATC],
  },
  {
    what: 'a second stage without a guest flushes the range in the device',
    machine: ATS,
    steps: 'submit parent\nattach dev0 to parent.out_hwpt_id\nhost unmap gpa 0x3000 size 8K',
    sent: [
      'CMD_TLBI_S2_IPA: VMID 1, address 0x3000, LEAF 1, TG 1, NUM 0, SCALE 1, TTL 3'.replace(' NUM 0,', ''),
      'CMD_TLBI_NH_ALL: VMID 1',
      'CMD_ATC_INV: StreamID 0x10, address 0x0, SIZE 3',
    ],
  },
  {
    what: 'a mapping needs no flush',
    steps: 'attach dev0 to ioas.id\nhost unmap gpa 0\nhost map gpa 0 -> 0x2_0000_0000',
    sent: [],
  },
  {
    what: 'a page table at a PASID',
    steps: `${PASIDS}attach dev0 to own.out_hwpt_id\nattach dev0 to kept.out_hwpt_id pasid 7`,
    sent: [CD0(7), CD0(7)],
  },
  {
    what: 'and beside a device that is blocked',
    steps: `${PASIDS}attach dev0 to kept.out_hwpt_id pasid 7`,
    sent: ['CMD_CFGI_CD: StreamID 0x10, SSID 7', CD0(7), CD0(7), STE, STE],
  },
];

describe('what is flushed', () => {
  test.each(SENT)('$what', ({ steps, sent, ...options }) => {
    const ran = run(steps, { more: 'struct iommu_hwpt_arm_smmuv3 bypass { ste = [9] }', ...options });
    expect(ran.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
    expect(issued(ran.at(-1)!)).toEqual(sent);
  });
});

describe.each(['iommufd-6.17', 'iommufd-7.2'] as const)('PASIDs on %s', (uapi) => {
  test('a PASID has its own page table, beside that of the device', () => {
    const steps = `${PASIDS}
      attach dev0 to own.out_hwpt_id
      attach dev0 to kept.out_hwpt_id pasid 7
      dma read dev0 pasid 7 at 0x1000 expect hpa 0x1_0000_1000, refs 4
      dma read dev0 at 0x1000 expect hpa 0x1_0000_1000, miss
      dma read dev0 pasid 8 at 0x1000 expect fault C_BAD_CD
      dma read dev0 pasid 0x4000 at 0x1000 expect fault C_BAD_SUBSTREAMID
      detach dev0 pasid 7
      dma read dev0 pasid 7 at 0x1000 expect fault C_BAD_CD
      dma read dev0 at 0x1000 expect hit iotlb`;
    expect(failures(steps, { uapi })).toEqual([]);
  });

  test('a device that is blocked still has PASIDs', () => {
    const steps = `${PASIDS}
      attach dev0 to kept.out_hwpt_id pasid 7
      dma read dev0 pasid 7 at 0x1000 expect hpa 0x1_0000_1000
      dma read dev0 at 0x1000 expect fault F_STREAM_DISABLED
      detach dev0 pasid 7
      dma read dev0 at 0x1000 expect fault abort`;
    expect(failures(steps, { uapi })).toEqual([]);
  });
});

test('dirty pages are those that a device has written since they were asked for', () => {
  const steps = `submit struct iommu_hwpt_alloc = parent { flags = IOMMU_HWPT_ALLOC_DIRTY_TRACKING } as h
    attach dev0 to h.out_hwpt_id
    submit struct iommu_hwpt_set_dirty_tracking { size = sizeof, flags = 1, hwpt_id = h.out_hwpt_id }
    submit bits
    write user &bitmap = 0
    dma write dev0 at 0x3000 = 1
    dma read dev0 at 0x4000
    submit bits
    read user &bitmap u64 as first
    expect first == 1 << 3
    write user &bitmap = 0
    submit bits
    read user &bitmap u64 as second
    expect second == 0
    dma write dev0 at 0x3000 = 1
    submit bits
    read user &bitmap u64 as third
    expect third == 1 << 3`;
  const more = `raw bitmap size 8
    struct iommu_hwpt_get_dirty_bitmap bits {
      size = sizeof, hwpt_id = h.out_hwpt_id, iova = 0, length = 256K, page_size = 4K, data = &bitmap
    }`;
  expect(failures(steps, { more })).toEqual([]);
});

describe('mid-2023', () => {
  test('a nested access, a ring that flushes it, and one that does not', () => {
    const steps = `${POSTED_NESTED}
      dma read dev0 at ${VA} expect hpa 0x1_4000_0000, refs 24
      unmap gpt ${VA}
      write user &ring = [0x33_0000_0006, 0]
      submit flush
      dma read dev0 at ${VA} expect stale
      write user &cons u32 = 0
      write user &ring = [7 << 48 | 0x12, ${VA}]
      submit flush
      dma read dev0 at ${VA} expect fault F_TRANSLATION, fresh`;
    expect(failures(steps, { uapi: 'iommufd-2023-07' })).toEqual([]);
  });

  test('a change of the second stage flushes the IPA alone, so that what rests on it stays', () => {
    const steps = `${POSTED_NESTED}
      dma read dev0 at ${VA}
      host unmap gpa 0x4000_0000
      dma read dev0 at ${VA} expect hit iotlb, stale`;
    expect(failures(steps, { uapi: 'iommufd-2023-07' })).toEqual([]);
  });
});
