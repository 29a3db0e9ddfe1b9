import { expect, test } from 'vitest';
import { complete, completionDoc } from '../../server/features/completion.ts';
import { hover } from '../../server/features/hover.ts';
import { layoutOfPayload } from '../../server/features/layout-text.ts';
import { semanticTokens } from '../../server/features/semantic-tokens.ts';
import { resolve } from '../../server/language/resolve.ts';
import { filesHost } from '../run-text.ts';

const HEAD = `uapi bare
machine { iommu vtd { RTADDR = 0x10_0400, PQA = 0x7000 } }
page_req_dsc wants { PP = 1, PASID = 7, R = 1, LPIG = 1, ADDR = 0x5000 }
`;
const steps = (text: string): string => `${HEAD}scenario "s" {\n  ${text}\n}\n`;

function itemsAt(text: string): ReturnType<typeof complete> {
  return complete(resolve('test.vsva', text.replace('|', ''), filesHost({})), text.indexOf('|'));
}
const labels = (text: string): string[] =>
  [...itemsAt(text)].sort((a, b) => (a.sortText < b.sortText ? -1 : 1)).map((item) => item.label);
const docAt = (text: string, label: string): string =>
  completionDoc(itemsAt(text).find((item) => item.label === label)?.docKey ?? '');
const hoverAt = (text: string): string =>
  hover(resolve('test.vsva', text.replace('$0', ''), filesHost({})), text.indexOf('$0'))?.markdown ?? 'nothing';

test('the generation is offered as one that runs', () => {
  const bare = itemsAt('uapi |').find((item) => item.label === 'bare');
  expect(bare?.detail).toBe('no kernel: registers and memory');
});

test('a machine has no container, and its unit has registers', () => {
  expect(labels('uapi bare\nmachine { | }')).toEqual(['iommu', 'device', 'ram', 'haw']);
  const keys = labels('uapi bare\nmachine { iommu vtd { RTADDR = 1, | } }');
  expect(keys).toEqual(expect.arrayContaining(['IQA', 'PQA', 'psc', 'cap', 'NEST']));
  for (const key of ['RTADDR', 'GSTS', 'CAP']) expect(keys, key).not.toContain(key);
  expect(labels('uapi vfio-2020-07\nmachine { iommu vtd { | } }')).not.toContain('IQA');
  expect(labels('uapi bare\nmachine { iommu vtd { psc = | } }')).toEqual(['0', '1']);
});

test('registers behind iommu0: all of them to read, those that software writes to write', () => {
  expect(labels(steps('write |'))).toEqual(['gpa', 'hpa', 'user', 'reg']);
  expect(labels(steps('write reg |'))).toEqual(['iommu0']);
  const written = labels(steps('write reg iommu0.|'));
  expect(written).toEqual(expect.arrayContaining(['RTADDR', 'GCMD', 'FSTS', 'IQT']));
  for (const name of ['CAP', 'GSTS', 'IQH', 'TE']) expect(written, name).not.toContain(name);
  const read = labels(steps('expect iommu0.|'));
  expect(read).toEqual(expect.arrayContaining(['CAP', 'GSTS', 'IQH', 'PPF', 'NEST']));
  expect(docAt(steps('write reg iommu0.|'), 'RTADDR')).toMatch(/\*\*RTADDR\*\* · 64 bits, rw/);
});

test('commands, their fields and the words of those', () => {
  expect(labels(steps('command |'))).toEqual(['iommu0']);
  expect(labels(steps('invalidate iommu0 |'))).toEqual(expect.arrayContaining(['pc_inv', 'inv_wait', 'page_grp_resp']));
  const fields = labels(steps('invalidate iommu0 pc_inv { | }'));
  expect(fields).toEqual(['G', 'DID', 'PASID']);
  expect(labels(steps('invalidate iommu0 pc_inv { G = | }'))).toEqual(['domain', 'pasid', 'global']);
  expect(docAt(steps('invalidate iommu0 |'), 'pc_inv')).toContain('PASID cache');
});

