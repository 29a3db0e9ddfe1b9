import { describe, expect, test } from 'vitest';
import { CHECKS } from '../engine/index.ts';
import { coreFlushCases } from './core-flush-cases.ts';
import { runText, scenarioText } from './run-text.ts';

/**
 * Every check of the vfio-2020-07 handlers, reached by a payload in which only one thing is wrong. `step` is the last
 * step of a scenario; `errno` is what the caller sees, `hidden` what it does not see.
 */
interface Case {
  readonly check: keyof typeof CHECKS;
  readonly steps: string;
  readonly declarations?: string;
  readonly uapi?: string;
  /** The caller learns of it. */
  readonly visible?: true;
}

const ALLOC = 'submit alloc as pasid\n';
const BOUND = `${ALLOC}submit bind\n`;
const bindWith = (fields: string): Pick<Case, 'steps' | 'declarations'> => ({
  steps: `${ALLOC}submit bad expect any`,
  declarations: `bind_data wrong = guest { ${fields} }\nnesting_op bad = bind { data = wrong }`,
});
const flushWith = (fields: string): Pick<Case, 'steps' | 'declarations'> => ({
  steps: `${BOUND}submit bad expect any`,
  declarations: `cache_invalidate_info wrong = page { ${fields} }\nnesting_op bad = flush { data = wrong }`,
});
const requestWith = (fields: string): Pick<Case, 'steps' | 'visible'> => ({
  steps: `submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_ALLOC_PASID, range = { min = 1, max = 9 }\n${fields} } expect any`,
  visible: true,
});
const opWith = (fields: string): Pick<Case, 'steps' | 'declarations' | 'visible'> => ({
  steps: `${ALLOC}submit bad expect any`,
  declarations: `nesting_op bad = bind { ${fields} }`,
  visible: true,
});
const machine = (text: string): string => `machine { ${text} }`;

