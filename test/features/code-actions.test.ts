import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type CodeAction, codeActions } from '../../server/features/code-actions.ts';
import { applyEdits } from '../../server/features/fixes/edits.ts';
import { FIXERS } from '../../server/features/fixes/index.ts';
import { checkFile, runFile, type ScenarioReport } from '../../server/features/run-file.ts';
import type { Diagnostic } from '../../server/language/diagnostic.ts';
import type { FileHost } from '../../server/language/resolve.ts';
import { RULES } from '../../server/language/rules/index.ts';
import { filesHost, GUEST, scenarioText } from '../run-text.ts';
import { diagnosticsOf, resolveText } from './fixture.ts';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const FILE = 'test.vsva';

const all = (text: string) => ({ start: 0, end: text.length });
const actionsOn = (text: string): readonly CodeAction[] =>
  codeActions(resolveText(text), all(text), diagnosticsOf(text));

const apply = (text: string, { edits }: CodeAction): string => {
  expect(edits.every(({ file }) => file === FILE)).toBe(true);
  return applyEdits(text, edits);
};

const countOf = (found: readonly Diagnostic[], code: string): number => found.filter((d) => d.code === code).length;

/** Applying the action takes its finding away and brings none. */
function mends(text: string, action: CodeAction, { alone = true } = {}): void {
  const before = diagnosticsOf(text);
  const changed = apply(text, action);
  const after = diagnosticsOf(changed);
  const shown = `${action.title}\n${changed}`;
  for (const code of action.diagnosticCodes) expect(countOf(after, code), shown).toBeLessThan(countOf(before, code));
  for (const { code, message } of alone ? after : [])
    expect(countOf(after, code), `${code}: ${message}\n${shown}`).toBeLessThanOrEqual(countOf(before, code));
}

/** An example of a rule without the lines that claim its findings. */
const plain = (example: string): string =>
  example
    .split('\n')
    .filter((line) => !/^\s*\/\/\d?\s*(\^+|\|) /.test(line))
    .join('\n');

/** Examples with further mistakes, which nothing looks at as long as the first one stops the call. */
const UNCOVERS: ReadonlySet<string> = new Set([
  'unknown-flag-bits 1',
  'op-data-mismatch 2',
  'format-unsupported 1',
  'format-unsupported 2',
  'not-nesting-container 2',
]);

/** Examples in which only the author knows what was meant: nothing says which payload, PASID or cache. */
const LEFT = [
  'unknown-op 1',
  'op-without-data 1',
  'granularity-unknown 1',
  'cache-granularity-refused 2',
  'cache-granularity-refused 3',
  'cache-granularity-skipped 2',
  'cache-granularity-skipped 3',
];

describe('every way to mend a bad example of a rule takes its finding away and brings none', () => {
  const unmended: string[] = [];
  for (const rule of RULES) {
    if (!(rule.id in FIXERS)) continue;
    for (const [i, example] of rule.examples.bad.entries())
      test(`${rule.id} ${i + 1}`, () => {
        const text = plain(example);
        const actions = actionsOn(text).filter((a) => a.diagnosticCodes.includes(rule.id));
        if (actions.length === 0) unmended.push(`${rule.id} ${i + 1}`);
        for (const action of actions) mends(text, action, { alone: !UNCOVERS.has(`${rule.id} ${i + 1}`) });
      });
  }

  test('few examples are left to the author', () => {
    expect(unmended).toEqual(LEFT);
  });
});

