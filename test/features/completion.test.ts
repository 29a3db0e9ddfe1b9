import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type CompletionItem, complete, completionDoc } from '../../server/features/completion.ts';
import { GUEST } from '../run-text.ts';
import { atCursor } from './fixture.ts';

/** Items at `|`, in the order in which an editor shows them. `text` follows a `uapi` line. */
function at(text: string, uapi = 'uapi vfio-2020-07\n'): CompletionItem[] {
  const { resolved, offset } = atCursor(`${uapi}${text}`.replace('|', '$0'));
  return [...complete(resolved, offset)].sort((a, b) => (a.sortText < b.sortText ? -1 : 1));
}

const labels = (text: string, uapi?: string): string[] => at(text, uapi).map((item) => item.label);
const first = (text: string, n: number): string[] => labels(text).slice(0, n);

/** In a scenario behind the declarations of GUEST. */
const inScenario = (line: string): string => `${GUEST}\nscenario "s" {\n  submit alloc as pasid\n  ${line}\n}\n`;

describe('declarations', () => {
  test('an empty line offers keywords and payload kinds', () => {
    const found = labels('|');
    expect(found).toEqual(
      expect.arrayContaining(['scenario', 'let', 'machine', 'pagetable', 'bind_data', 'nesting_op']),
    );
    expect(found).not.toContain('uapi');
    expect(found).not.toContain('evolve');
    expect(labels('|', '')[0]).toBe('uapi');
  });

  test('a half-typed word is replaced as a whole', () => {
    const { resolved, offset } = atCursor('uapi vfio-2020-07\nsce$0nar\n');
    const item = complete(resolved, offset).find((i) => i.label === 'scenario')!;
    expect(resolved.sources[0]!.text.slice(item.replace.start, item.replace.end)).toBe(
      'scenar'.replace('scenar', 'scenar'),
    );
    expect(item.isSnippet).toBe(true);
  });

  test('a payload kind comes with the fields that every payload begins with', () => {
    const item = at('|').find((i) => i.label === 'bind_data')!;
    expect(item.insertText).toBe(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a snippet placeholder
      'bind_data ${1:name} {\n  argsz = sizeof\n  version = IOMMU_GPASID_BIND_VERSION_1\n  format = IOMMU_PASID_FORMAT_INTEL_VTD\n  $0\n}',
    );
  });

  test('behind uapi stand generations, and in its braces quirks', () => {
    expect(labels('uapi |', '')).toEqual(expect.arrayContaining(['vfio-2020-07', 'iommufd-6.8']));
    expect(labels('uapi |', '')[0]).toBe('vfio-2020-07');
    const typed = at('uapi vfio-20|', '');
    expect(typed[0]).toMatchObject({ label: 'vfio-2020-07', replace: { start: 5, end: 12 } });
    expect(labels('uapi vfio-2020-07 { | }', '')).toContain('bind_error_lost');
    expect(labels('uapi vfio-2020-07 { bind_error_lost = off, | }', '')).not.toContain('bind_error_lost');
    expect(labels('uapi vfio-2020-07 { bind_error_lost = | }', '')).toEqual(['on', 'off']);
  });

  test('names are not offered where a new one is due', () => {
    for (const text of ['let |', 'bind_data |', 'pagetable |', 'raw |', 'scenario "s" for |'])
      expect(labels(text)).toEqual([]);
  });

  test('page tables: formats, at, space, entry bits', () => {
    expect(labels('pagetable gpt |')).toEqual(['x86-64', 'x86-64-la57', 'vtd-ss-3', 'vtd-ss', 'vtd-ss-5']);
    expect(at('pagetable gpt x86-|').map((i) => i.label)).toContain('x86-64-la57');
    expect(labels('pagetable gpt x86-64 |')).toEqual(['at', 'space']);
    expect(labels('pagetable gpt x86-64 at 0x1000_0000 space |')).toEqual(['gpa', 'hpa']);
    const table = (line: string): string => `pagetable gpt x86-64 at 0x1000_0000 {\n  ${line}\n}`;
    expect(labels(table('0x1000 -> 0x2000 |'))).toEqual(expect.arrayContaining(['rw', 'page', 'accessed', 'nx']));
    expect(labels(table('0x1000 -> 0x2000 rw accessed |'))).not.toContain('accessed');
    expect(labels(table('0x1000 -> 0x2000 rw page |'))).toEqual(['4K', '2M', '1G']);
    expect(labels(table('0x1000 |'))).toEqual(['size']);
  });

  test('structs and bases', () => {
    expect(labels('struct |')).toContain('vfio_iommu_type1_info');
    expect(labels('array x of |')).toContain('iommu_inv_pasid_info');
    expect(labels(`${GUEST}nesting_op again = |`)).toEqual(['bind', 'unbind', 'flush']);
    expect(labels(`${GUEST}struct vfio_iommu_type1_nesting_op again = |`)).toEqual(['bind', 'unbind', 'flush']);
  });

  test('nothing in comments, strings and numbers', () => {
    for (const text of ['// |', '/* | */', 'include "|"', 'let a = 0x1|', '/// doc |'])
      expect(labels(text), text).toEqual([]);
  });
});

