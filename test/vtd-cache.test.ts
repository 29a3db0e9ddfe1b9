import { describe, expect, test } from 'vitest';
import { DeviceAccess } from '../engine/models/device.ts';
import {
  Access,
  culprit,
  deviceRange,
  encodeDescriptor,
  explain,
  Hit,
  Recorder,
  Request,
  Source,
  Stale,
  TRACE_WORDS,
  type VtdUnit,
  WHOLE_DEVICE_RANGE,
} from '../engine/models/vtd/index.ts';
import {
  DATA,
  firstStageOnly,
  HOST,
  hpaOf,
  nested,
  PASID,
  passThrough,
  SID,
  secondStageOnly,
  VA,
  VtdMachine,
} from './vtd-machine.ts';

const outcome = (r: VtdUnit['result']) => ({
  fault: r.reason?.name,
  refs: r.refs,
  config: r.config,
  hit: r.hit,
  stale: r.stale,
});

describe('configuration caches', () => {
  const counts = (m: VtdMachine, pasid = PASID) => m.read(0n, { pasid }).config;

  test('a cold access reads four entries, the next none', () => {
    const m = new VtdMachine();
    expect(outcome(m.read(0n))).toEqual({ fault: undefined, refs: 24, config: 4, hit: Hit.None, stale: 0 });
    expect(outcome(m.read(1n))).toEqual({ fault: undefined, refs: 2, config: 0, hit: Hit.Psc, stale: 0 });
    expect(outcome(m.read(1n))).toEqual({ fault: undefined, refs: 0, config: 0, hit: Hit.Iotlb, stale: 0 });
  });

  test('the context alone leaves directory and PASID entry to read', () => {
    const m = new VtdMachine();
    m.read(0n);
    m.invalidate('pc_inv', { G: 3 });
    expect(counts(m)).toBe(2);
    m.invalidate('pc_inv', { G: 3 });
    m.invalidate('cc_inv', { G: 1 });
    expect(counts(m)).toBe(4);
  });

  test('every request needs its context entry, from the cache or from memory', () => {
    const m = new VtdMachine();
    m.read(0n);
    m.invalidate('cc_inv', { G: 1 });
    expect(counts(m)).toBe(2);
    expect(counts(m)).toBe(0);
    m.invalidate('cc_inv', { G: 1 });
    expect(counts(m, -1)).toBeGreaterThanOrEqual(2);
    expect(counts(m, -1)).toBe(0);
  });

  test('valid entries are cached although the walk then faults', () => {
    const m = new VtdMachine();
    m.fs(0n, 0n);
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SFS.2', config: 4 });
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SFS.2', config: 0, refs: 20 });
  });

  test('entries that are not present are not cached', () => {
    const m = new VtdMachine();
    m.pasid(nested().map(() => 0n));
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SPT.2', config: 4 });
    m.pasid(nested());
    expect(outcome(m.read(0n))).toMatchObject({ fault: undefined, config: 2, stale: 0 });
  });

  test('a line filled without a PASID does not lend PASIDE to requests with one', () => {
    const m = new VtdMachine();
    m.context(SID, { PASIDE: 0 });
    expect(m.read(0n, { pasid: -1 }).ok).toBe(true);
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SCT.6', config: 0 });
  });

  test('a cached context entry that forbids what memory now allows is a stale fault', () => {
    const m = new VtdMachine();
    m.context(SID, { PASIDE: 0 });
    m.read(0n);
    m.tick();
    m.context(SID);
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SCT.6', stale: Stale.Fault });
    expect(m.unit.result.source).toBe(Source.Context);
    m.invalidate('cc_inv', { G: 3, SID });
    expect(m.read(0n).ok).toBe(true);
  });
});