/** A file without any finding, in which each slip below is the only one. */
const GOOD = `uapi vfio-2020-07

machine {
  container { type = VFIO_TYPE1_NESTING_IOMMU }
  iommu vtd { NEST = 1 }
  device dev0 { ats = 1, pri = 1 }
}

pagetable gpt x86-64 at 0x1000_0000 {
  0x7f00_0000_0000 size 64K -> 0x4000_0000 rw
}

bind_data guest {
  argsz = sizeof
  version = IOMMU_GPASID_BIND_VERSION_1
  format = IOMMU_PASID_FORMAT_INTEL_VTD
  addr_width = 48
  gpgd = gpt.root
  hpasid = pasid
  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE
}
nesting_op bind { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = guest }

cache_invalidate_info pages {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = {
    flags = IOMMU_INV_ADDR_FLAGS_PASID
    pasid = pasid
    addr = 0x7f00_0000_0000
    granule_size = 4K
    nb_granules = 4
  }
}
nesting_op flush { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = pages }
pasid_request alloc { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 100 } }

scenario "nothing is wrong" {
  submit alloc as pasid
  submit bind
  dma read dev0 pasid pasid at 0x7f00_0000_0000
  submit flush
}
`;

describe('one slip in a good file', () => {
  test('the good file', () => {
    expect(diagnosticsOf(GOOD)).toEqual([]);
    expect(run(GOOD).reports.map((r) => r.status)).toEqual(['passed']);
  });

  const SLIPS: readonly (readonly [code: string, right: string, wrong: string])[] = [
    ['argsz-too-small', 'pages {\n  argsz = sizeof', 'pages {\n  argsz = 16'],
    ['argsz-too-small', 'pages {\n  argsz = sizeof\n', 'pages {\n'],
    ['argsz-larger', 'guest {\n  argsz = sizeof', 'guest {\n  argsz = 128'],
    ['prefer-sizeof', 'alloc { argsz = sizeof', 'alloc { argsz = 16'],
    ['version-wrong', '  version = IOMMU_GPASID_BIND_VERSION_1\n', ''],
    ['version-wrong', 'version = IOMMU_GPASID_BIND_VERSION_1', 'version = 2'],
    ['format-unsupported', '  format = IOMMU_PASID_FORMAT_INTEL_VTD\n', '  format = 2\n'],
    ['padding-not-zero', '  hpasid = pasid\n', '  hpasid = pasid\n  padding = [0, 1]\n'],
    ['duplicate-field', '  hpasid = pasid\n', '  hpasid = 7\n  hpasid = pasid\n'],
    ['duplicate-field', 'data = guest }', 'data = guest, data = guest }'],
    ['prefer-constant', 'version = IOMMU_GPASID_BIND_VERSION_1', 'version = 1'],
    ['prefer-constant', 'IOMMU_SVA_VTD_GPASID_SRE', '1'],
    [
      'unknown-flag-bits',
      'vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE',
      'vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE | 1 << 6',
    ],
    [
      'unknown-flag-bits',
      'flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD',
      'flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD | 1 << 16',
    ],
    ['unknown-op', 'flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD', 'flags = 3'],
    [
      'unknown-op',
      'flags = VFIO_IOMMU_FLAG_ALLOC_PASID',
      'flags = VFIO_IOMMU_FLAG_ALLOC_PASID | VFIO_IOMMU_FLAG_FREE_PASID',
    ],
    ['op-data-mismatch', 'flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD', 'flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL'],
    ['op-without-data', ', data = pages', ''],
    ['union-member-missing', '  vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_SRE\n', ''],
    ['union-member-mismatch', 'granularity = IOMMU_INV_GRANU_ADDR', 'granularity = IOMMU_INV_GRANU_PASID'],
    ['granularity-unknown', 'granularity = IOMMU_INV_GRANU_ADDR', 'granularity = IOMMU_INV_GRANU_NR'],
    [
      'cache-granularity-refused',
      'cache = IOMMU_CACHE_INV_TYPE_IOTLB',
      'cache = IOMMU_CACHE_INV_TYPE_IOTLB | IOMMU_CACHE_INV_TYPE_PASID',
    ],
    ['cache-granularity-skipped', 'granularity = IOMMU_INV_GRANU_ADDR', 'granularity = IOMMU_INV_GRANU_DOMAIN'],
    ['cache-empty', '  cache = IOMMU_CACHE_INV_TYPE_IOTLB\n', ''],
    ['invalidation-without-pasid', '    flags = IOMMU_INV_ADDR_FLAGS_PASID\n', ''],
    ['invalidation-without-pasid', 'flags = IOMMU_INV_ADDR_FLAGS_PASID', 'flags = IOMMU_INV_ADDR_FLAGS_LEAF'],
    ['address-misaligned', 'addr = 0x7f00_0000_0000', 'addr = 0x7f00_0000_2000'],
    ['range-not-power-of-two', 'nb_granules = 4', 'nb_granules = 3'],
    ['range-not-power-of-two', '    nb_granules = 4\n', ''],
    ['range-not-power-of-two', 'granule_size = 4K', 'granule_size = 5K'],
    ['memory-type-refused', 'IOMMU_SVA_VTD_GPASID_SRE', 'IOMMU_SVA_VTD_GPASID_SRE | IOMMU_SVA_VTD_GPASID_PCD'],
    ['sre-unsupported', 'NEST = 1', 'NEST = 1, SRS = 0'],
    ['no-nesting-capability', 'NEST = 1', 'NEST = 0'],
    ['not-nesting-container', 'VFIO_TYPE1_NESTING_IOMMU', 'VFIO_TYPE1v2_IOMMU'],
    ['gpgd-misaligned', 'gpgd = gpt.root', 'gpgd = 0x1000_0001'],
    ['table-misaligned', '0x1000_0000 {', '0x1000_0800 {'],
    ['addr-width-unsupported', '  addr_width = 48\n', ''],
    ['addr-width-unsupported', 'addr_width = 48', 'addr_width = 64'],
    ['addr-width-unsupported', 'x86-64 at', 'x86-64-la57 at'],
    ['machine-impossible', 'ats = 1, ', ''],
    ['unused-name', 'pasid_request alloc', 'let spare = 1\npasid_request alloc'],
    ['unused-name', '  submit flush\n', '  let spare = 1\n  submit flush\n'],
    ['unused-result', 'at 0x7f00_0000_0000\n', 'at 0x7f00_0000_0000 as seen\n'],
    ['uapi-missing', 'uapi vfio-2020-07\n', ''],
  ];
  for (const [code, right, wrong] of SLIPS)
    test(`${code}: ${JSON.stringify(wrong)}`, () => {
      expect(GOOD).toContain(right);
      const text = GOOD.replace(right, wrong);
      const actions = actionsOn(text).filter((a) => a.diagnosticCodes.includes(code));
      const preferred = actions.filter((a) => a.isPreferred);
      expect(
        preferred.map((a) => a.title),
        diagnosticsOf(text)
          .map((d) => `${d.code}: ${d.message}`)
          .join('\n'),
      ).toHaveLength(1);
      const mended = apply(text, preferred[0]!);
      expect(diagnosticsOf(mended), mended).toEqual([]);
    });

  test('every code with a way to mend it is in one of these lists', () => {
    const shown = new Set([...SLIPS.map(([code]) => code), ...RULES.map((rule) => rule.id)]);
    expect(Object.keys(FIXERS).filter((code) => !shown.has(code))).toEqual([]);
  });
});

