import { describe, expect, test } from 'vitest';
import type { FieldValues } from '../engine/models/bit-layout.ts';
import { encode } from '../engine/models/bit-layout.ts';
import { DeviceAccess } from '../engine/models/device.ts';
import { COMMANDS } from '../engine/models/smmuv3/index.ts';
import { Tag } from '../engine/models/smmuv3/tlb.ts';
import { Access, Answer, Hit, Kind, Source, Stale } from '../engine/models/translation.ts';
import type { CommandOutcome } from '../engine/models/unit.ts';
import { AT, nestedSte, SHIFT, SID, SmmuMachine, usualCd, usualStage2, VA } from './smmuv3-machine.ts';

/** Gives a command by its name and fields. */
function command(machine: SmmuMachine, name: string, fields: FieldValues = {}): CommandOutcome {
  machine.tick();
  const layout = COMMANDS.find((each) => each.name === `CMD_${name}`)!;
  return machine.unit.command(encode(layout, { ...layout.fixed, ...fields }));
}

const removed = (outcome: CommandOutcome): string =>
  outcome.removed.map(({ cache, count }) => `${count} ${cache}`).join();
const VMID = 7;
const ASID = 1;
const LEAF = AT.data | 0xf43n;
/** Without nG. */
const GLOBAL_LEAF = AT.data | 0x743n;
const OTHER = AT.data + 0x5000n;

describe('a translation that is found again', () => {
  test('reads nothing and gives the same', () => {
    const machine = new SmmuMachine();
    const cold = machine.translate();
    expect([cold.hit, cold.refs, cold.config, cold.hpa]).toEqual([Hit.None, 15, 5, AT.data + SHIFT]);
    const warm = machine.translate({ address: VA + 0x123n });
    expect([warm.hit, warm.refs, warm.config, warm.hpa]).toEqual([Hit.Iotlb, 0, 0, AT.data + SHIFT + 0x123n]);
    expect([warm.gpa, warm.lg2, warm.domain, warm.pasid]).toEqual([AT.data + 0x123n, 12, VMID, ASID]);
  });

  test('a hit tells which stage denies', () => {
    const stage1 = new SmmuMachine();
    stage1.putLeaf(AT.data | 0xfc3n);
    expect(stage1.outcome()).toBe('0xa0100000');
    expect(stage1.outcome({ access: Access.Write })).toBe('F_PERMISSION');
    expect(stage1.event()).toMatchObject({ S2: 0n, CLASS: 2n, IPA: 0n, RnW: 0n });
    const stage2 = new SmmuMachine();
    stage2.putPage2(AT.data, 0x77fn);
    expect(stage2.outcome()).toBe('0xa0100000');
    expect(stage2.outcome({ access: Access.Write, address: VA + 8n })).toBe('F_PERMISSION');
    expect(stage2.unit.result.hit).toBe(Hit.Iotlb);
    expect(stage2.event()).toMatchObject({ S2: 1n, CLASS: 2n, IPA: AT.data, RnW: 0n, InputAddr: VA + 8n });
  });

  test('the page is the smaller one of the stages', () => {
    const machine = new SmmuMachine();
    machine.mem.write64(machine.host(0x4000_2000n) + 8n * 0x11an, AT.cd | 0x741n);
    expect(machine.outcome()).toBe('0xa0056000');
    expect(machine.unit.result.lg2).toBe(12);
    expect(machine.translate({ address: VA + 0x1000n }).hit).toBe(Hit.None);
  });

  test('faults are not kept: what becomes valid is found without a command', () => {
    const machine = new SmmuMachine();
    machine.putLeaf(0n);
    expect(machine.outcome()).toBe('F_TRANSLATION');
    machine.putLeaf(LEAF);
    expect([machine.outcome(), machine.unit.result.stale]).toEqual(['0xa0100000', Stale.Fresh]);
  });

  test('a global page is found under every ASID of the VMID, another one under its own', () => {
    const ste = { ...nestedSte, S1CDMax: 4, S1DSS: 0 };
    const second = { ...usualCd, ASID: 2 };
    const withLeaf = (leaf: bigint): boolean => {
      const machine = new SmmuMachine({}, ste);
      machine.putCd(usualCd, machine.host(AT.cd) + 64n);
      machine.putCd(second, machine.host(AT.cd) + 128n);
      machine.putLeaf(leaf);
      machine.translate({ pasid: 1 });
      return machine.translate({ pasid: 2 }).hit === Hit.Iotlb;
    };
    expect(withLeaf(GLOBAL_LEAF)).toBe(true);
    expect(withLeaf(LEAF)).toBe(false);
  });
});