describe('IOTLB tags', () => {
  test('privilege separates lines of the first stage', () => {
    const m = new VtdMachine();
    m.pasid(nested(1, { SRE: 1 }));
    m.read(0n);
    expect(m.read(0n, { privileged: true }).refs).toBe(2);
    expect(m.unit.iotlb.size).toBe(2);
  });

  test('a second-stage line serves every PASID and device of its domain', () => {
    const m = new VtdMachine();
    m.pasid(secondStageOnly());
    m.pasid(secondStageOnly(), 9);
    m.context(SID + 1);
    const request = (sid: number, pasid: number) => new Request({ sid, pasid, address: 0x5010n, access: Access.Read });
    expect(m.unit.translate(request(SID, PASID)).refs).toBe(4);
    expect(outcome(m.unit.translate(request(SID, 9)))).toMatchObject({ refs: 0, config: 2, hit: Hit.Iotlb, stale: 0 });
    expect(outcome(m.unit.translate(request(SID + 1, PASID)))).toMatchObject({ refs: 0, config: 4, hit: Hit.Iotlb });
    expect(m.unit.iotlb.list()).toMatchObject([{ did: 1, kind: 2, pasid: -1, page: 0x5000n, size: 0x1000n }]);
  });

  test('two tables under one domain id make the second one stale', () => {
    const m = new VtdMachine();
    m.pasid(secondStageOnly());
    m.pasid(secondStageOnly(1, 0x20_0000n), 9);
    const request = (pasid: number) => new Request({ sid: SID, pasid, address: 0x5010n, access: Access.Read });
    expect(m.unit.translate(request(PASID)).stale).toBe(Stale.Fresh);
    expect(m.unit.translate(request(9)).stale).toBe(Stale.Stale);
    expect(m.unit.translate(request(PASID)).stale).toBe(Stale.Fresh);
  });

  test('a large page is found at any of its addresses', () => {
    const m = new VtdMachine();
    m.pasid(firstStageOnly());
    // Alone, the first stage reads host memory: its middle table gets a 2M leaf.
    m.mem.write64(HOST + 16n * 0x1000n + 8n * 0xfen, (HOST + 17n * 0x1000n) | 7n);
    m.mem.write64(HOST + 17n * 0x1000n, (HOST + 18n * 0x1000n) | 7n);
    m.mem.write64(HOST + 18n * 0x1000n, 0x4000_0087n);
    expect([m.read(0n).lg2, m.read(0n).refs]).toEqual([21, 0]);
    expect(outcome(m.read(5n))).toMatchObject({ refs: 0, hit: Hit.Iotlb });
    expect(m.unit.result.hpa).toBe(0x4000_5010n);
  });

  test('thousands of lines stay findable through growth and removal', () => {
    const m = new VtdMachine();
    const line = (n: number) => ({
      did: n % 5,
      pasid: n % 3,
      kind: 3,
      privileged: 0,
      page: BigInt(n) << 12n,
      size: 4096n,
      hpa: BigInt(n) << 13n,
    });
    for (let n = 0; n < 5000; n++) m.unit.iotlb.put(line(n));
    expect(m.unit.iotlb.removeDomain(2)).toBe(1000);
    for (let n = 0; n < 5000; n += 7) m.unit.iotlb.put(line(n));
    for (let n = 0; n < 5000; n++) {
      const at = m.unit.iotlb.find(n % 5, n % 3, 3, 0, 0, n << 12);
      expect(at >= 0).toBe(n % 5 !== 2 || n % 7 === 0);
    }
  });
});

describe('hits', () => {
  test('a write to a clean line walks again, sets D and refills', () => {
    const m = new VtdMachine();
    m.read(0n);
    expect(m.mem.read64(m.fsAddress(0n)) & 0x60n).toBe(0x20n);
    expect(outcome(m.write(0n))).toEqual({ fault: undefined, refs: 2, config: 0, hit: Hit.Psc, stale: 0 });
    expect(m.mem.read64(m.fsAddress(0n)) & 0x60n).toBe(0x60n);
    expect(outcome(m.write(0n))).toMatchObject({ refs: 0, hit: Hit.Iotlb });
    expect(m.unit.iotlb.size).toBe(1);
  });

  test('a read fills a dirty line where D was set already', () => {
    const m = new VtdMachine();
    m.fs(0n, (DATA << 12n) | 0x67n);
    m.read(0n);
    expect(outcome(m.write(0n))).toMatchObject({ refs: 0, hit: Hit.Iotlb });
  });

  test('with SSADE the second stage has to be dirty too', () => {
    const m = new VtdMachine();
    m.pasid(nested(1, { SSADE: 1 }));
    m.fs(0n, (DATA << 12n) | 0x67n);
    m.read(0n);
    expect(outcome(m.write(0n))).toMatchObject({ refs: 2, hit: Hit.Psc });
    expect(outcome(m.write(0n))).toMatchObject({ refs: 0, hit: Hit.Iotlb });
  });

  test('a line without the permission faults as the walk would', () => {
    const m = new VtdMachine();
    m.fs(0n, (DATA << 12n) | 5n);
    m.read(0n);
    expect(outcome(m.write(0n))).toEqual({ fault: 'SGN.6', refs: 0, config: 0, hit: Hit.Iotlb, stale: 0 });
    expect(m.unit.log.recorded).toBe(1);
  });

  test('faults are not cached', () => {
    const m = new VtdMachine();
    m.fs(0n, 0n);
    m.read(0n);
    expect(m.unit.iotlb.size).toBe(0);
    m.fs(0n, (DATA << 12n) | 7n);
    expect(outcome(m.read(0n))).toMatchObject({ fault: undefined, stale: 0 });
  });
});

