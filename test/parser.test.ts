import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parse } from '../server/language/parser.ts';
import type { Declaration, Expr, Program, Step } from '../server/language/syntax.ts';
import { visit } from '../server/language/syntax.ts';
import { generateFile } from './bench/generate.ts';
import { checkMarkers, draw } from './markers.ts';
import { cases } from './property.ts';

const SAMPLE = `//! A guest process under a nested table.
uapi vfio-2020-07                       // the argsz generation

/// What the guest hands to the host.
/// Its PASID is 7 there.
bind_data guest_pgd {
  argsz      = sizeof
  flags      = IOMMU_SVA_GPASID_VAL
  gpgd       = gpt.root
  hpasid     = pasid
  gpasid     = 7
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE
}

nesting_op bind   { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL,   data = guest_pgd }
nesting_op unbind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL, data = guest_pgd }

cache_invalidate_info one_page {
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    addr = 0x7f00_0000_0000
    granule_size = 4K
  }
}

pagetable gpt x86-64 at 0x1000_0000 {
  0x7f00_0000_0000 -> 0x4000_0000 rw          // one 4K page, user
}

machine {
  iommu vtd { NEST = 1, PSS = 19 }
  ram 0 size 1G -> 0x1_0000_0000 page 4K
}

scenario "a DMA after an unmap is stale" {
  submit pasid_request { argsz = sizeof, range = { min = 1, max = 100 } } as pasid
  submit bind expect ok
  dma read dev0 pasid pasid at 0x7f00_0000_0010 expect hpa 0x1_4000_0010, miss, refs 24
  unmap gpt 0x7f00_0000_0000
  dma read dev0 pasid pasid at 0x7f00_0000_0010 expect stale or fault SFS.2
  submit unbind
}
`;

/** Parses text that must be free of problems. */
function parsed(text: string): Program {
  const { program, problems } = parse(text);
  expect(draw(text, problems)).toBe(text);
  return program;
}

/** A tree without its spans: names are their text, integers are numbers, a path is dotted. */
function bare(node: unknown): unknown {
  if (typeof node === 'bigint') return node <= Number.MAX_SAFE_INTEGER ? Number(node) : node;
  if (node instanceof Uint8Array) return [...node];
  if (Array.isArray(node)) return node.map(bare);
  if (typeof node !== 'object' || node === null) return node;
  if ('text' in node && !('kind' in node)) return node.text;
  if ('kind' in node && 'start' in node && isExprKind(node.kind) && !('word' in node)) return shown(node as Expr);
  const entries = Object.entries(node).filter(([key]) => !SPANS.has(key));
  return Object.fromEntries(entries.map(([key, value]) => [key, key === 'path' ? dotted(value) : bare(value)]));
}
const SPANS = new Set(['start', 'end', 'head', 'body', 'titleSpan', 'pathSpan']);
const dotted = (path: unknown): unknown =>
  Array.isArray(path) ? path.map((name: { text: string }) => name.text).join('.') : path;

const EXPR_KINDS = 'int string bytes name member address-of unary binary sizeof offsetof list repeat payload'.split(
  ' ',
);
const isExprKind = (kind: unknown): boolean => EXPR_KINDS.includes(String(kind));

/** An expression with every operator in brackets. */
function shown(expr: Expr): unknown {
  switch (expr.kind) {
    case 'int':
      return bare(expr.value);
    case 'string':
      return JSON.stringify(expr.value);
    case 'bytes':
      return `bytes ${Buffer.from(expr.value).toString('hex')}`;
    case 'name':
      return expr.name;
    case 'member':
      return `${expr.object.text}.${dotted(expr.path)}`;
    case 'address-of':
      return `&${[expr.name, ...(expr.path ?? [])].map((name) => name.text).join('.')}`;
    case 'unary':
      return `${expr.op}${shown(expr.operand)}`;
    case 'binary':
      return `(${shown(expr.left)} ${expr.op} ${shown(expr.right)})`;
    case 'sizeof':
      if (expr.of) return expr.of === 'count' ? `ARRAY_SIZE(${expr.name?.text})` : `sizeof(*${expr.name?.text})`;
      return `sizeof${expr.struct ? `(struct ${expr.struct.text})` : expr.name ? `(${expr.name.text})` : ''}`;
    case 'offsetof':
      return `offsetof${expr.past ? 'end' : ''}(struct ${expr.struct.text}, ${dotted(expr.path)})`;
    case 'cast':
      return `(${expr.signed ? 's' : 'u'}${expr.bits})${shown(expr.operand)}`;
    case 'list':
      return expr.items.map((item, i) => {
        const place = expr.places?.get(i);
        return place ? `[${shown(place)}] = ${shown(item)}` : shown(item);
      });
    case 'repeat':
      return `[${shown(expr.item)}; ${shown(expr.count)}]`;
    case 'payload':
      return { inline: bare(expr.payload) };
  }
}

function declaration(text: string): Declaration {
  const { declarations } = parsed(text);
  expect(declarations).toHaveLength(1);
  return declarations[0]!;
}