const CASES: readonly Case[] = [
  { check: 'fdClosed', steps: 'exit\nsubmit alloc expect any', visible: true },
  { check: 'unknownIoctl', steps: 'submit 0 to 0x3bff expect any', visible: true },
  { check: 'setTwice', steps: 'submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU expect any', visible: true },
  { check: 'infoFault', steps: 'submit 0 to VFIO_IOMMU_GET_INFO expect any', visible: true },
  { check: 'infoArgsz', steps: 'submit struct vfio_iommu_type1_info { argsz = 15 } expect any', visible: true },
  { check: 'requestFault', steps: 'submit alloc mapped 15 expect any', visible: true },
  { check: 'requestArgsz', ...requestWith('argsz = 15') },
  { check: 'requestFlags', ...requestWith('flags = 4') },
  { check: 'requestRange', ...requestWith('range.max = 0') },
  {
    check: 'requestNoVmm',
    steps: 'submit alloc expect any',
    declarations: machine('container { type = VFIO_TYPE1v2_IOMMU }'),
    visible: true,
  },
  { check: 'requestOp', ...requestWith('flags = 3') },
  {
    check: 'requestNoSpace',
    steps:
      'submit pasid_request { argsz = sizeof, flags = 1, range = { min = 5, max = 5 } }\nsubmit pasid_request { argsz = sizeof, flags = 1, range = { min = 5, max = 5 } } expect any',
    visible: true,
  },
  { check: 'requestNoMemory', steps: 'submit alloc fail_nth 1 expect any', visible: true },
  { check: 'headerFault', steps: `${ALLOC}submit bind mapped 7 expect any`, visible: true },
  { check: 'headerArgsz', ...opWith('argsz = 7') },
  { check: 'headerFlags', ...opWith('flags = 0x10000') },
  { check: 'headerOp', ...opWith('flags = 3') },
  {
    check: 'bindNoNesting',
    steps: 'let pasid = 1\nsubmit bind expect any',
    declarations: machine('container { type = VFIO_TYPE1v2_IOMMU }'),
    visible: true,
  },
  {
    check: 'flushNoNesting',
    steps: 'let pasid = 1\nsubmit flush expect any',
    declarations: machine('container { type = VFIO_TYPE1_IOMMU }'),
    visible: true,
  },
  { check: 'bindFault', steps: `${ALLOC}submit bind mapped 79 expect any` },
  { check: 'bindArgsz', ...bindWith('argsz = 55') },
  { check: 'bindVersion', ...bindWith('version = 2') },
  { check: 'bindFormat', ...bindWith('format = 2') },
  { check: 'bindFlags', ...bindWith('flags = 2') },
  { check: 'bindPadding', ...bindWith('padding = [0, 0, 0, 0, 0, 0, 0, 1]') },
  { check: 'bindVendorFormat', ...bindWith('format = 0') },
  { check: 'bindVendorArgsz', ...bindWith('argsz = 71') },
  { check: 'bindVendorFlags', ...bindWith('vendor.vtd.flags = 0x40') },
  {
    check: 'bindDevicePasids',
    steps: `${ALLOC}submit bind expect any`,
    declarations: machine('device dev0 { pasid = 16 }'),
  },
  { check: 'bindPasidRange', ...bindWith('hpasid = 0x100000') },
  { check: 'bindNoPasid', ...bindWith('hpasid = 2') },
  { check: 'bindTwice', steps: `${BOUND}submit bind expect any` },
  { check: 'bindNoMemorySvm', steps: `${ALLOC}submit bind fail_nth 1 expect any` },
  { check: 'bindNoMemoryDevice', steps: `${ALLOC}submit bind fail_nth 2 expect any` },
  { check: 'nestedNoCap', steps: `${ALLOC}submit bind expect any`, declarations: machine('iommu vtd { NEST = 0 }') },
  {
    check: 'nestedNoEntry',
    steps:
      'submit pasid_request { argsz = sizeof, flags = 1, range = { min = 64, max = 64 } } as pasid\nsubmit bind fail_nth 3 expect any',
  },
  {
    check: 'nestedWidth5',
    ...bindWith('addr_width = 57'),
    declarations: `${machine('iommu vtd { FS5LP = 0 }')}\n${bindWith('addr_width = 57').declarations}`,
  },
  { check: 'nestedWidth', ...bindWith('addr_width = 40') },
  { check: 'nestedRoot', ...bindWith('gpgd = 0x8000_1000') },
  {
    check: 'nestedSre',
    ...bindWith('vendor.vtd.flags = 1'),
    declarations: `${machine('iommu vtd { SRS = 0, RPRIVS = 0 }')}\n${bindWith('vendor.vtd.flags = 1').declarations}`,
  },
  {
    check: 'nestedEafe',
    ...bindWith('vendor.vtd.flags = 2'),
    declarations: `${machine('iommu vtd { EAFS = 0 }')}\n${bindWith('vendor.vtd.flags = 2').declarations}`,
  },
  { check: 'nestedMts', ...bindWith('vendor.vtd.flags = IOMMU_SVA_VTD_GPASID_PCD') },
  {
    check: 'unbindPasidRange',
    steps: `${ALLOC}submit bad expect any`,
    declarations: 'bind_data wrong = guest { hpasid = 0x100000 }\nnesting_op bad = unbind { data = wrong }',
  },
  {
    check: 'unbindNoPasid',
    steps: `${ALLOC}submit bad expect any`,
    declarations: 'bind_data wrong = guest { hpasid = 9 }\nnesting_op bad = unbind { data = wrong }',
  },
  { check: 'flushFault', steps: `${BOUND}submit flush mapped 63 expect any` },
  ...coreFlushCases(flushWith),
  {
    check: 'svaMisaligned',
    ...flushWith('granu.addr_info.addr = 0x7f00_0000_1000, granu.addr_info.nb_granules = 2'),
    uapi: 'uapi vfio-2020-07 { misalignment_only_logged = off }',
  },
  { check: 'svaInjected', steps: `${BOUND}submit flush fail_nth 1 expect any` },
  {
    check: 'svaUnsupported',
    ...flushWith('granularity = IOMMU_INV_GRANU_DOMAIN'),
    uapi: 'uapi vfio-2020-07 { unsupported_granularity_skipped = off }',
  },
  { check: 'attachBusy', steps: 'attach dev0 expect any', visible: true },
  {
    check: 'attachSecond',
    steps: 'attach dev1 expect any',
    declarations: machine('device dev0 { } device dev1 { }'),
    visible: true,
  },
  { check: 'attachNoMemory', steps: 'detach dev0\nattach dev0 fail_nth 1 expect any', visible: true },
  { check: 'attachNoDomain', steps: 'detach dev0\nattach dev0 fail_nth 3 expect any', visible: true },
  {
    check: 'attachNoNesting',
    steps: 'detach dev0\nattach dev0 expect any',
    declarations: machine('iommu vtd { NEST = 0 }'),
    visible: true,
  },
  { check: 'detachNot', steps: 'detach dev0\ndetach dev0 expect any', visible: true },
];

