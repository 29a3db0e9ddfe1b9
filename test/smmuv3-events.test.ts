import { describe, expect, test } from 'vitest';
import type { FieldValues } from '../engine/models/bit-layout.ts';
import { decode, encode } from '../engine/models/bit-layout.ts';
import { DeviceAccess } from '../engine/models/device.ts';
import { COMMANDS, PRIQ_ENTRY, SMMUV3 } from '../engine/models/smmuv3/index.ts';
import { Access, Stale } from '../engine/models/translation.ts';
import { type CommandOutcome, DROPPED } from '../engine/models/unit.ts';
import { AT, nestedSte, put, SHIFT, SID, SmmuMachine, usualCd, usualStage2, VA } from './smmuv3-machine.ts';

function command(machine: SmmuMachine, name: string, fields: FieldValues = {}): CommandOutcome {
  const layout = COMMANDS.find((each) => each.name === `CMD_${name}`)!;
  return machine.unit.command(encode(layout, { ...layout.fixed, ...fields }));
}

const CLASS = { CD: 0n, TT: 1n, IN: 2n };
const AF = 1n << 10n;
const AP2 = 1n << 7n;
const DBM = 1n << 51n;
/** Attributes of a stage-2 page: RW, AF, and its variants. */
const RW2 = 0x7ffn;
const OLD2 = RW2 & ~AF;
const READ_ONLY2 = RW2 & ~(1n << 7n);
const WRITE_ONLY2 = RW2 & ~(1n << 6n);
const DEVICE2 = RW2 & ~0x3cn;

