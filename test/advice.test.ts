import { describe, expect, test } from 'vitest';
import type { ScenarioResult } from '../engine/index.ts';
import { runText, scenarioText } from './run-text.ts';

/** One device, PASID 7 nested, PASID 8 first stage alone, PASID 9 second stage alone, and requests without PASID. */
const VTD = `uapi bare
let ROOT = 0x10_0000
let DIR = 0x10_2000
let PASIDS = 0x10_3000
machine {
  iommu vtd { RTADDR = ROOT | 1 << 10, PSC }
  device dev0 { ats = 1, pri = 1 }
}
pagetable user x86-64 at 0x1000_0000 { 0x7f00_0000_0000 -> 0x4000_0000 rw }
pagetable own x86-64 at 0x20_0000 space hpa { 0x7f00_0000_0000 -> 0x8000_0000 rw }
pagetable host vtd-ss at 0x30_0000 space hpa {
  0x1000_0000 size 64K -> 0x1_1000_0000 rw
  0x4000_0000 size 64K -> 0x1_4000_0000 rw
}
scenario "s" {
  write hpa ROOT = 0x10_1000 | 1
  write hpa 0x10_1000 + dev0.sid * 32 = [DIR | 1 << 2 | 1 << 3 | 1, 9, 0, 0]
  write hpa DIR = PASIDS | 1
  write hpa PASIDS + 7 * 64 = [host.root | 3 << 6 | 2 << 2 | 1, 5, user.root | 1]
  write hpa PASIDS + 8 * 64 = [1 << 6 | 1, 6, own.root | 1]
  write hpa PASIDS + 9 * 64 = [host.root | 2 << 6 | 2 << 2 | 1, 5, 0]
`;

interface Case {
  readonly name: string;
  readonly steps: string;
  /** The commands, without the wait behind them. */
  readonly wanted: readonly string[];
}

const AT = '0x7f00_0000_0000';
const CASES: readonly Case[] = [
  {
    name: 'a leaf of the first stage',
    steps: `dma read dev0 pasid 7 at ${AT}\n unmap user ${AT}\n dma read dev0 pasid 7 at ${AT} expect stale`,
    wanted: [`p_iotlb_inv { G = page, DID = 5, PASID = 7, IH = 1, ADDR = ${AT} }`],
  },
  {
    name: 'a leaf of a first stage alone',
    steps: `dma read dev0 pasid 8 at ${AT}\n protect own ${AT} r\n dma write dev0 pasid 8 at ${AT} expect fault SGN.6\n unmap own ${AT}\n dma read dev0 pasid 8 at ${AT} expect stale`,
    wanted: [`p_iotlb_inv { G = page, DID = 6, PASID = 8, IH = 1, ADDR = ${AT} }`],
  },
  {
    name: 'a leaf of the second stage alone',
    steps:
      'dma read dev0 pasid 9 at 0x4000_0000\n unmap host 0x4000_0000\n dma read dev0 pasid 9 at 0x4000_0000 expect stale',
    wanted: ['iotlb_inv { G = page, DID = 5, IH = 1, ADDR = 0x4000_0000 }'],
  },
  {
    name: 'a PASID entry, cached with its translations',
    steps: `dma read dev0 pasid 8 at ${AT}\n write hpa PASIDS + 8 * 64 = 0\n dma read dev0 pasid 8 at ${AT} expect stale`,
    wanted: ['pc_inv { G = pasid, DID = 6, PASID = 8 }', 'p_iotlb_inv { G = pasid, DID = 6, PASID = 8 }'],
  },
  {
    name: 'a translation in the device, whose IOTLB entry is gone already',
    steps: `dma read dev0 pasid 8 at ${AT} ats\n unmap own ${AT}\n invalidate iommu0 p_iotlb_inv { G = page, DID = 6, PASID = 8, ADDR = ${AT} }\n dma read dev0 pasid 8 at ${AT} ats expect stale`,
    wanted: [`p_dev_tlb_inv { SID = 16, PASID = 8, ADDR = ${AT} }`],
  },
  {
    name: 'a translation in the device, with the IOTLB behind it',
    steps: `dma read dev0 pasid 8 at ${AT} ats\n unmap own ${AT}\n dma read dev0 pasid 8 at ${AT} ats expect stale`,
    wanted: [
      `p_iotlb_inv { G = page, DID = 6, PASID = 8, IH = 1, ADDR = ${AT} }`,
      `p_dev_tlb_inv { SID = 16, PASID = 8, ADDR = ${AT} }`,
    ],
  },
  {
    name: 'RID_PASID, which leads requests without PASID elsewhere',
    steps: `dma read dev0 at 0x4000_0000\n write hpa 0x10_1000 + dev0.sid * 32 + 8 = 8\n dma read dev0 at ${AT} expect stale`,
    wanted: ['cc_inv { G = device, DID = 5, SID = 16 }', 'iotlb_inv { G = domain, DID = 5 }'],
  },
  {
    name: 'a context entry that no longer allows PASIDs',
    steps: `dma read dev0 pasid 8 at ${AT}\n write hpa 0x10_1000 + dev0.sid * 32 = DIR | 1 << 2 | 1\n dma read dev0 pasid 8 at ${AT} expect stale`,
    wanted: ['cc_inv { G = device, DID = 6, SID = 16 }', 'p_iotlb_inv { G = pasid, DID = 6, PASID = 8 }'],
  },
  {
    name: 'a context entry that no longer allows ATS, with the translation in the device',
    steps: `dma read dev0 pasid 8 at ${AT} ats\n write hpa 0x10_1000 + dev0.sid * 32 = DIR | 1 << 3 | 1\n dma read dev0 pasid 8 at ${AT} ats expect stale`,
    wanted: ['cc_inv { G = device, DID = 6, SID = 16 }', 'p_iotlb_inv { G = pasid, DID = 6, PASID = 8 }'],
  },
  {
    name: 'a PASID entry, with the translation in the device',
    steps: `dma read dev0 pasid 8 at ${AT} ats\n write hpa PASIDS + 8 * 64 = 0\n invalidate iommu0 pc_inv { G = pasid, DID = 6, PASID = 8 }\n invalidate iommu0 p_iotlb_inv { G = pasid, DID = 6, PASID = 8 }\n dma read dev0 pasid 8 at ${AT} ats expect stale`,
    wanted: ['p_dev_tlb_inv { SID = 16, PASID = 8, ADDR = 0x7fff_ffff_ffff_f000, S = 1 }'],
  },
];

