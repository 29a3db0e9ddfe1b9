import { describe, expect, test } from 'vitest';
import { runText } from './run-text.ts';
import { holdsFolder } from './scenario-folder.ts';

/** SMMUv3: what the specification has an access, a command or an event do, one file per subject. */
holdsFolder('smmuv3', 12);

const STREAMS = '0x8000_0000';
const bare = (steps: string): string => `uapi bare
machine { iommu smmuv3 { STRTAB_BASE = ${STREAMS}, STRTAB_BASE_CFG = 8 } }
scenario "s" {
  write hpa ${STREAMS} + dev0.sid * 64 = 9
  dma read dev0 at 0x1000 expect hpa 0x1000
  write hpa ${STREAMS} + dev0.sid * 64 = 0
  ${steps}
}
`;

describe('CMD_CFGI_ALL', () => {
  test('is CMD_CFGI_STE_RANGE with Range 31, and forgets every stream', () => {
    const { diagnostics, scenarios } = runText(
      bare(`dma read dev0 at 0x1000 expect stale
  invalidate iommu0 CMD_CFGI_ALL
  dma read dev0 at 0x1000 expect fault C_BAD_STE, fresh`),
    );
    expect(diagnostics).toEqual([]);
    expect(scenarios[0]!.steps.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
  });

  test('has no field of its own: its Range is given', () => {
    const [error] = runText(bare('invalidate iommu0 CMD_CFGI_ALL { Range = 3 }')).diagnostics;
    expect(error?.message).toContain('CMD_CFGI_ALL has no field Range');
  });
});

describe('a configuration fault names the condition', () => {
  const told = (ste: string, cd = '0'): string | undefined => {
    const { scenarios } = runText(`uapi bare
machine { iommu smmuv3 { STRTAB_BASE = ${STREAMS}, STRTAB_BASE_CFG = 8 } }
scenario "s" {
  write hpa ${STREAMS} + dev0.sid * 64 = [${ste}]
  write hpa 0x9000_0000 = [${cd}]
  dma read dev0 at 0x1000 expect fault
}
`);
    return scenarios[0]!.steps.at(-1)!.detail.faultText;
  };

  test.each([
    ['0', 'V is 0'],
    ['31 << 59 | 0x9000_0000 | 0xb', 'S1CDMax 31 exceeds SSIDSIZE 20'],
    ['0xd, 0, 3 << 46 | 1 << 51 | 1 << 38 | 25 << 32 | 5 << 48', 'S2TG 3 is no granule of this SMMU'],
    ['0xd, 0, 1 << 51 | 2 << 38 | 30 << 32 | 5 << 48', 'S2T0SZ 30, S2SL0 2 and S2TG 0 do not go together'],
  ])('STE [%s]', (ste, why) => {
    expect(told(ste)).toMatch(new RegExp(`: ${why}$`));
  });

  test.each([
    ['0', 'V is 0'],
    ['1 << 31 | 1 << 41 | 1 << 46 | 1 << 30 | 63', 'T0SZ 63 is not within 16 to 48'],
  ])('CD [%s]', (cd, why) => {
    expect(told('0x9000_0000 | 0xb', cd)).toMatch(new RegExp(`: ${why}$`));
  });
});
