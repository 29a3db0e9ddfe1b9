import { describe, expect, test } from 'vitest';
import { DeviceAccess } from '../engine/models/device.ts';
import { Access, encodeDescriptor, Hit, Request, Source, Stale } from '../engine/models/vtd/index.ts';
import { VtdUnit } from '../engine/models/vtd/unit.ts';
import {
  DATA,
  firstStageOnly,
  HOST,
  hpaOf,
  nested,
  PASID,
  SID,
  secondStageOnly,
  VA,
  VtdMachine,
} from './vtd-machine.ts';

const outcome = (r: VtdUnit['result']) => ({ fault: r.reason?.name, refs: r.refs, hit: r.hit, stale: r.stale });
/** The guest's pages 16 to 19 hold its tables; page 20 is free for another. */
const SPARE = 20n;
const tableEntry = (level: bigint): bigint => HOST + (16n + level) * 0x1000n;
const dropLeaves = { G: 3, DID: 1, PASID, ADDR: VA, IH: 1 };
const dropAll = { G: 3, DID: 1, PASID, ADDR: VA };

/** The guest puts its page table of VA elsewhere, with page 0 mapped to data page `to`. */
function movePageTable(m: VtdMachine, to: bigint): void {
  m.mem.write64(HOST + SPARE * 0x1000n, ((DATA + to) << 12n) | 0x27n);
  m.mem.write64(tableEntry(2n), (SPARE << 12n) | 0x27n);
}

describe('walks', () => {
  test('an access never profits from what it put in itself', () => {
    const m = new VtdMachine();
    expect(outcome(m.read(0n))).toMatchObject({ refs: 24, hit: Hit.None });
    // The next page's leaf, and the leaf of the second stage behind it.
    expect(outcome(m.read(1n))).toMatchObject({ refs: 2, hit: Hit.Psc });
    expect(m.unit.structures!.first.list().map(({ level }) => level)).toEqual(expect.arrayContaining([0, 1, 2]));
  });

  test('each level that is known saves its own entry and the walk to its table', () => {
    const refs = (va: bigint) => {
      const m = new VtdMachine();
      m.read(0n);
      // An address that shares upper levels only; the tables below are missing.
      return m.unit.translate(new Request({ sid: SID, pasid: PASID, address: va, access: Access.Read })).refs;
    };
    // Level n of the guest is read; where an entry is absent the walk ends there.
    expect(refs(VA + 0x20_0000n)).toBe(1);
    expect(refs(VA + 0x4000_0000n)).toBe(1);
    expect(refs(VA + (1n << 39n))).toBe(2);
  });

  test('first stage alone, second stage alone', () => {
    const first = new VtdMachine();
    first.pasid(firstStageOnly());
    first.mem.write64(tableEntry(0n) + 8n * 0xfen, tableEntry(1n) | 7n);
    first.mem.write64(tableEntry(1n), tableEntry(2n) | 7n);
    first.mem.write64(tableEntry(2n), tableEntry(3n) | 7n);
    expect([first.read(0n).refs, first.read(1n).refs, first.read(1n).refs]).toEqual([4, 1, 0]);
    const second = new VtdMachine();
    second.pasid(secondStageOnly());
    const read = (address: bigint) =>
      second.unit.translate(new Request({ sid: SID, pasid: PASID, address, access: Access.Read })).refs;
    expect([read(0x5000n), read(0x6000n), read(0x6000n)]).toEqual([4, 1, 0]);
  });

  test('nested and second-stage-only walks of a domain share second-stage lines', () => {
    const m = new VtdMachine();
    m.read(0n);
    m.pasid(secondStageOnly(), 9);
    const r = m.unit.translate(new Request({ sid: SID, pasid: 9, address: 0x5000n, access: Access.Read }));
    expect(outcome(r)).toMatchObject({ refs: 1, hit: Hit.Psc, stale: 0 });
  });

  test('a unit without them walks from the top', () => {
    const { mem, unit } = new VtdMachine();
    const bare = new VtdUnit(mem, unit.caps, { cap: unit.cap, ecap: unit.ecap }, false);
    bare.rtaddr = unit.rtaddr;
    const read = (address: bigint) =>
      bare.translate(new Request({ sid: SID, pasid: PASID, address, access: Access.Read })).refs;
    expect([read(VA), read(VA + 0x1000n), read(VA)]).toEqual([24, 24, 0]);
  });

  test('walks that fault put nothing in', () => {
    const m = new VtdMachine();
    m.fs(0n, 0n);
    m.read(0n);
    expect(m.unit.structures!.size).toBe(0);
  });

  test('rights of the upper levels count on the short way too', () => {
    const m = new VtdMachine();
    m.mem.write64(tableEntry(2n), (19n << 12n) | 5n);
    expect(m.read(0n).ok).toBe(true);
    expect(outcome(m.write(1n))).toMatchObject({ fault: 'SGN.6', refs: 1, hit: Hit.Psc, stale: 0 });
  });

  test('a dirty bit that the second stage must allow, or be told of, takes the whole walk', () => {
    const readOnly = new VtdMachine();
    readOnly.read(0n);
    readOnly.fs(1n, ((DATA + 1n) << 12n) | 0x27n);
    readOnly.tick();
    readOnly.ss(19n, (HOST + 19n * 0x1000n) | 1n);
    // The line still says that the table may be written, and the walk would say that it may not.
    expect(outcome(readOnly.write(1n))).toMatchObject({ fault: undefined, refs: 2, stale: Stale.Stale });
    readOnly.invalidate('iotlb_inv', { G: 2, DID: 1 });
    expect(outcome(readOnly.write(2n))).toMatchObject({ fault: 'SFS.8', stale: 0 });
    const counted = new VtdMachine();
    counted.pasid(nested(1, { SSADE: 1 }));
    counted.read(0n);
    expect(outcome(counted.read(1n)).refs).toBeGreaterThan(2);
    expect(counted.mem.read64(counted.fsAddress(1n)) & 0x20n).toBe(0x20n);
  });
});