describe('machine', () => {
  test('items, keys, capability fields', () => {
    expect(labels('machine { | }')).toEqual(['container', 'iommu', 'device', 'ram', 'haw']);
    expect(labels('machine { iommu | }')).toEqual(['vtd']);
    expect(labels('machine { iommu vtd { FS5LP = 0, | } }')).toEqual(
      expect.arrayContaining(['cap', 'ecap', 'haw', 'NEST', 'MGAW']),
    );
    expect(labels('machine { iommu vtd { FS5LP = 0, | } }')).not.toContain('FS5LP');
    expect(labels('machine { device dev0 { ats = 1, | } }')).toEqual(['bdf', 'sid', 'pasid', 'pri', 'group']);
    expect(first('machine { container { type = | } }', 1)).toEqual(['VFIO_TYPE1_NESTING_IOMMU']);
    expect(labels('machine { device dev0 { ats = | } }')).toEqual(['0', '1']);
    expect(labels('machine { ram 0 size 1G | }')).toEqual([]);
    expect(labels('machine { ram 0 size 1G -> 4G | }')).toEqual(['page']);
  });
});

describe('fields', () => {
  const info = (line: string): string => `cache_invalidate_info c {\n  argsz = sizeof\n  ${line}\n}\n`;

  test('fields that are not set yet, in the order of the struct, padding last', () => {
    const found = labels(info('|'));
    expect(found.slice(0, 3)).toEqual(['version', 'cache', 'granularity']);
    expect(found).not.toContain('argsz');
    expect(found.at(-1)).toBe('padding');
  });

  test('the member that the selector chooses comes before the other', () => {
    const addr = labels(info('granularity = IOMMU_INV_GRANU_ADDR\n  |'));
    expect(addr.indexOf('granu.addr_info')).toBeLessThan(addr.indexOf('granu.pasid_info'));
    const pasid = labels(info('granularity = IOMMU_INV_GRANU_PASID\n  |'));
    expect(pasid.indexOf('granu.pasid_info')).toBeLessThan(pasid.indexOf('granu.addr_info'));
    expect(pasid.indexOf('granu.pasid_info.flags')).toBeLessThan(pasid.indexOf('granu.addr_info.flags'));
    expect(labels(info('granularity = IOMMU_INV_GRANU_PASID\n  granu.|'))).toEqual(
      expect.arrayContaining(['pasid_info', 'addr_info']),
    );
  });

  test('inside a nested block and behind a path', () => {
    const rest = ['archid', 'pasid', 'addr', 'granule_size', 'nb_granules'];
    expect(labels(info('granu.addr_info = { flags = 1, | }'))).toEqual(rest);
    expect(labels(info('granu.addr_info { flags = 1, | }'))).toEqual(rest);
    expect(labels(info('granu { addr_info { flags = 1, | } }'))).toEqual(rest);
    expect(labels(info('granu.addr_info.flags = 1\n  granu.addr_info.|'))).toEqual(rest);
    expect(labels(info('granu.addr_info.flags = 1\n  .granu.addr_info.ad|'))).toEqual(rest);
  });

  test('a name alone is inserted where the value stands already', () => {
    expect(at(info('vers| = 1')).find((i) => i.label === 'version')!.insertText).toBe('version');
    expect(at(info('vers|')).find((i) => i.label === 'version')!.insertText).toBe(
      'version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1',
    );
    expect(at(info('|')).find((i) => i.label === 'cache')!.insertText).toBe('cache = ');
  });

  test('inline payloads and arrays of structs', () => {
    expect(labels(`${GUEST}nesting_op n { data = cache_invalidate_info { argsz = sizeof, | } }`)).toContain(
      'granularity',
    );
    expect(labels(`${GUEST}nesting_op n { data = cache_invalidate_info = page { | } }`)).toContain('granularity');
    expect(labels(inScenario('submit pasid_request { | }'))).toEqual(
      expect.arrayContaining(['argsz', 'flags', 'range']),
    );
    expect(labels(inScenario('submit struct vfio_iommu_type1_info { | }'))).toContain('argsz');
    expect(labels('array a of iommu_inv_pasid_info { { pasid = 1 }, { | } }')).toEqual(['flags', 'archid', 'pasid']);
  });

  test('also in a payload that is never closed', () => {
    expect(labels('cache_invalidate_info c {\n  argsz = sizeof\n  |')).toContain('granularity');
    expect(labels('cache_invalidate_info c {\n  |\n\nscenario "s" {\n}\n')).toContain('granularity');
    expect(labels('cache_invalidate_info c {\n  granu.addr_info = {\n    |\n\nscenario "s" {\n}\n')).toContain(
      'nb_granules',
    );
  });
});