/** Checks that this model cannot reach, and why; they stay in the table because the kernel's order names them. */
const UNREACHABLE: Partial<Record<keyof typeof CHECKS, string>> = {
  noDriver: 'a container keeps its type for life here',
  setNoGroup: 'a machine always has a group',
  setUnknown: 'the container always has a type, and that is checked first',
  bindNoVmm: 'VT-d offers SYSWIDE_PASID whenever it offers nesting',
  bindNoOp: 'the VT-d driver implements it',
  bindNoDomain: 'the VFIO layer asks attached devices only',
  nestedNoMode: 'a nesting container puts its domain into nesting mode',
  nestedPresent: 'the record of the device is found first',
  flushNoOp: 'the VT-d driver implements it',
  svaNoDevice: 'every device of the machine is a PCI device behind the unit',
  svaNoMode: 'a nesting container puts its domain into nesting mode',
  svaNoDomain: 'the VFIO layer asks attached devices only',
};

describe('every check refuses with its errno', () => {
  for (const { check, steps, declarations, uapi, visible } of CASES) {
    const { id, errno } = CHECKS[check];
    test(`${check}: ${id}`, () => {
      const { scenarios } = runText(
        scenarioText(steps, { ...(uapi ? { uapi } : {}), ...(declarations ? { declarations } : {}) }),
      );
      const last = scenarios[0]!.steps.at(-1)!;
      expect(scenarios[0]!.steps.map((s) => s.message).filter(Boolean)).toEqual([]);
      expect({ reason: last.detail.reason, at: last.detail.refusal?.check.at }).toEqual({
        reason: id,
        at: CHECKS[check].at,
      });
      if (visible)
        expect({ outcome: last.outcome, hidden: last.detail.hidden }).toEqual({ outcome: errno, hidden: undefined });
      else expect({ outcome: last.outcome, hidden: last.detail.hidden }).toEqual({ outcome: 'ok', hidden: errno });
    });
  }

  test('the table is complete', () => {
    const covered = new Set<string>([...CASES.map((c) => c.check), ...Object.keys(UNREACHABLE)]);
    expect(Object.keys(CHECKS).filter((key) => !covered.has(key))).toEqual([]);
  });
});

describe('with its quirk off an error reaches the caller', () => {
  const off = (quirk: string): string => `uapi vfio-2020-07 { ${quirk} = off }`;
  const outcome = (text: string): string => runText(text).scenarios[0]!.steps.at(-1)!.outcome;
  test('bind_error_lost', () => {
    expect(
      outcome(
        scenarioText(bindWith('addr_width = 40').steps, {
          declarations: bindWith('addr_width = 40').declarations!,
          uapi: off('bind_error_lost'),
        }),
      ),
    ).toBe('EINVAL');
  });
  test('unbind_error_lost', () => {
    expect(outcome(scenarioText('let pasid = 9\nsubmit unbind expect any', { uapi: off('unbind_error_lost') }))).toBe(
      'ENOENT',
    );
  });
  test('invalidate_error_lost', () => {
    expect(
      outcome(
        scenarioText(flushWith('version = 0').steps, {
          declarations: flushWith('version = 0').declarations!,
          uapi: off('invalidate_error_lost'),
        }),
      ),
    ).toBe('EINVAL');
  });
  test('vendor_size_unchecked on: the July base accepts argsz 56', () => {
    const { scenarios } = runText(
      scenarioText(`${ALLOC}submit bad\nexpect bound dev0 pasid pasid`, {
        declarations: bindWith('argsz = 56').declarations!,
        uapi: 'uapi vfio-2020-07 { vendor_size_unchecked = on }',
      }),
    );
    expect(scenarios[0]!.status).toBe('passed');
  });
});

