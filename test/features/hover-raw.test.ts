import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hover } from '../../server/features/hover.ts';
import { resolve } from '../../server/language/resolve.ts';
import { filesHost } from '../run-text.ts';

/** The hover at the `$0` of a fixture. */
function at(fixture: string, files: Readonly<Record<string, string>> = {}): string {
  const text = fixture.replace('$0', '');
  return hover(resolve('test.vsva', text, filesHost(files)), fixture.indexOf('$0'))?.markdown ?? 'nothing';
}

const CD_WORD = '9 << 48 | 6 << 44 | 1 << 41 | 5 << 32 | 1 << 31 | 1 << 30 | 16';
const SMMU = (steps: string): string => `uapi bare
machine { iommu smmuv3 { STRTAB_BASE = 0x8000_0000, STRTAB_BASE_CFG = 8 } }
pagetable user aarch64-4k at 0x8200_0000 space hpa { 0x7f00_0000 -> 0x9000_0000 rw }
let CD = 0x8100_0000
scenario "s" {
${steps}
}
`;
const setup = (ste: string, cd: string): string =>
  `write hpa 0x8000_0000 + dev0.sid * 64 = ${ste}\n  write hpa CD = ${cd}\n`;
const STE = '[CD | 5 << 1 | 1, 1 << 28, 3]';
const CDS = `[${CD_WORD}, user.root, 0, 0xff]`;

describe('what a step writes is told by the walk that reads it', () => {
  const dma = 'dma read dev0 at 0x7f00_0010';

  test('a stream table entry, on any of its words and brackets', () => {
    for (const ste of [
      '[CD | 5 $0<< 1 | 1, 1 << 28, 3]',
      '$0[CD | 5 << 1 | 1, 1 << 28, 3]',
      '[C$0D | 5 << 1 | 1, 1 << 28, 3]',
    ]) {
      const text = at(SMMU(setup(ste, CDS) + dma));
      expect(text, ste).toContain('**stream table entry** of `dev0` (`0x10`) · at HPA `0x8000_0400` · IHI 0070, 5.2');
      expect(text).toContain('- `Config = 5`, `s1` (word 0, bits 3:1): ');
      expect(text).toContain('- `S1ContextPtr = 0x8100_0000` (word 0, bits 55:6): ');
      expect(text).toContain('- `EATS = 1`, `full` (word 1, bits 29:28): ');
      expect(text).toContain('- `S2VMID = 3` (word 2, bits 15:0): ');
      expect(text).toContain('Read by `dma read dev0 at 0x7f00_0010`, line 8.');
    }
  });

  test('a context descriptor of a PASID', () => {
    const ste = '[1 << 59 | CD | 5 << 1 | 1, 2]';
    const steps = `${setup(ste, '0')}write hpa CD + 64 = [${CD_WORD}, user.root, 0, 0xff$0]\ndma read dev0 pasid 1 at 0x7f00_0000`;
    const text = at(SMMU(steps));
    expect(text).toContain('**context descriptor** of `dev0` (`0x10`), PASID 1 · at HPA `0x8100_0040`');
    expect(text).toContain('- `ASID = 9` (word 0, bits 63:48): ');
    expect(text).toContain('- `TTB0 = 0x8200_0000` (word 1, bits 55:4): ');
  });

  test('an entry of a page table, for its own format', () => {
    const leaf = 'user.root + 12K + (0x7f00_0000 >> 12 & 0x1ff) * 8';
    const text = at(SMMU(`${setup(STE, CDS)}write hpa ${leaf} = 0x00$060_0000_9000_0fc3\n${dma}`));
    expect(text).toContain('stage-1 entry');
    expect(text).toContain('aarch64-4k');
    expect(text).toContain('Maps `0x9000_0000`.');
    expect(text).toMatch(/- `AF` \(bit 10, leaves\): /);
    expect(at(SMMU(`${setup(STE, CDS)}write hpa ${leaf} = $00\n${dma}`))).toContain('Not present.');
  });

  test('as it is right behind the step, and with what an earlier access read there', () => {
    const again = `${setup(STE, CDS)}${dma}\nwrite hpa CD = [0$0]\nwrite hpa CD = ${CDS}\n${dma}`;
    expect(at(SMMU(again))).not.toContain('`ASID');
    const never = `${setup(STE, CDS)}${dma}\nwrite hpa CD = [$07 << 48]\nnote "end"`;
    expect(at(SMMU(never))).toContain('- `ASID = 7` (word 0, bits 63:48): ');
  });

  test('nothing where no access comes to it', () => {
    const text = at(SMMU(`write hpa 0x1234_0000 = [0x$05, 6]\n${dma} expect any`));
    expect(text).toBe('`0x5` · `5` · bits 0, 2');
  });

  test('the structures of VT-d and its page tables, through guest memory too', () => {
    const example = readFileSync(join(import.meta.dirname, '../../examples/73-bare-vtd-first-stage.vsva'), 'utf8');
    const entry = at(example.replace('[1 << 6 | 1, DID', '[1 << 6 | $01, DID'));
    expect(entry).toContain('**PASID table entry** of `dev0` (`0x10`), PASID 7 · at HPA `0x10_31c0` · VT-d 9.6');
    expect(entry).toContain('- `PGTT = 1`, `first-stage` (word 0, bits 8:6): ');
    const guest = readFileSync(join(import.meta.dirname, '../../examples/include/guest.vsva'), 'utf8');
    const steps =
      'submit alloc as pasid\nsubmit bind\nwrite gpa gpt.root + 12K = 0x5000_$00005\ndma read dev0 pasid pasid at buffer';
    const leaf = at(`uapi vfio-2020-07\ninclude "g.vsva"\nscenario "s" {\n${steps}\n}\n`, { 'g.vsva': guest });
    expect(leaf).toContain('for GPA `0x1000_3000` · x86-64, VT-d');
    expect(leaf).toContain('Maps `0x5000_0000`.');
    expect(leaf).not.toContain('- `RW`');
  });
});

