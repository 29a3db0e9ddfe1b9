import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coveringBlock } from '../engine/host/vtd-queue.ts';
import type { StaleCause } from '../engine/index.ts';
import { failures, MERGED, NESTED, type Options, run, type Uapi, WITH_PASID } from './iommufd-vtd-fixture.ts';

const ALL: readonly Uapi[] = ['iommufd-2023-07', ...MERGED];
const ATS = 'device dev0 { ats = 1, pri = 1 }';

/** The cause that the last step of a scenario reports. */
function causeOf(steps: string, options: Options): StaleCause {
  const cause = run(steps, options).at(-1)!.detail.staleCause;
  expect(cause, 'the last access is stale').toBeDefined();
  return cause!;
}

/** Puts a remedy in front of the last step and asks that this be fresh. */
function mended(before: string, last: string, options: Options): string[] {
  const cause = causeOf(`${before}\n${last} expect stale`, options);
  expect(cause.remedyStep, cause.cache).toBeDefined();
  return failures(`${before}\n${cause.remedyStep}\n${last} expect fresh`, {
    ...options,
    more: `${options.more ?? ''}\n${cause.remedyDeclaration}`,
  });
}

describe('the remedy of a stale access can be pasted, and makes it fresh', () => {
  const before = `${NESTED}
    dma read dev0 at 0x7f00_0000_2000
    map gpt 0x7f00_0000_2000 -> 0x5000_0000`;

  test.each(ALL)('%s', (uapi) => {
    expect(mended(before, 'dma read dev0 at 0x7f00_0000_2010', { uapi })).toEqual([]);
  });

  test.each(ALL)('%s, with a device TLB', (uapi) => {
    const ats = before.replace('dev0 at 0x7f00_0000_2000', 'dev0 at 0x7f00_0000_2000 ats');
    expect(mended(ats, 'dma read dev0 at 0x7f00_0000_2010 ats', { uapi, machine: ATS })).toEqual([]);
  });

  test.each(WITH_PASID)('%s, with a PASID', (uapi) => {
    const pasid = before
      .replace('nested.out_hwpt_id\n', 'nested.out_hwpt_id pasid 7\n')
      .replace('read dev0', 'read dev0 pasid 7');
    expect(mended(pasid, 'dma read dev0 pasid 7 at 0x7f00_0000_2010', { uapi, pasid: true })).toEqual([]);
  });

  test('a large page goes with the page that was accessed', () => {
    const large =
      'pagetable big x86-64 at 0x1100_0000 { 0x7f00_0000_0000 size 2M -> 0x4000_0000 rw page 2M }\nstruct iommu_hwpt_vtd_s1 own = s1 { pgtbl_addr = big.root }';
    const steps = `submit parent\nsubmit struct iommu_hwpt_alloc = nested { data_uptr = &own } as n\nattach dev0 to n.out_hwpt_id
      dma read dev0 at 0x7f00_0010_0000
      map big 0x7f00_0000_0000 size 2M -> 0x6000_0000 rw page 2M`;
    expect(mended(steps, 'dma read dev0 at 0x7f00_0010_0000', { more: large })).toEqual([]);
  });

  test('what the kernel forgot under a nested domain goes by the guest address', () => {
    const steps = `${NESTED}dma read dev0 at 0x7f00_0000_2000\nhost map gpa 0x4000_2000 -> 0x2_0000_0000`;
    expect(mended(steps, 'dma read dev0 at 0x7f00_0000_2000', {})).toEqual([]);
  });
});

describe('what the remedy says', () => {
  const before = `${NESTED}dma read dev0 at 0x7f00_0000_2000\nunmap gpt 0x7f00_0000_2000\n`;

  test('one range, on the page table as the scenario names it', () => {
    const cause = causeOf(`${before}dma read dev0 at 0x7f00_0000_2000 expect stale`, {});
    expect(cause.remedyDeclaration).toBe(
      'array changed_page of iommu_hwpt_vtd_s1_invalidate {\n  { addr = 0x7f00_0000_2000, npages = 1 }\n}',
    );
    expect(cause.remedyStep).toContain('hwpt_id = nested.out_hwpt_id\n');
    expect(cause.remedyText).toBe('IOMMU_HWPT_INVALIDATE of 0x7f00_0000_2000, one page');
    expect(cause.cache).toBe('IOTLB');
  });

  test('nothing where no call reaches: a PASID entry that was written behind the kernel', () => {
    const steps = `${NESTED}dma read dev0 at 0x7f00_0000_0000
      read hpa iommu0.RTADDR & ~0xfff as root
      read hpa (root & ~0xfff) + dev0.sid * 32 as context
      read hpa context & ~0xfff as directory
      write hpa directory & ~0xfff = 0
      dma read dev0 at 0x7f00_0000_0000 expect stale`;
    const cause = causeOf(steps, {});
    expect(cause.cache).toBe('PASID cache');
    expect(cause.remedy).toBeUndefined();
  });

  test('nothing for a page table that is not the guest’s', () => {
    const steps = `attach dev0\ndma read dev0 at 0x1000
      read hpa iommu0.RTADDR & ~0xfff as root
      read hpa (root & ~0xfff) + dev0.sid * 32 as context
      read hpa context & ~0xfff as directory
      read hpa directory & ~0xfff as entry
      write hpa entry & ~0xfff = 0
      dma read dev0 at 0x1000 expect stale`;
    const cause = causeOf(steps, {});
    expect(cause.cache).toBe('IOTLB');
    expect(cause.remedy).toBeUndefined();
  });
});

test('a range is widened to the smallest aligned block that covers it', () => {
  const page = fc.bigInt({ min: 0n, max: (1n << 40n) - 1n });
  const count = fc.bigInt({ min: 1n, max: 5000n });
  fc.assert(
    fc.property(page, count, (first, pages) => {
      const { addr, order } = coveringBlock(first << 12n, pages);
      const covers = (o: number): boolean => first >> BigInt(o) === (first + pages - 1n) >> BigInt(o);
      expect(addr).toBe((first >> BigInt(order)) << BigInt(12 + order));
      expect(covers(order)).toBe(true);
      if (0 < order) expect(covers(order - 1)).toBe(false);
    }),
    { seed: 6, numRuns: 500 },
  );
});