/** What only paging-structure caches keep. */
const TABLE_CASES: readonly Case[] = [
  {
    name: 'a table of the first stage that was replaced, after a hint that only leaves had changed',
    steps: `dma read dev0 pasid 8 at ${AT}\n write hpa 0x20_2000 = 0x21_0000 | 7\n invalidate iommu0 p_iotlb_inv { G = page, DID = 6, PASID = 8, IH = 1, ADDR = ${AT} }\n dma read dev0 pasid 8 at ${AT} expect stale`,
    wanted: [`p_iotlb_inv { G = page, DID = 6, PASID = 8, ADDR = ${AT} }`],
  },
  {
    name: 'the same of a nested first stage',
    steps: `dma read dev0 pasid 7 at ${AT}\n write gpa 0x1000_2000 = 0x1000_9000 | 7\n invalidate iommu0 p_iotlb_inv { G = page, DID = 5, PASID = 7, IH = 1, ADDR = ${AT} }\n dma read dev0 pasid 7 at ${AT} expect stale`,
    wanted: [`p_iotlb_inv { G = page, DID = 5, PASID = 7, ADDR = ${AT} }`],
  },
  {
    name: 'a table of the second stage used alone',
    steps: `dma read dev0 pasid 9 at 0x4000_0000\n write hpa 0x30_4000 = 0x38_0000 | 3\n invalidate iommu0 iotlb_inv { G = page, DID = 5, IH = 1, ADDR = 0x4000_0000 }\n dma read dev0 pasid 9 at 0x4000_0000 expect stale`,
    wanted: ['iotlb_inv { G = page, DID = 5, ADDR = 0x4000_0000 }'],
  },
  {
    name: 'a table of the second stage under a first stage',
    steps: `dma read dev0 pasid 7 at ${AT}\n write hpa 0x30_4000 = 0x38_0000 | 3\n invalidate iommu0 p_iotlb_inv { G = page, DID = 5, PASID = 7, ADDR = ${AT} }\n dma read dev0 pasid 7 at ${AT} expect stale`,
    wanted: ['iotlb_inv { G = page, DID = 5, ADDR = 0x4000_0000 }'],
  },
];

describe.each(['psc = 0', 'psc = 1'])('the smallest descriptors that make an access fresh, with %s', (psc) => {
  test.each(psc === 'psc = 1' ? [...CASES, ...TABLE_CASES] : CASES)('$name', ({ steps, wanted }) => {
    const head = VTD.replace('PSC', psc);
    const before = runText(`${head}${steps}\n}\n`);
    const stale = before.scenarios[0]!.steps.at(-1)!;
    expect(stale.detail.stale, stale.message).toBe(true);
    const remedy = stale.detail.staleCause?.remedyStep ?? '';
    expect(remedy.split('\n')).toEqual([
      ...wanted.map((w) => `invalidate iommu0 ${w}`),
      'invalidate iommu0 inv_wait { }',
    ]);
    // The very text, put in front of the access, does what it says.
    const lines = steps.split('\n');
    const mended = [...lines.slice(0, -1), remedy, lines.at(-1)!.replace('expect stale', 'expect any')];
    const after = runText(`${head}${mended.join('\n')}\n}\n`);
    expect(after.scenarios[0]!.steps.at(-1)!.detail.stale).toBeUndefined();
  });
});

