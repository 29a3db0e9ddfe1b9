import { describe, expect, test } from 'vitest';
import { type DocumentSymbol, documentSymbols } from '../../server/features/symbols.ts';
import { resolveText, UNFINISHED } from './fixture.ts';

describe('document symbols', () => {
  const outline = (symbols: readonly DocumentSymbol[], indent = ''): string =>
    symbols
      .map(
        (s) => `${indent}${s.kind} ${s.name}${s.detail ? ` | ${s.detail}` : ''}\n${outline(s.children, `${indent}  `)}`,
      )
      .join('');

  test('the outline of a file', () => {
    const text = `uapi vfio-2020-07 { bind_error_lost = off }
include "guest.vsva"
let a = 1 + 2
machine {
  iommu vtd { FS5LP = 0 }
  device nic { ats = 1 }
  ram 0 size 1G -> 4G
  haw = 46
}
pagetable gpt x86-64 at 0x1000_0000 { 0 -> 0x1000 }
bind_data b { argsz = 8, vendor.vtd { flags = 0 } }
nesting_op n = other { data = bind_data = b { argsz = 1 } }
array both of iommu_inv_pasid_info { { pasid = 1 }, { } }
scenario "one" { note "n" }
scenario "two" for i in 0..2 { }
`;
    expect(
      outline(documentSymbols(resolveText(text, { 'guest.vsva': '' }))),
    ).toBe(`generation vfio-2020-07 | bind_error_lost = off
include guest.vsva | include
let a | 1 + 2
machine machine
  item iommu vtd
    setting FS5LP | 0
  item device nic
    setting ats | 1
  item ram | 0 size 1G
  setting haw | 46
table gpt | x86-64 at 0x1000_0000
payload b | bind_data
  field argsz | 8
  field vendor.vtd
    field flags | 0
payload n | nesting_op = other
  field data | bind_data = b
    field argsz | 1
payload both | array of iommu_inv_pasid_info
  item [0]
    field pasid | 1
  item [1]
scenario one
scenario two | for i
`);
  });

  test('a symbol holds its selection and its children, whatever the text', () => {
    const inside = (symbol: DocumentSymbol): void => {
      const { span, selection, children, name } = symbol;
      expect(name).not.toBe('');
      expect(span.start).toBeLessThanOrEqual(selection.start);
      expect(selection.end).toBeLessThanOrEqual(span.end);
      for (const child of children) inside(child);
    };
    for (const text of UNFINISHED) for (const symbol of documentSymbols(resolveText(text))) inside(symbol);
  });
});