describe('commands remove what they have to and nothing more', () => {
  /** One line of each tag, each by an access. */
  function filled(leaf = LEAF): SmmuMachine {
    const machine = new SmmuMachine({}, nestedSte);
    machine.putLeaf(leaf);
    machine.putSte({ V: 1, Config: 6, ...usualStage2 }, AT.streamTable + 64n * 0x20n);
    expect(machine.outcome()).toBe('0xa0100000');
    expect(machine.outcome({ sid: 0x20, address: AT.data })).toBe('0xa0100000');
    return machine;
  }
  const tags = (machine: SmmuMachine): Tag[] =>
    machine.unit.tlb
      .list()
      .map((line) => line.tag)
      .sort();

  const cases: readonly [string, FieldValues, readonly Tag[]][] = [
    ['TLBI_NH_ALL', { VMID }, [Tag.Ipa]],
    ['TLBI_NH_ALL', { VMID: 8 }, [Tag.Asid, Tag.Ipa]],
    ['TLBI_NH_ASID', { VMID, ASID }, [Tag.Ipa]],
    ['TLBI_NH_ASID', { VMID, ASID: 2 }, [Tag.Asid, Tag.Ipa]],
    ['TLBI_NH_VA', { VMID, ASID, Address: VA, Leaf: 1 }, [Tag.Ipa]],
    ['TLBI_NH_VA', { VMID, ASID, Address: VA + 0x1000n }, [Tag.Asid, Tag.Ipa]],
    ['TLBI_NH_VA', { VMID, ASID: 2, Address: VA }, [Tag.Asid, Tag.Ipa]],
    ['TLBI_NH_VAA', { VMID, Address: VA }, [Tag.Ipa]],
    ['TLBI_S2_IPA', { VMID, Address: AT.data }, [Tag.Asid]],
    ['TLBI_S2_IPA', { VMID, Address: OTHER }, [Tag.Asid, Tag.Ipa]],
    ['TLBI_S12_VMALL', { VMID }, []],
    ['TLBI_S12_VMALL', { VMID: 8 }, [Tag.Asid, Tag.Ipa]],
    ['TLBI_NSNH_ALL', {}, []],
    ['TLBI_EL2_ALL', {}, [Tag.Asid, Tag.Ipa]],
    ['CFGI_STE', { StreamID: SID }, [Tag.Asid, Tag.Ipa]],
    ['PREFETCH_CONFIG', { StreamID: SID }, [Tag.Asid, Tag.Ipa]],
  ];
  test.each(cases)('%s %o', (name, fields, left) => {
    const machine = filled();
    expect(command(machine, name, fields).ok).toBe(true);
    expect(tags(machine)).toEqual(left);
  });

  test('a global page goes by address whatever the ASID, and not by ASID', () => {
    const machine = filled(GLOBAL_LEAF);
    command(machine, 'TLBI_NH_ASID', { VMID, ASID });
    expect(tags(machine)).toEqual([Tag.Global, Tag.Ipa]);
    command(machine, 'TLBI_NH_VA', { VMID, ASID: 9, Address: VA });
    expect(tags(machine)).toEqual([Tag.Ipa]);
  });

  test('ranges, levels and granules', () => {
    const range = { VMID, ASID, Address: VA - 0x3000n, TG: 1, NUM: 1, SCALE: 1 };
    const gone = (fields: FieldValues, ids: Readonly<Record<string, number>> = {}): boolean => {
      const machine = new SmmuMachine(ids);
      machine.translate();
      const outcome = command(machine, 'TLBI_NH_VA', fields);
      expect(outcome.ok).toBe(true);
      return removed(outcome) === '1 TLB entries';
    };
    expect(gone(range)).toBe(true);
    expect(gone({ ...range, Address: VA - 0x4000n })).toBe(false);
    expect(gone({ ...range, TTL: 3 })).toBe(true);
    // Hints of another level or granule do not have to remove it.
    expect(gone({ ...range, TTL: 2 })).toBe(false);
    expect(gone({ ...range, TG: 3, Address: VA })).toBe(false);
    // Without RIL the fields of ranges do not count.
    expect(gone(range, { RIL: 0 })).toBe(false);
    expect(gone({ ...range, Address: VA, TTL: 2 }, { RIL: 0 })).toBe(true);
  });

  test('a large page goes with any address in it', () => {
    const machine = new SmmuMachine(
      {},
      { V: 1, Config: 5, S1ContextPtr: AT.cd + SHIFT },
      { ...usualCd, TTB0: AT.tables1 + SHIFT },
    );
    machine.mem.write64(machine.host(AT.tables1) + 32n, 0xa000_2003n);
    machine.mem.write64(0xa000_2000n + 8n * 0x11an, 0xc000_0741n);
    expect([machine.outcome(), machine.unit.result.lg2]).toEqual(['0xc0056000', 21]);
    expect(removed(command(machine, 'TLBI_NH_VA', { ASID, Address: (VA & ~0x1f_ffffn) + 0x1000n }))).toBe(
      '1 TLB entries',
    );
  });

  test('CR0.VMW ignores low bits of the VMID', () => {
    const machine = filled();
    machine.unit.writeRegister('CR0', 0xfn | (3n << 6n));
    command(machine, 'TLBI_NH_ALL', { VMID: 0 });
    expect(tags(machine)).toEqual([Tag.Ipa]);
  });

  test('configuration', () => {
    const machine = filled();
    const { caches } = machine.unit.lookup;
    const sizes = (): number[] => [caches.stes.size, caches.cds.size];
    expect(sizes()).toEqual([2, 1]);
    expect(removed(command(machine, 'CFGI_CD', { StreamID: SID, SubstreamID: 1 }))).toBe('');
    expect(removed(command(machine, 'CFGI_CD', { StreamID: SID, Leaf: 1 }))).toBe('1 CDs');
    machine.translate();
    expect(removed(command(machine, 'CFGI_CD_ALL', { StreamID: 0x20 }))).toBe('');
    expect(removed(command(machine, 'CFGI_CD_ALL', { StreamID: SID }))).toBe('1 CDs');
    machine.translate();
    expect(removed(command(machine, 'CFGI_STE', { StreamID: SID, Leaf: 1 }))).toBe('1 STEs,1 CDs');
    machine.translate();
    expect(removed(command(machine, 'CFGI_STE_RANGE', { StreamID: 0x2f, Range: 3 }))).toBe('1 STEs');
    expect(removed(command(machine, 'CFGI_STE_RANGE', { Range: 31 }))).toBe('1 STEs,1 CDs');
  });

  test('first levels go with Leaf 0 only', () => {
    const machine = new SmmuMachine({}, { ...nestedSte, S1CDMax: 10, S1Fmt: 1 });
    machine.putL1Cd(machine.host(AT.cd), { V: 1, L2Ptr: 0x4001_0000n });
    machine.putCd(usualCd, machine.host(0x4001_0000n) + 64n);
    machine.translate({ pasid: 1 });
    expect(removed(command(machine, 'CFGI_CD', { StreamID: SID, SubstreamID: 1, Leaf: 1 }))).toBe('1 CDs');
    machine.translate({ pasid: 1 });
    expect(removed(command(machine, 'CFGI_CD', { StreamID: SID, SubstreamID: 1 }))).toBe('1 CDs,1 level-1 CDs');
    // The first level of the stream table lies above, and belongs to its own command.
    expect(removed(command(machine, 'CFGI_STE', { StreamID: SID }))).toBe('1 STEs');
  });
});