function expression(text: string): Expr {
  const found = declaration(`let x = ${text}`);
  if (found.kind !== 'let') throw new Error(found.kind);
  return found.value;
}

/** The steps of a scenario, which may have problems. */
function stepsOf(text: string): readonly Step[] {
  const [found] = parse(scenario(text)).program.declarations;
  if (found?.kind !== 'scenario') throw new Error(found?.kind);
  return found.steps;
}
const scenario = (text: string): string => `scenario "s" {\n${text}\n}`;

function steps(text: string): readonly Step[] {
  parsed(scenario(text));
  return stepsOf(text);
}

describe('a whole file', () => {
  test('has no problems and every declaration in order', () => {
    const { declarations, doc } = parsed(SAMPLE);
    expect(doc).toBe('A guest process under a nested table.');
    expect(declarations.map((d) => [d.kind, 'name' in d ? d.name?.text : undefined])).toEqual([
      ['uapi', undefined],
      ['payload', 'guest_pgd'],
      ['payload', 'bind'],
      ['payload', 'unbind'],
      ['payload', 'one_page'],
      ['pagetable', 'gpt'],
      ['machine', undefined],
      ['scenario', undefined],
    ]);
  });

  test('attaches /// to the next declaration', () => {
    const docs = parsed(SAMPLE).declarations.map((d) => ('doc' in d ? d.doc : undefined));
    expect(docs[1]).toBe('What the guest hands to the host.\nIts PASID is 7 there.');
    expect(docs.filter((doc) => doc !== undefined)).toHaveLength(1);
  });

  test('does not attach a /// that follows code, nor four slashes', () => {
    const { declarations } = parsed('let a = 1 /// not of b\nlet b = 2\n//// not of c\nlet c = 3');
    expect(declarations.every((d) => !('doc' in d))).toBe(true);
  });

  test('is the same with Windows line ends and a byte order mark', () => {
    const windows = parsed(`\uFEFF${SAMPLE.replaceAll('\n', '\r\n')}`);
    expect(bare(windows)).toEqual(bare(parsed(SAMPLE)));
  });

  test('nests and reads a scenario', () => {
    const scenario = parsed(SAMPLE).declarations.at(-1)!;
    expect(bare(scenario)).toMatchObject({
      title: 'a DMA after an unmap is stale',
      steps: [
        { kind: 'submit', payload: { inline: { word: 'pasid_request' } }, as: 'pasid' },
        { kind: 'submit', payload: 'bind', expect: { groups: [[{ kind: 'ok' }]] } },
        { kind: 'dma', access: 'read', device: 'dev0', pasid: 'pasid', at: 0x7f00_0000_0010 },
        { kind: 'unmap', table: 'gpt', from: 0x7f00_0000_0000 },
        { kind: 'dma', expect: { groups: [[{ kind: 'stale' }], [{ kind: 'fault', name: 'SFS.2' }]] } },
        { kind: 'submit', payload: 'unbind' },
      ],
    });
  });

  test('names and integers have exact offsets', () => {
    let names = 0;
    visit(parsed(SAMPLE), {
      expr(expr) {
        const source = SAMPLE.slice(expr.start, expr.end);
        if (expr.kind === 'name') expect(source).toBe(expr.name);
        if (expr.kind === 'int' && /^\d+$/.test(source)) expect(BigInt(source)).toBe(expr.value);
        names++;
      },
      step(step) {
        const head = SAMPLE.slice(step.head.start, step.head.end);
        expect(head).not.toContain('expect');
        expect(SAMPLE.slice(step.start, step.end).startsWith(head)).toBe(true);
      },
      payload(payload) {
        expect(SAMPLE.slice(payload.body.start, payload.body.end)).toMatch(/^\{.*\}$/s);
      },
    });
    expect(names).toBeGreaterThan(30);
  });
});