describe('staleness', () => {
  const cached = () => {
    const m = new VtdMachine();
    m.read(0n);
    m.tick();
    return m;
  };
  const byIotlb = { stale: Stale.Stale, hit: Hit.Iotlb, refs: 0 };

  test('an entry that is gone', () => {
    const m = cached();
    m.fs(0n, 0n);
    expect(outcome(m.read(0n))).toMatchObject(byIotlb);
    expect([m.unit.result.hpa, m.unit.result.source, m.unit.result.filledAt]).toEqual([hpaOf(0n), Source.Iotlb, 1]);
    expect(m.unit.present.result.reason?.name).toBe('SFS.2');
    m.invalidate('p_iotlb_inv', { G: 3, DID: 1, PASID, ADDR: VA });
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SFS.2', stale: 0 });
  });

  test('another address, by either stage', () => {
    const first = cached();
    first.fs(0n, ((DATA + 5n) << 12n) | 7n);
    expect(outcome(first.read(0n))).toMatchObject(byIotlb);
    const second = cached();
    second.ss(DATA, (HOST + 0x5_0000n) | 3n);
    expect(outcome(second.read(0n))).toMatchObject(byIotlb);
  });

  test('a permission that is gone counts although this access does not need it', () => {
    const m = new VtdMachine();
    m.write(0n);
    m.tick();
    m.fs(0n, (DATA << 12n) | 0x65n);
    expect(outcome(m.read(0n))).toMatchObject(byIotlb);
  });

  test('a permission that came is no staleness for a read, and a stale fault for a write', () => {
    const m = new VtdMachine();
    m.fs(0n, (DATA << 12n) | 5n);
    m.read(0n);
    m.tick();
    m.fs(0n, (DATA << 12n) | 7n);
    expect(outcome(m.read(0n))).toMatchObject({ stale: Stale.Fresh, hit: Hit.Iotlb });
    expect(outcome(m.write(0n))).toMatchObject({ fault: 'SGN.6', stale: Stale.Fault });
  });

  test('an edit elsewhere makes a line prove itself once', () => {
    const m = cached();
    m.fs(9n, 0n);
    expect(outcome(m.read(0n))).toMatchObject({ stale: Stale.Fresh, hit: Hit.Iotlb });
    const proven = m.unit.present.result;
    proven.clear();
    m.read(0n);
    expect(proven.refs).toBe(0);
  });

  test('an edit that was taken back leaves nothing stale', () => {
    const m = cached();
    m.fs(0n, 0n);
    m.fs(0n, (DATA << 12n) | 0x27n);
    expect(m.read(0n).stale).toBe(Stale.Fresh);
  });

  test('a PASID entry that is gone, with and without the IOTLB line', () => {
    const m = cached();
    m.mem.write64(m.pasidAddress(), 0n);
    expect(outcome(m.read(0n))).toMatchObject(byIotlb);
    expect(m.unit.result.source).toBe(Source.Pasid);
    m.invalidate('p_iotlb_inv', { G: 2, DID: 1, PASID });
    expect(outcome(m.read(0n))).toMatchObject({ stale: Stale.Stale, hit: Hit.Psc, refs: 9 });
    expect([m.unit.result.source, m.unit.result.filledAt]).toEqual([Source.Pasid, 1]);
    m.invalidate('pc_inv', { G: 1, DID: 1, PASID });
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SPT.2', stale: 0 });
  });

  test('a line filled through a stale PASID entry stays suspicious', () => {
    const m = cached();
    m.pasid(nested().map((word, i) => (i === 2 ? 20n << 12n : word)));
    m.invalidate('p_iotlb_inv', { G: 2, DID: 1, PASID });
    expect(outcome(m.read(1n))).toMatchObject({ stale: Stale.Stale, hit: Hit.Psc });
    m.invalidate('pc_inv', { G: 3 });
    expect(outcome(m.read(1n))).toMatchObject({ stale: Stale.Stale, hit: Hit.Iotlb });
    expect(m.unit.result.source).toBe(Source.Iotlb);
  });

  test('a root table that was replaced', () => {
    const m = cached();
    m.unit.rtaddr = 0x80_0000n | 0x400n;
    expect(outcome(m.read(0n))).toMatchObject({ stale: Stale.Stale });
    expect(culprit(m.unit, m.request(0n), m.unit.result.filledAt)).toEqual({ register: 'RTADDR', editedAt: 2 });
  });

  test('a unit with ESRTPS forgets on a new root table', () => {
    const m = new VtdMachine({ ESRTPS: 1 });
    m.read(0n);
    m.unit.rtaddr = 0x80_0000n | 0x400n;
    expect(outcome(m.read(0n))).toMatchObject({ fault: 'SRT.2', stale: 0 });
  });

  test('the culprit is the first edited entry along the present walk', () => {
    const m = cached();
    m.ss(DATA, 0n);
    m.tick();
    m.fs(0n, (DATA << 12n) | 5n);
    m.read(0n);
    const found = culprit(m.unit, m.request(0n), m.unit.result.filledAt);
    expect(found).toMatchObject({ address: m.fsAddress(0n), editedAt: 3, step: { what: 'fs', level: 0 } });
  });
});