describe('commands that are refused', () => {
  const cases: readonly [string, FieldValues, Readonly<Record<string, number>>][] = [
    ['TLBI_NH_ALL', {}, { S1P: 0, SSIDSIZE: 0, CD2L: 0 }],
    ['TLBI_S12_VMALL', {}, { S2P: 0 }],
    ['TLBI_S2_IPA', {}, { S2P: 0 }],
    ['TLBI_EL2_ALL', {}, { HYP: 0 }],
    ['ATC_INV', {}, { ATS: 0, NS1ATS: 0 }],
    ['ATC_INV', { Size: 53 }, {}],
    ['PRI_RESP', {}, { PRI: 0 }],
    ['RESUME', {}, { STALL_MODEL: 1 }],
    ['STALL_TERM', {}, { STALL_MODEL: 1 }],
    ['CFGI_VMS_PIDM', {}, {}],
    ['DPTI_ALL', {}, {}],
    ['SYNC', { CS: 3 }, {}],
    ['TLBI_NH_ALL', { SSec: 1 }, {}],
    ['TLBI_NH_VA', { TG: 1 }, {}],
  ];
  test.each(cases)('%s %o on %o', (name, fields, ids) => {
    const machine = new SmmuMachine(ids);
    expect(command(machine, name, fields)).toMatchObject({ ok: false, error: 'CERROR_ILL' });
    expect(machine.unit.register('CMDQ_CONS')! >> 24n).toBe(1n);
  });

  test.each([0x00n, 0x08n, 0x18n, 0x50n, 0x60n, 0x7fn])('opcode %s', (op) => {
    expect(new SmmuMachine().unit.command([op, 0n]).error).toBe('CERROR_ILL');
  });
});

