import { describe, expect, test } from 'vitest';
import type { FieldValues } from '../engine/models/bit-layout.ts';
import { encode } from '../engine/models/bit-layout.ts';
import { COMMANDS } from '../engine/models/smmuv3/index.ts';
import { Tag } from '../engine/models/smmuv3/tlb.ts';
import { Access, Hit, Source, Stale, type Translation } from '../engine/models/translation.ts';
import { AT, nestedSte, SHIFT, SID, SmmuMachine, usualCd, usualStage2, VA } from './smmuv3-machine.ts';

const VMID = 7;
const ASID = 1;
const NEXT = VA + 0x1000n;
const OTHER = AT.data + 0x5000n;
/** Pages of the guest that hold its table of leaves, and one that is free for another. */
const TABLE = 0x4000_3000n;
const SPARE = 0x4000_8000n;

function nested(ids = {}, ste: FieldValues = nestedSte, cd: FieldValues = usualCd): SmmuMachine {
  const machine = new SmmuMachine(ids, ste, cd, true);
  machine.mem.write64(machine.slot1 + 8n, (AT.data + 0x1000n) | 0xf43n);
  return machine;
}

function command(machine: SmmuMachine, name: string, fields: FieldValues = {}): string {
  machine.tick();
  const layout = COMMANDS.find((each) => each.name === `CMD_${name}`)!;
  const { removed } = machine.unit.command(encode(layout, { ...layout.fixed, ...fields }));
  return removed.map(({ cache, count }) => `${count} ${cache}`).join(', ');
}

const counts = (r: Translation): [number, number, Hit] => [r.refs, r.config, r.hit];
const found = (machine: SmmuMachine, more = {}): string => {
  const r = machine.translate(more);
  const source = Object.keys(Source).find((name) => Source[name as keyof typeof Source] === r.source);
  return `${r.ok ? `0x${r.hpa.toString(16)}` : (r.reason?.name ?? 'abort')}${r.stale ? ` stale by ${source}` : ''}`;
};
const held = (machine: SmmuMachine) => {
  const { first, second } = machine.unit.walks!;
  const ipa = machine.unit.tlb.list().filter(({ tag }) => tag === Tag.Ipa);
  return [first.size, second.size, ipa.length];
};