describe('which walk faulted, and where', () => {
  test.each([
    ['a CD page that is not mapped', 0n, 'F_TRANSLATION'],
    ['a CD page that is old', OLD2, 'F_ACCESS'],
    ['a CD page that cannot be read', WRITE_ONLY2, 'F_PERMISSION'],
  ])('%s', (_what, attributes, event) => {
    const machine = new SmmuMachine();
    if (attributes === 0n) machine.mem.write64(machine.slot2(AT.cd), 0n);
    else machine.putPage2(AT.cd, attributes);
    expect(machine.outcome({ access: Access.Write })).toBe(event);
    expect(machine.event()).toMatchObject({ S2: 1n, CLASS: CLASS.CD, IPA: AT.cd, TTRnW: 0n, RnW: 0n, InputAddr: VA });
    expect(machine.unit.lookup.caches.cds.size).toBe(0);
  });

  test.each([
    ['a table page that is not mapped', 0n, 'F_TRANSLATION', 0n],
    ['a table page that is old', OLD2, 'F_ACCESS', 0n],
    ['a table page that cannot be read', WRITE_ONLY2, 'F_PERMISSION', 1n],
  ])('%s', (_what, attributes, event, TTRnW) => {
    const machine = new SmmuMachine();
    if (attributes === 0n) machine.mem.write64(machine.slot2(0x4000_3000n), 0n);
    else machine.putPage2(0x4000_3000n, attributes);
    expect(machine.outcome({ access: Access.Write })).toBe(event);
    expect(machine.event()).toMatchObject({ S2: 1n, CLASS: CLASS.TT, IPA: 0x4000_3000n, TTRnW, RnW: 0n });
  });

  test('S2PTW keeps tables and CDs out of Device memory', () => {
    for (const [S2PTW, page, outcome, cls] of [
      [0, AT.cd, '0xa0100000', undefined],
      [1, AT.cd, 'F_PERMISSION', CLASS.CD],
      [0, AT.tables1, '0xa0100000', undefined],
      [1, AT.tables1, 'F_PERMISSION', CLASS.TT],
      [1, AT.data, '0xa0100000', undefined],
    ] as const) {
      const machine = new SmmuMachine({}, { ...nestedSte, S2PTW });
      machine.putPage2(page, DEVICE2);
      expect(machine.outcome()).toBe(outcome);
      expect(machine.event()?.['CLASS']).toBe(cls);
    }
  });

  test('a table entry beyond IPS is an address size fault of stage 1', () => {
    const machine = new SmmuMachine();
    machine.mem.write64(machine.host(0x4000_2000n) + 8n * 0x11an, (1n << 41n) | 3n);
    expect(machine.outcome()).toBe('F_ADDR_SIZE');
    expect(machine.event()).toMatchObject({ S2: 0n, CLASS: CLASS.IN, IPA: 0n });
  });

  test('a stage-2 entry beyond S2PS is one of stage 2', () => {
    const machine = new SmmuMachine({ OAS: 4 });
    machine.mem.write64(machine.slot2(AT.data), (1n << 45n) | RW2);
    expect(machine.outcome()).toBe('F_ADDR_SIZE');
    expect(machine.event()).toMatchObject({ S2: 1n, CLASS: CLASS.IN, IPA: AT.data });
  });

  test('the access flag comes before rights, and AFFD makes it count as set', () => {
    const leaf = (AT.data | 0xfc3n) & ~AF;
    const machine = new SmmuMachine();
    machine.putLeaf(leaf);
    expect(machine.outcome({ access: Access.Write })).toBe('F_ACCESS');
    const ignoring = new SmmuMachine({}, { ...nestedSte, S2AFFD: 1 }, { ...usualCd, AFFD: 1 });
    ignoring.putLeaf(leaf);
    for (const page of [AT.cd, AT.tables1, AT.data]) ignoring.putPage2(page, OLD2);
    expect(ignoring.outcome()).toBe('0xa0100000');
    expect(ignoring.outcome({ access: Access.Write })).toBe('F_PERMISSION');
  });

  test('rights of both stages', () => {
    const XN = 1n << 54n;
    const PXN = 1n << 53n;
    const cases: readonly [bigint, bigint, Access, boolean, string][] = [
      // Leaf attributes, stage-2 attributes, access, privileged, outcome.
      [0xf03n, RW2, Access.Read, false, 'F_PERMISSION'],
      [0xf03n, RW2, Access.Read, true, 'ok'],
      [0xf83n, RW2, Access.Write, true, 'F_PERMISSION'],
      [0xfc3n, RW2, Access.Read, false, 'ok'],
      [0xf43n, RW2, Access.Exec, false, 'ok'],
      // What unprivileged code can write is not executed with privilege.
      [0xf43n, RW2, Access.Exec, true, 'F_PERMISSION'],
      [0xfc3n, RW2, Access.Exec, true, 'ok'],
      [0xfc3n | PXN, RW2, Access.Exec, true, 'F_PERMISSION'],
      [0xfc3n | XN, RW2, Access.Exec, false, 'F_PERMISSION'],
      [0xfc3n | XN, RW2, Access.Exec, true, 'ok'],
      [0xfc3n, RW2 | XN, Access.Exec, true, 'F_PERMISSION'],
      // With XNX, 1 is EL0 only and 3 is EL1 only.
      [0xfc3n, RW2 | PXN, Access.Exec, true, 'F_PERMISSION'],
      [0xfc3n, RW2 | PXN, Access.Exec, false, 'ok'],
      [0xfc3n, RW2 | PXN | XN, Access.Exec, true, 'ok'],
      [0xfc3n, RW2 | PXN | XN, Access.Exec, false, 'F_PERMISSION'],
    ];
    for (const [leaf, stage2, access, privileged, outcome] of cases) {
      const machine = new SmmuMachine();
      machine.putLeaf(AT.data | leaf);
      machine.putPage2(AT.data, stage2);
      const found = machine.outcome({ access, privileged });
      expect([leaf, stage2, access, privileged, found.startsWith('0x') ? 'ok' : found]).toEqual([
        leaf,
        stage2,
        access,
        privileged,
        outcome,
      ]);
    }
  });

  test('table entries take rights away, unless HAD', () => {
    const with1 = (bits: bigint, cd: FieldValues, more: { access: Access; privileged?: boolean }): string => {
      const machine = new SmmuMachine({}, nestedSte, { ...usualCd, ...cd });
      machine.mem.write64(machine.host(AT.tables1) + 32n, 0x4000_2003n | bits);
      return machine.outcome(more);
    };
    const noUser = 1n << 61n;
    const noWrite = 1n << 62n;
    expect(with1(noUser, {}, { access: Access.Read })).toBe('F_PERMISSION');
    expect(with1(noUser, {}, { access: Access.Read, privileged: true })).toBe('0xa0100000');
    expect(with1(noWrite, {}, { access: Access.Write })).toBe('F_PERMISSION');
    expect(with1(1n << 60n, {}, { access: Access.Exec })).toBe('F_PERMISSION');
    expect(with1(noUser | noWrite | (1n << 60n), { HAD0: 1 }, { access: Access.Write })).toBe('0xa0100000');
  });

  test('WXN and UWXN', () => {
    const exec = (cd: FieldValues, leaf: bigint, privileged: boolean): string => {
      const machine = new SmmuMachine({}, nestedSte, { ...usualCd, ...cd });
      machine.putLeaf(AT.data | leaf);
      return machine.outcome({ access: Access.Exec, privileged });
    };
    expect(exec({}, 0xf43n, false)).toBe('0xa0100000');
    expect(exec({ WXN: 1 }, 0xf43n, false)).toBe('F_PERMISSION');
    expect(exec({ WXN: 1 }, 0xf03n, true)).toBe('F_PERMISSION');
    expect(exec({ WXN: 1 }, 0xf83n, true)).toBe('0xa0100000');
    expect(exec({ UWXN: 1 }, 0xf43n, true)).toBe('F_PERMISSION');
  });
});

