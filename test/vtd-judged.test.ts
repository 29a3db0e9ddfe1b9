import { describe, expect, test } from 'vitest';
import { runText } from './run-text.ts';
import { holdsFolder } from './scenario-folder.ts';

/** VT-d on bare hardware: what the specification has an access, a descriptor or a fault do, one file per subject. */
holdsFolder('vtd', 20);

const TABLES = `
pagetable user x86-64 at 0x20_0000 space hpa { 0x7f00_0000_0000 -> 0x8000_0000 rw }
`;
const SETUP = `
  write hpa 0x10_0000 = 0x10_1001
  write hpa 0x10_1000 + dev0.sid * 32 = 0x10_201d
  write hpa 0x10_2000 = 0x10_3001
  write hpa 0x10_3000 + 7 * 64 = [1 << 6 | 1, 5, user.root | 1]
`;
const MACHINE = 'machine { iommu vtd { RTADDR = 0x10_0400 } device dev0 { ats = 1, pri = 1 } }';
const ACCESS = 'dma read dev0 pasid 7 at 0x7f00_0000_0000 ats';
const fileOf = (steps: string): string => `uapi bare\n${MACHINE}\n${TABLES}\nscenario "s" {${SETUP}\n${steps}\n}\n`;

describe('a stale device TLB', () => {
  const causeOf = (edit: string) => {
    const { steps } = runText(fileOf(`${ACCESS}\n${edit}\n${ACCESS}`)).scenarios[0]!;
    return steps.at(-1)!.detail.staleCause!;
  };

  // A walk that ends above the PASID entry does not tell the domain id; what the caches hold does.
  test.each([
    ['the PASID entry', 'write hpa 0x10_3000 + 7 * 64 = 0'],
    ['the context entry', 'write hpa 0x10_1000 + dev0.sid * 32 = 0'],
    ['the directory entry', 'write hpa 0x10_2000 = 0'],
  ])('is told of by the tags of the PASID cache after %s was cleared', (_what, edit) => {
    const { remedy } = causeOf(edit);
    expect(remedy).toBeDefined();
    expect(remedy).not.toContain('global');
    for (const line of remedy!.split('\n').filter((l) => l.includes('p_iotlb_inv')))
      expect(line).toContain('DID = 5, PASID = 7');
    const { scenarios } = runText(fileOf(`${ACCESS}\n${edit}\n${remedy}\n${ACCESS} expect fault, fresh`));
    expect(scenarios[0]!.steps.map((s) => s.message).filter(Boolean)).toEqual([]);
  });

  test('is compared with what a translation request is answered now', () => {
    expect(causeOf('write hpa 0x10_1000 + dev0.sid * 32 = 0x10_2019').now).toContain('SCT.5');
  });
});

describe('the tag of a stale IOTLB entry', () => {
  const STAGE2 = 'pagetable ss vtd-ss at 0x30_0000 space hpa { 0x7f00_0000_0000 -> 0x8000_0000 rw }';
  const tagOf = (entry: string, request: string, table: string): string => {
    const access = `dma read dev0 ${request} at 0x7f00_0000_0000`;
    const steps = `write hpa 0x10_1000 + dev0.sid * 32 = [0x10_201d, 7]
      write hpa 0x10_3000 + 7 * 64 = ${entry}
      ${access}
      unmap ${table} 0x7f00_0000_0000
      ${access}`;
    const result = runText(fileOf(steps).replace(TABLES, `${TABLES}\n${STAGE2}\n`)).scenarios[0]!;
    return result.steps.at(-1)!.detail.staleCause!.tag;
  };
  const FIRST = '[1 << 6 | 1, 5, user.root | 1]';
  const SECOND = '[ss.root | 2 << 6 | 2 << 2 | 1, 5]';

  test.each([
    ['a first stage', FIRST, 'pasid 7', 'user', 'DID 5, PASID 7, page 0x7f00_0000_0000 (4K)'],
    ['a first stage under RID_PASID', FIRST, '', 'user', 'DID 5, PASID 7, page 0x7f00_0000_0000 (4K)'],
    ['a second stage, which PASIDs share', SECOND, 'pasid 7', 'ss', 'DID 5, page 0x7f00_0000_0000 (4K)'],
  ])('names what matched for %s', (_what, entry, request, table, tag) => {
    expect(tagOf(entry, request, table)).toBe(tag);
  });
});