describe('walks begin as low as they can', () => {
  test('an access never profits from what it put in itself', () => {
    const machine = nested();
    expect(counts(machine.translate())).toEqual([15, 5, Hit.None]);
    // Two tables of each stage, and six pages: of the CD, three tables and the data.
    expect(held(machine)).toEqual([2, 2, 5]);
    // The leaf, and that of the second stage for the page.
    expect(counts(machine.translate({ address: NEXT }))).toEqual([2, 0, Hit.Psc]);
    expect(counts(machine.translate({ address: NEXT }))).toEqual([0, 0, Hit.Iotlb]);
  });

  test('without them only translations are kept', () => {
    const machine = new SmmuMachine();
    machine.mem.write64(machine.slot1 + 8n, (AT.data + 0x1000n) | 0xf43n);
    machine.translate();
    expect([machine.unit.walks, machine.unit.tlb.size]).toEqual([null, 1]);
    expect(counts(machine.translate({ address: NEXT }))).toEqual([15, 0, Hit.None]);
  });

  test('the way to a CD too, and it reads the CD itself', () => {
    const machine = nested();
    machine.translate();
    command(machine, 'CFGI_CD', { StreamID: SID, Leaf: 1 });
    expect(counts(machine.translate())).toEqual([0, 1, Hit.Iotlb]);
  });

  test('a walk that fails keeps nothing of the tables, but what led to the CD', () => {
    const machine = nested();
    machine.putLeaf(0n);
    expect(machine.outcome()).toBe('F_TRANSLATION');
    expect(held(machine)).toEqual([0, 2, 1]);
  });

  test('a stream of the second stage alone finds what a nested one has left', () => {
    const machine = nested();
    machine.putSte({ V: 1, Config: 6, ...usualStage2 }, AT.streamTable + 64n * 0x20n);
    machine.translate();
    const r = machine.translate({ sid: 0x20, address: AT.tables1 });
    expect([...counts(r), r.stale]).toEqual([0, 1, Hit.Iotlb, Stale.Fresh]);
    const other = machine.translate({ sid: 0x20, address: OTHER });
    expect([...counts(other), other.stale]).toEqual([1, 0, Hit.Psc, Stale.Fresh]);
  });

  test('ASIDs keep tables of their own, also for global pages', () => {
    const machine = nested({}, { ...nestedSte, S1CDMax: 4, S1DSS: 0 });
    for (const ssid of [1, 2]) machine.putCd({ ...usualCd, ASID: ssid }, machine.host(AT.cd) + BigInt(64 * ssid));
    machine.putLeaf(AT.data | 0x743n);
    machine.translate({ pasid: 1 });
    machine.translate({ pasid: 2, address: NEXT });
    expect(
      machine.unit
        .walks!.first.list()
        .map(({ pasid }) => pasid)
        .sort(),
    ).toEqual([1, 1, 2, 2]);
  });

  test('64K of stage 1 over 4K of stage 2: one line for each 4K of a table', () => {
    const machine = nested({}, nestedSte, { ...usualCd, T0SZ: 25, TG0: 1, TTB0: 0x4001_0000n });
    const [va, far] = [0x1_2345_0000n, 0x1_2345_0000n + 512n * 0x1_0000n];
    machine.mem.write64(machine.host(0x4001_0000n) + 8n * (va >> 29n), 0x4002_0003n);
    for (const at of [va, far])
      machine.mem.write64(machine.host(0x4002_0000n) + 8n * ((at >> 16n) & 0x1fffn), 0x4010_0000n | 0xf43n);
    expect(counts(machine.translate({ address: va }))).toEqual([11, 5, Hit.None]);
    expect(machine.unit.walks!.first.list()).toMatchObject([{ level: 0, size: 1n << 25n, prefix: 0x1_2200_0000n }]);
    // Another 4K of the same table: stage 1 from the top, through an IPA entry, and one new page of it.
    expect(counts(machine.translate({ address: far }))).toEqual([3, 0, Hit.Psc]);
  });

  test('an update of a leaf goes through stage 2, so the walk finds where it is', () => {
    const machine = nested({}, nestedSte, { ...usualCd, HA: 1, HD: 1 });
    machine.translate();
    machine.mem.write64(machine.slot1 + 8n, (AT.data + 0x1000n) | 0xb43n);
    const r = machine.translate({ address: NEXT });
    // From the top: three entries of stage 1, whose places are known, and the page.
    expect([...counts(r), machine.mem.read64(machine.slot1 + 8n) & 0x400n]).toEqual([4, 0, Hit.Psc, 0x400n]);
    machine.putPage2(TABLE, 0x77fn);
    command(machine, 'TLBI_S2_IPA', { VMID, Address: TABLE });
    machine.mem.write64(machine.slot1 + 16n, (AT.data + 0x2000n) | 0xb43n);
    expect(machine.outcome({ address: NEXT + 0x1000n })).toBe('F_PERMISSION');
    expect(machine.event()).toMatchObject({ S2: 1n, CLASS: 1n, IPA: TABLE, TTRnW: 0n });
  });

  test('a page of stage 2 that becomes dirty with the first write is not kept while it is clean', () => {
    const machine = nested({}, { ...nestedSte, S2HA: 1, S2HD: 1 });
    machine.mem.write64(machine.slot2(AT.data), machine.host(AT.data) | 0x77fn | (1n << 51n));
    expect(machine.translate().ok).toBe(true);
    expect(held(machine)).toEqual([2, 2, 4]);
    expect(machine.translate({ access: Access.Write }).ok).toBe(true);
    expect(machine.mem.read64(machine.slot2(AT.data)) & 0x80n).toBe(0x80n);
  });
});