describe('values', () => {
  const bind = (line: string): string => `${GUEST}let width = 48\nbind_data b {\n  ${line}\n}\n`;

  test('legal constants come first, then names', () => {
    expect(first(bind('version = |'), 1)).toEqual(['IOMMU_GPASID_BIND_VERSION_1']);
    expect(first(bind('vendor.vtd.flags = |'), 2)).toEqual(['IOMMU_SVA_VTD_GPASID_SRE', 'IOMMU_SVA_VTD_GPASID_EAFE']);
    expect(first(bind('argsz = |'), 1)).toEqual(['sizeof']);
    expect(first(bind('gpgd = |'), 1)).toEqual(['gpt.root']);
    expect(labels(bind('addr_width = |'))).toContain('width');
  });

  test('a flag that stands there already is not offered again', () => {
    const { resolved, offset } = atCursor(
      `uapi vfio-2020-07\n${bind('vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE | $0')}`,
    );
    const found = complete(resolved, offset).map((i) => i.label);
    expect(found).toContain('IOMMU_SVA_VTD_GPASID_PCD');
    const sorted = [...complete(resolved, offset)].sort((a, b) => (a.sortText < b.sortText ? -1 : 1));
    expect(sorted[0]!.label).toBe('IOMMU_SVA_VTD_GPASID_EAFE');
  });

  test('PASIDs that a scenario asks for', () => {
    const { resolved, offset } = atCursor(
      `uapi vfio-2020-07\n${GUEST}bind_data b {\n  hpasid = $0\n}\nscenario "s" {\n  submit alloc as pasid_of_s\n}\n`,
    );
    const [best] = [...complete(resolved, offset)].sort((a, b) => (a.sortText < b.sortText ? -1 : 1));
    expect(best).toMatchObject({ label: 'pasid_of_s', kind: 'result' });
  });

  test('payloads behind data =', () => {
    expect(first(`${GUEST}nesting_op n { data = | }`, 2)).toEqual(['guest', 'page']);
    expect(labels(`${GUEST}nesting_op n { data = | }`)).toContain('cache_invalidate_info');
  });

  test('members of tables, payloads, devices and the IOMMU', () => {
    expect(labels('pagetable gpt x86-64 at 0 { }\nlet a = gpt.|')).toEqual(['root']);
    expect(labels(`${GUEST}let a = page.granu.addr_info.|`)).toContain('nb_granules');
    expect(labels('let a = dev0.|')).toEqual(['sid']);
    expect(labels('let a = iommu0.|')).toEqual(expect.arrayContaining(['CAP', 'NEST']));
  });

  test('inside sizeof, offsetof and behind &', () => {
    expect(labels(`${GUEST}let a = sizeof(|)`)).toEqual(expect.arrayContaining(['struct', 'guest']));
    expect(labels('let a = sizeof(struct |)')).toContain('iommu_gpasid_bind_data');
    expect(labels('let a = offsetof(struct iommu_gpasid_bind_data, |)')).toContain('gpgd');
    expect(labels('let a = offsetof(struct vfio_iommu_type1_pasid_request, range.|)')).toEqual(['min', 'max']);
    expect(labels(`${GUEST}let a = &|`)).toEqual(['guest', 'bind', 'unbind', 'page', 'flush', 'alloc']);
  });
});

