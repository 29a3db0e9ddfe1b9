import { describe, expect, test } from 'vitest';
import type { ScenarioResult } from '../engine/index.ts';
import { runText } from './run-text.ts';

/** A linear stream table with dev0 in it, one context descriptor, and one page of stage 1. */
const DECLARATIONS = `
let STE = 0x8000_0000 + dev0_sid * 64
let CD  = 0x8100_0000
let dev0_sid = 0x10
pagetable user aarch64-4k at 0x8200_0000 space hpa { 0x7f00_0000 -> 0x9000_0000 rw }
`;
const MACHINE = 'machine { iommu smmuv3 { STRTAB_BASE = 0x8000_0000, STRTAB_BASE_CFG = 8 } }';
/** T0SZ 16, EPD1, V, IPS 48 bits, AA64, ASID 9; R and A, or what \`flags\` says of A R S in bits 46:44. */
const cd = (flags = 6): string =>
  `write hpa CD = [16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | ${flags} << 44 | 9 << 48, user.root, 0, 0xff]`;
const SETUP = `write hpa STE = [CD | 5 << 1 | 1, 0, 3]\n  ${cd()}`;

const fileOf = (steps: string, { machine = MACHINE, setup = SETUP } = {}): string =>
  `uapi bare\n${machine}\n${DECLARATIONS}\nscenario "s" {\n  ${setup}\n  ${steps}\n}\n`;

function passes(steps: string, options?: { machine?: string; setup?: string }): ScenarioResult {
  const { scenarios, diagnostics } = runText(fileOf(steps, options));
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  const [result] = scenarios;
  expect([result!.message, ...result!.steps.map((s) => s.message)].filter(Boolean)).toEqual([]);
  return result!;
}

const findings = (text: string): string[] =>
  runText(text)
    .diagnostics.filter((d) => d.severity === 'error')
    .map((d) => `${d.code}: ${text.slice(d.start, d.end)}: ${d.message}`);