describe('what a command removes of tables of stage 1, of stage 2, and of IPA entries', () => {
  const ALL = [2, 2, 5];
  const cases: readonly [string, FieldValues, readonly number[]][] = [
    ['TLBI_NH_ALL', { VMID }, [0, 2, 5]],
    ['TLBI_NH_ALL', { VMID: 8 }, ALL],
    ['TLBI_NH_ASID', { VMID, ASID }, [0, 2, 5]],
    ['TLBI_NH_ASID', { VMID, ASID: 2 }, ALL],
    ['TLBI_NH_VA', { VMID, ASID, Address: VA, Leaf: 1 }, ALL],
    ['TLBI_NH_VA', { VMID, ASID, Address: VA }, [0, 2, 5]],
    ['TLBI_NH_VA', { VMID, ASID: 2, Address: VA }, ALL],
    // Another 2M of the same 1G.
    ['TLBI_NH_VA', { VMID, ASID, Address: VA + 0x20_0000n }, [1, 2, 5]],
    ['TLBI_NH_VA', { VMID, ASID, Address: VA + (1n << 30n) }, ALL],
    ['TLBI_NH_VAA', { VMID, Address: VA, Leaf: 1 }, ALL],
    ['TLBI_NH_VAA', { VMID, Address: VA }, [0, 2, 5]],
    ['TLBI_NH_VAA', { VMID, Address: VA, TG: 1, TTL: 3 }, [0, 2, 5]],
    // Leaves of level 2 lie in a table of level 2: the one of level 3 need not go.
    ['TLBI_NH_VAA', { VMID, Address: VA, TG: 1, TTL: 2 }, [1, 2, 5]],
    ['TLBI_NH_VAA', { VMID, Address: VA, TG: 3, TTL: 3 }, ALL],
    ['TLBI_S2_IPA', { VMID, Address: AT.data, Leaf: 1 }, [2, 2, 4]],
    ['TLBI_S2_IPA', { VMID, Address: AT.data }, [2, 0, 4]],
    ['TLBI_S2_IPA', { VMID: 8, Address: AT.data }, ALL],
    ['TLBI_S12_VMALL', { VMID }, [0, 0, 0]],
    ['TLBI_S12_VMALL', { VMID: 8 }, ALL],
    ['TLBI_NSNH_ALL', {}, [0, 0, 0]],
    ['TLBI_EL2_ALL', {}, ALL],
    ['CFGI_STE_RANGE', { Range: 31 }, ALL],
  ];
  test.each(cases)('%s %o', (name, fields, left) => {
    const machine = nested();
    machine.translate();
    expect(held(machine)).toEqual(ALL);
    command(machine, name, fields);
    expect(held(machine)).toEqual(left);
  });

  test('tables of EL2 go with commands of EL2', () => {
    const machine = new SmmuMachine(
      {},
      { V: 1, Config: 5, STRW: 2, S1ContextPtr: AT.cd + SHIFT },
      { ...usualCd, TTB0: AT.tables1 + SHIFT },
      true,
    );
    machine.mem.write64(machine.host(AT.tables1) + 32n, 0xa000_2003n);
    machine.mem.write64(0xa000_2000n + 8n * 0x11an, 0xa000_3003n);
    expect([machine.outcome(), machine.unit.walks!.first.size]).toEqual(['0x40100000', 2]);
    expect(command(machine, 'TLBI_NSNH_ALL')).toBe('');
    expect(command(machine, 'TLBI_EL2_VA', { Address: VA, Leaf: 1 })).toBe('1 TLB entries');
    expect(command(machine, 'TLBI_EL2_VA', { Address: VA })).toBe('2 walk cache entries');
  });
});

