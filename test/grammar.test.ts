import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import oniguruma from 'vscode-oniguruma';
import textmate, { type IGrammar } from 'vscode-textmate';
import { grammar } from '../syntaxes/grammar.ts';

const FILE = new URL('../syntaxes/vsva.tmLanguage.json', import.meta.url);

async function load(): Promise<IGrammar> {
  const wasm = readFileSync(createRequire(import.meta.url).resolve('vscode-oniguruma/release/onig.wasm'));
  await oniguruma.loadWASM(wasm);
  const registry = new textmate.Registry({
    onigLib: Promise.resolve({
      createOnigScanner: (patterns) => new oniguruma.OnigScanner(patterns),
      createOnigString: (text) => new oniguruma.OnigString(text),
    }),
    loadGrammar: async () => textmate.parseRawGrammar(readFileSync(FILE, 'utf8'), 'vsva.tmLanguage.json'),
  });
  return (await registry.loadGrammar('source.vsva'))!;
}
const loaded = load();

/** Each token that has a scope of its own, as `text  scope`. */
async function tokens(text: string): Promise<string> {
  const g = await loaded;
  let stack = textmate.INITIAL;
  return text
    .split('\n')
    .flatMap((line) => {
      const result = g.tokenizeLine(line, stack);
      stack = result.ruleStack;
      return result.tokens.flatMap(({ startIndex, endIndex, scopes }) => {
        const scope = scopes.at(-1)!.replace(/\.vsva$/, '');
        const word = line.slice(startIndex, endIndex).trim();
        return scopes.length === 1 || word === '' ? [] : [`${word}  ${scope}`];
      });
    })
    .join('\n');
}

