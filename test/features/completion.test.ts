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
    expect(found).toContain('evolve');
    expect(found).not.toContain('uapi');
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
    const typed = at('uapi vfio-20|', '');
    expect(typed).toContainEqual(expect.objectContaining({ label: 'vfio-2020-07', replace: { start: 5, end: 12 } }));
    expect(labels('uapi vfio-2020-07 { | }', '')).toContain('bind_error_lost');
    expect(labels('uapi vfio-2020-07 { bind_error_lost = off, | }', '')).not.toContain('bind_error_lost');
    expect(labels('uapi vfio-2020-07 { bind_error_lost = | }', '')).toEqual(['on', 'off']);
  });

  test('evolve: structs, the version, types of new fields and then the fields themselves', () => {
    expect(labels('evolve |')).toEqual(['struct']);
    expect(labels('evolve struct |')).toContain('iommu_gpasid_bind_data');
    expect(labels('evolve struct iommu_gpasid_bind_data |')).toEqual(['version']);
    const evolved = (fields: string): string => `evolve struct iommu_gpasid_bind_data version 2 { ${fields} }\n`;
    expect(first(evolved('|'), 2)).toEqual(['__u8', '__u16']);
    expect(labels(evolved('__u64 |'))).toEqual([]);
    expect(labels(`${evolved('__u64 hint')}bind_data b {\n  |\n}`)).toContain('hint');
    expect(labels('bind_data b {\n  |\n}')).not.toContain('hint');
  });

  test('names are not offered where a new one is due', () => {
    for (const text of ['let |', 'bind_data |', 'pagetable |', 'raw |', 'scenario "s" for |'])
      expect(labels(text)).toEqual([]);
  });

  test('page tables: formats, at, space, entry bits', () => {
    expect(labels('pagetable gpt |')).toEqual([
      'x86-64',
      'x86-64-la57',
      'vtd-ss-3',
      'vtd-ss',
      'vtd-ss-5',
      'aarch64-4k',
      'aarch64-16k',
      'aarch64-64k',
      'aarch64-s2-4k',
      'aarch64-s2-16k',
      'aarch64-s2-64k',
    ]);
    expect(at('pagetable gpt x86-|').map((i) => i.label)).toContain('x86-64-la57');
    expect(labels('pagetable gpt x86-64 |')).toEqual(['at', 'space']);
    expect(labels('pagetable gpt x86-64 at 0x1000_0000 space |')).toEqual(['gpa', 'hpa']);
    const table = (line: string): string => `pagetable gpt x86-64 at 0x1000_0000 {\n  ${line}\n}`;
    expect(labels(table('0x1000 -> 0x2000 |'))).toEqual(expect.arrayContaining(['rw', 'page', 'accessed', 'nx']));
    expect(labels(table('0x1000 -> 0x2000 rw accessed |'))).not.toContain('accessed');
    expect(labels(table('0x1000 -> 0x2000 rw page |'))).toEqual(['4K', '2M', '1G']);
    expect(labels('pagetable t aarch64-16k at 0x4000 {\n  0x0 -> 0x0 page |\n}')).toEqual(['16K', '32M']);
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

describe('machines of other generations', () => {
  const keys = (item: string, uapi: string): string[] => labels(`machine { ${item} { | } }`, `uapi ${uapi}\n`);

  test('items that the generation has, and models that it runs on', () => {
    expect(labels('machine { | }', 'uapi iommufd-6.8\n')).toEqual(['iommu', 'device', 'ram', 'haw', 'iommufd']);
    expect(labels('machine { | }', 'uapi vfio-2018-02\n')).toContain('process');
    expect(labels('machine { iommu | }', 'uapi iommufd-6.8\n')).toEqual(['vtd', 'smmuv3', 'selftest']);
    expect(labels('machine { iommu | }', 'uapi vfio-arm-2020\n')).toEqual(['smmuv3']);
    expect(keys('process worker', 'vfio-2018-02')).toEqual(['pid', 'mm', 'ptrace']);
    expect(keys('iommufd', 'iommufd-6.8')).toEqual(['empty']);
  });

  test('keys of the model that the item names', () => {
    const arm = keys('iommu smmuv3', 'vfio-arm-2020');
    expect(arm).toEqual(expect.arrayContaining(['IDR0', 'AIDR', 'SSIDSIZE', 'OAS']));
    for (const foreign of ['cap', 'ecap', 'haw', 'NEST', 'model', 'ssid_bits']) expect(arm).not.toContain(foreign);
    expect(keys('iommu selftest', 'iommufd-6.8')).toEqual([]);
    expect(keys('iommu vtd', 'iommufd-6.8')).not.toContain('IDR0');
  });

  test('the files of 2018 and their words', () => {
    const of = (setting: string): string[] => labels(`machine { iommu smmuv3 { ${setting} } }`, 'uapi iommu-2018-04\n');
    expect(of('model = 2, |')).toEqual(expect.arrayContaining(['asid_bits', 'httu', 'IDR5']));
    expect(of('model = 2, |')).not.toContain('model');
    expect(of('httu = |')).toEqual(['none', 'access', 'access+dirty']);
    expect(of('httu = access+|')).toEqual(['dirty']);
    expect(labels('let a = iommu0.|', 'uapi iommu-2018-04\nmachine { iommu smmuv3 { } }\n')).toEqual(
      expect.arrayContaining(['IDR0', 'OAS', 'model', 'stall']),
    );
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
    for (const word of ['inject', 'respond', 'replace', 'parallel']) expect(found).not.toContain(word);
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

  test('steps that a generation and its model have', () => {
    const words = (uapi: string, machine = ''): string[] =>
      labels(`${machine}\nscenario "s" {\n  |\n}\n`, `uapi ${uapi}\n`);
    expect(words('iommufd-6.12')).toEqual(expect.arrayContaining(['inject', 'replace', 'unbind', 'dma']));
    expect(words('iommufd-6.12')).not.toContain('respond');
    expect(words('iommu-2018-04')).toEqual(expect.arrayContaining(['inject', 'respond']));
    expect(words('iommu-2018-04')).not.toContain('replace');
    for (const word of ['dma', 'invalidate', 'command']) {
      expect(words('iommufd-6.12', 'machine { iommu selftest { } }')).not.toContain(word);
      expect(words('vfio-arm-2020')).toContain(word);
    }
    for (const uapi of ['iommufd-7.2', 'iommu-2018-05', 'vfio-2021-03'])
      expect(words(uapi), uapi).not.toContain('parallel');
    const bare = words('bare');
    expect(bare).toEqual(expect.arrayContaining(['dma', 'command', 'invalidate', 'inject', 'write', 'reset']));
    for (const word of ['submit', 'host', 'attach', 'detach', 'exit', 'respond', 'unbind', 'parallel'])
      expect(bare, word).not.toContain(word);
  });

  const IOMMUFD = `
machine { device dev0 { ats = 1 } }
struct iommu_hwpt_vtd_s1 s1 { pgtbl_addr = 0x1000, addr_width = 48 }
raw bitmap size 64
struct iommu_hwpt_alloc parent { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_fault_alloc queue { size = sizeof }
struct iommu_hwpt_pgfault request { grpid = 1 }
struct iommu_ioas_alloc space { size = sizeof }
`;
  const fd = (line: string): string[] =>
    labels(`${IOMMUFD}scenario "s" {\n  submit parent as made\n  ${line}\n}\n`, 'uapi iommufd-6.12\n');
  const field = (line: string): string[] =>
    labels(`${IOMMUFD}struct iommu_hwpt_alloc nested { size = sizeof\n  ${line}\n}\n`, 'uapi iommufd-6.12\n');

  test('attach, replace and detach of an iommufd', () => {
    expect(fd('attach dev0 |')).toEqual(['to', 'pasid', 'fail_nth', 'as', 'expect']);
    expect(fd('attach dev0 to |').slice(0, 4)).toEqual([
      'made.out_hwpt_id',
      'parent.out_hwpt_id',
      'space.out_ioas_id',
      'ioas.id',
    ]);
    expect(fd('attach dev0 to made.|')).toContain('out_hwpt_id');
    expect(fd('attach dev0 to ioas.|')).toEqual(['id']);
    expect(fd('attach dev0 to ioas.id | expect EINVAL, reason vtd-pasid-dirty')).toContain('pasid');
    expect(fd('detach dev0 |')).toContain('pasid');
    expect(fd('unbind |')).toEqual(['dev0']);
    expect(fd('expect bound dev0 |')).toEqual(['pasid', 'to']);
    expect(fd('attach dev0 to ioas.id as got\n  expect got.|')).toEqual(['pt_id', 'hwpt_id', 'dev_id']);
    // A container has no objects to attach to.
    expect(labels(inScenario('attach dev0 |'))).toEqual(['fail_nth', 'expect']);
    expect(labels(inScenario('expect bound dev0 |'))).toEqual(['pasid']);
  });

  test('queues by their file descriptor, and what devices report', () => {
    expect(fd('read |')).toEqual(['gpa', 'hpa', 'user', 'fd']);
    expect(fd('read fd |')[0]).toBe('queue.out_fault_fd');
    expect(fd('read fd queue.out_fault_fd |')).toEqual(['into']);
    expect(fd('write fd queue.out_fault_fd |')).toEqual(['from']);
    expect(fd('read fd queue.out_fault_fd into |')).toContain('request');
    expect(fd('read fd queue.out_fault_fd into request |')).toEqual(['size', 'as', 'expect']);
    expect(fd('write fd queue.out_fault_fd from request expect |')).toContain('EINVAL');
    expect(fd('inject dev0 |')[0]).toBe('request');
  });

  test('ids and addresses in fields', () => {
    expect(field('dev_id = |')[0]).toBe('dev0.id');
    expect(field('pt_id = |').slice(0, 3)).toEqual(['parent.out_hwpt_id', 'space.out_ioas_id', 'ioas.id']);
    expect(field('fault_id = |')[0]).toBe('queue.out_fault_id');
    expect(field('data_type = IOMMU_HWPT_DATA_VTD_S1\n  data_uptr = |')[0]).toBe('&s1');
    expect(field('data_type = IOMMU_HWPT_DATA_VTD_S1\n  data_uptr = &|').slice(0, 2)).toEqual(['s1', 'bitmap']);
    expect(fd('expect dev0.|')).toEqual(['sid', 'id', 'hwpt_id']);
    expect(labels('let a = dev0.|', 'uapi vfio-arm-2020\n')).toEqual(['sid', 'stage1']);
  });

  test('older names of fields, behind their own', () => {
    const bind = (fields: string): string[] =>
      labels(`struct vfio_iommu_type1_bind b { argsz = sizeof\n  ${fields}\n}`, 'uapi vfio-2018-02\n');
    expect(bind('|').indexOf('flags')).toBeLessThan(bind('|').indexOf('mode'));
    expect(bind('mode = VFIO_IOMMU_BIND_PROCESS\n  |')).not.toContain('flags');
    expect(bind('flags = VFIO_IOMMU_BIND_PROCESS\n  |')).not.toContain('mode');
    expect(bind('mode = |')[0]).toBe('VFIO_IOMMU_BIND_PROCESS');
  });

  test('calls inside the kernel, the device they are about, and processes', () => {
    const at2018 = (line: string): string[] =>
      labels(`struct pasid_table_config t { }\nscenario "s" {\n  ${line}\n}\n`, 'uapi iommu-2018-04\n');
    expect(at2018('submit t to |').slice(0, 2)).toEqual(['bind_pasid_table', 'unbind_pasid_table']);
    expect(at2018('submit t to bind_pasid_table |')).toContain('on');
    expect(at2018('submit t to bind_pasid_table on |')).toEqual(['dev0']);
    expect(labels('machine { process worker { } }\nscenario "s" {\n  exit |\n}\n', 'uapi vfio-2018-02\n')[0]).toBe(
      'worker',
    );
  });

  test('what a payload carries, behind expect and in members', () => {
    const bind = 'struct vfio_iommu_type1_bind own { flags = VFIO_IOMMU_BIND_PROCESS, data = bind_data { } }\n';
    const at2018 = (line: string): string[] =>
      labels(`${bind}scenario "s" {\n  submit own as made\n  ${line}\n}\n`, 'uapi vfio-2018-02\n');
    expect(at2018('submit own expect |')).toContain('data.pasid');
    expect(at2018('submit own expect data.|')).toContain('pasid');
    expect(at2018('expect made.data.|')).toContain('pasid');
    expect(at2018('submit own expect hidden |')).toContain('skipped');
  });

  test('words of the mock on its machine only', () => {
    const mock = 'machine { iommu selftest { } }\n';
    const lone = (machine: string): string[] =>
      labels(`${machine}scenario "s" {\n  expect |\n}\n`, 'uapi iommufd-6.8\n');
    expect(lone(mock)).toEqual(expect.arrayContaining(['iotlb', 'devcache', 'bound']));
    expect(lone(mock)).not.toContain('cached');
    expect(lone('')).not.toContain('iotlb');
    expect(labels(`${mock}scenario "s" {\n  expect devcache |\n}\n`, 'uapi iommufd-6.8\n')).toEqual(['dev0']);
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
    const others = {
      'iommu-2018-04': ['machine { iommu smmuv3 { | } }', 'let a = iommu0.|', 'scenario "s" {\n  submit x to |\n}'],
      'vfio-2018-02': ['machine { | }', 'machine { process p { | } }', 'struct vfio_iommu_type1_bind b { | }'],
      'iommufd-7.2': ['scenario "s" {\n  attach dev0 |\n}', 'scenario "s" {\n  submit x expect reason |\n}'],
    };
    for (const [uapi, lines] of Object.entries(others))
      for (const line of lines) {
        const found = at(line, `uapi ${uapi}\n`);
        expect(found.length, `${uapi} ${line}`).toBeGreaterThan(0);
        for (const { docKey, label } of found)
          if (docKey) expect(completionDoc(docKey), `${uapi}: ${label}: ${docKey}`).not.toBe('');
      }
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
    const included = Object.fromEntries(
      ['include/guest.vsva', 'include/arm-guest.vsva'].map((name) => [
        name,
        readFileSync(join(ROOT, 'examples', name), 'utf8'),
      ]),
    );
    const missing: string[] = [];
    for (const name of examples) {
      const text = readFileSync(join(ROOT, 'examples', name), 'utf8');
      const { resolved } = atCursor(`$0${text}`, included);
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