describe('what has become stale', () => {
  /** The guest moves its table of leaves, with another page behind it. */
  function moveTable(machine: SmmuMachine): void {
    machine.tick();
    const index = (VA >> 12n) & 511n;
    machine.mem.write64(machine.host(SPARE) + 8n * index, OTHER | 0xf43n);
    machine.mem.write64(machine.host(SPARE) + 8n * index + 8n, OTHER | 0xf43n);
    machine.mem.write64(machine.host(0x4000_2000n) + 8n * 0x11an, SPARE | 3n);
  }

  test('a table of stage 1 that was freed: Leaf = 1 does not do', () => {
    const machine = nested();
    machine.translate();
    moveTable(machine);
    command(machine, 'TLBI_NH_VA', { VMID, ASID, Address: VA, Leaf: 1 });
    expect(found(machine)).toBe('0xa0100000 stale by Psc');
    expect(machine.unit.holder(machine.request(), machine.unit.result, () => 'nic')).toEqual({
      cache: 'stage-1 walk cache',
      tag: 'VMID 7, ASID 1, prefix 0x1_2340_0000 (2M), table of level 3',
    });
    const edit = machine.unit.culprit(machine.request(), machine.unit.result.filledAt);
    expect([edit?.step?.what, edit?.step?.level, edit?.editedAt]).toEqual(['s1', 1, 2]);
    // What was filled from it is out of date from the same time on.
    machine.tick();
    expect(found(machine)).toBe('0xa0100000 stale by Iotlb');
    expect(machine.unit.result.since).toBe(1);
    expect(machine.unit.culprit(machine.request(), 1)?.step?.level).toBe(1);
    command(machine, 'TLBI_NH_VA', { VMID, ASID, Address: VA });
    expect(found(machine)).toBe('0xa0105000');
  });

  test('an entry that has become absent above: a fault that need not be, and the other way round', () => {
    const machine = nested();
    machine.mem.write64(machine.host(SPARE) + 8n * ((NEXT >> 12n) & 511n), OTHER | 0xf43n);
    machine.translate();
    machine.tick();
    machine.mem.write64(machine.slot1 + 8n, 0n);
    machine.mem.write64(machine.host(0x4000_2000n) + 8n * 0x11an, SPARE | 3n);
    expect(found(machine, { address: NEXT })).toBe('F_TRANSLATION stale by Psc');
    expect(machine.unit.result.stale).toBe(Stale.Fault);
  });

  test('a page of stage 2 under a table: NH_ALL leaves its IPA entry', () => {
    const machine = nested();
    machine.translate();
    machine.tick();
    machine.mem.write64(machine.host(SPARE) + 8n * ((VA >> 12n) & 511n), OTHER | 0xf43n);
    machine.mem.write64(machine.slot2(TABLE), machine.host(SPARE) | 0x7ffn);
    command(machine, 'TLBI_NH_ALL', { VMID });
    expect(found(machine)).toBe('0xa0100000 stale by Psc');
    expect(machine.unit.holder(machine.request(), machine.unit.result, () => 'nic')).toEqual({
      cache: 'TLB',
      tag: 'VMID 7, by IPA, page 0x4000_3000 (4K)',
    });
    expect(machine.unit.culprit(machine.request(), 1)?.address).toBe(machine.slot2(TABLE));
    command(machine, 'TLBI_S2_IPA', { VMID, Address: TABLE, Leaf: 1 });
    // Tables of stage 1 were found again through it, and are as old.
    expect(found(machine, { address: NEXT })).toMatch(/stale by Psc$/);
    expect(machine.unit.walks!.blamed).toMatchObject({ stage: 1, line: { level: 0 } });
    command(machine, 'TLBI_NH_ALL', { VMID });
    expect(found(machine)).toBe('0xa0105000');
  });

  test('a table of stage 2 that was freed: S2_IPA with Leaf = 1 does not do', () => {
    const machine = nested();
    machine.mem.write64(0x9100_0000n + 8n * 256n, 0xb000_07ffn);
    machine.mem.write64(0x9100_0000n + 8n * 257n, 0xb000_17ffn);
    machine.translate();
    machine.tick();
    for (let page = 0n; page < 256n; page++)
      machine.mem.write64(0x9100_0000n + 8n * page, machine.mem.read64(0x9000_2000n + 8n * page));
    machine.mem.write64(0x9000_1000n, 0x9100_0003n);
    command(machine, 'TLBI_S2_IPA', { VMID, Address: AT.data, Leaf: 1 });
    command(machine, 'TLBI_NH_ALL', { VMID });
    expect(found(machine)).toBe('0xa0100000 stale by Psc');
    expect(machine.unit.holder(machine.request(), machine.unit.result, () => 'nic')).toEqual({
      cache: 'stage-2 walk cache',
      tag: 'VMID 7, prefix 0x4000_0000 (2M), table of level 3',
    });
    command(machine, 'TLBI_S2_IPA', { VMID, Address: AT.data });
    command(machine, 'TLBI_NH_ALL', { VMID });
    expect(found(machine)).toBe('0xb0000000');
  });

  test('the page that holds the CD: what is read through its IPA entry stays as old', () => {
    const machine = nested();
    machine.putCd({ ...usualCd, V: 0 }, machine.host(SPARE));
    machine.translate();
    machine.tick();
    machine.mem.write64(machine.slot2(AT.cd), machine.host(SPARE) | 0x7ffn);
    command(machine, 'CFGI_CD', { StreamID: SID });
    expect(found(machine)).toBe('0xa0100000 stale by Psc');
    expect(machine.unit.walks!.blamedPage).toMatchObject({ page: AT.cd });
    command(machine, 'TLBI_S2_IPA', { VMID, Address: AT.cd, Leaf: 1 });
    expect(found(machine)).toBe('0xa0100000 stale by Pasid');
    expect(machine.unit.culprit(machine.request(), machine.unit.result.since)?.address).toBe(machine.slot2(AT.cd));
    command(machine, 'CFGI_CD', { StreamID: SID });
    expect(found(machine)).toBe('C_BAD_CD');
  });

  test('another STE keeps what its stage 2 has in common', () => {
    const machine = nested();
    machine.translate();
    machine.putSte({ ...nestedSte, MEV: 1 });
    command(machine, 'CFGI_STE', { StreamID: SID });
    expect(found(machine)).toBe('0xa0100000');
    expect(machine.unit.result.hit).toBe(Hit.Iotlb);
    expect(found(machine, { address: NEXT })).toBe('0xa0101000');
    expect(machine.unit.result.refs).toBe(2);
  });

  test('an edit elsewhere is proved away once', () => {
    const machine = nested();
    machine.mem.write64(machine.slot1 + 16n, (AT.data + 0x2000n) | 0xf43n);
    machine.translate();
    machine.mem.write64(0xff00_0000n, 1n);
    expect(found(machine, { address: NEXT })).toBe('0xa0101000');
    expect([machine.unit.walks!.used, machine.unit.walks!.suspicious]).toEqual([true, true]);
    expect(found(machine, { address: NEXT + 0x1000n })).toBe('0xa0102000');
    expect([machine.unit.walks!.used, machine.unit.walks!.suspicious]).toEqual([true, false]);
  });

  test('what is held is told', () => {
    const machine = nested();
    machine.translate();
    const lines = machine.unit
      .held(machine.request())
      .slice(3)
      .flatMap(({ cache, lines: each }) => each.map(({ text }) => `${cache}: ${text}`))
      .sort();
    expect(lines).toEqual([
      'TLB: VMID 7, ASID 1, 0x1_2345_6000 (4K) to 0xa010_0000, rw privileged, rwx not',
      'TLB: VMID 7, by IPA, 0x4010_0000 (4K) to 0xa010_0000, rwx',
      'walk cache, stage 1: VMID 7, ASID 1, prefix 0x1_0000_0000 (1G), table of level 2, table at 0xa000_2000',
      'walk cache, stage 1: VMID 7, ASID 1, prefix 0x1_2340_0000 (2M), table of level 3, table at 0xa000_3000',
      'walk cache, stage 2: VMID 7, prefix 0x4000_0000 (1G), table of level 2, table at 0x9000_1000',
      'walk cache, stage 2: VMID 7, prefix 0x4000_0000 (2M), table of level 3, table at 0x9000_2000',
    ]);
  });

  test('what a command removes is counted, and what of it had to go', () => {
    const machine = nested();
    machine.translate();
    machine.translate({ address: NEXT });
    machine.unit.countStale = true;
    const outcome = (name: string, fields: FieldValues): unknown => {
      machine.unit.tally = { dropped: 0, needed: 0 };
      const layout = COMMANDS.find((each) => each.name === `CMD_${name}`)!;
      const { stale } = machine.unit.command(encode(layout, { ...layout.fixed, ...fields }));
      return { ...machine.unit.tally, stale };
    };
    expect(outcome('TLBI_S2_IPA', { VMID, Address: AT.tables1, Leaf: 1 })).toEqual({ dropped: 1, needed: 0, stale: 0 });
    machine.tick();
    machine.mem.write64(machine.slot2(AT.data), 0xb000_07ffn);
    expect(outcome('TLBI_S2_IPA', { VMID, Address: AT.data, Leaf: 1 })).toEqual({ dropped: 1, needed: 1, stale: 1 });
    moveTable(machine);
    // Two translations and two tables: that of level 2 is where it was.
    expect(outcome('TLBI_NH_ALL', { VMID })).toEqual({ dropped: 2, needed: 2, stale: 3 });
  });
});