describe('a table that was moved', () => {
  test('is missed by an invalidation that says only leaves have changed', () => {
    const m = new VtdMachine();
    m.read(0n);
    const edited = m.tick();
    movePageTable(m, 5n);
    m.tick();
    m.invalidate('p_iotlb_inv', dropLeaves);
    expect(outcome(m.read(0n))).toMatchObject({ hit: Hit.Psc, stale: Stale.Stale });
    const { unit } = m;
    const { result } = unit;
    expect([result.hpa, result.source, result.filledAt]).toEqual([hpaOf(0n), Source.Psc, 1]);
    expect(unit.holder(m.request(0n), result, String)).toEqual({
      cache: 'first-stage paging-structure cache',
      tag: 'DID 1, PASID 7, prefix 0x7f00_0000_0000 (2M), level PDE',
    });
    expect(unit.culprit(m.request(0n), result.since)).toMatchObject({
      editedAt: edited,
      step: { what: 'fs', level: 1 },
    });
  });

  test('the IOTLB line filled from it names the same edit', () => {
    const m = new VtdMachine();
    m.read(0n);
    const edited = m.tick();
    movePageTable(m, 5n);
    m.invalidate('p_iotlb_inv', dropLeaves);
    m.tick();
    m.read(0n);
    m.tick();
    expect(outcome(m.read(0n))).toMatchObject({ hit: Hit.Iotlb, stale: Stale.Stale });
    expect(m.unit.result.source).toBe(Source.Iotlb);
    expect(m.unit.culprit(m.request(0n), m.unit.result.since)).toMatchObject({ editedAt: edited });
  });

  test('and found after one that does not', () => {
    const m = new VtdMachine();
    m.read(0n);
    movePageTable(m, 5n);
    m.invalidate('p_iotlb_inv', dropAll);
    expect(outcome(m.read(0n))).toMatchObject({ stale: 0 });
    expect(m.unit.result.hpa).toBe(hpaOf(5n));
  });

  test('a device TLB filled through it is stale as well', () => {
    const m = new VtdMachine();
    const device = new DeviceAccess(m.unit);
    device.access(m.request(0n), { pri: false });
    m.tick();
    movePageTable(m, 5n);
    m.invalidate('p_iotlb_inv', dropLeaves);
    m.unit.deviceTlb.clear();
    expect(device.access(m.request(0n), { pri: false }).stale).toBe(Stale.Stale);
    expect(outcome(device.access(m.request(0n), { pri: false }))).toMatchObject({
      hit: Hit.DeviceTlb,
      stale: Stale.Stale,
    });
  });

  test('a fault from the old table is a stale fault', () => {
    const m = new VtdMachine();
    m.read(0n);
    movePageTable(m, 5n);
    m.fs(0n, 0n);
    m.invalidate('p_iotlb_inv', dropLeaves);
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SFS.2', stale: Stale.Fault });
    expect(m.unit.result.source).toBe(Source.Psc);
  });

  test('an edit of the second stage below a guest table makes first-stage lines stale', () => {
    const m = new VtdMachine();
    m.read(0n);
    const edited = m.tick();
    // Guest page 19, its page table, is backed by another host page, which maps page 0 elsewhere.
    m.mem.write64(HOST + 60n * 0x1000n, ((DATA + 3n) << 12n) | 0x27n);
    m.ss(19n, (HOST + 60n * 0x1000n) | 3n);
    m.invalidate('p_iotlb_inv', { G: 3, DID: 1, PASID, ADDR: VA, IH: 1 });
    expect(outcome(m.read(0n))).toMatchObject({ hit: Hit.Psc, stale: Stale.Stale });
    expect(m.unit.culprit(m.request(0n), m.unit.result.since)).toMatchObject({
      editedAt: edited,
      step: { what: 'ss' },
    });
    m.invalidate('iotlb_inv', { G: 3, DID: 1, ADDR: 19n << 12n, IH: 1 });
    expect(outcome(m.read(0n))).toMatchObject({ stale: 0 });
    expect(m.unit.result.hpa).toBe(hpaOf(3n));
  });

  test('lines that an edit elsewhere left right prove so once', () => {
    const m = new VtdMachine();
    m.read(0n);
    m.tick();
    m.fs(9n, 0n);
    expect(outcome(m.read(1n))).toMatchObject({ refs: 2, stale: 0 });
    m.unit.present.result.clear();
    expect(outcome(m.read(2n))).toMatchObject({ refs: 2, stale: 0 });
    expect(m.unit.present.result.refs).toBe(0);
  });
});

