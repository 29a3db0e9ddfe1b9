import { describe, expect, test } from 'vitest';
import { VFIO_2018_CHECKS } from '../engine/host/vfio-2018/checks.ts';
import { type CheckCase, describeChecks, type Frame, fileText, passes, problemOf } from './kernel-cases.ts';
import { runText } from './run-text.ts';

/** Binds of the caller and of a process by its pid. */
const PROCESSES = `process p1 { pid = 1000 } process p2 { pid = 1001 } process kthread { pid = 2, mm = 0 } process secret { pid = 30, ptrace = 0 }`;
const machine = (devices: string): string => `machine { ${devices} ${PROCESSES} }`;
const CALLS = `
bind_data own { }
bind_data by_pid { flags = VFIO_IOMMU_BIND_PID, pid = 1000 }
bind_data other { flags = VFIO_IOMMU_BIND_PID, pid = 1001 }
struct vfio_iommu_type1_bind bind { argsz = sizeof, flags = VFIO_IOMMU_BIND_PROCESS, data = own }
struct vfio_iommu_type1_bind bind_p1 = bind { data = by_pid }
struct vfio_iommu_type1_bind bind_p2 = bind { data = other }
`;
const frame = (devices: string): Frame => ({ uapi: 'vfio-2018-02', declarations: machine(devices) + CALLS });
const FRAME = frame('device dev0 { }');
const GROUP_OF_TWO = frame('device dev0 { group = g0 } device dev1 { group = g0 }');
const TWO_GROUPS = frame('device dev0 { } device dev1 { }');
const off = (...quirks: string[]): { readonly quirks: string } => ({
  quirks: `{ ${quirks.map((name) => `${name} = off`).join(', ')} }`,
});
const V2 = off(
  'mode_not_flags',
  'multi_device_group',
  'group_partial_enable',
  'teardown_in_setup_order',
  'defunct_bond_kept',
);

/** The checks of the argument are the same for both calls. */
const requestCases = (to: string): readonly CheckCase[] => {
  const call = (payload: string, mapped = ''): string => `submit ${payload} ${to} ${mapped} expect any`;
  const head = (fields: string): string => call(`struct vfio_iommu_type1_bind = bind { ${fields} }`);
  const process = (fields: string): string => head(`data = bind_data { ${fields} }`);
  return [
    { check: 'headerFault', steps: call('bind', 'mapped 7') },
    { check: 'headerArgsz', steps: head('argsz = 7') },
    { check: 'operation', steps: head('flags = 3') },
    { check: 'payloadArgsz', steps: head('argsz = 19') },
    { check: 'payloadFault', steps: call('bind', 'mapped 19') },
    { check: 'payloadFlags', steps: process('flags = 2') },
    { check: 'noTask', steps: process('flags = VFIO_IOMMU_BIND_PID, pid = 999') },
    { check: 'noAccess', steps: process('flags = VFIO_IOMMU_BIND_PID, pid = 30') },
    { check: 'noMm', steps: process('flags = VFIO_IOMMU_BIND_PID, pid = 2') },
    { check: 'noDomain', steps: `detach dev0\n${call('bind')}` },
  ];
};
const NO_CALLER_MM = { callerNoMm: 'the caller is a process and has an address space' };

describe('VFIO_IOMMU_BIND', () => {
  describeChecks(
    FRAME,
    VFIO_2018_CHECKS.bind,
    [
      ...requestCases('to VFIO_IOMMU_BIND'),
      { check: 'noMemory', steps: 'submit bind fail_nth 1 expect any' },
      { check: 'enableFailed', steps: 'submit bind fail_nth 2 expect any' },
      { check: 'handlerFailed', steps: 'submit bind fail_nth 3 expect any' },
      { check: 'noMemoryMm', steps: 'submit bind fail_nth 4 expect any' },
      { check: 'noMemoryDevice', steps: 'submit bind fail_nth 5 expect any' },
    ],
    {
      ...NO_CALLER_MM,
      deviceNoPasid: 'has a machine of its own below',
      secondDevice: 'has a machine of its own below',
      noPasid: 'has a machine of its own below',
      noEntry: 'has a scenario of its own below',
      resultFault: 'what was read a moment before can be written',
    },
  );

  test('a device without PASIDs cannot be enabled', () => {
    passes(frame('device dev0 { pasid = 0 }'), 'submit bind expect EINVAL, reason device-pasid-bits');
  });
  test('a device with one PASID bit has PASID 1 only', () => {
    passes(frame('device dev0 { pasid = 1 }'), 'submit bind\nsubmit bind_p1 expect ENOSPC, reason pasid-none-left');
  });
  test('the 64th bond needs a further page of the PASID table', () => {
    const processes = Array.from({ length: 64 }, (_, i) => `process q${i} { pid = ${2000 + i} }`).join(' ');
    passes(
      { uapi: 'vfio-2018-02', declarations: `machine { ${processes} }${CALLS}` },
      `for i in 0..63 { submit struct vfio_iommu_type1_bind = bind { data = bind_data { flags = VFIO_IOMMU_BIND_PID, pid = 2000 + i } } }
submit bind fail_nth 4 expect ENOMEM, reason pasid-table-entry-missing
submit bind expect ok, data.pasid == 64`,
    );
  });
});

