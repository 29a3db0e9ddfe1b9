import { describe, expect, test } from 'vitest';
import type { StaleCause } from '../engine/index.ts';
import { CD, CD_WORD, failures, MERGED, NESTED, type Options, run } from './iommufd-smmuv3-fixture.ts';

const VA = '0x7f00_0000_2000';
const ATS = 'device dev0 { ats = 1 }';

function causeOf(steps: string, options: Options): StaleCause {
  const cause = run(steps, options).at(-1)!.detail.staleCause;
  expect(cause, 'the last access is stale').toBeDefined();
  return cause!;
}

/** Puts a remedy in front of the last step and asks that this be fresh. */
function mended(before: string, last: string, options: Options, outcome = 'fresh'): string[] {
  const cause = causeOf(`${before}\n${last} expect stale`, options);
  expect(cause.remedyStep, cause.cache).toBeDefined();
  return failures(`${before}\n${cause.remedyStep}\n${last} expect ${outcome}`, {
    ...options,
    more: `${options.more ?? ''}\n${cause.remedyDeclaration}`,
  });
}

describe.each(MERGED)('the remedy of a stale access can be pasted, and makes it fresh: %s', (uapi) => {
  test('a page that moved', () => {
    const before = `${NESTED} dma read dev0 at ${VA}\nmap gpt ${VA} -> 0x5000_0000`;
    expect(mended(before, `dma read dev0 at ${VA} + 0x10`, { uapi })).toEqual([]);
    const { remedyText, remedyStep } = causeOf(`${before}\ndma read dev0 at ${VA}`, { uapi });
    expect(remedyText).toBe('CMD_TLBI_NH_VA of 0x7f00_0000_2000, ASID 7');
    expect(remedyStep).toContain('hwpt_id = viommu.out_viommu_id');
  });

  test('a device TLB, with the TLB in front of it', () => {
    const more = `struct iommu_hwpt_arm_smmuv3 ats { ste = [${CD} | 0xb, 2 | 1 << 28] }`;
    const nested = NESTED.replace(
      'submit guest',
      'submit struct iommu_hwpt_alloc = guest { data_uptr = &ats } as made',
    );
    const before = `${nested.replace('guest.out', 'made.out')} dma read dev0 at ${VA} ats\nmap gpt ${VA} -> 0x5000_0000`;
    expect(mended(before, `dma read dev0 at ${VA} ats`, { uapi, machine: ATS, more })).toEqual([]);
  });

  test('a context descriptor', () => {
    const before = `${NESTED} dma read dev0 at ${VA}\nwrite gpa ${CD} = (${CD_WORD}) & ~(1 << 31)`;
    expect(mended(before, `dma read dev0 at ${VA}`, { uapi }, 'fault C_BAD_CD, fresh')).toEqual([]);
  });

  test('a table that has gone', () => {
    const before = `${NESTED} dma read dev0 at ${VA}\nwrite gpa gpt.root + (0x7f00_0000_2000 >> 39) * 8 = 0`;
    expect(mended(before, `dma read dev0 at ${VA}`, { uapi }, 'fault F_TRANSLATION, fresh')).toEqual([]);
  });
});