describe('what each invalidation removes', () => {
  const PAGE = 0x7f00_0020_0000n;
  const filled = (): VtdUnit => {
    const { unit } = new VtdMachine();
    const { first, second } = unit.structures!;
    for (const did of [1, 2]) {
      for (const pasid of [5, 6])
        for (const [kind, prefix] of [
          [1, PAGE],
          [3, PAGE],
          [3, PAGE + 0x20_0000n],
        ] as const)
          first.put({ did, pasid, kind, level: 0, prefix });
      second.put({ did, pasid: -1, kind: 2, level: 0, prefix: 0n });
      second.put({ did, pasid: -1, kind: 2, level: 0, prefix: 0x20_0000n });
      second.put({ did, pasid: -1, kind: 2, level: 1, prefix: 0n });
    }
    return unit;
  };
  type Line = { stage: 1 | 2; did: number; pasid: number; kind: number; prefix: bigint };
  const left = (unit: VtdUnit): Line[] =>
    ([1, 2] as const).flatMap((stage) =>
      (stage === 1 ? unit.structures!.first : unit.structures!.second)
        .list()
        .map(({ did, pasid, kind, prefix }) => ({ stage, did, pasid, kind, prefix })),
    );
  const ROWS: readonly (readonly [string, Parameters<typeof encodeDescriptor>[1], (line: Line) => boolean])[] = [
    ['iotlb_inv', { G: 1 }, () => true],
    ['iotlb_inv', { G: 2, DID: 1 }, ({ did }) => did === 1],
    [
      'iotlb_inv',
      { G: 3, DID: 1, ADDR: 0x1000n },
      ({ stage, did, prefix }) => did === 1 && (stage === 1 || prefix === 0n),
    ],
    ['iotlb_inv', { G: 3, DID: 1, ADDR: 0x1000n, IH: 1 }, ({ stage, did }) => did === 1 && stage === 1],
    ['p_iotlb_inv', { G: 2, DID: 1, PASID: 5 }, ({ stage, did, pasid }) => stage === 1 && did === 1 && pasid === 5],
    [
      'p_iotlb_inv',
      { G: 3, DID: 1, PASID: 5, ADDR: PAGE + 0x3000n },
      ({ stage, did, pasid, prefix }) => stage === 1 && did === 1 && pasid === 5 && prefix === PAGE,
    ],
    ['p_iotlb_inv', { G: 3, DID: 1, PASID: 5, ADDR: PAGE, IH: 1 }, () => false],
    [
      'p_iotlb_inv',
      { G: 3, DID: 1, PASID: 5, ADDR: PAGE, AM: 11 },
      ({ stage, did, pasid }) => stage === 1 && did === 1 && pasid === 5,
    ],
    ['pc_inv', { G: 3 }, () => false],
    ['cc_inv', { G: 1 }, () => false],
  ];
  for (const [name, fields, goes] of ROWS)
    test(`${name} ${JSON.stringify(fields, (_, v) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v))}`, () => {
      const unit = filled();
      const before = left(unit);
      const { ok, removed } = unit.invalidate(encodeDescriptor(name, fields));
      expect(left(unit)).toEqual(before.filter((line) => !goes(line)));
      expect([ok, removed.psc]).toEqual([true, before.filter(goes).length]);
    });

  test('a global one empties them, and says so', () => {
    const m = new VtdMachine();
    m.read(0n);
    const { structures } = m.unit;
    const size = structures!.size;
    expect(m.unit.command(encodeDescriptor('iotlb_inv', { G: 1 })).removed).toEqual([
      { cache: 'IOTLB entries', count: 1 },
      { cache: 'paging-structure entries', count: size },
    ]);
  });
});

