import { describe, expect, test } from 'vitest';
import { runText } from './run-text.ts';

/**
 * dev0 nested with CDs 0 to 3, of ASIDs 9 and 10; dev1 stage 1 alone (ASID 5) behind a level-1 descriptor of CDs; dev2
 * stage 2 alone. `spare` is a second page table of the same addresses, `other` a second stage 2.
 */
const FILE = `uapi bare
let STREAMS = 0x8000_0000
let VA      = 0x7f00_0000
let WORD    = 16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 6 << 44
let STAGE2  = 1 << 58 | 1 << 51 | 5 << 48 | 2 << 38 | 16 << 32 | 3
machine {
  iommu smmuv3 { STRTAB_BASE = STREAMS, STRTAB_BASE_CFG = 8, PSC }
  device dev0 { sid = 0x10, ats = 1 }
  device dev1 { sid = 0x11 }
  device dev2 { sid = 0x12 }
}
pagetable ram aarch64-s2-4k at 0x9000_0000 space hpa {
  0x1000_0000 size 2M  -> 0x1_1000_0000 rw
  0x4000_0000 size 64K -> 0x1_4000_0000 rw
}
pagetable other aarch64-s2-4k at 0x9100_0000 space hpa {
  0x1000_0000 size 2M  -> 0x1_1000_0000 rw
  0x4000_0000 size 64K -> 0x1_8000_0000 rw
}
pagetable user  aarch64-4k at 0x1010_0000 { VA -> 0x4000_0000 rw }
pagetable spare aarch64-4k at 0x1018_0000 { VA -> 0x4000_2000 rw }
pagetable own   aarch64-4k at 0x9200_0000 space hpa { VA -> 0x1_7000_0000 rw }
scenario "s" {
  write hpa STREAMS + 64 * dev0.sid = [2 << 59 | 0x1000_0000 | 7 << 1 | 1, 2 | 1 << 28, STAGE2, ram.root]
  write hpa STREAMS + 64 * dev1.sid = [8 << 59 | 0x8200_0000 | 1 << 4 | 5 << 1 | 1, 0, 2, 0]
  write hpa STREAMS + 64 * dev2.sid = [6 << 1 | 1, 0, STAGE2, ram.root]
  write hpa 0x8200_0000 = 0x8201_0000 | 1
  write hpa 0x8201_0000 + 64 * 5 = [WORD | 5 << 48, own.root, 0, 0xff]
  write hpa 0x1_1000_0000 = [WORD | 9 << 48, user.root, 0, 0xff]
  write hpa 0x1_1000_0000 + 64 = [WORD | 10 << 48, user.root, 0, 0xff]
`;

interface Case {
  readonly name: string;
  readonly steps: string;
  /** The commands, without the CMD_SYNC behind them. */
  readonly wanted: readonly string[];
}