describe('steps', () => {
  test('step words, without those of other generations', () => {
    const found = labels(inScenario('|'));
    expect(found).toEqual(expect.arrayContaining(['submit', 'dma', 'map', 'expect', 'for', 'invalidate', 'reuse']));
    for (const word of ['inject', 'respond', 'command', 'replace', 'parallel']) expect(found).not.toContain(word);
  });

  test('payloads behind submit, then options', () => {
    expect(first(inScenario('submit |'), 4)).toEqual(['bind', 'unbind', 'flush', 'alloc']);
    expect(labels(inScenario('submit |'))).not.toContain('guest ');
    expect(labels(inScenario('submit bind |'))).toEqual(['to', 'mapped', 'fail_nth', 'as', 'expect']);
    expect(labels(inScenario('submit bind fail_nth 1 |'))).toEqual(['to', 'mapped', 'as', 'expect']);
    expect(labels(inScenario('submit bind to |'))).toContain('VFIO_IOMMU_NESTING_OP');
    expect(labels(inScenario('submit alloc as |'))).toEqual([]);
    expect(labels(inScenario('submit nesting_op = |'))).toEqual(['bind', 'unbind', 'flush']);
    expect(labels(inScenario('submit nesting_op = bind { argsz = 8 } |'))).toContain('expect');
  });

  test('dma', () => {
    expect(labels(inScenario('dma |'))).toEqual(['read', 'write', 'exec']);
    expect(labels(inScenario('dma read |'))).toEqual(['dev0']);
    expect(first(inScenario('dma read dev0 |'), 2)).toEqual(['pasid', 'at']);
    expect(first(inScenario('dma read dev0 pasid |'), 1)).toEqual(['pasid']);
    expect(labels(inScenario('dma read dev0 pasid pasid |'))).not.toContain('pasid');
    expect(labels(inScenario('dma read dev0 pasid pasid at 0x10 + |'))).toContain('gpt.root');
    expect(labels(inScenario('dma read dev0 | at 0x10'))).not.toContain('at');
    expect(labels(inScenario('dma read dev0 at 0x10 ats |'))).toEqual(['pasid', 'size', 'priv', 'as', 'expect']);
  });

  test('tables and mappings', () => {
    for (const step of ['map', 'unmap', 'protect']) expect(labels(inScenario(`${step} |`))).toEqual(['gpt']);
    expect(labels(inScenario('unmap gpt 0x1000 |'))).toEqual(['size', 'expect']);
    expect(first(inScenario('protect gpt 0x1000 size 4K |'), 1)).toEqual(['rw']);
    expect(labels(inScenario('map gpt 0x1000 -> 0x2000 rw |'))).toEqual(
      expect.arrayContaining(['page', 'dirty', 'expect']),
    );
    expect(labels(inScenario('host |'))).toEqual(['map', 'unmap', 'protect']);
    expect(labels(inScenario('host unmap |'))).toEqual(['gpa']);
    expect(labels(inScenario('reuse |'))).toEqual(['gpa', 'hpa']);
    expect(labels(inScenario('read |'))).toEqual(['gpa', 'hpa', 'user']);
    expect(labels(inScenario('read gpa 0x10 |'))).toEqual(expect.arrayContaining(['u8', 'u64', 'as']));
  });

  test('outcomes', () => {
    expect(first(inScenario('dma read dev0 at 0 expect |'), 3)).toEqual(['hpa', 'fault', 'miss']);
    expect(labels(inScenario('dma read dev0 at 0 expect miss, |'))).toContain('refs');
    expect(labels(inScenario('dma read dev0 at 0 expect fault |'))).toContain('SFS.2');
    expect(labels(inScenario('dma read dev0 at 0 expect fault SFS.|'))).toContain('SFS.2');
    expect(labels(inScenario('dma read dev0 at 0 expect hit |'))).toEqual(expect.arrayContaining(['iotlb', 'devtlb']));
    expect(labels(inScenario('submit bind expect |'))).toEqual(
      expect.arrayContaining(['ok', 'EINVAL', 'hidden', 'reason']),
    );
    expect(labels(inScenario('submit bind expect hidden |'))).toContain('EINVAL');
    expect(labels(inScenario('submit bind expect hidden EINVAL, reason |'))).toContain('version-wrong');
    expect(labels(inScenario('submit bind expect EINVAL, reason argsz-too|'))).toContain('argsz-too-small');
    expect(labels(inScenario('submit bind expect EINVAL |'))).toEqual(['or']);
    expect(labels(inScenario('submit bind expect EINVAL or |'))).toContain('EBUSY');
    expect(labels(inScenario('submit bind expect EINVAL,\n    |'))).toContain('returns');
  });

  test('assertions', () => {
    expect(first(inScenario('expect |'), 4)).toEqual(['cached', 'uncached', 'bound', 'unbound']);
    expect(labels(inScenario('expect cached |'))).toEqual(expect.arrayContaining(['devtlb', 'dev0']));
    expect(labels(inScenario('expect cached dev0 |'))).toEqual(['pasid', 'at']);
    expect(first(inScenario('expect bound dev0 pasid |'), 1)).toEqual(['pasid']);
  });

  test('hardware commands and their fields', () => {
    expect(labels(inScenario('invalidate |'))).toEqual(['iommu0']);
    expect(labels(inScenario('invalidate iommu0 |'))).toContain('p_iotlb_inv');
    expect(labels(inScenario('invalidate iommu0 p_iotlb_inv { DID = 2, | }'))).toEqual(
      expect.arrayContaining(['G', 'PASID', 'ADDR']),
    );
    expect(labels(inScenario('invalidate iommu0 p_iotlb_inv { G = | }'))).toEqual(['pasid', 'page']);
  });

  test('names that are in scope: bound above, loop variables inside their loop', () => {
    const scenario = `scenario "s" for n in [1] {\n  for i in 0..4 {\n    let inner = |\n  }\n  let later = 1\n}\n`;
    const found = labels(scenario);
    expect(found).toEqual(expect.arrayContaining(['n', 'i']));
    expect(found).not.toContain('later');
    expect(labels(`scenario "s" {\n  for i in 0..4 { }\n  let x = |\n}\n`)).not.toContain('i');
    expect(labels('scenario "s" {\n  let a = 1\n}\nscenario "t" {\n  let b = |\n}\n')).not.toContain('a');
  });

  test('below a payload that is never closed', () => {
    expect(labels('scenario "s" {\n  submit pasid_request {\n    argsz = sizeof\n  dma read |\n}\n')).toEqual(['dev0']);
    expect(labels('scenario "s" {\n  for i in 0..4 {\n    submit pasid_request {\n    dma read dev0 at |')).toContain(
      'i',
    );
  });

  test('half-typed lines among others', () => {
    expect(labels(inScenario('sub|\n  dma read dev0 at 0'))).toContain('submit');
    expect(first(inScenario('submit |\n  dma read dev0 at 0'), 1)).toEqual(['bind']);
    expect(first(inScenario('dma read dev0 pasid |\n  unmap gpt 0'), 1)).toEqual(['pasid']);
  });
});