test('records where a device sends one, declared and inline', () => {
  expect(labels(steps('inject dev0 |')).slice(0, 2).sort()).toEqual(['page_req_dsc', 'wants']);
  expect(labels(steps('inject dev0 page_req_dsc { | }'))).toEqual(expect.arrayContaining(['PP', 'PRGI', 'ADDR']));
  expect(labels(`${HEAD}page_req_dsc other { | }`)).toEqual(expect.arrayContaining(['PP', 'PRGI', 'ADDR']));
  expect(labels(`${HEAD}|`)).toContain('page_req_dsc');
  expect(labels('uapi iommufd-6.12\n|')).not.toContain('page_req_dsc');
});

test('hover tells registers, with what a value means', () => {
  expect(hoverAt(steps('write reg iommu0.RTA$0DDR = 1'))).toMatch(/register, 64 bits at `0x20` · read and write/);
  expect(hoverAt(steps('write reg iommu0.RTADDR = 0x10_$00400'))).toMatch(/As `RTADDR`:[\s\S]*`TTM` = `scalable`/);
  expect(hoverAt(HEAD.replace('0x10_0400', '0x10_$00400'))).toContain('`TTM` = `scalable`');
  expect(hoverAt(HEAD.replace('RTADDR', 'RTA$0DDR'))).toContain('`0x10_0400` when a scenario begins');
  expect(hoverAt(steps('expect iommu0.P$0PF == 0'))).toContain('bit 1 of `FSTS`');
  expect(hoverAt(steps('write reg iom$0mu0.RTADDR = 1'))).toContain('**iommu0**');
});

test('hover tells commands, also raw ones', () => {
  expect(hoverAt(steps('invalidate iommu0 pc_$0inv { G = global }'))).toContain('hardware command');
  expect(hoverAt(steps('invalidate iommu0 pc_inv { G = glo$0bal }'))).toContain('granularity of `pc_inv`');
  expect(hoverAt(steps('invalidate iommu0 pc_inv { DI$0D = 5 }'))).toContain('Here: `0x5`');
  expect(hoverAt(steps('command iommu0 [0x$036 | 5 << 16, 0x1000]'))).toMatch(/Command: `p_iotlb_inv page: DID 5/);
});

test('hover and layout tell records', () => {
  expect(hoverAt(HEAD.replace('page_req', 'page_$0req'))).toContain('record that a device sends · 32 bytes');
  expect(hoverAt(HEAD.replace('PASID', 'PA$0SID'))).toContain('Here: `0x7`');
  expect(hoverAt(steps('inject dev0 wan$0ts'))).toContain('page_req_dsc wants');
  expect(hoverAt(steps('expect wants.PAS$0ID == 7'))).toContain('bits 51:32 of `page_req_dsc`');
  const layout = layoutOfPayload(resolve('test.vsva', HEAD, filesHost({})), HEAD.indexOf('wants'));
  expect('text' in layout && layout.text).toMatch(/0x04\s+3\s+PASID\s+7, bits 51:32/);
});

test('what stands in a scenario has its colour', () => {
  const text = steps('invalidate iommu0 pc_inv { G = global }\n  command iommu0 [1]\n  write reg iommu0.RTADDR = 1');
  const found = semanticTokens(resolve('test.vsva', text, filesHost({})));
  const typeOf = (word: string): string | undefined =>
    found.find(({ start, end }) => text.slice(start, end) === word)?.type;
  expect(typeOf('page_req_dsc')).toBe('type');
  expect(typeOf('pc_inv')).toBe('function');
  expect(typeOf('global')).toBe('enumMember');
  expect(typeOf('RTADDR')).toBe('property');
  expect(
    found.filter(({ start, end, type }) => text.slice(start, end) === 'iommu0' && type === 'variable'),
  ).toHaveLength(3);
});