const ACCESS = 'dma read dev0 at VA';
const TLBI = { VA: '0x7f00_0000', DATA: '0x4000_0000' };
const CASES: readonly Case[] = [
  {
    name: 'a leaf of stage 1',
    steps: `${ACCESS}\n unmap user VA\n ${ACCESS} expect stale`,
    wanted: [`CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = ${TLBI.VA}, Leaf = 1 }`],
  },
  {
    name: 'a leaf of stage 1 that another ASID shares',
    steps: `dma read dev0 pasid 1 at VA\n unmap user VA\n dma read dev0 pasid 1 at VA expect stale`,
    wanted: [`CMD_TLBI_NH_VA { VMID = 3, ASID = 10, Address = ${TLBI.VA}, Leaf = 1 }`],
  },
  {
    name: 'a table of stage 1 that was freed, and told of with Leaf = 1',
    steps: `${ACCESS}
      write gpa user.root + 8K + 8 * (VA >> 21 & 0x1ff) = spare.root + 12K | 3
      invalidate iommu0 CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = VA, Leaf = 1 }
      ${ACCESS} expect stale`,
    wanted: [`CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = ${TLBI.VA} }`],
  },
  {
    name: 'a leaf of stage 2 under a nested stream',
    steps: `${ACCESS}\n unmap ram 0x4000_0000\n ${ACCESS} expect stale`,
    wanted: [`CMD_TLBI_S2_IPA { VMID = 3, Address = ${TLBI.DATA}, Leaf = 1 }`, 'CMD_TLBI_NH_ALL { VMID = 3 }'],
  },
  {
    name: 'a leaf of stage 2 alone',
    steps: `dma read dev2 at 0x4000_0000\n unmap ram 0x4000_0000\n dma read dev2 at 0x4000_0000 expect stale`,
    wanted: [`CMD_TLBI_S2_IPA { VMID = 3, Address = ${TLBI.DATA}, Leaf = 1 }`],
  },
  {
    name: 'a context descriptor',
    steps: `${ACCESS}\n write hpa 0x1_1000_0000 + 8 = spare.root\n ${ACCESS} expect stale`,
    wanted: ['CMD_CFGI_CD { StreamID = 16, Leaf = 1 }', 'CMD_TLBI_NH_ASID { VMID = 3, ASID = 9 }'],
  },
  {
    name: 'a context descriptor of a SubstreamID',
    steps: `dma read dev1 pasid 5 at VA\n write hpa 0x8201_0000 + 64 * 5 = 0\n dma read dev1 pasid 5 at VA expect stale`,
    wanted: ['CMD_CFGI_CD { StreamID = 17, SubstreamID = 5, Leaf = 1 }', 'CMD_TLBI_NH_ASID { VMID = 2, ASID = 5 }'],
  },
  {
    name: 'a level-1 context descriptor',
    steps: `dma read dev1 pasid 5 at VA\n write hpa 0x8200_0000 = 0\n dma read dev1 pasid 5 at VA expect stale`,
    wanted: ['CMD_CFGI_CD { StreamID = 17, SubstreamID = 5 }', 'CMD_TLBI_NH_ASID { VMID = 2, ASID = 5 }'],
  },
  {
    name: 'a stream table entry that ends accesses',
    steps: `${ACCESS}\n write hpa STREAMS + 64 * dev0.sid = 1\n ${ACCESS} expect stale`,
    wanted: ['CMD_CFGI_STE { StreamID = 16, Leaf = 1 }'],
  },
  {
    name: 'another stage 2 in a stream table entry',
    steps: `${ACCESS}\n write hpa STREAMS + 64 * dev0.sid + 24 = other.root\n ${ACCESS} expect stale`,
    wanted: ['CMD_CFGI_STE { StreamID = 16, Leaf = 1 }', 'CMD_TLBI_S12_VMALL { VMID = 3 }'],
  },
  {
    name: 'a translation in the device, whose TLB entry is gone already',
    steps: `${ACCESS} ats\n unmap user VA
      invalidate iommu0 CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = VA, Leaf = 1 }
      ${ACCESS} ats expect stale`,
    wanted: [`CMD_ATC_INV { StreamID = 16, Address = ${TLBI.VA} }`],
  },
  {
    name: 'a translation in the device, with the TLB behind it',
    steps: `${ACCESS} ats\n unmap user VA\n ${ACCESS} ats expect stale`,
    wanted: [
      `CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = ${TLBI.VA}, Leaf = 1 }`,
      `CMD_ATC_INV { StreamID = 16, Address = ${TLBI.VA} }`,
    ],
  },
];

/** Runs the file; the answer is its last step. */
function last(psc: string, steps: string) {
  const { scenarios, diagnostics } = runText(`${FILE.replace('PSC', psc)}${steps}\n}\n`);
  expect(diagnostics.filter((d) => d.severity === 'error').map((d) => d.message)).toEqual([]);
  return scenarios[0]!.steps.at(-1)!;
}

describe.each(['psc = 0', 'psc = 1'])('the smallest commands that make an access fresh, with %s', (psc) => {
  const isApplied = (name: string): boolean => psc === 'psc = 1' || !name.includes('freed');
  test.each(CASES.filter(({ name }) => isApplied(name)))('$name', ({ steps, wanted }) => {
    const stale = last(psc, steps);
    expect(stale.detail.stale, stale.message).toBe(true);
    const remedy = stale.detail.staleCause?.remedyStep ?? '';
    expect(remedy.split('\n')).toEqual([
      ...wanted.map((command) => `invalidate iommu0 ${command}`),
      'invalidate iommu0 CMD_SYNC { }',
    ]);
    // The very text, put in front of the access, does what it says.
    const lines = steps.split('\n');
    const mended = [...lines.slice(0, -1), remedy, lines.at(-1)!.replace('expect stale', 'expect any')];
    expect(last(psc, mended.join('\n')).detail.stale).toBeUndefined();
  });
});

describe('what a command drops beyond what it had to', () => {
  const three = `dma read dev2 at 0x4000_0000\n dma read dev2 at 0x4000_1000\n dma read dev2 at 0x4000_2000\n unmap ram 0x4000_0000\n`;

  test('everything of a VMID for one page', () => {
    const { detail } = last('psc = 1', `${three} invalidate iommu0 CMD_TLBI_S12_VMALL { VMID = 3 }`);
    expect([detail.dropped, detail.needed]).toEqual([3, 1]);
    expect(detail.notes).toContain('dropped 3, needed 1');
  });

  test('told of a raw command too', () => {
    const { detail } = last('psc = 1', `${three} command iommu0 [0x30, 0]`);
    expect([detail.dropped, detail.needed]).toEqual([3, 1]);
  });

  test('nothing is told where just that was dropped', () => {
    const { detail } = last(
      'psc = 1',
      `${three} invalidate iommu0 CMD_TLBI_S2_IPA { VMID = 3, Address = 0x4000_0000, Leaf = 1 }`,
    );
    expect(detail.notes).toEqual([expect.stringContaining('removed 1 TLB entries')]);
    expect(detail.dropped).toBeUndefined();
  });
});