describe('VFIO_IOMMU_UNBIND', () => {
  describeChecks(
    FRAME,
    VFIO_2018_CHECKS.unbind,
    [
      ...requestCases('to VFIO_IOMMU_UNBIND'),
      { check: 'noBond', steps: 'submit bind_p1\nsubmit bind to VFIO_IOMMU_UNBIND expect any' },
    ],
    NO_CALLER_MM,
  );
});

describe('the container', () => {
  describeChecks(
    FRAME,
    VFIO_2018_CHECKS.container,
    [
      { check: 'fdClosed', steps: 'exit\nsubmit bind expect any' },
      { check: 'unknownIoctl', steps: 'submit 0 to 0x3b7c expect any' },
      { check: 'setTwice', steps: 'submit VFIO_TYPE1v2_IOMMU to VFIO_SET_IOMMU expect any' },
      { check: 'infoFault', steps: 'submit 0 to VFIO_IOMMU_GET_INFO expect any' },
      { check: 'infoArgsz', steps: 'submit struct vfio_iommu_type1_info { argsz = 15 } expect any' },
      { check: 'attachBusy', steps: 'attach dev0 expect any' },
      { check: 'attachNoMemory', steps: 'detach dev0\nattach dev0 fail_nth 2 expect any' },
      { check: 'attachNoDomain', steps: 'detach dev0\nattach dev0 fail_nth 3 expect any' },
      { check: 'detachNot', steps: 'detach dev0\ndetach dev0 expect any' },
    ],
    {
      noDriver: 'a container keeps its type for life here',
      setNoGroup: 'a machine always has a group',
      setUnknown: 'the container always has a type, and that is checked first',
      attachNoNesting: 'needs a machine of its own, as in the tests of the other containers',
    },
  );

  test('GET_INFO has no capabilities yet', () => {
    passes(
      FRAME,
      'submit info expect flags == VFIO_IOMMU_INFO_PGSIZES, argsz == 256\nread user &info + 16 u32 as behind\nexpect behind == 0',
      { declarations: 'struct vfio_iommu_type1_info info { argsz = 256 }' },
    );
  });
});

describe('a bond', () => {
  test('writes back its PASID, which unbind does not look at', () => {
    passes(
      FRAME,
      `submit bind expect returns 0, data.pasid == 1
submit bind_p1 as p1 expect data.pasid == 2
expect bound dev0 pasid 1
submit struct vfio_iommu_type1_bind = bind_p1 { data = bind_data = by_pid { pasid = 1 } } to VFIO_IOMMU_UNBIND
expect bound dev0 pasid 1
expect unbound dev0 pasid p1.data.pasid`,
    );
  });
  test('is not made twice: the PASID there is comes back', () => {
    passes(
      FRAME,
      'submit bind_p1\nsubmit bind_p1 expect ok, data.pasid == 1\nsubmit bind_p1 to VFIO_IOMMU_UNBIND\nsubmit bind_p1 to VFIO_IOMMU_UNBIND expect ESRCH, reason process-not-bound',
    );
  });
  test('is made of a first stage and nothing below it, with flushes when it ends', () => {
    passes(
      FRAME,
      'submit bind\nsubmit bind to VFIO_IOMMU_UNBIND expect issued == [[0x1_0001_0017], [0x1_0001_0026]]\ndma read dev0 pasid 1 at 0x1000 expect fault',
    );
  });
  test('of a process without page tables here cannot be walked', () => {
    expect(problemOf(FRAME, 'submit bind_p1\ndma read dev0 pasid 1 at 0x1000')).toBe(
      'PASID 1 stands for the address space of p1, whose page tables are not part of the machine',
    );
  });
  test('leaves requests without PASID alone', () => {
    passes(FRAME, 'submit bind\ndma read dev0 at 0x1000 expect hpa 0x1_0000_1000');
  });
  test('reaches a group that joins late', () => {
    passes(
      TWO_GROUPS,
      'detach dev1\nsubmit bind\nexpect unbound dev1 pasid 1\nattach dev1\nexpect bound dev1 pasid 1\ndetach dev1\nattach dev1 fail_nth 4 expect ENOMEM\nexpect unbound dev1\nexpect bound dev0 pasid 1',
    );
  });
  test('ends with the caller', () => {
    passes(FRAME, 'submit bind\nsubmit bind_p1\nexit\nexpect unbound dev0 pasid 1\nexpect unbound dev0 pasid 2');
  });
});