describe('what hardware writes back', () => {
  const ha: FieldValues = { ...usualCd, HA: 1 };
  const hd: FieldValues = { ...ha, HD: 1 };

  test('HA sets the access flag, HD the dirty state', () => {
    const machine = new SmmuMachine({}, nestedSte, hd);
    machine.putLeaf((AT.data | 0xfc3n | DBM) & ~AF);
    expect(machine.outcome()).toBe('0xa0100000');
    expect(machine.mem.read64(machine.slot1)).toBe(AT.data | 0xfc3n | DBM);
    // Cached clean: the write walks once more, and finds the leaf dirty from then on.
    const write = machine.translate({ access: Access.Write });
    expect([write.ok, write.refs > 0, write.stale]).toEqual([true, true, Stale.Fresh]);
    expect(machine.mem.read64(machine.slot1)).toBe(AT.data | 0xf43n | DBM);
    expect(machine.translate({ access: Access.Write }).refs).toBe(0);
  });

  test('HD without HA does nothing', () => {
    const machine = new SmmuMachine({}, nestedSte, { ...usualCd, HD: 1 });
    machine.putLeaf(AT.data | 0xfc3n | DBM);
    expect(machine.outcome({ access: Access.Write })).toBe('F_PERMISSION');
  });

  test('the update is a write that stage 2 has to allow', () => {
    const machine = new SmmuMachine({}, nestedSte, ha);
    machine.putLeaf((AT.data | 0xf43n) & ~AF);
    machine.putPage2(0x4000_3000n, READ_ONLY2);
    expect(machine.outcome()).toBe('F_PERMISSION');
    expect(machine.event()).toMatchObject({ S2: 1n, CLASS: CLASS.TT, TTRnW: 0n, RnW: 1n, IPA: 0x4000_3000n });
    expect(machine.mem.read64(machine.slot1) & AF).toBe(0n);
    // A clean page becomes dirty first.
    const dirties = new SmmuMachine({}, { ...nestedSte, S2HA: 1, S2HD: 1 }, ha);
    dirties.putLeaf((AT.data | 0xf43n) & ~AF);
    dirties.putPage2(0x4000_3000n, READ_ONLY2 | DBM);
    expect(dirties.outcome()).toBe('0xa0100000');
    expect(dirties.mem.read64(dirties.slot2(0x4000_3000n)) & AP2).toBe(AP2);
    expect(dirties.mem.read64(dirties.slot1) & AF).toBe(AF);
  });

  test('stage 2: access flags of tables, CD and page; dirty state of what is written', () => {
    const machine = new SmmuMachine({}, { ...nestedSte, S2HA: 1, S2HD: 1 });
    const pages = [AT.cd, AT.tables1, AT.data];
    for (const page of pages) machine.putPage2(page, (READ_ONLY2 | DBM) & ~AF);
    expect(machine.outcome()).toBe('0xa0100000');
    for (const page of pages) expect(machine.mem.read64(machine.slot2(page)) & (AF | AP2)).toBe(AF);
    expect(machine.outcome({ access: Access.Write })).toBe('0xa0100000');
    expect(pages.map((page) => machine.mem.read64(machine.slot2(page)) & AP2)).toEqual([0n, 0n, AP2]);
  });

  test('a look without side effects writes nothing', () => {
    const machine = new SmmuMachine({}, { ...nestedSte, S2HA: 1, S2HD: 1 }, hd);
    machine.putLeaf((AT.data | 0xfc3n | DBM) & ~AF);
    machine.putPage2(AT.data, (READ_ONLY2 | DBM) & ~AF);
    const before = machine.mem.words.slice();
    expect(machine.unit.peek(machine.request({ access: Access.Write })).ok).toBe(true);
    machine.unit.explain(machine.request());
    expect(machine.mem.words).toEqual(before);
  });
});

