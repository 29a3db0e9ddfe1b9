import { describe, expect, test } from 'vitest';
import { SEMANTIC_TYPES, semanticTokens } from '../../server/features/semantic-tokens.ts';
import { GUEST } from '../run-text.ts';
import { resolveText, UNFINISHED } from './fixture.ts';

describe('semantic tokens', () => {
  const shown = (text: string): string[] =>
    semanticTokens(resolveText(text)).map(
      ({ start, end, type, modifiers }) => `${text.slice(start, end)}:${[type, ...modifiers].join('.')}`,
    );

  test('each word by what it means', () => {
    expect(shown('uapi vfio-2020-07 { bind_error_lost = off }')).toEqual([
      'uapi:keyword',
      'vfio-2020-07:type',
      'bind_error_lost:property',
      'off:keyword',
    ]);
    expect(
      shown(`uapi vfio-2020-07
let size = 4K // pages
pagetable gpt x86-64 at size { 0 -> 0x1000 rw accessed }
bind_data b { version = IOMMU_GPASID_BIND_VERSION_1, vendor.vtd.flags = 0, gpgd = gpt.root }`).slice(2),
    ).toEqual([
      'let:keyword',
      'size:variable.declaration.readonly',
      '4K:number',
      '// pages:comment',
      'pagetable:keyword',
      'gpt:variable.declaration',
      'x86-64:type',
      'at:keyword',
      'size:variable.readonly',
      '0:number',
      '0x1000:number',
      'rw:enumMember',
      'accessed:enumMember',
      'bind_data:type',
      'b:variable.declaration',
      'version:property',
      'IOMMU_GPASID_BIND_VERSION_1:enumMember.readonly',
      'vendor:property',
      'vtd:property',
      'flags:property',
      '0:number',
      'gpgd:property',
      'gpt:variable',
      'root:property',
    ]);
    const steps = shown(`uapi vfio-2020-07
${GUEST}
scenario "s" for n in [1] {
  submit alloc to VFIO_IOMMU_PASID_REQUEST as pasid expect hidden EINVAL, reason argsz-too-small
  dma read dev0 pasid pasid at n expect fault SFS.2 or hit iotlb
  invalidate iommu0 p_iotlb_inv { G = page }
  expect iommu0.NEST == 1
}`);
    expect(steps.slice(steps.indexOf('scenario:keyword'))).toEqual([
      'scenario:keyword',
      '"s":string',
      'for:keyword',
      'n:parameter.declaration',
      'in:keyword',
      '1:number',
      'submit:keyword',
      'alloc:variable',
      'to:keyword',
      'VFIO_IOMMU_PASID_REQUEST:function',
      'as:keyword',
      'pasid:parameter.declaration',
      'expect:keyword',
      'hidden:keyword',
      'EINVAL:enumMember',
      'reason:keyword',
      'argsz-too-small:enumMember',
      'dma:keyword',
      'read:keyword',
      'dev0:variable',
      'pasid:keyword',
      'pasid:parameter',
      'at:keyword',
      'n:parameter',
      'expect:keyword',
      'fault:keyword',
      'SFS.2:enumMember',
      'or:keyword',
      'hit:keyword',
      'iotlb:keyword',
      'invalidate:keyword',
      'iommu0:variable',
      'p_iotlb_inv:function',
      'G:property',
      'page:enumMember',
      'expect:keyword',
      'iommu0:variable',
      'NEST:property',
      '1:number',
    ]);
  });

  test('calls, processes, queues and files of sysfs', () => {
    const of = (text: string, from: string): string[] => {
      const all = shown(text);
      return all.slice(all.indexOf(from));
    };
    expect(
      of(
        'uapi iommu-2018-04\nstruct pasid_table_config t { }\nscenario "s" { submit t to bind_pasid_table on dev0 }',
        'submit:keyword',
      ),
    ).toEqual([
      'submit:keyword',
      't:variable',
      'to:keyword',
      'bind_pasid_table:function',
      'on:keyword',
      'dev0:variable',
    ]);
    expect(
      of('uapi vfio-2018-02\nmachine { process worker { mm = 0 } }\nscenario "s" { exit worker }', 'process:keyword'),
    ).toEqual([
      'process:keyword',
      'worker:variable.declaration',
      'mm:property',
      '0:number',
      'scenario:keyword',
      '"s":string',
      'exit:keyword',
      'worker:variable',
    ]);
    expect(of('uapi iommufd-6.12\nraw b size 8\nscenario "s" { read fd 5 into b }', 'read:keyword')).toEqual([
      'read:keyword',
      'fd:keyword',
      '5:number',
      'into:keyword',
      'b:variable',
    ]);
    expect(of('uapi iommu-2018-04\nmachine { iommu smmuv3 { httu = access+dirty } }', 'httu:property')).toEqual([
      'httu:property',
      'access:enumMember',
      'dirty:enumMember',
    ]);
  });

  test('doc comments, and comments over several lines', () => {
    expect(shown('//! file\n/// doc\nlet a = 1\n/* one\n   two */')).toEqual([
      '//! file:comment.documentation',
      '/// doc:comment.documentation',
      'let:keyword',
      'a:variable.declaration.readonly',
      '1:number',
      '/* one:comment',
      'two */:comment',
    ]);
  });

  test('sorted, without overlap, none over a line end, whatever the text', () => {
    for (const text of UNFINISHED) {
      let last = 0;
      const wrong = semanticTokens(resolveText(text)).filter(({ start, end, type }) => {
        const isRight =
          last <= start && start < end && !/[\r\n]/.test(text.slice(start, end)) && SEMANTIC_TYPES.includes(type);
        last = end;
        return !isRight;
      });
      expect(wrong).toEqual([]);
    }
  });
});