describe('the state a call leaves', () => {
  const passes = (steps: string, declarations = ''): void => {
    const { scenarios } = runText(scenarioText(steps, { declarations }));
    expect(scenarios[0]!.steps.filter((s) => s.status !== 'passed').map((s) => s.message)).toEqual([]);
  };
  const TWO = machine('device dev0 { group = g0 } device dev1 { group = g0 }');

  test('a failed second bind takes the first one with it', () => {
    passes(`${BOUND}submit bind expect hidden EBUSY\nexpect unbound dev0 pasid pasid`);
  });
  test('a bind that fails on the second device leaves none bound', () => {
    passes(
      `${ALLOC}submit bind fail_nth 3 expect hidden ENOMEM\nexpect unbound dev0 pasid pasid\nexpect unbound dev1 pasid pasid`,
      TWO,
    );
  });
  test('a bind reaches every device of the group', () => {
    passes(`${BOUND}expect bound dev0 pasid pasid\nexpect bound dev1 pasid pasid`, TWO);
  });
  test('fail_nth beyond the last point fails the step', () => {
    const { scenarios } = runText(scenarioText(`${ALLOC}submit bind fail_nth 9`));
    expect(scenarios[0]!.steps.at(-1)!.message).toBe(
      'fail_nth 9 lies beyond the last fallible point: the call passed 2',
    );
  });
  test('detach unbinds every PASID', () => {
    passes(
      `${BOUND}detach dev0\nexpect unbound dev0 pasid pasid\nattach dev0\nexpect unbound dev0 pasid pasid\nsubmit bind\nexpect bound dev0 pasid pasid`,
    );
  });
  test('freeing a PASID unbinds it', () => {
    passes(
      `${BOUND}submit pasid_request { argsz = sizeof, flags = VFIO_IOMMU_FLAG_FREE_PASID, range = { min = pasid, max = pasid } }\nexpect unbound dev0 pasid pasid\nsubmit bind expect hidden ENOENT`,
    );
  });
  test('exit unbinds, detaches and closes', () => {
    passes(
      `${BOUND}exit\nexpect unbound dev0 pasid pasid\nexpect unbound dev0\nsubmit alloc expect EBADF\ndma read dev0 pasid pasid at 0x7f00_0000_0000 expect fault SCT.2`,
    );
  });
  test('a larger argsz is cut to what the kernel knows', () => {
    passes(
      `${ALLOC}submit big\nexpect bound dev0 pasid pasid`,
      'bind_data larger = guest { argsz = 4096 }\nnesting_op big = bind { data = larger }',
    );
  });
  test('low bits of a misaligned gpgd land in the PASID entry', () => {
    passes(
      `${ALLOC}submit skew\ndma read dev0 pasid pasid at 0x7f00_0000_0000 priv expect hpa 0x1_4000_0000`,
      'bind_data skewed = guest { gpgd = gpt.root | 1 }\nnesting_op skew = bind { data = skewed }',
    );
  });
  test('GET_INFO of a nesting container carries the nesting capability', () => {
    passes(
      `submit info expect flags == 3, cap_offset == 24
       read user &info + 24 u16 as id
       expect id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE
       read user &info + 28 u32 as next
       read user &info + next u16 as nesting
       expect nesting == VFIO_IOMMU_TYPE1_INFO_CAP_NESTING
       read user &info + next + 8 u32 as argsz
       expect argsz == 48
       read user &info + next + 20 u32 as features
       expect features == IOMMU_NESTING_FEAT_SYSWIDE_PASID | IOMMU_NESTING_FEAT_BIND_PGTBL | IOMMU_NESTING_FEAT_CACHE_INVLD`,
      'struct vfio_iommu_type1_info info { argsz = 512 }',
    );
  });
  test('GET_INFO with a short argsz says how much it needs', () => {
    passes(
      'submit info expect argsz == 24 + 48 + 56, cap_offset == 0',
      'struct vfio_iommu_type1_info info { argsz = sizeof }',
    );
  });
  test('container types answer CHECK_EXTENSION and GET_API_VERSION', () => {
    passes(
      'submit VFIO_TYPE1_NESTING_IOMMU to VFIO_CHECK_EXTENSION expect returns 1\nsubmit VFIO_SPAPR_TCE_IOMMU to VFIO_CHECK_EXTENSION expect returns 0\nsubmit 0 to VFIO_GET_API_VERSION expect returns 0',
    );
  });
});