describe('expressions', () => {
  test.each<[string, unknown]>([
    ['0x7f00_0000_0000', 0x7f00_0000_0000],
    ['0b1010', 10],
    ['0o17', 15],
    ['1_000', 1000],
    ['4K', 4096],
    ['2M', 2 << 20],
    ['1G', 1 << 30],
    ['16T', 16 * 2 ** 40],
    ['0x10K', 16384],
    ['0xffff_ffff_ffff_ffff', 0xffff_ffff_ffff_ffffn],
    ['18446744073709551615', 0xffff_ffff_ffff_ffffn],
    ['0x1000ULL', 4096],
    ['1 + 2 * 3', '(1 + (2 * 3))'],
    ['1 - 2 - 3', '((1 - 2) - 3)'],
    ['a | b ^ c & d', '(a | (b ^ (c & d)))'],
    ['1 << 2 + 3', '(1 << (2 + 3))'],
    ['a & b == c', '(a & (b == c))'],
    ['a < b == c >= d', '((a < b) == (c >= d))'],
    ['a && b || c && d', '((a && b) || (c && d))'],
    ['~0 & !x', '(~0 & !x)'],
    ['-(1 + 2) % 3', '(-(1 + 2) % 3)'],
    ['1 |\n  2', '(1 | 2)'],
    ['(1\n  + 2)', '(1 + 2)'],
    ['\n  3', 3],
    ['sizeof', 'sizeof'],
    ['sizeof(struct iommu_page_response)', 'sizeof(struct iommu_page_response)'],
    ['sizeof(guest_pgd) - 4', '(sizeof(guest_pgd) - 4)'],
    ['sizeof(*ranges) * 2', '(sizeof(*ranges) * 2)'],
    ['ARRAY_SIZE(ranges) + 1', '(ARRAY_SIZE(ranges) + 1)'],
    ['ARRAY_SIZE', 'ARRAY_SIZE'],
    ['offsetof(struct a, b.c)', 'offsetof(struct a, b.c)'],
    ['offsetofend(struct a, b)', 'offsetofend(struct a, b)'],
    ['hwpt.out_hwpt_id', 'hwpt.out_hwpt_id'],
    ['iommu0.CAP.NEST', 'iommu0.CAP.NEST'],
    ['inv[1].error', 'inv.1.error'],
    ['&buf', '&buf'],
    ['&buf.data + 8', '(&buf.data + 8)'],
    ['[1, 2, 3]', [1, 2, 3]],
    ['[\n  1,\n  [2], // two\n]', [1, [2]]],
    ['[]', []],
    ['[0; 16]', '[0; 16]'],
    ['bytes "de ad be ef"', 'bytes deadbeef'],
    ['"a\\tb\\x41\\101\\"\\\\"', '"a\\tbAA\\"\\\\"'],
    ['pasid', 'pasid'],
    ['bytes + at', '(bytes + at)'],
    ['bind_data { a = 1 }', { inline: { word: 'bind_data', fields: [{ path: 'a', value: 1 }] } }],
    ['struct s { a = 1 }', { inline: { word: 'struct', struct: 's', fields: [{ path: 'a', value: 1 }] } }],
  ])('%s', (text, tree) => {
    expect(bare(expression(text))).toEqual(tree);
  });
});

describe('declarations', () => {
  test.each<[string, unknown]>([
    ['uapi iommufd-6.12', { kind: 'uapi', id: 'iommufd-6.12', quirks: [] }],
    [
      'uapi vfio-2020-07 { a = off, b = on }',
      {
        id: 'vfio-2020-07',
        quirks: [
          { name: 'a', value: 'off' },
          { name: 'b', value: 'on' },
        ],
      },
    ],
    ['include "../a.vsva"', { kind: 'include', path: '../a.vsva' }],
    ['bind_data b = a { x = 8 }', { word: 'bind_data', name: 'b', base: 'a', fields: [{ path: 'x', value: 8 }] }],
    ['bind_data b = a', { name: 'b', base: 'a', fields: [] }],
    ['bind_data b = a mapped 8', { name: 'b', base: 'a', mapped: 8 }],
    ['bind_data b mapped 4 * 4 {}', { name: 'b', mapped: '(4 * 4)', fields: [] }],
    ['struct iommu_x b\n{ }', { word: 'struct', struct: 'iommu_x', name: 'b' }],
    [
      'array inv of inv_s1 mapped 32 { { a = 0, b = 1 }, { a = 1 }\n{}\n}',
      {
        word: 'array',
        name: 'inv',
        struct: 'inv_s1',
        mapped: 32,
        elements: [
          [
            { path: 'a', value: 0 },
            { path: 'b', value: 1 },
          ],
          [{ path: 'a', value: 1 }],
          [],
        ],
      },
    ],
    ['raw blob bytes "00 ff"', { word: 'raw', name: 'blob', bytes: 'bytes 00ff' }],
    ['raw page size 4K mapped 8', { word: 'raw', name: 'page', size: 4096, mapped: 8 }],
    [
      'pagetable gpt x86-64-la57 at 0x1000 space hpa {\n 1 size 2M -> 2 rw page 2M accessed dirty; 3 -> 4, 5 -> N + 6 r u }',
      {
        kind: 'pagetable',
        name: 'gpt',
        format: 'x86-64-la57',
        root: 4096,
        space: 'hpa',
        mappings: [
          { from: 1, size: 2 << 20, to: 2, perms: 'rw', page: 2 << 20, attributes: ['accessed', 'dirty'] },
          { from: 3, to: 4, attributes: [] },
          { from: 5, to: '(N + 6)', perms: 'ru', attributes: [] },
        ],
      },
    ],
    [
      'evolve struct iommu_x version 2 {\n __u32 model;\n u8 pad[4]\n struct y z\n}',
      {
        kind: 'evolve',
        struct: 'iommu_x',
        version: 2,
        fields: [
          { type: '__u32', name: 'model' },
          { type: 'u8', name: 'pad', count: 4 },
          { type: 'y', name: 'z' },
        ],
      },
    ],
    [
      'machine {\n device dev0 { bdf = "0000:00:02.0", ats = 1 }\n device dev1\n haw = 46\n ram 0 size 1G -> 4G page 2M\n}',
      {
        items: [
          {
            word: 'device',
            name: 'dev0',
            settings: [
              { key: 'bdf', value: '"0000:00:02.0"' },
              { key: 'ats', value: 1 },
            ],
          },
          { word: 'device', name: 'dev1', settings: [] },
          { word: 'haw', settings: [{ key: 'haw', value: 46 }] },
          { word: 'ram', ram: { gpa: 0, size: 1 << 30, hpa: 4 * 2 ** 30, page: 2 << 20 } },
        ],
      },
    ],
    ['scenario "s" for X in [1, 2] { }', { title: 's', loop: { name: 'X', values: { list: [1, 2] } }, steps: [] }],
    ['scenario "s" for X in 1..4\n{ exit }', { loop: { values: { from: 1, to: 4 } }, steps: [{ kind: 'exit' }] }],
  ])('%s', (text, tree) => {
    expect(bare(declaration(text))).toMatchObject(tree as object);
  });

  test('fields as C writes them', () => {
    const tree = declaration(`bind_data b {
  .argsz = sizeof(struct iommu_gpasid_bind_data),
  .vendor.vtd.flags = X | Y,
  .granu = { .addr_info = { .flags = 1 } },
  .padding = { 0 },
  .words = { 1, 2, },
  .pad[3] = 4;
  data = nesting_op { argsz = 8 }
  nested { a = 1; b = 2 } last = 3,
};`);
    expect(bare(tree)).toMatchObject({
      fields: [
        { path: 'argsz', value: 'sizeof(struct iommu_gpasid_bind_data)' },
        { path: 'vendor.vtd.flags', value: '(X | Y)' },
        { path: 'granu', fields: [{ path: 'addr_info', fields: [{ path: 'flags', value: 1 }] }] },
        { path: 'padding', fields: [] },
        { path: 'words', value: [1, 2] },
        { path: 'pad.3', value: 4 },
        { path: 'data', value: { inline: { word: 'nesting_op' } } },
        {
          path: 'nested',
          fields: [
            { path: 'a', value: 1 },
            { path: 'b', value: 2 },
          ],
        },
        { path: 'last', value: 3 },
      ],
    });
  });
});