/** The same second stage in legacy mode, in domain 5, with ATS allowed. */
const LEGACY = `uapi bare
machine { iommu vtd { RTADDR = 0x10_0000, psc = 1 } device dev0 { ats = 1 } }
pagetable host vtd-ss at 0x30_0000 space hpa { 0x4000_0000 size 64K -> 0x1_4000_0000 rw }
scenario "s" {
  write hpa 0x10_0000 = 0x10_1000 | 1
  write hpa 0x10_1000 + dev0.sid * 16 = [host.root | 1 << 2 | 1, 5 << 8 | 2]
`;
const LEGACY_CASES: readonly Case[] = [
  {
    name: 'a leaf',
    steps: 'dma read dev0 at 0x4000_0000\n unmap host 0x4000_0000\n dma read dev0 at 0x4000_0000 expect stale',
    wanted: ['iotlb_inv { G = page, DID = 5, IH = 1, ADDR = 0x4000_0000 }'],
  },
  {
    name: 'a table, after a hint that only leaves had changed',
    steps:
      'dma read dev0 at 0x4000_0000\n write hpa 0x30_2000 = 0x38_0000 | 3\n invalidate iommu0 iotlb_inv { G = page, DID = 5, IH = 1, ADDR = 0x4000_0000 }\n dma read dev0 at 0x4000_0000 expect stale',
    wanted: ['iotlb_inv { G = page, DID = 5, ADDR = 0x4000_0000 }'],
  },
  {
    name: 'the context entry',
    steps:
      'dma read dev0 at 0x4000_0000\n write hpa 0x10_1000 + dev0.sid * 16 = 0\n dma read dev0 at 0x4000_0000 expect stale',
    wanted: ['cc_inv { G = device, DID = 5, SID = 16 }', 'iotlb_inv { G = domain, DID = 5 }'],
  },
  {
    name: 'a context entry with pass-through',
    steps:
      'write hpa 0x10_1000 + dev0.sid * 16 = 2 << 2 | 1\n dma read dev0 at 0x4000_0000\n write hpa 0x10_1000 + dev0.sid * 16 = 0\n dma read dev0 at 0x4000_0000 expect stale',
    wanted: ['cc_inv { G = device, DID = 5, SID = 16 }', 'iotlb_inv { G = domain, DID = 5 }'],
  },
  {
    name: 'a translation in the device',
    steps:
      'dma read dev0 at 0x4000_0000 ats\n unmap host 0x4000_0000\n invalidate iommu0 iotlb_inv { G = page, DID = 5, ADDR = 0x4000_0000 }\n dma read dev0 at 0x4000_0000 ats expect stale',
    wanted: ['dev_tlb_inv { SID = 16, ADDR = 0x4000_0000 }'],
  },
];

describe('the smallest descriptors in legacy mode', () => {
  test.each(LEGACY_CASES)('$name', ({ steps, wanted }) => {
    const stale = runText(`${LEGACY}${steps}\n}\n`).scenarios[0]!.steps.at(-1)!;
    expect(stale.detail.stale, stale.message).toBe(true);
    expect(stale.detail.staleCause?.remedyStep?.split('\n')).toEqual(
      [...wanted, 'inv_wait { }'].map((w) => `invalidate iommu0 ${w}`),
    );
  });
});

describe('what an invalidation drops beyond what it had to', () => {
  const four = `dma read dev0 pasid 9 at 0x4000_0000\n dma read dev0 pasid 9 at 0x4000_1000\n dma read dev0 pasid 9 at 0x4000_2000\n dma read dev0 pasid 8 at ${AT}\n unmap host 0x4000_0000\n`;
  const last = (steps: string): ScenarioResult['steps'][number] =>
    runText(`${VTD.replace('PSC', 'psc = 1')}${steps}\n}\n`).scenarios[0]!.steps.at(-1)!;

  test('a whole domain for one page', () => {
    const { detail } = last(`${four} invalidate iommu0 iotlb_inv { G = domain, DID = 5 }`);
    expect([detail.dropped, detail.needed]).toEqual([3, 1]);
    expect(detail.notes).toContain('dropped 3, needed 1');
  });

  test('everything for one page, told of a raw command too', () => {
    const { detail } = last(`${four} command iommu0 [2 | 1 << 4]`);
    expect([detail.dropped, detail.needed]).toEqual([4, 1]);
  });

  test('nothing is told where just that was dropped', () => {
    const { detail } = last(`${four} invalidate iommu0 iotlb_inv { G = page, DID = 5, ADDR = 0x4000_0000 }`);
    expect(detail.notes).toEqual([expect.stringContaining('removed 1 IOTLB entries')]);
    expect(detail.dropped).toBeUndefined();
  });

  test('a call of the UAPI is told as well', () => {
    const { steps } = runText(
      scenarioText(`submit alloc as pasid
submit bind
dma read dev0 pasid pasid at ${AT}
dma read dev0 pasid pasid at ${AT} + 4K
unmap gpt ${AT}
submit nesting_op { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = cache_invalidate_info {
  argsz = sizeof, version = 1, cache = IOMMU_CACHE_INV_TYPE_IOTLB, granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = pasid }
} }`),
    ).scenarios[0]!;
    expect([steps.at(-1)!.detail.dropped, steps.at(-1)!.detail.needed]).toEqual([2, 1]);
  });
});