describe('documentation', () => {
  const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  const examples = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.vsva'));

  test('every key that is handed out leads to a text', () => {
    const texts = [
      '|',
      'uapi |',
      'struct |',
      inScenario('|'),
      inScenario('submit bind expect |'),
      inScenario('dma read dev0 at 0 expect fault |'),
      inScenario('submit bind expect reason |'),
      `${GUEST}bind_data b {\n  |\n}`,
      'machine { iommu vtd { | } }',
      'pagetable g |',
      'pagetable g x86-64 at 0 {\n 1 -> 2 |\n}',
      inScenario('invalidate iommu0 |'),
      'uapi vfio-2020-07 { | }',
    ];
    for (const text of texts)
      for (const { docKey, label } of at(text, text.startsWith('uapi') ? '' : undefined))
        if (docKey) expect(completionDoc(docKey), `${label}: ${docKey}`).not.toBe('');
  });

  test('an unknown key has no text', () => {
    expect(completionDoc('nothing at all')).toBe('');
    expect(completionDoc('')).toBe('');
    expect(completionDoc('struct')).toBe('');
  });

  test('every offset of every example answers', () => {
    for (const name of examples) {
      const text = readFileSync(join(ROOT, 'examples', name), 'utf8');
      const { resolved } = atCursor(`$0${text}`);
      for (let offset = 0; offset <= text.length; offset += 7) complete(resolved, offset);
    }
  });

  test('what stands in the examples would have been offered there', () => {
    const guest = readFileSync(join(ROOT, 'examples/include/guest.vsva'), 'utf8');
    const missing: string[] = [];
    for (const name of examples) {
      const text = readFileSync(join(ROOT, 'examples', name), 'utf8');
      const { resolved } = atCursor(`$0${text}`, { 'include/guest.vsva': guest });
      for (const match of text.replace(/\/\/.*|"[^"\n]*"/g, (m) => ' '.repeat(m.length)).matchAll(/[A-Za-z_]\w*/g)) {
        const items = complete(resolved, match.index);
        const stands = ({ label, replace }: CompletionItem): boolean =>
          text.startsWith(label, replace.start) || label.endsWith(`.${match[0]}`);
        if (items.length > 0 && !items.some(stands))
          missing.push(`${name}: ${text.slice(text.lastIndexOf('\n', match.index) + 1, match.index)}|${match[0]}`);
      }
    }
    expect(missing).toEqual([]);
  });
});