describe('steps', () => {
  test.each<[string, unknown]>([
    ['submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU', { payload: 'VFIO_TYPE1v2_IOMMU', to: 'VFIO_SET_IOMMU' }],
    ['submit 3 to 0x3b66', { payload: 3, to: 0x3b66 }],
    [
      'submit p as x fail_nth 2 mapped 8 on dev0 to f expect ok',
      { payload: 'p', to: 'f', on: 'dev0', mapped: 8, failNth: 2, as: 'x' },
    ],
    ['submit on on on', { payload: 'on', on: 'on' }],
    ['submit op mapped 8 { a = 1 } as y', { payload: { inline: { word: 'op', mapped: 8 } }, as: 'y' }],
    ['submit op = base { a = 1 }', { payload: { inline: { word: 'op', base: 'base' } } }],
    [
      'submit op {\n a = 1\n} to 3 expect ok',
      { payload: { inline: { word: 'op' } }, to: 3, expect: { groups: [[{ kind: 'ok' }]] } },
    ],
    [
      'dma read dev0 pasid pasid at X size 8 priv ats = V as y',
      {
        kind: 'dma',
        access: 'read',
        device: 'dev0',
        pasid: 'pasid',
        at: 'X',
        size: 8,
        privileged: true,
        ats: true,
        value: 'V',
        as: 'y',
      },
    ],
    ['dma write dev0 at X = 0x1234', { access: 'write', at: 'X', value: 0x1234, privileged: false, ats: false }],
    [
      'map gpt X size 4K -> Y r page 4K nx',
      {
        kind: 'map',
        table: 'gpt',
        mapping: { from: 'X', size: 4096, to: 'Y', perms: 'r', page: 4096, attributes: ['nx'] },
      },
    ],
    ['map gpt X ->\n    Y', { mapping: { from: 'X', to: 'Y' } }],
    ['unmap gpt X + 1 size 2M', { kind: 'unmap', table: 'gpt', from: '(X + 1)', size: 2 << 20 }],
    ['protect gpt X rw', { kind: 'protect', table: 'gpt', from: 'X', perms: 'rw' }],
    ['host unmap gpa X', { kind: 'host', op: 'unmap', gpa: 'X' }],
    ['host protect gpa X size 4K r', { op: 'protect', size: 4096, perms: 'r' }],
    ['host map gpa X -> Y', { op: 'map', gpa: 'X', to: 'Y' }],
    ['reuse hpa X size 4K', { kind: 'reuse', space: 'hpa', at: 'X', size: 4096 }],
    ['write gpa X u32 = 4', { kind: 'write', space: 'gpa', at: 'X', width: 4, value: 4 }],
    ['write hpa X = [a, b]', { space: 'hpa', value: ['a', 'b'] }],
    ['write reg iommu0.GCMD = 3', { kind: 'write-reg', register: { object: 'iommu0', path: 'GCMD' }, value: 3 }],
    ['write fd q.fd from buf size 4', { kind: 'fd', op: 'write', fd: 'q.fd', buffer: 'buf', size: 4 }],
    ['read fd q.fd into buf', { kind: 'fd', op: 'read', fd: 'q.fd', buffer: 'buf' }],
    ['read user &buf + 8 u16 as z', { kind: 'read', space: 'user', at: '(&buf + 8)', width: 2, as: 'z' }],
    [
      'invalidate iommu0 p_iotlb_inv { G = page }',
      { kind: 'invalidate', iommu: 'iommu0', command: 'p_iotlb_inv', fields: [{ path: 'G', value: 'page' }] },
    ],
    ['invalidate iommu0 CMD_CFGI_ALL', { command: 'CMD_CFGI_ALL', fields: [] }],
    ['command iommu0 [1,\n 2]', { kind: 'command', iommu: 'iommu0', words: [1, 2] }],
    ['respond page_response { code = 0 }', { kind: 'respond', payload: { inline: { word: 'page_response' } } }],
    ['inject dev0 page_req_dsc { a = 1 }', { kind: 'inject', device: 'dev0' }],
    [
      'attach dev0 to hwpt.id pasid 3 fail_nth 1 as a',
      { kind: 'attach', device: 'dev0', to: 'hwpt.id', pasid: 3, failNth: 1, as: 'a' },
    ],
    ['replace dev0 to 3', { kind: 'replace', to: 3 }],
    ['detach dev0 pasid 3', { kind: 'detach', pasid: 3 }],
    ['unbind dev0', { kind: 'unbind', device: 'dev0' }],
    ['reset dev0', { kind: 'reset', device: 'dev0' }],
    ['exit', { kind: 'exit' }],
    ['for I in 1..4 { exit; exit }', { name: 'I', values: { from: 1, to: 4 }, steps: [{}, {}] }],
    ['for I in [a, b] {\n exit\n}', { values: { list: ['a', 'b'] }, steps: [{ kind: 'exit' }] }],
    ['let q = 4', { kind: 'let', name: 'q', value: 4 }],
    ['note "hello"', { kind: 'note', text: 'hello' }],
    [
      'parallel { lane { exit } lane { unmap gpt 1 } }',
      { kind: 'parallel', lanes: [[{ kind: 'exit' }], [{ kind: 'unmap' }]] },
    ],
    [
      'expect cached devtlb dev0 pasid 3 at X',
      { assertion: { kind: 'cached', want: true, devtlb: true, device: 'dev0', pasid: 3, at: 'X' } },
    ],
    ['expect uncached dev0 at X', { assertion: { kind: 'cached', want: false, devtlb: false } }],
    ['expect bound dev0 pasid 3 to h', { assertion: { kind: 'bound', want: true, pasid: 3, to: 'h' } }],
    ['expect unbound dev0', { assertion: { kind: 'bound', want: false, device: 'dev0' } }],
    ['expect faults 2', { assertion: { kind: 'faults', count: 2 } }],
    ['expect iotlb h.id == [1, 2]', { assertion: { kind: 'mock', what: 'iotlb', object: 'h.id', words: [1, 2] } }],
    ['expect devcache dev0 == [0]', { assertion: { kind: 'mock', what: 'devcache', object: 'dev0' } }],
    ['expect a.b == 3 && c > 1', { assertion: { kind: 'expr', value: '((a.b == 3) && (c > 1))' } }],
  ])('%s', (text, tree) => {
    const [step, ...more] = steps(text);
    expect(bare(step)).toMatchObject(tree as object);
    expect(more).toEqual([]);
    expect(step!.start).toBe('scenario "s" {\n'.length);
    expect(step!.end - step!.start).toBe(text.length);
  });

  test('an inline payload does not end its step, a block does', () => {
    const found = steps('submit op { } as a\nfor I in 0..2 { exit } exit\nsubmit b; exit');
    expect(found.map(({ kind }) => kind)).toEqual(['submit', 'for', 'exit', 'submit', 'exit']);
  });

  test('a lone expect asserts each of its list', () => {
    const found = steps('expect a == 1, faults 2,\n  uncached dev0 at X\nexit');
    expect(bare(found)).toMatchObject([
      { assertion: { value: '(a == 1)' } },
      { assertion: { kind: 'faults' } },
      { assertion: { kind: 'cached', want: false } },
      { kind: 'exit' },
    ]);
  });

  test('expect belongs to the step on whose line it stands', () => {
    const found = steps('submit op {\n}\nexpect pasid == 1');
    expect(found.map(({ kind, expect }) => [kind, expect])).toEqual([
      ['submit', undefined],
      ['assert', undefined],
    ]);
  });
});