describe('what a field of the UAPI holds', () => {
  const ARM = 'uapi iommufd-7.2\nmachine { iommu smmuv3 { } }\n';

  test('two words of a stream table entry, on the name and the value', () => {
    for (const fixture of ['st$0e = [0x1000_004b, 2]', 'ste = [0x1000_$0004b, 2]', 'ste = $0[0x1000_004b, 2]']) {
      const text = at(`${ARM}struct iommu_hwpt_arm_smmuv3 vste { ${fixture} }`);
      expect(text, fixture).toContain('**stream table entry** · IHI 0070, 5.2');
      expect(text).toContain('- `S1ContextPtr = 0x1000_0040`');
      expect(text).toContain('- `S1DSS = 2`, `ssid0`');
      // Stage 2 is not in these words.
      expect(text).not.toContain('S2VMID');
    }
  });

  test('a command of the guest, also in an array', () => {
    const text = at(
      `${ARM}array c of iommu_viommu_arm_smmuv3_invalidate { { cmd = [7 <$0< 48 | 0x12, 0x7000_1001] } }`,
    );
    expect(text).toContain('**CMD_TLBI_NH_VA** · IHI 0070, 4, opcode 0x12');
    expect(text).toContain('- `ASID = 7` (word 0, bits 63:48)');
    expect(text).toContain('- `Address = 0x7000_1000` (word 1, bits 63:12)');
    expect(at(`${ARM}array c of iommu_viommu_arm_smmuv3_invalidate { { cmd = [0x$0ff] } }`)).not.toContain('CMD_');
  });

  test('an event, with bits that it has no field for', () => {
    const text = at(`${ARM}struct iommu_vevent_arm_smmuv3 e { evt = [0x33_0000_0310, 1 << $035] }`);
    expect(text).toContain('- `Code = 0x10`, `F_TRANSLATION` (word 0, bits 7:0)');
    expect(text).toContain('- `RnW = 1` (word 1, bit 35)');
    expect(text).toContain('Bits that no field has: `0x300` in word 0.');
  });
});

describe('commands and records', () => {
  test('a raw command in words and by its fields', () => {
    const text = at(SMMU('command iommu0 [0x12 | 9 <$0< 48, 0x7f00_0001]'));
    expect(text).toContain('Command: `CMD_TLBI_NH_VA: ');
    expect(text).toContain('- `Leaf = 1` (word 1, bit 0)');
    expect(at(SMMU('command iommu0 [dev0.sid << 32 | 0$0x03]'))).toContain('- `StreamID = 0x10`');
  });

  test('the record of a fault, with values that only a run knows', () => {
    const event = 'event == [dev0.sid << 32 | 0x$00a, 0, 0, 0]';
    const text = at(SMMU(`${setup('[CD | 5 << 1 | 1]', '0')}dma read dev0 at 0 expect fault C_BAD_CD, ${event}`));
    expect(text).toContain('- `Code = 0xa`, `C_BAD_CD`');
    expect(text).toContain('- `StreamID = 0x10`');
    const vtd =
      'uapi vfio-2020-07\nscenario "s" { dma read dev0 pasid 5 at 0 expect fault, event == [0, 0x76 << $032] }';
    expect(at(vtd)).toContain('**FRCD_REG** · VT-d 11.4.14');
  });

  test('faults of SMMUv3 by name and by code', () => {
    expect(at(SMMU('dma read dev0 at 0 expect fault C_BAD_$0STE'))).toContain('**C_BAD_STE** · event `0x4`');
    expect(at(SMMU('dma read dev0 at 0 expect fault ab$0ort'))).toContain('nothing was reported');
    expect(at(SMMU('dma read dev0 at 0 expect stall, st$0ag == 1'))).toContain('**stag** · the tag');
    expect(at(SMMU('dma read dev0 at 0 expect fault 0x1$00'))).toContain('**F_TRANSLATION** · event `0x10`');
  });
});

test('table indices are those of the format', () => {
  expect(
    at(`uapi bare\nmachine { iommu smmuv3 { } }\npagetable t aarch64-64k at 0 { 0x7f00_00$012_3456 -> 0 }`),
  ).toContain('Table indices: S1.L1 31, S1.L2 6144, S1.L3 18, offset 0x3456');
  expect(at(SMMU('dma read dev0 at 0x7f00_000$00_1010'))).toContain(
    'S1.L0 254, S1.L1 0, S1.L2 0, S1.L3 1, offset 0x10',
  );
});