describe('what becomes of a fault', () => {
  test('stage 2 has R and S of its own, and always aborts', () => {
    for (const [S2R, S2S, stalled, silent] of [
      [0, 0, false, true],
      [1, 0, false, false],
      [0, 1, true, false],
    ] as const) {
      const machine = new SmmuMachine({}, { ...nestedSte, S2R, S2S }, { ...usualCd, A: 0, R: 0 });
      machine.mem.write64(machine.slot2(AT.data), 0n);
      const r = machine.translate();
      expect([r.stalled, r.silent, r.ignored]).toEqual([stalled, silent, false]);
      expect(machine.event()?.['Stall']).toBe(silent ? undefined : BigInt(S2S));
    }
  });

  test('the record keeps the top byte of the address', () => {
    const machine = new SmmuMachine({}, nestedSte, { ...usualCd, TBI0: 1 });
    machine.translate();
    const address = VA | (0xabn << 56n);
    expect(machine.translate({ address }).hit).toBe(1);
    machine.unit.tlb.clear();
    machine.putLeaf(0n);
    machine.translate({ address });
    expect(machine.event()).toMatchObject({ InputAddr: address });
  });
});

describe('stalls', () => {
  const stalling = (more: FieldValues = {}): SmmuMachine => {
    const machine = new SmmuMachine({}, nestedSte, { ...usualCd, S: 1, ...more });
    machine.putLeaf(0n);
    return machine;
  };

  test('each access has its tag until it is ended', () => {
    const machine = stalling();
    expect([machine.translate().stag, machine.event()!['STAG']]).toEqual([0, 0n]);
    const r = machine.translate({ access: Access.Write });
    expect([r.stalled, r.stag]).toEqual([true, 1]);
    expect(machine.event()).toMatchObject({ Stall: 1n, STAG: 1n, RnW: 0n });
    expect(command(machine, 'RESUME', { StreamID: SID, STAG: 9 }).notes?.[0]).toMatch(/no access/);
    machine.putLeaf(AT.data | 0xf43n);
    expect(command(machine, 'RESUME', { StreamID: SID, STAG: 1, Ac: 1 }).notes).toEqual([
      'the write at 0x1_2345_6000 goes on to 0xa010_0000',
    ]);
    expect(command(machine, 'RESUME', { StreamID: SID, STAG: 0, Ab: 1 }).notes).toEqual([
      'the read at 0x1_2345_6000 is aborted',
    ]);
    expect(machine.unit.stalls.all).toEqual([]);
  });

  test('an access that is tried again may stall again', () => {
    const machine = stalling();
    machine.translate();
    expect(command(machine, 'RESUME', { StreamID: SID, STAG: 0, Ac: 1 }).notes?.[0]).toMatch(
      /stalls again under STAG 1/,
    );
    expect(machine.unit.faultsReported).toBe(2);
    expect(command(machine, 'RESUME', { StreamID: SID, STAG: 1 }).notes?.[0]).toMatch(/ends without effect/);
  });

  test('TERM_MODEL aborts whatever is asked for', () => {
    const machine = new SmmuMachine({ TERM_MODEL: 1 }, nestedSte, { ...usualCd, S: 1 });
    machine.putLeaf(0n);
    machine.translate();
    expect(command(machine, 'RESUME', { StreamID: SID, STAG: 0 }).notes?.[0]).toMatch(/is aborted/);
  });

  test('CMD_STALL_TERM ends those of a stream, switching off all', () => {
    const machine = stalling();
    machine.translate();
    machine.translate();
    expect(command(machine, 'STALL_TERM', { StreamID: SID + 1 }).notes).toBeUndefined();
    expect(command(machine, 'STALL_TERM', { StreamID: SID }).notes).toHaveLength(2);
    machine.translate();
    expect(machine.unit.writeRegister('CR0', 0n)!.notes).toEqual(['1 stalled accesses are aborted']);
  });
});