describe('what the mended text looks like', () => {
  const mended = (text: string, title?: string): string => {
    const actions = actionsOn(text);
    const action = title === undefined ? actions[0] : actions.findLast((a) => a.title === title);
    expect(action, actions.map((a) => a.title).join('\n')).toBeDefined();
    return apply(text, action!);
  };

  test('a field goes where the struct has it, in the columns of its neighbours', () => {
    const text = `uapi vfio-2020-07
cache_invalidate_info c {
  argsz       = sizeof
  cache       = IOMMU_CACHE_INV_TYPE_IOTLB // what for
  granularity = IOMMU_INV_GRANU_PASID
  granu.pasid_info = { flags = IOMMU_INV_PASID_FLAGS_PASID, pasid = 1 }
}
`;
    expect(mended(text)).toContain(
      '  argsz       = sizeof\n  version     = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1\n  cache ',
    );
  });

  test('into a payload on one line, without braces, with empty ones', () => {
    const use = (payload: string): string =>
      `uapi vfio-2020-07\nbind_data base { argsz = sizeof, format = 1, addr_width = 48, hpasid = 1 }\n${payload}\nnesting_op n { argsz = sizeof, data = b }\nscenario "s" { submit n }\n`;
    const title = 'Write version = IOMMU_GPASID_BIND_VERSION_1';
    expect(mended(use('bind_data b { argsz = sizeof }'), title)).toContain(
      'bind_data b { argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1 }',
    );
    expect(mended(use('bind_data b = base'), title)).toContain(
      'bind_data b = base { version = IOMMU_GPASID_BIND_VERSION_1 }',
    );
    expect(mended(use('bind_data b = base { }'), title)).toContain(
      'bind_data b = base { version = IOMMU_GPASID_BIND_VERSION_1 }',
    );
    expect(mended(use('bind_data b {\n}'), title)).toContain(
      'bind_data b {\n  version = IOMMU_GPASID_BIND_VERSION_1\n}',
    );
    expect(mended(use('bind_data b { addr_width = 48 }'), title)).toContain(
      'bind_data b { version = IOMMU_GPASID_BIND_VERSION_1, addr_width = 48 }',
    );
  });

  test('a field below another goes into the braces of that one', () => {
    const text = `uapi vfio-2020-07
cache_invalidate_info c {
  argsz = sizeof, version = 1, cache = 1, granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info {
    pasid = 1
    addr = 0x1000, granule_size = 4K, nb_granules = 1
  }
}
`;
    expect(mended(text, 'Add IOMMU_INV_ADDR_FLAGS_PASID')).toContain(
      '  granu.addr_info {\n    flags = IOMMU_INV_ADDR_FLAGS_PASID\n    pasid = 1\n',
    );
  });

  test('names that are kept stay as they are written', () => {
    const text = `uapi vfio-2020-07
let mine = 1
pasid_request r { argsz = sizeof, flags = mine | 1 << 2, range = { min = 1, max = 9 } }
`;
    expect(mended(text)).toContain('flags = mine, range');
  });

  test('an unused declaration goes with its comment, and one blank line', () => {
    const text = `uapi vfio-2020-07

/// Not needed
/// any more.
let a = 1

scenario "s" {
  note "a"
}
`;
    expect(mended(text)).toBe('uapi vfio-2020-07\n\nscenario "s" {\n  note "a"\n}\n');
  });

  test('padding goes with its line', () => {
    const text = 'uapi vfio-2020-07\nbind_data b {\n  argsz = sizeof\n  padding = [1] // left over\n  version = 1\n}\n';
    expect(mended(text, 'Leave padding out, so that it is 0')).toBe(
      'uapi vfio-2020-07\nbind_data b {\n  argsz = sizeof\n  version = 1\n}\n',
    );
  });

  test('a file without uapi gets one', () => {
    const text = 'let a = VFIO_IOMMU_NESTING_OP\nlet b = VFIO_IOMMU_PASID_REQUEST\n';
    expect(mended(text)).toBe(`uapi vfio-2020-07\n\n${text}`);
    // Which one is meant cannot be told: each is offered, none is preferred.
    const open = actionsOn('let a = 1\n').filter((a) => a.diagnosticCodes.includes('uapi-missing'));
    expect(open.length).toBeGreaterThan(1);
    expect(open.some((a) => a.isPreferred)).toBe(false);
  });

  test('pri without ats', () => {
    const text = 'uapi vfio-2020-07\nmachine {\n  device dev0 { pri = 1 }\n}\n';
    expect(mended(text)).toContain('device dev0 { ats = 1, pri = 1 }');
    mends(text, actionsOn(text)[0]!);
    const off = 'uapi vfio-2020-07\nmachine {\n  device dev0 { ats = 0, pri = 1 }\n}\n';
    expect(mended(off)).toContain('device dev0 { ats = 1, pri = 1 }');
  });
});