describe('the queue in memory', () => {
  const SYNC = [0x46n, 0n];
  const queued = (): SmmuMachine => {
    const machine = new SmmuMachine();
    machine.unit.writeRegister('CMDQ_BASE', 0x8800_0000n | 2n);
    return machine;
  };

  test('runs what software has put there', () => {
    const machine = queued();
    machine.translate();
    machine.mem.write64(0x8800_0000n, 0x30n);
    machine.mem.write64(0x8800_0010n, 0x46n);
    expect(removed(machine.unit.writeRegister('CMDQ_PROD', 2n)!)).toBe('1 TLB entries');
    expect(machine.unit.register('CMDQ_CONS')).toBe(2n);
  });

  test('wraps with its bit', () => {
    const machine = queued();
    for (let i = 0; i < 5; i++) expect(machine.unit.command(SYNC).ok).toBe(true);
    expect([machine.unit.register('CMDQ_PROD'), machine.unit.register('CMDQ_CONS')]).toEqual([5n, 5n]);
    for (let i = 0; i < 4; i++) machine.unit.command(SYNC);
    expect(machine.unit.register('CMDQ_CONS')).toBe(1n);
  });

  test('stops at a bad command until that is acknowledged', () => {
    const machine = queued();
    expect(machine.unit.command([0x7fn, 0n]).error).toBe('CERROR_ILL');
    expect([machine.unit.register('CMDQ_CONS'), machine.unit.register('GERROR')]).toEqual([1n << 24n, 1n]);
    expect(machine.unit.command(SYNC)).toMatchObject({ ok: false, error: 'CMDQ_ERR' });
    expect(machine.unit.writeRegister('EVENTQ_CONS', 0n)!.ok).toBe(true);
    // As a driver does: the bad command becomes a CMD_SYNC, then the error is acknowledged.
    machine.mem.write64(0x8800_0000n, 0x46n);
    expect(machine.unit.writeRegister('GERRORN', 1n)!.ok).toBe(true);
    expect(machine.unit.register('CMDQ_CONS')! & 0xff_ffffn).toBe(2n);
  });

  test('is full, or switched off', () => {
    const machine = queued();
    machine.unit.writeRegister('CR0', 1n);
    for (let i = 0; i < 4; i++) expect(machine.unit.command(SYNC).error).toBe('CMDQEN');
    expect(machine.unit.command(SYNC).error).toBe('FULL');
    expect(machine.unit.writeRegister('CR0', 9n)!.ok).toBe(true);
    expect(machine.unit.register('CMDQ_CONS')).toBe(4n);
  });

  test('CMD_SYNC sends its message', () => {
    const machine = new SmmuMachine();
    command(machine, 'SYNC', { CS: 1, MSIDATA: 0x1234_5678, MSIADDR: 0x9900_0004n });
    expect(machine.mem.read64(0x9900_0000n)).toBe(0x1234_5678_0000_0000n);
  });
});