describe('explaining', () => {
  test('a cold walk in order, with guest addresses', () => {
    const m = new VtdMachine();
    const { steps, verdict } = explain(m.unit, m.request(0n));
    expect(steps.map(({ what }) => what).join(' ')).toBe(
      `root context pde pasid ${'ss ss ss ss fs '.repeat(4)}ss ss ss ss`,
    );
    expect(steps[8]).toMatchObject({ level: 3, gpa: 0x1_0000n + 8n * 0xfen, address: HOST + 0x1_0000n + 8n * 0xfen });
    expect(steps.at(-1)).toMatchObject({ level: 0, gpa: (DATA << 12n) + 0x10n });
    expect(verdict).toBe('The walk leads to 0x1_0002_0010.');
    expect(m.unit.iotlb.size + m.unit.pasidCache.size + m.unit.log.recorded).toBe(0);
  });

  test('it ends at the fault', () => {
    const m = new VtdMachine();
    m.fs(0n, 0n);
    const { steps, verdict } = explain(m.unit, m.request(0n));
    expect(steps.at(-1)).toMatchObject({ what: 'fs', level: 0, value: 0n, note: 'PTE not present' });
    expect(verdict).toMatch(/^SFS\.2: /);
  });

  test('would-hit changes nothing', () => {
    const m = new VtdMachine();
    expect(m.unit.wouldHit(m.request(0n))).toBe(false);
    m.read(0n);
    expect(m.unit.wouldHit(m.request(0n))).toBe(true);
    expect(m.unit.wouldHit(m.request(0n, { access: Access.Write }))).toBe(false);
    m.invalidate('pc_inv', { G: 3 });
    expect(m.unit.wouldHit(m.request(0n))).toBe(true);
    expect(m.unit.pasidCache.size).toBe(0);
    m.pasid(passThrough());
    expect(m.unit.wouldHit(m.request(3n))).toBe(true);
  });

  test('a trace holds what the walk read, before it set any bit', () => {
    const m = new VtdMachine();
    m.unit.trace = new Recorder(64);
    m.read(0n);
    const { words, count } = m.unit.trace;
    expect(count).toBe(28);
    expect(Array.from({ length: 5 }, (_, i) => words[i * TRACE_WORDS])).toEqual([0, 1, 2, 3, 0x23]);
    expect(words[8 * TRACE_WORDS + 4]).toBe((17 << 12) | 7);
  });
});