describe('misspelt words become what the message offers', () => {
  const GOOD = scenarioText(
    `  submit alloc as pasid
  submit bind expect hidden EINVAL or reason argsz-too-small
  dma read dev0 pasid pasid at 0x7f00_0000_0000 expect fault SFS.9
  submit alloc expect ENOSPC
  invalidate iommu0 pc_inv { G = global }`,
    { declarations: 'machine { iommu vtd { NEST = 1 } }' },
  );
  const SLIPS: readonly (readonly [wrong: string, right: string])[] = [
    ['uapi vfoi-2020-07', 'uapi vfio-2020-07'],
    ['x86-46', 'x86-64'],
    ['submti alloc', 'submit alloc'],
    ['nestin_op bind', 'nesting_op bind'],
    ['gpgd = gpts.root', 'gpgd = gpt.root'],
    ['IOMMU_PASID_FORMAT_INTEL_VDT', 'IOMMU_PASID_FORMAT_INTEL_VTD'],
    ['read dev1 pasid', 'read dev0 pasid'],
    ['submit bindd', 'submit bind'],
    ['pagetabel gpt', 'pagetable gpt'],
    ['dma red dev0', 'dma read dev0'],
    ['addr_widht = 48', 'addr_width = 48'],
    ['expect fault SFS.99', 'expect fault SFS.9'],
    ['hidden EINVLA', 'hidden EINVAL'],
    ['reason argsz-to-small', 'reason argsz-too-small'],
    ['ENSPC', 'ENOSPC'],
    ['pc_inf {', 'pc_inv {'],
    ['iommu vdt', 'iommu vtd'],
    ['NETS = 1', 'NEST = 1'],
  ];
  for (const [wrong, right] of SLIPS)
    test(`${wrong} -> ${right}`, () => {
      expect(GOOD).toContain(right);
      const text = GOOD.replace(right, wrong);
      const action = actionsOn(text).find((a) => apply(text, a) === GOOD);
      expect(
        action,
        actionsOn(text)
          .map((a) => a.title)
          .join('\n'),
      ).toMatchObject({ isPreferred: true });
    });
});