describe('an SMMUv3 without a kernel', () => {
  test('stage 1 alone, by StreamID', () => {
    passes(
      'dma read dev0 at 0x7f00_0010 expect hpa 0x9000_0010, miss, refs 4\n dma read dev0 at 0x7f00_0020 expect hit',
    );
  });

  test('an entry that is not valid is recorded, one that aborts is silent, one that bypasses passes', () => {
    passes('dma read dev0 at 0 expect fault C_BAD_STE', { setup: '' });
    passes('dma read dev0 at 0 expect fault abort\n expect faults 0', { setup: 'write hpa STE = 1' });
    passes('dma read dev0 at 0x1234 expect hpa 0x1234', { setup: 'write hpa STE = 4 << 1 | 1' });
  });

  test('an event is a record in the queue', () => {
    const result = passes(
      `dma read dev0 at 0x7f00_1008 expect fault F_TRANSLATION
       expect faults 1
       expect iommu0.EVENTQ_PROD == 1
       read hpa 0x8010_0000 as first
       read hpa 0x8010_0010 as address
       expect (first & 0xff) == 0x10 && first >> 32 == dev0.sid && address == 0x7f00_1008`,
      { machine: MACHINE.replace('CFG = 8', 'CFG = 8, EVENTQ_BASE = 0x8010_0004') },
    );
    const { detail } = result.steps.find((s) => s.step.kind === 'dma')!;
    expect(detail.event![2]).toBe(0x7f00_1008n);
  });

  test('what was cached stays until a command removes it', () => {
    passes(`
      dma read dev0 at 0x7f00_0010
      unmap user 0x7f00_0000
      dma read dev0 at 0x7f00_0010 expect stale
      invalidate iommu0 CMD_TLBI_NH_VA { VMID = 3, ASID = 8, Address = 0x7f00_0000 }
      dma read dev0 at 0x7f00_0010 expect stale
      invalidate iommu0 CMD_TLBI_NH_VA { VMID = 3, ASID = 9, Address = 0x7f00_0000 } expect issued == [[0x12 | 3 << 32 | 9 << 48, 0x7f00_0000]]
      invalidate iommu0 CMD_SYNC
      dma read dev0 at 0x7f00_0010 expect fault F_TRANSLATION`);
  });

  test('words and granules of a field', () => {
    const range = (tg: string): string =>
      `invalidate iommu0 CMD_TLBI_NH_VA { VMID = 3, ASID = 9, NUM = 1, TG = ${tg}, Address = 0x7f00_0000 } expect issued == [[0x12 | 1 << 12 | 3 << 32 | 9 << 48, 0x7f00_0000 | 1 << 10]]`;
    passes(`${range('4K')}\n ${range('1')}`);
    expect(findings(fileOf('invalidate iommu0 CMD_PRI_RESP { Resp = sucess }'))).toEqual([
      'unknown-name: sucess: Resp is one of failure, invalid, success',
    ]);
  });

  test('raw commands have two words', () => {
    passes('command iommu0 [0x30]\n command iommu0 [0xff] expect error CERROR_ILL');
    expect(findings(fileOf('command iommu0 [1, 2, 3]'))).toEqual([
      'too-many-words: 3: 3 words are more than a command has: 2 of 64 bits',
    ]);
    expect(findings(fileOf('command iommu0 [0xff] expect error IQE'))).toEqual([
      expect.stringMatching(/^unknown-name: error IQE: IQE is not a command error of this model/),
    ]);
  });

  test('a stalled access waits under its tag, and fails a step that does not expect it', () => {
    const setup = SETUP.replace(cd(), cd(7));
    passes(
      `dma write dev0 at 0x7f00_1000 as one expect stall
       dma write dev0 at 0x7f00_2000 as two expect stall, stag == one.stag + 1
       invalidate iommu0 CMD_RESUME { StreamID = dev0.sid, STAG = two.stag, Ab = 1 }
       expect faults 2`,
      { setup },
    );
    const { scenarios } = runText(fileOf('dma read dev0 at 0x7f00_1000', { setup }));
    expect(scenarios[0]!.steps.at(-1)!.message).toMatch(/^stalled with STAG 0: F_TRANSLATION, /);
  });

  test('a fault may be ignored: a read gives 0, with an event or without', () => {
    passes('dma read dev0 at 0x7f00_1000 expect ok, value 0\n expect faults 0', { setup: SETUP.replace(cd(), cd(0)) });
    passes('dma read dev0 at 0x7f00_1000 expect fault F_TRANSLATION, value 0\n expect faults 1', {
      setup: SETUP.replace(cd(), cd(2)),
    });
  });

  test('a fault may be silent', () => {
    passes('dma read dev0 at 0x7f00_1000 expect fault abort\n expect faults 0', { setup: SETUP.replace(cd(), cd(4)) });
  });

  test('substreams', () => {
    passes(
      `write hpa CD + 64 = [16 | 1 << 30 | 1 << 31 | 5 << 32 | 1 << 41 | 6 << 44 | 7 << 48, user.root, 0, 0xff]
       dma read dev0 pasid 1 at 0x7f00_0010 expect hpa 0x9000_0010
       dma read dev0 pasid 2 at 0x7f00_0010 expect fault C_BAD_SUBSTREAMID`,
      { setup: 'write hpa STE = [CD | 5 << 1 | 1 << 59 | 1, 0, 3]' },
    );
  });

  test('a page request lands in the PRI queue with the StreamID of its device', () => {
    passes(
      `inject dev0 priq_entry { Read = 1, Last = 1, PRGIndex = 2, PageAddr = 0x7000 }
       expect iommu0.PRIQ_PROD == 1
       read hpa 0x8020_0000 as head
       read hpa 0x8020_0008 as page
       expect (head & 0xffff_ffff) == dev0.sid && page == (0x7000 | 2)`,
      { machine: MACHINE.replace('CFG = 8', 'CFG = 8, PRIQ_BASE = 0x8020_0004') },
    );
  });

  test('registers: in the machine, by a step, and what cannot be', () => {
    passes('write reg iommu0.CR0 = 0xc\n dma read dev0 at 0x5000 expect hpa 0x5000\n expect iommu0.SMMUEN == 0');
    expect(findings(fileOf('write reg iommu0.IDR0 = 0'))).toEqual(['register-read-only: IDR0: IDR0 is read-only']);
    expect(findings('uapi bare\nmachine { iommu smmuv3 { STRTAB_BAS = 1 } }\n')).toEqual([
      'unknown-name: STRTAB_BAS: the SMMUv3 has no STRTAB_BAS; did you mean STRTAB_BASE?',
    ]);
    expect(findings('uapi bare\nmachine { iommu smmuv3 { IDR0 = 0, psc = 0, CR0 = 1 } }\n')).toEqual([]);
  });
});