describe('what each invalidation removes', () => {
  const KINDS = { 'second-stage': 2, 'first-stage': 1, nested: 3, 'pass-through': 4 } as const;
  const page = 0x40_0000n;
  /** Lines of two domains and two PASIDs, inside and outside of the page that is invalidated. */
  const filled = (kind: number) => {
    const unit = new VtdMachine().unit;
    for (const did of [1, 2]) {
      for (const pasid of [5, 6]) {
        for (const at of [page, page + 0x1000n])
          unit.iotlb.put({ did, pasid, kind, privileged: 0, page: at, size: 4096n });
      }
    }
    return unit;
  };
  const left = (unit: VtdUnit) =>
    unit.iotlb
      .list()
      .map(({ did, pasid, page }) => `${did}/${pasid}/${page.toString(16)}`)
      .sort();
  const every = (test: (did: number, pasid: number, inside: boolean) => boolean, kind: number) => {
    const pasids = kind === 2 ? [-1] : [5, 6];
    const kept: string[] = [];
    for (const did of [1, 2])
      for (const pasid of pasids)
        for (const inside of [true, false])
          if (!test(did, pasid, inside)) kept.push(`${did}/${pasid}/${(inside ? page : page + 0x1000n).toString(16)}`);
    return kept.sort();
  };
  const none = () => false;
  const ofDomain = (did: number) => did === 1;
  const ofPasid = (did: number, pasid: number) => did === 1 && pasid === 5;
  const ROWS = [
    ['iotlb_inv', { G: 1 }, { all: () => true }],
    ['iotlb_inv', { G: 2, DID: 1 }, { all: ofDomain }],
    [
      'iotlb_inv',
      { G: 3, DID: 1, ADDR: page },
      {
        'second-stage': (did: number, _: number, inside: boolean) => did === 1 && inside,
        'first-stage': ofDomain,
        nested: ofDomain,
        'pass-through': none,
      },
    ],
    ['p_iotlb_inv', { G: 2, DID: 1, PASID: 5 }, { 'second-stage': none, all: ofPasid }],
    [
      'p_iotlb_inv',
      { G: 3, DID: 1, PASID: 5, ADDR: page },
      {
        'second-stage': none,
        'pass-through': none,
        all: (did: number, pasid: number, inside: boolean) => ofPasid(did, pasid) && inside,
      },
    ],
    ['cc_inv', { G: 1 }, { all: none }],
    ['pc_inv', { G: 3 }, { all: none }],
    ['p_dev_tlb_inv', { G: 1, ...WHOLE_DEVICE_RANGE }, { all: none }],
    ['inv_wait', {}, { all: none }],
  ] as const;

  for (const [name, fields, effects] of ROWS) {
    for (const [kind, pgtt] of Object.entries(KINDS)) {
      test(`${name} ${JSON.stringify(fields, (_, v) => (typeof v === 'bigint' ? `0x${v.toString(16)}` : v))} on ${kind}`, () => {
        const unit = filled(pgtt);
        const table = effects as Readonly<Record<string, (did: number, pasid: number, inside: boolean) => boolean>>;
        const before = unit.iotlb.size;
        const answer = unit.invalidate(encodeDescriptor(name, fields));
        expect(left(unit)).toEqual(every((table[kind] ?? table.all)!, pgtt));
        expect([answer.ok, answer.removed.iotlb]).toEqual([true, before - unit.iotlb.size]);
      });
    }
  }

  test('a descriptor that hardware does not accept stops the queue', () => {
    const { unit } = new VtdMachine();
    const why = (words: readonly bigint[]) => unit.invalidate(words).why;
    expect(why([0xan, 0n, 0n, 0n])).toMatch(/type 10/);
    expect(why(encodeDescriptor('p_iotlb_inv', { G: 1 }))).toMatch(/granularity 1/);
    expect(why(encodeDescriptor('pc_inv', { G: 2 }))).toMatch(/granularity 2/);
    expect(why(encodeDescriptor('iotlb_inv', {}))).toMatch(/granularity 0/);
    expect(why(encodeDescriptor('iotlb_inv', { G: 3, AM: 19 }))).toMatch(/MAMV/);
    expect(why(encodeDescriptor('pc_inv', { G: 3 }).slice(0, 2))).toMatch(/256-bit/);
    expect(why([0x12n | (1n << 63n), 0n])).toMatch(/reserved/);
    expect(unit.invalidate([0xan]).error).toBe('IQE');
    expect(new VtdMachine({ DT: 0, PRS: 0, PDS: 0 }).unit.invalidate(encodeDescriptor('dev_tlb_inv', {})).why).toMatch(
      /DT/,
    );
  });

  test('a wait descriptor writes its status', () => {
    const m = new VtdMachine();
    m.invalidate('inv_wait', { SW: 1, STDATA: 0xcafe_f00d, STADDR: 0x7004n });
    expect(m.mem.read64(0x7000n)).toBe(0xcafe_f00d_0000_0000n);
  });
});

