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
function mends(text: string, action: CodeAction): void {
  const before = diagnosticsOf(text);
  const changed = apply(text, action);
  const after = diagnosticsOf(changed);
  const shown = `${action.title}\n${changed}`;
  for (const code of action.diagnosticCodes) expect(countOf(after, code), shown).toBeLessThan(countOf(before, code));
  for (const { code, message } of after)
    expect(countOf(after, code), `${code}: ${message}\n${shown}`).toBeLessThanOrEqual(countOf(before, code));
}

/** An example of a rule without the lines that claim its findings. */
const plain = (example: string): string =>
  example
    .split('\n')
    .filter((line) => !/^\s*\/\/\d?\s*(\^+|\|) /.test(line))
    .join('\n');

describe('every way to mend a bad example of a rule takes its finding away and brings none', () => {
  const unmended: string[] = [];
  for (const rule of RULES) {
    if (!(rule.id in FIXERS)) continue;
    for (const [i, example] of rule.examples.bad.entries())
      test(`${rule.id} ${i + 1}`, () => {
        const text = plain(example);
        const actions = actionsOn(text).filter((a) => a.diagnosticCodes.includes(rule.id));
        if (actions.length === 0) unmended.push(`${rule.id} ${i + 1}`);
        for (const action of actions) mends(text, action);
      });
  }

  test('each of these codes is mended in some example, and these examples are left to the author', () => {
    expect(unmended).toEqual([]);
  });
});

describe('what the mended text looks like', () => {
  const mended = (text: string, title?: string): string => {
    const actions = actionsOn(text);
    const action = title === undefined ? actions[0] : actions.find((a) => a.title === title);
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
    const text = 'let a = 1\n';
    expect(mended(text)).toBe('uapi vfio-2020-07\n\nlet a = 1\n');
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
  const GOOD = scenarioText('  submit alloc as pasid\n  submit bind\n  dma read dev0 pasid pasid at 0x7f00_0000_0000');
  const SLIPS: readonly (readonly [wrong: string, right: string])[] = [
    ['uapi vfio-2020-70', 'uapi vfio-2020-07'],
    ['x86-46', 'x86-64'],
    ['submti alloc', 'submit alloc'],
    ['nestin_op bind', 'nesting_op bind'],
    ['gpgd = gtp.root', 'gpgd = gpt.root'],
    ['addr_widht = 48', 'addr_width = 48'],
    ['IOMMU_PASID_FORMAT_INTEL_VDT', 'IOMMU_PASID_FORMAT_INTEL_VTD'],
    ['read dev1 pasid', 'read dev0 pasid'],
    ['submit bidn', 'submit bind'],
    ['pagetabel gpt', 'pagetable gpt'],
    ['dma raed dev0', 'dma read dev0'],
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
    ['submit alloc expect EINVAL', 'ok, reason x'.replace(', reason x', '')],
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