describe('the event queue in memory', () => {
  const BASE = 0x8900_0000n;
  const queued = (cd: FieldValues = {}): SmmuMachine => {
    const machine = new SmmuMachine({}, nestedSte, { ...usualCd, ...cd });
    machine.unit.writeRegister('EVENTQ_BASE', BASE | 1n);
    machine.putLeaf(0n);
    return machine;
  };
  const PROD_OVERFLOW = 1n << 31n;

  test('records lie where software reads them', () => {
    const machine = queued();
    machine.translate();
    const record = machine.unit.takeRecord(false)!;
    expect([0n, 8n, 16n, 24n].map((at) => machine.mem.read64(BASE + at))).toEqual(record);
    expect(machine.unit.register('EVENTQ_PROD')).toBe(1n);
    machine.translate();
    machine.unit.takeRecord(true);
    expect(machine.unit.register('EVENTQ_CONS')).toBe(2n);
  });

  test('without room an event is lost, once per overflow', () => {
    const machine = queued();
    for (let i = 0; i < 4; i++) machine.translate();
    expect(machine.unit.result.logged).toBe(false);
    expect([machine.unit.register('EVENTQ_PROD'), machine.unit.faultsReported]).toEqual([PROD_OVERFLOW | 2n, 2]);
    machine.unit.writeRegister('EVENTQ_CONS', PROD_OVERFLOW | 2n);
    machine.translate();
    expect([machine.unit.register('EVENTQ_PROD'), machine.unit.faultsReported]).toEqual([PROD_OVERFLOW | 3n, 3]);
  });

  test('records of stalls wait for room', () => {
    const machine = queued({ S: 1 });
    for (let i = 0; i < 3; i++) machine.translate();
    expect([machine.unit.register('EVENTQ_PROD'), machine.unit.faultsReported]).toEqual([2n, 2]);
    machine.unit.writeRegister('EVENTQ_CONS', 1n);
    expect([machine.unit.register('EVENTQ_PROD'), machine.unit.faultsReported]).toEqual([3n, 3]);
    expect(machine.mem.read64(BASE + 8n) & 0xffffn).toBe(2n);
  });

  test('switched off, it takes nothing', () => {
    const machine = queued();
    machine.unit.writeRegister('CR0', 1n);
    machine.translate();
    expect(machine.unit.faultsReported).toBe(0);
  });
});