describe('outcomes', () => {
  test.each<[string, unknown]>([
    ['ok', [[{ kind: 'ok' }]]],
    ['EINVAL', [[{ kind: 'errno', name: 'EINVAL' }]]],
    ['-EINVAL', [[{ kind: 'errno', name: 'EINVAL' }]]],
    ['E2BIG or hidden or hidden -EIO', [[{ name: 'E2BIG' }], [{ kind: 'hidden' }], [{ errno: 'EIO' }]]],
    ['hidden EINVAL, any', [[{ kind: 'hidden', errno: 'EINVAL' }, { kind: 'any' }]]],
    [
      'fault, fault SFS.2, fault 0x71, fault abort, fault F_TRANSLATION',
      [
        [
          { kind: 'fault' },
          { name: 'SFS.2' },
          { kind: 'fault', code: 0x71 },
          { name: 'abort' },
          { kind: 'fault', name: 'F_TRANSLATION' },
        ],
      ],
    ],
    ['fault or\n  stale', [[{ kind: 'fault' }], [{ kind: 'stale' }]]],
    ['hit,\n  hit iotlb, hit psc', [[{ kind: 'hit' }, { cache: 'iotlb' }, { cache: 'psc' }]]],
    [
      'hpa 1 + 2, gpa 3, value 4, refs 24, config 5, returns -22',
      [
        [
          { kind: 'hpa', value: '(1 + 2)' },
          { kind: 'gpa', value: 3 },
          { kind: 'value', value: 4 },
          { kind: 'refs', value: 24 },
          { kind: 'config', value: 5 },
          { kind: 'returns', value: '-22' },
        ],
      ],
    ],
    [
      'miss, fresh, stale, request, stall',
      [[{ kind: 'miss' }, { kind: 'fresh' }, { kind: 'stale' }, { kind: 'request' }, { kind: 'stall' }]],
    ],
    ['event == [1, 2]', [[{ kind: 'event', words: [1, 2] }]]],
    ['issued == [[1, 2], [3]]', [[{ kind: 'issued', commands: [[1, 2], [3]] }]]],
    [
      'error CERROR_ILL, reason argsz-too-small',
      [
        [
          { kind: 'error', name: 'CERROR_ILL' },
          { kind: 'reason', rule: 'argsz-too-small' },
        ],
      ],
    ],
    [
      'status == 3 | 4, a.b != 1, inv[1].error >= 2',
      [
        [
          { kind: 'field', path: 'status', op: '==', value: '(3 | 4)' },
          { kind: 'field', path: 'a.b', op: '!=', value: 1 },
          { kind: 'field', path: 'inv.1.error', op: '>=', value: 2 },
        ],
      ],
    ],
    [
      'value == 3, ok == 1',
      [
        [
          { kind: 'field', path: 'value' },
          { kind: 'field', path: 'ok' },
        ],
      ],
    ],
  ])('%s', (text, groups) => {
    const [step] = steps(`submit x expect ${text}`);
    expect(bare(step)).toMatchObject({ payload: 'x', expect: { groups } });
  });
});