test('a finding in another file, or outside of the range, is left alone', () => {
  const text = `uapi vfio-2020-07\n${GUEST}let a = 1\nscenario "s" { note "n" }\n`;
  const resolved = resolveText(text);
  const found = diagnosticsOf(text);
  expect(codeActions(resolved, { start: 0, end: 1 }, found)).toEqual([]);
  expect(
    codeActions(
      resolved,
      all(text),
      found.map((d) => ({ ...d, file: 'other.vsva' })),
    ),
  ).toEqual([]);
});

const HOST = filesHost({});
function run(text: string, host: FileHost = HOST): { reports: ScenarioReport[]; actions: readonly CodeAction[] } {
  const check = checkFile(FILE, text, host);
  const reports = [...runFile(check)].filter((r) => r !== undefined);
  return { reports, actions: codeActions(check.resolved, all(text), check.diagnostics, reports) };
}

describe('a missing invalidation', () => {
  const STALE = scenarioText(`  submit alloc as pasid
  submit bind
  dma read dev0 pasid pasid at 0x7f00_0000_0010
  map gpt 0x7f00_0000_0000 -> 0x5000_0000
  dma read dev0 pasid pasid at 0x7f00_0000_0010 expect hpa 0x1_5000_0010`);

  test('is declared and submitted in front of the access, and the scenario passes', () => {
    const { reports, actions } = run(STALE);
    expect(reports[0]!.status).toBe('failed');
    const action = actions.find((a) => a.diagnosticCodes.includes('stale') && a.isPreferred)!;
    expect(action.title).toBe('Flush the page before this access (submit flush_changed_page)');
    const text = apply(STALE, action);
    expect(text).toContain(`cache_invalidate_info changed_page {
  argsz = sizeof
  version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1
  cache = IOMMU_CACHE_INV_TYPE_IOTLB
  granularity = IOMMU_INV_GRANU_ADDR
  granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = pasid, addr = 0x7f00_0000_0000, granule_size = 4K, nb_granules = 1 }
}
nesting_op flush_changed_page { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = changed_page }

scenario "s" {`);
    expect(text).toContain('-> 0x5000_0000\n  submit flush_changed_page\n  dma read');
    expect(run(text).reports[0]!.status).toBe('passed');
    expect(diagnosticsOf(text)).toEqual(diagnosticsOf(STALE).map((d) => expect.objectContaining({ code: d.code })));
  });

  test('is a row of commands where the scenario programs the hardware itself, and the scenario passes', () => {
    const text = `uapi bare
machine {
  iommu vtd { RTADDR = 0x10_0000 | 1 << 10 }
  device dev0 { ats = 1 }
}
pagetable own x86-64 at 0x20_0000 space hpa { 0x7f00_0000_0000 -> 0x8000_0000 rw }
scenario "s" {
  write hpa 0x10_0000 = 0x10_1000 | 1
  write hpa 0x10_1000 + dev0.sid * 32 = [0x10_2000 | 1 << 2 | 1 << 3 | 1, 0, 0, 0]
  write hpa 0x10_2000 = 0x10_3000 | 1
  write hpa 0x10_3000 + 8 * 64 = [1 << 6 | 1, 6, own.root | 1]
  dma read dev0 pasid 8 at 0x7f00_0000_0000 ats
  map own 0x7f00_0000_0000 -> 0x9000_0000
  dma read dev0 pasid 8 at 0x7f00_0000_0000 ats expect hpa 0x9000_0000
}
`;
    const { reports, actions } = run(text);
    expect(reports[0]!.status).toBe('failed');
    const action = actions.find((a) => a.diagnosticCodes.includes('stale') && a.isPreferred)!;
    expect(action.title).toMatch(/^Invalidate before this access \(p_iotlb_inv page: .*, then p_dev_tlb_inv /);
    const mended = apply(text, action);
    expect(mended).toMatch(
      / {2}invalidate iommu0 p_iotlb_inv \{.*\n {2}invalidate iommu0 p_dev_tlb_inv \{.*\n.*inv_wait/,
    );
    expect(run(mended).reports[0]!.status).toBe('passed');
  });

  test('names that are taken are not used again', () => {
    const text = STALE.replace('scenario "s"', 'let changed_page = 1\nlet flush_changed_page_2 = 2\nscenario "s"');
    const { actions } = run(text);
    const changed = apply(text, actions.find((a) => a.diagnosticCodes.includes('stale') && a.isPreferred)!);
    expect(changed).toContain('cache_invalidate_info changed_page_2 {');
    expect(changed).toContain('submit flush_changed_page_2_2\n');
    expect(run(changed).reports[0]!.status).toBe('passed');
  });

  test('in a loop the page follows the loop variable', () => {
    const text = scenarioText(`  submit alloc as pasid
  submit bind
  dma read dev0 pasid pasid at 0x7f00_0000_0000 size 16K
  map gpt 0x7f00_0000_0000 size 16K -> 0x5000_0000
  for i in 0..4 {
    dma read dev0 pasid pasid at 0x7f00_0000_0008 + i * 4K
  }`);
    const { reports, actions } = run(text);
    expect(reports[0]!.status).toBe('failed');
    const changed = apply(text, actions.find((a) => a.diagnosticCodes.includes('stale') && a.isPreferred)!);
    expect(changed).toContain('addr = (0x7f00_0000_0008 + i * 4K) & ~(4K - 1)');
    expect(run(changed).reports[0]!.status).toBe('passed');
  });

  test('nothing is offered when the reports are of no failed step', () => {
    const { actions } = run(STALE.replace('0x1_5000_0010', '0x1_4000_0010, stale'));
    expect(actions.filter((a) => a.diagnosticCodes.includes('stale'))).toEqual([]);
  });
});

describe('what happened becomes the expectation', () => {
  const rerun = (steps: string, options = {}): string => {
    const text = scenarioText(steps, options);
    const { reports, actions } = run(text);
    expect(reports.some((r) => r.status === 'failed')).toBe(true);
    const action = actions.find((a) => a.title.startsWith('Expect what happened'));
    expect(action, actions.map((a) => a.title).join('\n')).toBeDefined();
    const changed = apply(text, action!);
    expect(run(changed).reports.map((r) => r.status)).toEqual(reports.map(() => 'passed'));
    return action!.title.replace('Expect what happened: ', '');
  };

  test.each([
    ['submit pasid_request = alloc { argsz = 8 }', 'EINVAL, reason argsz-too-small'],
    ['submit pasid_request = alloc { argsz = 8 } expect ok', 'EINVAL, reason argsz-too-small'],
    ['submit alloc expect EINVAL', 'ok'],
    ['dma read dev0 at 0x9000_0000', 'fault SSS.2'],
    ['dma read dev0 at 0x1000 expect hpa 0x2000, refs 1', 'hpa 0x1_0000_1000, refs 4'],
    ['dma read dev0 at 0x1000 expect fault', 'hpa 0x1_0000_1000'],
    ['dma read dev0 at 0x1000 expect hit', 'hpa 0x1_0000_1000, miss'],
  ])('%s', (step, wanted) => {
    expect(rerun(`  ${step}`)).toBe(wanted);
  });

  test('hidden refusals, stale translations, several outcomes', () => {
    expect(
      rerun('  submit alloc as pasid\n  submit nesting_op = bind { data = bind_data = guest { addr_width = 40 } }'),
    ).toMatch(/^hidden EINVAL, reason addr-width-unsupported$/);
    expect(
      rerun(
        '  submit alloc as pasid\n  submit bind\n  dma read dev0 pasid pasid at 0x7f00_0000_0000\n  unmap gpt 0x7f00_0000_0000\n  dma read dev0 pasid pasid at 0x7f00_0000_0000',
      ),
    ).toBe('hpa 0x1_4000_0000, stale');
    expect(rerun('  for i in 0..2 {\n    dma read dev0 at 0x7fff_f000 + i * 4K\n  }')).toBe(
      'hpa 0x1_7fff_f000 or fault SSS.2',
    );
  });

  test('a breach and a step that makes no sense are not made expectations', () => {
    const breach = scenarioText(`  submit alloc as pasid
  submit bind
  dma read dev0 pasid pasid at 0x7f00_0000_0000
  unmap gpt 0x7f00_0000_0000
  reuse gpa 0x4000_0000
  dma read dev0 pasid pasid at 0x7f00_0000_0000`);
    for (const text of [breach, scenarioText('  submit alloc fail_nth 99')]) {
      const { reports, actions } = run(text);
      expect(reports[0]!.status).toBe('failed');
      expect(actions.filter((a) => a.title.startsWith('Expect'))).toEqual([]);
    }
  });
});

describe('the corpus of bugs', () => {
  const folder = join(ROOT, 'test/scenarios/bugs');
  const host: FileHost = {
    resolve: (_from, path) => join(folder, path),
    read: (file) => readFileSync(file, 'utf8'),
  };
  for (const name of readdirSync(folder).filter((n) => n.endsWith('.buggy.vsva')))
    test(`${name}: an access that is stale for lack of a flush is fresh with it`, () => {
      // Without its own expectations each stale access is a failure.
      const text = readFileSync(join(folder, name), 'utf8').replace(/ expect (?:.*\bstale\b).*$/gm, '');
      const { reports, actions } = run(text, host);
      const stale = (of: readonly ScenarioReport[]): number =>
        of.flatMap((r) => r.steps).filter((s) => s.detail.staleCause).length;
      for (const action of actions.filter((a) => a.title.startsWith('Flush'))) {
        const after = run(apply(text, action), host).reports;
        expect(stale(after), `${action.title}\n${apply(text, action)}`).toBeLessThan(stale(reports));
      }
    });
});