describe('a 2M page of the guest that the host splits', () => {
  test('is cached in pieces, and a page invalidation removes the piece it names', () => {
    const m = new VtdMachine();
    m.mem.write64(tableEntry(2n), 0xa7n);
    expect([m.read(1n).lg2, m.read(2n).lg2, m.unit.iotlb.size]).toEqual([12, 12, 2]);
    m.invalidate('p_iotlb_inv', { G: 3, DID: 1, PASID, ADDR: VA + 0x1000n });
    expect(m.unit.iotlb.list().map(({ page }) => page)).toEqual([VA + 0x2000n]);
  });
});

describe('what a command had to remove', () => {
  test('is counted where somebody asks', () => {
    const m = new VtdMachine();
    for (let page = 0n; page < 8n; page++) m.read(page);
    m.fs(3n, 0n);
    const all = encodeDescriptor('p_iotlb_inv', { G: 2, DID: 1, PASID });
    m.unit.countStale = true;
    expect(m.unit.command(all)).toMatchObject({ stale: 1, removed: [{ count: 8 }, { count: 3 }] });
    expect(m.unit.command(all).stale).toBe(0);
    m.unit.countStale = false;
    m.read(0n);
    expect(m.unit.command(all).stale).toBeUndefined();
  });

  test('tables, faults and device TLBs are judged too', () => {
    const m = new VtdMachine({ CM: 1 });
    m.ss(DATA + 1n, 0n);
    const device = new DeviceAccess(m.unit);
    device.access(m.request(0n), { pri: false });
    m.read(1n);
    m.unit.countStale = true;
    movePageTable(m, 5n);
    m.ss(DATA + 1n, (HOST + 0x2_1000n) | 3n);
    // Both translations, and of the three tables the one that moved; page 1 is not mapped by the new table.
    const { stale } = m.unit.command(encodeDescriptor('p_iotlb_inv', { G: 2, DID: 1, PASID }));
    expect(stale).toBe(3);
    expect(
      m.unit.command(encodeDescriptor('p_dev_tlb_inv', { SID, PASID, G: 1, S: 1, ADDR: 0x7fff_ffff_ffff_f000n })).stale,
    ).toBe(1);
  });
});

test('a unit that empties its caches with a new root table forgets tables too', () => {
  const m = new VtdMachine({ ESRTPS: 1 });
  m.read(0n);
  const { rtaddr } = m.unit;
  m.unit.rtaddr = rtaddr;
  expect(m.unit.structures!.size).toBe(0);
});