describe('a call that fails half-way', () => {
  test('undoes the binds of every group, whatever the point', () => {
    // The bond; for dev0 init, handler, mm, device; for dev1 init, handler, device.
    for (let nth = 1; nth <= 8; nth++)
      passes(
        TWO_GROUPS,
        `submit bind fail_nth ${nth} expect ENOMEM\nexpect unbound dev0 pasid 1\nexpect unbound dev1 pasid 1\nsubmit bind expect ok, data.pasid == 1`,
      );
    expect(problemOf(TWO_GROUPS, 'submit bind fail_nth 9')).toBe(
      'fail_nth 9 lies beyond the last fallible point: the call passed 8',
    );
  });

  test('group_partial_enable: on, the first device stays enabled; off, it is disabled again', () => {
    // dev1 is the third to be enabled: bond, init and handler of dev0, init of dev1.
    const on = passes(
      GROUP_OF_TWO,
      'submit bind fail_nth 4 expect ENOMEM\ndma read dev0 pasid 1 at 0 expect fault SPT.2\ndma read dev1 pasid 1 at 0 expect fault SCT.6',
    );
    expect(on[0]).toEqual(['dev0 stays enabled for SVA']);
    const none = passes(
      GROUP_OF_TWO,
      'submit bind fail_nth 4 expect ENOMEM\ndma read dev0 pasid 1 at 0 expect fault SCT.6\ndma read dev1 pasid 1 at 0 expect fault SCT.6',
      off('group_partial_enable'),
    );
    expect(none[0]).toEqual([]);
  });

  test('group_partial_enable off: a bind that fails later disables what it enabled, and only that', () => {
    const steps = 'submit bind fail_nth 4 expect ENOMEM\ndma read dev0 pasid 1 at 0 expect fault';
    passes(FRAME, `${steps} SCT.6`, off('group_partial_enable'));
    passes(
      FRAME,
      `submit bind_p1\n${steps.replace('fail_nth 4', 'fail_nth 2').replace('pasid 1', 'pasid 2')} SPT.2`,
      off('group_partial_enable'),
    );
  });
});

describe('a group of several devices', () => {
  test('version 1 binds them all', () => {
    passes(GROUP_OF_TWO, 'submit bind\nexpect bound dev0 pasid 1\nexpect bound dev1 pasid 1');
  });
  test('version 2 refuses the second and undoes the first', () => {
    passes(
      GROUP_OF_TWO,
      'submit bind expect EINVAL, reason several-devices\nexpect unbound dev0 pasid 1\ndma read dev0 pasid 1 at 0 expect fault SCT.6',
      V2,
    );
  });
});

describe('quirks', () => {
  test('mode_not_flags: the name of the second word', () => {
    const path = (options: { readonly quirks?: string }): string | undefined =>
      runText(fileText(FRAME, 'submit struct vfio_iommu_type1_bind = bind { mode = 2 } expect any', options))
        .scenarios[0]!.steps[0]!.detail.refusal?.path;
    expect(path({})).toBe('mode');
    expect(path(off('mode_not_flags'))).toBe('flags');
  });

  test('teardown_in_setup_order: what goes first', () => {
    const steps = 'submit bind\ndetach dev0';
    expect(passes(FRAME, steps)[1]).toEqual([
      'unbound PASID 1 from dev0',
      'dev0: SVA disabled, then exit handler removed',
    ]);
    expect(passes(FRAME, steps, off('teardown_in_setup_order'))[1]).toEqual([
      'unbound PASID 1 from dev0',
      'dev0: exit handler removed, then SVA disabled',
    ]);
  });

  test('teardown_in_setup_order off: the handler is there before the device', () => {
    passes(
      FRAME,
      'submit bind fail_nth 2 expect ENOMEM, reason driver-callback-failed\ndma read dev0 pasid 1 at 0 expect fault SCT.6',
      {
        quirks: '{ teardown_in_setup_order = off }',
      },
    );
  });

  test('defunct_bond_kept: the bond of a dead process stays in the list until the container goes', () => {
    const steps =
      'submit bind_p1\nexit p1\nexpect unbound dev0 pasid 1\nsubmit bind_p1 to VFIO_IOMMU_UNBIND expect ESRCH, reason process-unknown\nexit';
    const on = passes(FRAME, steps);
    expect(on[1]).toEqual(['unbound PASID 1 from dev0', "the bond of p1 stays in the container's list, defunct"]);
    expect(on[4]).toContain('freed 1 defunct bond');
    const none = passes(FRAME, steps, off('defunct_bond_kept'));
    expect(none[1]).toEqual(['unbound PASID 1 from dev0']);
    expect(none[4]).not.toContain('freed 1 defunct bond');
  });

  test('a defunct bond gives its PASID back, and is not bound to a group that joins', () => {
    passes(
      TWO_GROUPS,
      'detach dev1\nsubmit bind_p1\nexit p1\nattach dev1\nexpect unbound dev1 pasid 1\nsubmit bind_p2 expect ok, data.pasid == 1',
    );
  });

  test('a process that nobody bound may exit, and does so once', () => {
    expect(passes(FRAME, 'exit p1\nexit p1')).toEqual([[], ['p1 has exited before']]);
    expect(problemOf(FRAME, 'exit p9')).toBe('the machine has no process p9');
  });
});