describe('grammar', () => {
  test('the file is what the tables give; `node scripts/grammar.mjs` writes it', () => {
    expect(JSON.parse(readFileSync(FILE, 'utf8'))).toEqual(JSON.parse(JSON.stringify(grammar)));
  });

  test('declarations', async () => {
    const text = `//! of the file
uapi vfio-2020-07 { bind_error_lost = off }
include "a\\"b.vsva"
let page = 4K // a line
/* two
lines */
/// a doc
bind_data guest { .gpgd = gpt.root, vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE }
struct iommu_inv_addr_info where = base
array both of iommu_inv_pasid_info { { pasid = 1 } }
raw buffer size 64
pagetable gpt x86-64-la57 at 0x1000_0000 { 0x7f00_0000_0000 size 2M -> 0x4000_0000 rw page 2M }
machine {
  iommu vtd { FS5LP = 0 }
  device dev0 { ats = 1 }
  ram 0 size 1G -> 0x1_0000_0000
}`;
    expect(await tokens(text)).toMatchInlineSnapshot(`
      "//! of the file  comment.line.documentation
      uapi  keyword.declaration
      vfio-2020-07  entity.name.namespace
      bind_error_lost  variable.other.property
      =  keyword.operator
      include  keyword.control.import
      "  string.quoted.double
      a  string.quoted.double
      \\"  constant.character.escape
      b.vsva  string.quoted.double
      "  string.quoted.double
      let  keyword.declaration
      page  variable.other.constant
      =  keyword.operator
      4K  constant.numeric
      // a line  comment.line.double-slash
      /*  comment.block
      two  comment.block
      lines  comment.block
      */  comment.block
      /// a doc  comment.line.documentation
      bind_data  storage.type
      guest  entity.name.type
      .gpgd  variable.other.property
      =  keyword.operator
      vendor.vtd.flags  variable.other.property
      =  keyword.operator
      IOMMU_SVA_VTD_GPASID_SRE  support.constant
      struct  keyword.declaration
      iommu_inv_addr_info  support.type
      where  entity.name.type
      =  keyword.operator
      array  keyword.declaration
      both  entity.name.type
      of  keyword.other.option
      iommu_inv_pasid_info  support.type
      pasid  variable.other.property
      =  keyword.operator
      1  constant.numeric
      raw  keyword.declaration
      buffer  entity.name.type
      size  keyword.other.option
      64  constant.numeric
      pagetable  keyword.declaration
      gpt  entity.name.type
      x86-64-la57  support.type
      at  keyword.other.option
      0x1000_0000  constant.numeric
      0x7f00_0000_0000  constant.numeric
      size  keyword.other.option
      2M  constant.numeric
      ->  keyword.operator
      0x4000_0000  constant.numeric
      page  keyword.other.option
      2M  constant.numeric
      machine  keyword.declaration
      iommu  keyword.other.machine
      vtd  entity.name.type
      FS5LP  variable.other.property
      =  keyword.operator
      0  constant.numeric
      device  keyword.other.machine
      dev0  entity.name.type
      ats  variable.other.property
      =  keyword.operator
      1  constant.numeric
      ram  keyword.other.machine
      0  constant.numeric
      size  keyword.other.option
      1G  constant.numeric
      ->  keyword.operator
      0x1_0000_0000  constant.numeric"
    `);
  });

  test('steps and outcomes', async () => {
    const text = `scenario "title" for size in [0, 8] {
  submit pasid_request { argsz = sizeof(struct vfio_iommu_type1_pasid_request) } mapped 15 as pasid expect EFAULT
  dma read dev0 pasid pasid at buffer + 4K size 8 priv ats expect hpa 0x1_4000_0000, miss, refs 24 or fault SFS.2
  map gpt 0x1000 size 16K -> 0x5000 rw page 4K
  host map gpa 0x1000 size 8K -> 0x2_0000_0000
  write user &buffer u32 = 0x1234
  invalidate iommu0 p_iotlb_inv { G = page, DID = 2, PASID = pasid, ADDR = buffer }
  expect uncached dev0 pasid pasid at buffer
  expect second == 2 && hit < 3
  submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU expect hidden EINVAL, reason argsz-too-small
  note "done"
}`;
    expect(await tokens(text)).toMatchInlineSnapshot(`
      "scenario  keyword.declaration
      "  string.quoted.double
      title  string.quoted.double
      "  string.quoted.double
      for  keyword.control
      in  keyword.control
      0  constant.numeric
      8  constant.numeric
      submit  keyword.control.step
      pasid_request  storage.type
      argsz  variable.other.property
      =  keyword.operator
      sizeof  keyword.operator.word
      vfio_iommu_type1_pasid_request  support.type
      mapped  keyword.other.option
      15  constant.numeric
      as  keyword.other.option
      pasid  variable.other.readwrite
      expect  keyword.control.expect
      EFAULT  constant.other.errno
      dma  keyword.control.step
      read  keyword.other.access
      pasid  keyword.other.option
      pasid  variable.other.readwrite
      at  keyword.other.option
      +  keyword.operator
      4K  constant.numeric
      size  keyword.other.option
      8  constant.numeric
      priv  keyword.other.option
      ats  keyword.other.option
      expect  keyword.control.expect
      hpa  keyword.other.outcome
      0x1_4000_0000  constant.numeric
      miss  keyword.other.outcome
      refs  keyword.other.outcome
      24  constant.numeric
      or  keyword.control.expect
      fault  keyword.other.outcome
      SFS.2  constant.other.fault
      map  keyword.control.step
      0x1000  constant.numeric
      size  keyword.other.option
      16K  constant.numeric
      ->  keyword.operator
      0x5000  constant.numeric
      page  keyword.other.option
      4K  constant.numeric
      host  keyword.control.step
      map  keyword.other.access
      gpa  keyword.other.access
      0x1000  constant.numeric
      size  keyword.other.option
      8K  constant.numeric
      ->  keyword.operator
      0x2_0000_0000  constant.numeric
      write  keyword.control.step
      user  keyword.other.access
      &  keyword.operator
      u32  storage.type
      =  keyword.operator
      0x1234  constant.numeric
      invalidate  keyword.control.step
      p_iotlb_inv  support.function
      G  variable.other.property
      =  keyword.operator
      DID  variable.other.property
      =  keyword.operator
      2  constant.numeric
      PASID  variable.other.property
      =  keyword.operator
      ADDR  variable.other.property
      =  keyword.operator
      expect  keyword.control.expect
      uncached  keyword.other.outcome
      pasid  keyword.other.option
      pasid  variable.other.readwrite
      at  keyword.other.option
      expect  keyword.control.expect
      ==  keyword.operator
      2  constant.numeric
      &&  keyword.operator
      <  keyword.operator
      3  constant.numeric
      submit  keyword.control.step
      VFIO_TYPE1v2_IOMMU  support.constant
      to  keyword.other.option
      VFIO_SET_IOMMU  support.constant
      expect  keyword.control.expect
      hidden  keyword.other.outcome
      EINVAL  constant.other.errno
      reason  keyword.other.outcome
      -  keyword.operator
      -  keyword.operator
      note  keyword.control.step
      "  string.quoted.double
      done  string.quoted.double
      "  string.quoted.double"
    `);
  });

  test('names that are also words of the language stay names', async () => {
    expect(await tokens('size = 4\nmap = 3\nlet hit = 2')).toMatchInlineSnapshot(`
      "size  variable.other.property
      =  keyword.operator
      4  constant.numeric
      map  variable.other.property
      =  keyword.operator
      3  constant.numeric
      let  keyword.declaration
      hit  variable.other.constant
      =  keyword.operator
      2  constant.numeric"
    `);
  });
});