describe('page requests', () => {
  const asking = (): { machine: SmmuMachine; device: DeviceAccess } => {
    const machine = new SmmuMachine({}, { ...nestedSte, EATS: 1, S1CDMax: 4 });
    machine.putCd(usualCd, machine.host(AT.cd) + 64n * 5n);
    machine.putLeaf(0n);
    machine.unit.writeRegister('PRIQ_BASE', 0x8a00_0000n);
    return { machine, device: new DeviceAccess(machine.unit) };
  };

  test('are queued, and answered by command', () => {
    const { machine, device } = asking();
    const r = device.access(machine.request({ pasid: 5, access: Access.Write }), { pri: true });
    expect(r.requested).toBe(true);
    const words = [machine.mem.read64(0x8a00_0000n), machine.mem.read64(0x8a00_0008n)];
    expect(decode(PRIQ_ENTRY, words)).toMatchObject({
      StreamID: BigInt(SID),
      SubstreamID: 5n,
      SSV: 1n,
      Read: 0n,
      Write: 1n,
      Last: 1n,
      PRGIndex: 0n,
      PageAddr: VA,
    });
    expect(command(machine, 'PRI_RESP', { StreamID: SID, PRGIndex: 0, Resp: 2 }).notes).toEqual(['group 0: success']);
  });

  test('a queue that is full lets the device try again', () => {
    const { machine, device } = asking();
    device.access(machine.request({ pasid: 5 }), { pri: true });
    expect(machine.unit.acceptPageRequest(machine.request({ pasid: 5 }))).toBe(DROPPED);
    expect(machine.unit.register('PRIQ_PROD')).toBe((1n << 31n) | 1n);
    expect(machine.unit.inject('priq_entry', [0n, 0n])).toMatchObject({ ok: false, error: 'FULL' });
  });

  test('without PRI, or with the queue off, there is no answer but failure', () => {
    const { machine } = asking();
    machine.unit.writeRegister('CR0', 1n);
    expect(machine.unit.faultOf(machine.unit.acceptPageRequest(machine.request()))?.name).toBe('F_UUT');
    const without = new SmmuMachine({ PRI: 0 });
    expect(without.unit.faultOf(without.unit.acceptPageRequest(without.request()))?.name).toBe('F_UUT');
  });
});

test('two halves and EL2', () => {
  const upper = 0xffff_ff80_0000_0000n;
  const cd: FieldValues = { ...usualCd, EPD0: 1, EPD1: 0, T1SZ: 25, TG1: 2, TTB1: AT.tables1 + SHIFT };
  const machine = new SmmuMachine({}, { V: 1, Config: 5, S1ContextPtr: AT.cd + SHIFT }, cd);
  machine.mem.write64(machine.host(AT.tables1), 0xc000_0741n);
  expect(machine.outcome({ address: upper + 0x1234n })).toBe('0xc0001234');
  expect(machine.outcome({ address: 0x1234n })).toBe('F_TRANSLATION');
  // EL2 has the lower half only, and its own TLB entries.
  const el2 = new SmmuMachine(
    {},
    { V: 1, Config: 5, STRW: 2, S1ContextPtr: AT.cd + SHIFT },
    { ...usualCd, TTB0: AT.tables1 + SHIFT },
  );
  el2.mem.write64(el2.host(AT.tables1), 0xc000_0701n);
  expect(el2.outcome({ address: 0x1234n })).toBe('0xc0001234');
  expect(command(el2, 'TLBI_NSNH_ALL').removed).toEqual([]);
  expect(command(el2, 'TLBI_EL2_VA', { Address: 0x1000n, ASID: 3 }).removed).toHaveLength(1);
});