describe('one broken line costs one line', () => {
  const find = (source: string) => parse(source).problems;

  test.each<[string, string]>([
    [
      'in a payload',
      `
bind_data a {
  argsz =
     // ^ expected-token: expected an expression, found the end of the line
  version = 1
  format 3
      // ^ expected-token: expected \`=\` or \`{\`, found \`3\`
  flags = (1 + 2
            // ^ expected-token: expected \`)\`, found the end of the line
  gpgd = $ 4
      // ^ expected-token: expected an expression, found \`$\`
  hpasid = [1, 2
            // ^ expected-token: expected \`,\` or \`]\`, found the end of the line
  gpasid = 7 8
          // ^ expected-token: expected the end of the field, found \`8\`
  a.b. = 3
    // ^ expected-token: expected a field name, found \`=\`
  last = 9
}`,
    ],
    [
      'between commas',
      `
nesting_op b { argsz = sizeof, flags = = 3, data = a, , x = (1, 2), }
                                    // ^ expected-token: expected an expression, found \`=\`
                                                           // ^ expected-token: expected \`)\`, found \`,\``,
    ],
    [
      'in a scenario',
      `
scenario "x" {
  sumbit b
//2 ^^^^^^ unknown-statement: \`sumbit\` is no step; did you mean \`submit\`?
  submit b exepct ok
        // ^^^^^^ expected-token: expected \`expect\` or the end of the step, found \`exepct\`; did you mean \`expect\`?
  dma read dev0 at
             // ^^ expected-token: expected an expression, found the end of the line
  dma read dev0 0x3
             // ^^^ expected-token: expected \`at\` and an address, found \`0x3\`
  submit b expect ok,
                 // ^ expected-token: expected an outcome such as \`ok\` or \`EINVAL\`, found the end of the line
  submit b expect okk
               // ^^^ expected-token: expected an outcome, found \`okk\`; did you mean \`ok\`?
  submit b $ { a = 1
        // ^ expected-token: expected \`expect\` or the end of the step, found \`$\`
    b = 2 } expect ok
  b expect ok
//2 ^ unknown-statement: \`b\` is no step; a step begins with submit, dma, map, unmap, expect, ...
  expect stale
      // ^^^^^ lone-outcome: \`expect stale\` is about a step and must stand on that step's line
  unmap gpt
     // ^^^ expected-token: expected an expression, found the end of the line
  exit
  submit b expect
        // ^^^^^^ expected-token: expected an outcome such as \`ok\` or \`EINVAL\`, found the end of the line
  exit
  write hpa A =
           // ^ expected-token: expected an expression, found the end of the line
  submit b to 1 to 2
             // ^^ duplicate-option: \`to\` is given twice
  note "abc
    // ^^^^ unterminated-string: this string has no closing \`"\` on its line
  submit b
  parallel { lan { submit b } lane { submit x } }
          // ^^^ expected-token: expected \`lane\`, found \`lan\`; did you mean \`lane\`?
  submit b expect returns 1 && hit
                         // ^^ expected-token: expected \`,\`, \`or\` or the end of the line, found \`&&\`
}`,
    ],
    [
      'between declarations',
      `
senario "x" { exit }
//0 ^^^^^^^ unknown-statement: \`senario\` declares nothing; did you mean \`scenario\`?
submit x
//0 ^^^^^^ unknown-statement: \`submit\` is a step and belongs in a scenario
let machine = 3
 // ^^^^^^^ reserved-word: \`machine\` is a reserved word and cannot be a name
let x
 // ^ expected-token: expected \`=\`, found the end of the line
bind_data b
       // ^ expected-token: expected \`{\`, found the end of the line
foobar { a = 1
//0 ^^^^^^ unknown-statement: \`foobar\` declares nothing
  b = 2 }
}
//0 ^ unexpected-brace: this \`}\` closes nothing
pagetable gpt x86-64 {
                  // ^ expected-token: expected \`at\`, found \`{\`
  1 -> 2
  3 > 4
   // ^ expected-token: expected \`->\`, found the end of the line
  5 -> 6
}
let last = 1`,
    ],
    [
      'in a literal',
      `
let a = 0x1_0000_0000_0000_0000
     // ^^^^^^^^^^^^^^^^^^^^^^^ bad-number: 0x1_0000_0000_0000_0000 does not fit 64 bits
let b = 16777216T
     // ^^^^^^^^^ bad-number: 16777216T does not fit 64 bits
let c = 010
     // ^^^ bad-number: 010 is octal in C and decimal here: write 0o10 or 10
let d = 12ab
     // ^^^^ bad-number: 12ab is not a number: 0x, 0b, 0o or decimal digits, then at most one of K M G T
let e = 1_ + 0x
     // ^^ bad-number: 1_ has a _ that does not stand between digits
          // ^^ bad-number: 0x is not a number: 0x, 0b, 0o or decimal digits, then at most one of K M G T
let f = "a\\qb"
       // ^^ bad-escape: \`\\q\` is not an escape of C
let g = bytes "de xd"
               // ^ bad-bytes: expected pairs of hex digits, found \`x\`
let h = bytes "abc"
           // ^^^^^ bad-bytes: 3 hex digits are no whole number of bytes
let i = BIT(3)
     // ^^^^ not-a-function: \`BIT\` is no function: only sizeof, offsetof, offsetofend and ARRAY_SIZE take parentheses
let j = 1 /* open
       // ^^ unterminated-comment: this comment is never closed`,
    ],
    [
      'where a block is not closed',
      `
bind_data a {
         // ^ unclosed-block: this \`{\` is never closed
  argsz = 1
bind_data b { argsz = 2 }
scenario "x" {
          // ^ unclosed-block: this \`{\` is never closed
  submit op { a = 1
         // ^ unclosed-block: this \`{\` is never closed
  submit b expect ok
  for I in 0..2 {
    submit b
  }
scenario "y" {
          // ^ unclosed-block: this \`{\` is never closed
  exit
machine {
     // ^ unclosed-block: this \`{\` is never closed
  device d0 { ats = 1 }
  device d1 { ats = 1
}
scenario "z" {
  submit op { a = [1, 2 }
                     // ^ expected-token: expected \`,\` or \`]\`, found \`}\`
}`,
    ],
  ])('%s', (_, fixture) => {
    checkMarkers(fixture, find);
  });

  test('what stands around an unclosed block survives', () => {
    const { program } = parse(`bind_data a {
  argsz = 1
bind_data b { argsz = 2 }
scenario "x" {
  submit op { a = 1
  submit b expect ok
scenario "y" { exit }`);
    expect(bare(program.declarations)).toMatchObject([
      { name: 'a', fields: [{ path: 'argsz', value: 1 }] },
      { name: 'b', fields: [{ path: 'argsz', value: 2 }] },
      { title: 'x', steps: [{ payload: { inline: { fields: [{ path: 'a' }] } } }, { payload: 'b' }] },
      { title: 'y', steps: [{ kind: 'exit' }] },
    ]);
  });

  test('an unfinished line keeps what it has, with empty names for the rest', () => {
    const [submit, dma] = stepsOf('submit b to\ndma read dev0 pasid 3 at');
    expect(bare([submit, dma])).toMatchObject([
      { kind: 'submit', payload: 'b', to: '' },
      { kind: 'dma', device: 'dev0', pasid: 3, at: '' },
    ]);
  });

  test('the lines around a broken one survive', () => {
    const lines = SAMPLE.split('\n');
    const whole = kept(SAMPLE);
    for (const [i, line] of lines.entries()) {
      // A line that opens or closes a block is worth more than itself.
      if (/^\s*(\/\/|$)|[{}]\s*$/.test(line)) continue;
      const { program, problems } = parse(lines.with(i, `${line.match(/^\s*/)![0]}$ ?`).join('\n'));
      expect(problems).toHaveLength(1);
      expect(whole.length - count(program)).toBeLessThanOrEqual(count(parse(line.trim()).program) + 1);
    }
  });
});