describe('what has become stale', () => {
  const stale = (machine: SmmuMachine, more = {}): [Stale, Source] => {
    const r = machine.translate(more);
    return [r.stale, r.stale === Stale.Fresh ? Source.Walk : r.source];
  };
  const FRESH = [Stale.Fresh, Source.Walk];

  test('a stage-1 leaf: the TLB, until NH_VA', () => {
    const machine = new SmmuMachine();
    machine.translate();
    machine.tick();
    machine.putLeaf(OTHER | 0xf43n);
    expect(stale(machine)).toEqual([Stale.Stale, Source.Iotlb]);
    const found = machine.unit.culprit(machine.request(), 1);
    expect([found?.step?.what, found?.address, found?.editedAt]).toEqual(['s1', machine.slot1, 2]);
    command(machine, 'TLBI_NH_VA', { VMID, ASID, Address: VA, Leaf: 1 });
    expect([...stale(machine), machine.unit.result.hpa]).toEqual([...FRESH, OTHER + SHIFT]);
  });

  test('a stage-2 leaf: S2_IPA alone does not do', () => {
    const machine = new SmmuMachine();
    machine.translate();
    machine.tick();
    machine.mem.write64(machine.slot2(AT.data), 0xb000_07ffn);
    expect(stale(machine)).toEqual([Stale.Stale, Source.Iotlb]);
    command(machine, 'TLBI_S2_IPA', { VMID, Address: AT.data, Leaf: 1 });
    expect(stale(machine)).toEqual([Stale.Stale, Source.Iotlb]);
    expect(machine.unit.culprit(machine.request(), 1)?.step?.what).toBe('s2');
    command(machine, 'TLBI_NH_ALL', { VMID });
    expect([...stale(machine), machine.unit.result.hpa]).toEqual([...FRESH, 0xb000_0000n]);
  });

  test('fewer rights are stale, more are a fault that need not be', () => {
    const machine = new SmmuMachine();
    machine.translate();
    machine.putLeaf(AT.data | 0xfc3n);
    expect(stale(machine)).toEqual([Stale.Stale, Source.Iotlb]);
    const other = new SmmuMachine();
    other.putLeaf(AT.data | 0xfc3n);
    other.translate();
    other.putLeaf(LEAF);
    expect(stale(other)).toEqual(FRESH);
    expect(stale(other, { access: Access.Write })).toEqual([Stale.Fault, Source.Iotlb]);
  });

  test('a CD: its cache, then the TLB', () => {
    const machine = new SmmuMachine();
    machine.mem.write64(machine.host(0x4000_5000n) + 32n, 0x4000_2003n);
    machine.translate();
    machine.tick();
    machine.putCd({ ...usualCd, V: 0 });
    expect(stale(machine)).toEqual([Stale.Stale, Source.Pasid]);
    expect(machine.unit.culprit(machine.request(), 1)?.step?.what).toBe('cd');
    command(machine, 'CFGI_CD', { StreamID: SID, Leaf: 1 });
    expect([machine.outcome(), machine.unit.result.stale]).toEqual(['C_BAD_CD', Stale.Fresh]);
    machine.tick();
    machine.putCd(usualCd);
    // What is not valid is kept too.
    expect(stale(machine)).toEqual([Stale.Fault, Source.Pasid]);
    command(machine, 'CFGI_CD', { StreamID: SID, Leaf: 1 });
    expect(stale(machine)).toEqual(FRESH);
  });

  test('an STE: its cache, and with other stage-2 tables the TLB behind it', () => {
    const machine = new SmmuMachine();
    machine.mem.write64(0x9100_0008n, 0x9100_1003n);
    machine.mem.write64(0x9100_1000n, 0x9100_2003n);
    for (let page = 0n; page < 512n; page++) {
      const leaf = machine.mem.read64(0x9000_2000n + 8n * page);
      machine.mem.write64(0x9100_2000n + 8n * page, page === 256n ? 0xb000_07ffn : leaf);
    }
    machine.translate();
    machine.tick();
    machine.putSte({ ...nestedSte, S2TTB: 0x9100_0000n });
    expect(stale(machine)).toEqual([Stale.Stale, Source.Context]);
    expect(machine.unit.culprit(machine.request(), 1)?.step?.what).toBe('ste');
    // What a stale configuration fills is out of date from the same time on.
    machine.tick();
    expect(machine.outcome({ address: VA + 8n })).toBe('0xa0100008');
    command(machine, 'TLBI_NH_ALL', { VMID });
    expect(stale(machine)).toEqual([Stale.Stale, Source.Context]);
    command(machine, 'CFGI_STE', { StreamID: SID, Leaf: 1 });
    expect(stale(machine)).toEqual([Stale.Stale, Source.Iotlb]);
    const { since, filledAt } = machine.unit.result;
    expect([since, filledAt > 2]).toEqual([1, true]);
    expect(machine.unit.culprit(machine.request(), since)?.step?.what).toBe('ste');
    command(machine, 'TLBI_S12_VMALL', { VMID });
    expect([...stale(machine), machine.unit.result.hpa]).toEqual([...FRESH, 0xb000_0000n]);
  });

  test('a field that does not decide is nobody to blame', () => {
    const machine = new SmmuMachine();
    machine.translate();
    machine.putSte({ ...nestedSte, MEV: 1 });
    machine.putCd({ ...usualCd, MAIR0: 0xff });
    expect(stale(machine)).toEqual(FRESH);
    machine.putLeaf(0n);
    expect(stale(machine)).toEqual([Stale.Stale, Source.Iotlb]);
  });

  test('a level-1 descriptor of the stream table', () => {
    const machine = new SmmuMachine();
    machine.unit.writeRegister('STRTAB_BASE_CFG', 8n | (6n << 6n) | (1n << 16n));
    machine.putL1Std(AT.streamTable, { Span: 7, L2Ptr: 0x8100_0000n });
    machine.putSte(nestedSte, 0x8100_0000n + BigInt(64 * SID));
    machine.putSte(nestedSte, 0x8200_0000n + BigInt(64 * SID));
    machine.putSte({ V: 1 }, 0x8100_0000n + BigInt(64 * SID) + 64n);
    machine.translate();
    machine.tick();
    machine.putL1Std(AT.streamTable, { Span: 7, L2Ptr: 0x8200_0000n });
    machine.putSte({ V: 1, Config: 4 }, 0x8200_0000n + BigInt(64 * SID) + 64n);
    expect(stale(machine)).toEqual(FRESH);
    expect(stale(machine, { sid: SID + 1 })).toEqual([Stale.Fault, Source.Context]);
    command(machine, 'CFGI_STE', { StreamID: SID + 1, Leaf: 1 });
    expect(stale(machine, { sid: SID + 1 })).toEqual([Stale.Fault, Source.Context]);
    command(machine, 'CFGI_STE', { StreamID: SID + 1 });
    expect(stale(machine, { sid: SID + 1 })).toEqual(FRESH);
  });

  test('a register', () => {
    const machine = new SmmuMachine();
    machine.translate();
    machine.tick();
    machine.unit.writeRegister('STRTAB_BASE', 0x8f00_0000n);
    expect(stale(machine)).toEqual([Stale.Stale, Source.Context]);
    expect(machine.unit.culprit(machine.request(), 1)).toEqual({ register: 'STRTAB_BASE', editedAt: 2 });
  });

  test('an edit elsewhere proves nothing wrong, and cheaply so the next time', () => {
    const machine = new SmmuMachine();
    machine.translate();
    machine.mem.write64(0xff00_0000n, 1n);
    expect(stale(machine)).toEqual(FRESH);
    expect(machine.unit.lookup.isFresh(machine.mem.version)).toBe(true);
  });

  test('tags and held lines are told in words', () => {
    const machine = new SmmuMachine();
    machine.translate();
    const held = machine.unit.held(machine.request());
    expect(held.map(({ cache, lines }) => [cache, lines.length])).toEqual([
      ['device TLB', 0],
      ['STE cache', 1],
      ['CD cache', 1],
      ['TLB', 1],
    ]);
    expect(held[3]!.lines[0]!.text).toBe('VMID 7, ASID 1, 0x1_2345_6000 (4K) to 0xa010_0000, rw privileged, rwx not');
    machine.putLeaf(0n);
    const used = machine.translate();
    expect(machine.unit.holder(machine.request(), used, () => 'nic')).toEqual({
      cache: 'TLB',
      tag: 'VMID 7, ASID 1, page 0x1_2345_6000 (4K)',
    });
  });
});