test('joined tables of 16K and 64K granules behind stage 2 alone', () => {
  const machine = new SmmuMachine({}, { V: 1, Config: 6, ...usualStage2, S2TG: 2, S2T0SZ: 16, S2SL0: 2, S2PS: 5 });
  put(machine.mem, AT.stage2 + 8n * 2049n, [0xe000_0003n]);
  put(machine.mem, 0xe000_0000n + 8n * 3n, [0x1_0000_07fdn]);
  const address = (2049n << 36n) | (3n << 25n) | 0x1234n;
  expect(machine.outcome({ address })).toBe('0x100001234');
});

test('commands in words', () => {
  const text = (name: string, fields: FieldValues = {}): string => {
    const layout = COMMANDS.find((each) => each.name === `CMD_${name}`)!;
    return SMMUV3.hardware!.describe(encode(layout, { ...layout.fixed, ...fields }));
  };
  expect(text('RESUME', { StreamID: SID, STAG: 3, Ac: 1 })).toBe('CMD_RESUME: Ac 1, StreamID 0x10, STAG 3');
  expect(text('TLBI_NH_ALL', { VMID: 7 })).toBe('CMD_TLBI_NH_ALL: VMID 7');
  expect(text('TLBI_NSNH_ALL')).toBe('CMD_TLBI_NSNH_ALL');
  expect(SMMUV3.hardware!.describe([0x7fn, 0n])).toBe('opcode 0x7f');
});

describe('52-bit addresses', () => {
  const s1: FieldValues = { V: 1, Config: 5, S1ContextPtr: AT.cd + SHIFT };
  const wide: FieldValues = { ...usualCd, T0SZ: 12, IPS: 6, DS: 1, TTB0: AT.tables1 + SHIFT };

  test('4K with DS: five levels, and address bits 51:50 in 9:8', () => {
    const machine = new SmmuMachine({}, s1, wide);
    const address = (9n << 48n) | 0x5678n;
    machine.mem.write64(machine.host(AT.tables1) + 8n * 9n, 0xd000_0003n);
    for (const level of [0n, 1n, 2n]) machine.mem.write64(0xd000_0000n + (level << 12n), 0xd000_1003n + (level << 12n));
    machine.mem.write64(0xd000_3000n + 8n * 5n, (1n << 49n) | 0x1234_5000n | 0xf43n);
    expect(machine.outcome({ address })).toBe('0xe000012345678');
    expect(machine.unit.result.refs).toBe(5);
    // The machine puts out fewer bits: the descriptor asks for too much.
    const narrow = new SmmuMachine({ OAS: 5 }, s1, wide);
    narrow.mem.write64(narrow.host(AT.tables1) + 8n * 9n, (1n << 48n) | 3n);
    expect(narrow.outcome({ address })).toBe('F_ADDR_SIZE');
    expect(new SmmuMachine({ DS: 0 }, s1, wide).outcome({ address })).toBe('C_BAD_CD');
  });

  test('64K: address bits 51:48 in 15:12', () => {
    const machine = new SmmuMachine({}, s1, { ...wide, T0SZ: 22, DS: 0, TG0: 1, TTB0: 0xd000_0000n });
    machine.mem.write64(0xd000_0000n, 0xd001_0003n);
    machine.mem.write64(0xd001_0000n, 0x1234_5678_a743n);
    expect(machine.outcome({ address: 0x1234n })).toBe('0xa123456781234');
  });

  test('stage 2 with S2DS starts a level earlier', () => {
    const ste = { V: 1, Config: 6, ...usualStage2, S2DS: 1, S2T0SZ: 12, S2SL0: 0, S2SL0_2: 1, S2PS: 6 };
    const machine = new SmmuMachine({}, ste);
    machine.mem.write64(AT.stage2, 0xd000_0003n);
    machine.mem.write64(0xd000_0000n, 0x4fdn | (1n << 39n));
    expect(machine.outcome({ address: 0x1234n })).toBe('0x8000001234');
    expect(machine.outcome({ address: 1n << 52n })).toBe('F_ADDR_SIZE');
  });
});