/** Declarations, fields and steps of a file. */
const kept = (text: string): unknown[] => Array.from({ length: count(parsed(text)) });

function count(program: Program): number {
  let n = 0;
  const one = () => {
    n++;
  };
  visit(program, { declaration: one, field: one, step: one, mapping: one, machineItem: one });
  return n;
}

describe('hostile input', () => {
  test.each<[string, string, string]>([
    ['brackets', `let x = ${'('.repeat(100_000)}`, 'too-deep'],
    ['lists', `let x = ${'['.repeat(100_000)}`, 'too-deep'],
    ['signs', `let x = ${'-'.repeat(100_000)}1`, 'too-deep'],
    ['a long chain', `let x = ${'1 + '.repeat(100_000)}1`, 'too-deep'],
    ['payloads', `let x = ${'a { b = '.repeat(100_000)}`, 'too-deep'],
    ['fields', `bind_data x {${'a {'.repeat(100_000)}`, 'too-deep'],
    ['loops', `scenario "x" {${'for i in 0..1 {'.repeat(100_000)}`, 'too-deep'],
    ['indices', `bind_data x { a${'[0]'.repeat(200_000)} = 1 }`, 'too-deep'],
    ['digits', `let x = ${'9'.repeat(1_000_000)}`, 'bad-number'],
    ['one word', 'a'.repeat(1_000_000), 'unknown-statement'],
    ['open brackets on their lines', `scenario "x" {${'\nrespond ['.repeat(20_000)}`, 'expected-token'],
    ['open braces on their lines', 'x {\n'.repeat(20_000), 'unknown-statement'],
  ])('%s', (_, text, code) => {
    const { program, problems } = parse(text);
    expect(problems.map((problem) => problem.code)).toContain(code);
    expect(() => visit(program, {})).not.toThrow();
  });

  test('a file of problems ends in one that covers the rest', () => {
    const text = '$\n'.repeat(5000);
    const { problems } = parse(text);
    expect(problems).toHaveLength(201);
    expect(problems.at(-1)).toMatchObject({ code: 'too-many-problems', end: text.length });
  });

  /** Every span lies in the file and in the span of what holds it. */
  function checkSpans(node: unknown, start: number, end: number): void {
    if (typeof node !== 'object' || node === null || node instanceof Uint8Array) return;
    let from = start;
    let to = end;
    if ('start' in node && 'end' in node) {
      from = Number(node.start);
      to = Number(node.end);
      if (!(start <= from && from <= to && to <= end)) {
        throw new Error(`${from}..${to} is not within ${start}..${end}: ${JSON.stringify(bare(node))}`);
      }
    }
    for (const child of Object.values(node)) checkSpans(child, from, to);
  }

  const SOURCES = [SAMPLE, generateFile(60)];
  const PIECES = [
    '{',
    '}',
    '(',
    ')',
    '[',
    ']',
    ',',
    ';',
    '=',
    '.',
    '->',
    '"',
    '\n',
    ' ',
    '-',
    '..',
    '$',
    '/*',
    '//',
    '\0',
  ]
    .concat(['0x', '7', '4K', 'é', '\u{1F600}'])
    .concat('scenario let for expect submit dma array raw struct mapped sizeof parallel lane or evolve'.split(' '));
  const edit = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(30),
    put: fc.array(fc.constantFrom(...PIECES), { maxLength: 4 }).map((words) => words.join(' ')),
  });

  test('an assertion that ends in a comma keeps its span', () => {
    const text = 'scenario "s" {\n expect a,\n submit b\n}';
    checkSpans(parse(text).program, 0, text.length);
  });

  test('any mutation of a file parses, with spans in their parents', () => {
    fc.assert(
      fc.property(fc.constantFrom(...SOURCES), fc.array(edit, { minLength: 1, maxLength: 8 }), (source, edits) => {
        let text = source;
        for (const { at, cut, put } of edits) {
          const i = Math.floor(at * text.length);
          text = text.slice(0, i) + put + text.slice(i + cut);
        }
        const { program, problems, tokens } = parse(text);
        checkSpans(program, 0, text.length);
        for (const { start, end } of problems) {
          expect(start).toBeGreaterThanOrEqual(0);
          expect(end).toBeGreaterThanOrEqual(start);
          expect(end).toBeLessThanOrEqual(text.length);
        }
        expect(tokens.ends[tokens.count - 1]).toBe(text.length);
      }),
      cases(1500),
    );
  });
});

test('a generated file is valid', () => {
  expect(parse(generateFile(1000)).problems).toEqual([]);
});