describe('device TLBs', () => {
  const setup = () => {
    const m = new VtdMachine();
    const device = new DeviceAccess(m.unit);
    const access = (page: bigint, kind: Access = Access.Read, pri = false) =>
      device.access(m.request(page, { access: kind }), { pri });
    return { m, device, access };
  };

  test('the second access is answered by the device', () => {
    const { m, device, access } = setup();
    expect(outcome(access(0n))).toMatchObject({ refs: 24, hit: Hit.None });
    expect(device.wouldHit(m.request(0n))).toBe(true);
    expect(outcome(access(0n))).toEqual({ fault: undefined, refs: 0, config: 0, hit: Hit.DeviceTlb, stale: 0 });
    expect(device.result.hpa).toBe(hpaOf(0n));
  });

  test('a translation for reading does not let the device write', () => {
    const { m, access } = setup();
    access(0n);
    expect(outcome(access(0n, Access.Write))).toMatchObject({ refs: 2, hit: Hit.Psc });
    expect(m.mem.read64(m.fsAddress(0n)) & 0x40n).toBe(0x40n);
    expect(access(0n, Access.Write).hit).toBe(Hit.DeviceTlb);
    expect(m.unit.deviceTlb.size).toBe(1);
  });

  test('an IOTLB invalidation does not reach it; its own does', () => {
    const { m, access } = setup();
    access(0n);
    m.tick();
    m.fs(0n, 0n);
    m.invalidate('p_iotlb_inv', { G: 3, DID: 1, PASID, ADDR: VA });
    expect(outcome(access(0n))).toMatchObject({ hit: Hit.DeviceTlb, stale: Stale.Stale });
    m.invalidate('p_dev_tlb_inv', { SID, PASID, ...deviceRange(VA, 0) });
    expect(outcome(access(0n))).toMatchObject({ fault: 'SFS.2', refs: 8, stale: 0 });
  });

  test('a device-TLB invalidation alone is refilled from a stale IOTLB', () => {
    const { m, access } = setup();
    access(0n);
    m.tick();
    m.fs(0n, 0n);
    m.invalidate('p_dev_tlb_inv', { SID, PASID, ...deviceRange(VA, 0) });
    expect(outcome(access(0n))).toMatchObject({ hit: Hit.Iotlb, stale: Stale.Stale });
    m.invalidate('p_iotlb_inv', { G: 3, DID: 1, PASID, ADDR: VA });
    expect(outcome(access(0n))).toMatchObject({ hit: Hit.DeviceTlb, stale: Stale.Stale });
  });

  test('a missing page is asked for with PRI and a fault without', () => {
    const { m, device, access } = setup();
    m.fs(0n, 0n);
    expect(access(0n, Access.Write, true)).toMatchObject({ ok: false, requested: true, logged: false });
    expect(device.pending).toEqual([
      { sid: SID, pasid: PASID, address: VA + 0x10n, access: Access.Write, privileged: false },
    ]);
    expect(access(0n)).toMatchObject({ ok: false, requested: false, logged: false });
    expect(m.unit.log.recorded).toBe(0);
  });

  test('an error answer is logged and not asked for', () => {
    const { m, device, access } = setup();
    m.pasid(nested(1, { PGTT: 7 }));
    expect(access(0n, Access.Read, true)).toMatchObject({ requested: false, logged: true });
    expect(device.pending).toEqual([]);
  });

  test('DTE clear refuses translation requests', () => {
    const { m, access } = setup();
    m.context(SID, { DTE: 0, PRE: 0 });
    expect(outcome(access(0n))).toMatchObject({ fault: 'SCT.5', config: 2 });
    expect(m.read(0n).ok).toBe(true);
  });
});

test('an interrupt message is not translated', () => {
  const { unit } = new VtdMachine();
  const request = new Request({ sid: SID, address: 0xfee0_1000n, access: Access.Write });
  expect(unit.translate(request)).toMatchObject({ ok: true, interrupt: true, config: 0 });
});

test('legacy, reserved and abort modes', () => {
  const m = new VtdMachine();
  const fault = (rtaddr: bigint, pasid: number) => {
    m.unit.rtaddr = rtaddr;
    return m.read(0n, { pasid }).reason?.name;
  };
  expect([fault(0n, PASID), fault(0n, -1), fault(0x800n, PASID), fault(0xc00n, PASID)]).toEqual([
    'RTA.2',
    'LRT.2',
    'RTA.1',
    'RTA.4',
  ]);
});