test('what a command removed and what of it was out of date are counted on demand', () => {
  const machine = new SmmuMachine();
  machine.mem.write64(machine.slot1 + 8n, (AT.data + 0x1000n) | 0xf43n);
  machine.translate();
  machine.translate({ address: VA + 0x1000n });
  machine.putLeaf(0n);
  machine.unit.countStale = true;
  expect(command(machine, 'TLBI_NH_ALL', { VMID }).stale).toBe(1);
  expect(machine.unit.tally).toEqual({ dropped: 2, needed: 1 });
});

describe('devices with ATS', () => {
  const ste = { ...nestedSte, EATS: 1 };

  test('the device keeps the answer until ATC_INV', () => {
    const machine = new SmmuMachine({}, ste);
    const device = new DeviceAccess(machine.unit);
    expect(device.access(machine.request(), { pri: false }).answer).toBe(Answer.Success);
    expect(device.access(machine.request(), { pri: false }).hit).toBe(Hit.DeviceTlb);
    machine.putLeaf(0n);
    command(machine, 'TLBI_NH_VA', { VMID, ASID, Address: VA });
    const r = device.access(machine.request(), { pri: false });
    expect([r.stale, r.source]).toEqual([Stale.Stale, Source.DeviceTlb]);
    expect(removed(command(machine, 'ATC_INV', { StreamID: SID, Address: VA + 0x1000n }))).toBe('');
    expect(removed(command(machine, 'ATC_INV', { StreamID: SID, Address: VA + 0x2000n, Size: 1 }))).toBe('');
    expect(removed(command(machine, 'ATC_INV', { StreamID: SID, Address: VA + 0x1000n, Size: 1 }))).toBe(
      '1 ATC entries',
    );
    expect(device.access(machine.request(), { pri: false }).answer).toBe(Answer.Null);
    expect(machine.event()).toBeUndefined();
  });

  test('SubstreamIDs, and all of them with Global', () => {
    const machine = new SmmuMachine({}, { ...ste, S1CDMax: 4 });
    for (const pasid of [1, 2]) machine.putCd(usualCd, machine.host(AT.cd) + BigInt(64 * pasid));
    const device = new DeviceAccess(machine.unit);
    for (const pasid of [1, 2]) device.access(machine.request({ pasid }), { pri: false });
    const all = { StreamID: SID, Size: 52 };
    expect(removed(command(machine, 'ATC_INV', all))).toBe('');
    expect(removed(command(machine, 'ATC_INV', { ...all, SSV: 1, SubstreamID: 2 }))).toBe('1 ATC entries');
    expect(removed(command(machine, 'ATC_INV', { ...all, SSV: 1, Global: 1 }))).toBe('1 ATC entries');
  });

  test('EATS 0 refuses the request', () => {
    const machine = new SmmuMachine();
    const r = machine.translate({ kind: Kind.Translation });
    expect([r.ok, r.answer, r.reason?.name]).toEqual([false, Answer.Error, 'F_BAD_ATS_TREQ']);
    expect(machine.event()).toMatchObject({ Code: 5n, InputAddr: VA });
  });

  test('a stream that is disabled for it answers without an event', () => {
    const machine = new SmmuMachine({}, { ...ste, S1CDMax: 4, S1DSS: 0 });
    const r = machine.translate({ kind: Kind.Translation });
    expect([r.answer, r.reason?.name, r.logged]).toEqual([Answer.Error, 'F_STREAM_DISABLED', false]);
    expect(machine.event()).toBeUndefined();
  });
});
