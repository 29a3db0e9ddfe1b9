import { describe, expect, test } from 'vitest';
import { DeviceAccess } from '../engine/models/device.ts';
import { Access, Answer, type FieldValues, Hit, Kind, Request, Source, Stale } from '../engine/models/vtd/index.ts';
import { DID, LegacyMachine } from './vtd-legacy-machine.ts';
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
import { both, flip, fsTable, PASID_AT, pasid, ROOT, word } from './vtd-refusals.ts';

/** The machine's top second-stage table. */
const SS = ROOT + 0x1_0000n;

const setup = (caps: Record<string, number> = {}) => {
  const m = new VtdMachine(caps);
  const device = new DeviceAccess(m.unit);
  const access = (page = 0n, options: Parameters<VtdMachine['request']>[1] = {}, pri = false) =>
    device.access(m.request(page, options), { pri });
  return { m, device, access };
};
/** AT of the last fault record, and the page and PASID that it names. */
const lastRecord = ({ unit }: VtdMachine) => {
  const [lo, hi] = unit.takeRecord(true)!;
  return {
    at: (hi! >> 60n) & 3n,
    page: lo! & ~0xfffn,
    hasPasid: ((hi! >> 31n) & 1n) === 1n,
    code: (hi! >> 32n) & 0xffn,
  };
};

describe('a translated request', () => {
  test('is let through by a context entry with DTE', () => {
    const { access } = setup();
    access();
    expect(access()).toMatchObject({
      ok: true,
      hit: Hit.DeviceTlb,
      hpa: hpaOf(0n),
      config: 0,
      refs: 0,
      stale: Stale.Fresh,
    });
  });

  test('is blocked by DTE = 0 once the context cache has forgotten the old entry', () => {
    const { m, access } = setup();
    access();
    m.tick();
    m.context(SID, { DTE: 0, PRE: 0 });
    expect(access()).toMatchObject({
      ok: true,
      hit: Hit.DeviceTlb,
      stale: Stale.Stale,
      source: Source.Context,
      filledAt: 1,
    });
    m.invalidate('cc_inv', { G: 3, SID });
    expect(access()).toMatchObject({
      ok: false,
      fault: 0x44,
      logged: true,
      config: 2,
      stale: Stale.Fresh,
      hit: Hit.None,
    });
    expect(lastRecord(m)).toEqual({ at: 2n, page: hpaOf(0n) & ~0xfffn, hasPasid: false, code: 0x44n });
    expect(m.unit.deviceTlb.size).toBe(1);
  });

  test('only needs the context entry: a PASID entry that is gone stops it by device-TLB invalidation alone', () => {
    const { m, access } = setup();
    access();
    m.tick();
    m.pasid(nested().map(() => 0n));
    m.invalidate('pc_inv', { G: 1, DID: 1, PASID });
    m.invalidate('p_iotlb_inv', { G: 2, DID: 1, PASID });
    expect(access()).toMatchObject({ ok: true, stale: Stale.Stale, source: Source.DeviceTlb });
    m.invalidate('p_dev_tlb_inv', { SID, PASID, S: 1, ADDR: 0x7fff_ffff_ffff_f000n });
    expect(access().reason!.name).toBe('SPT.2');
  });

  test('meets a context entry that is not present, and FPD keeps that quiet', () => {
    const { m, access } = setup();
    access();
    m.context(SID, { P: 0, FPD: 1 });
    m.invalidate('cc_inv', { G: 1 });
    expect(access()).toMatchObject({ ok: false, fault: 0x41, logged: false });
  });

  test('of a request without PASID needs no PASID entry either', () => {
    const { m, access } = setup();
    access(0n, { pasid: -1 });
    m.context(SID, { DTE: 0, PRE: 0 });
    m.invalidate('cc_inv', { G: 1 });
    expect(access(0n, { pasid: -1 }).reason!.name).toBe('SCT.5');
  });

  test('is blocked in abort mode', () => {
    const { m, access } = setup();
    access();
    m.unit.rtaddr = 0xc00n;
    expect(access()).toMatchObject({ ok: false, fault: 0x33, logged: true });
  });

  test('in legacy mode is blocked by a TT without device TLB', () => {
    const m = new LegacyMachine();
    const device = new DeviceAccess(m.unit);
    const request = (): Request => new Request({ sid: SID, address: 0x3010n, access: Access.Read });
    m.context({ TT: 1 });
    expect(device.access(request(), { pri: false })).toMatchObject({ ok: true, hit: Hit.None });
    expect(device.access(request(), { pri: false })).toMatchObject({ ok: true, hit: Hit.DeviceTlb });
    m.tick();
    m.context({ TT: 0 });
    expect(device.access(request(), { pri: false })).toMatchObject({ stale: Stale.Stale, source: Source.Context });
    m.invalidate('cc_inv', { G: 3, DID, SID: SID });
    expect(device.access(request(), { pri: false }).reason!.name).toBe('LCT.5');
  });

  test('and a context entry that was cached without DTE is a stale fault', () => {
    const { m, access } = setup();
    access();
    m.context(SID, { DTE: 0, PRE: 0 });
    m.invalidate('cc_inv', { G: 1 });
    m.read(0n);
    m.tick();
    m.context(SID);
    expect(access()).toMatchObject({ ok: false, fault: 0x44, stale: Stale.Fault, source: Source.Context });
  });
});

test('with translation off (TE = 0), what belongs to ATS is unsupported and reported to nobody', () => {
  const { m, access } = setup();
  access();
  m.unit.translating = false;
  expect(access()).toMatchObject({ ok: false, silent: true, fault: 0 });
  expect(access(1n)).toMatchObject({ ok: false, silent: true, answer: Answer.Error });
  expect(m.read(0n)).toMatchObject({ ok: true, hpa: VA + 0x10n });
  expect(m.unit.log.recorded).toBe(0);
});

interface Asked {
  readonly name: string;
  readonly set: (m: VtdMachine) => void;
  readonly ask?: Parameters<VtdMachine['request']>[1];
}

const context = (fields: FieldValues) => (m: VtdMachine) => m.context(SID, fields);
const entry = (words: readonly bigint[]) => (m: VtdMachine) => m.pasid(words);
const leaf = (value: bigint) => (m: VtdMachine) => m.fs(0n, value);
const FRAME = DATA << 12n;

/** VT-d table 30, translation requests: what is answered without any right, so that a device with PRI asks for the page. */
const NULL_ANSWERS: readonly Asked[] = [
  { name: 'SPT.2', set: entry(nested().map(() => 0n)) },
  { name: 'SPT.5', set: () => {}, ask: { access: Access.Exec } },
  { name: 'SPT.6', set: () => {}, ask: { privileged: true } },
  { name: 'SFS.2', set: leaf(0n) },
  { name: 'SFS.3', set: leaf(FRAME | 7n | (1n << 63n)) },
  { name: 'SFS.5', set: word(fsTable(3n) + 8n * 0xfen, (1n << 50n) | 7n) },
  { name: 'SFS.6', set: (m) => m.ss(16n, (HOST + 0x1_0000n) | 2n) },
  { name: 'SFS.7', set: (m) => m.ss(17n, (HOST + 0x1_1000n) | 2n) },
  { name: 'SFS.8', set: (m) => m.ss(19n, (HOST + 0x1_3000n) | 1n) },
  { name: 'SSS.2', set: (m) => m.ss(DATA, 0n) },
  { name: 'SGN.2', set: leaf(FRAME | 3n) },
  { name: 'SGN.3', set: pasid({ ERE: 1, NXE: 1 }), ask: { access: Access.Exec } },
  { name: 'SGN.4', set: entry(passThrough()) },
  { name: 'SGN.5', set: leaf((1n << 50n) | 7n) },
  { name: 'SGN.6', set: leaf(FRAME | 5n), ask: { access: Access.Write } },
  { name: 'SGN.7', set: (m) => m.ss(DATA, (hpaOf(0n) & ~0xfffn) | 2n) },
];
/** What is an error to the device and a logged fault to software. */
const ERROR_ANSWERS: readonly Asked[] = [
  { name: 'SRT.2', set: word(ROOT, 0n) },
  { name: 'SCT.2', set: context({ P: 0 }) },
  { name: 'SCT.5', set: context({ DTE: 0, PRE: 0 }) },
  { name: 'SCT.6', set: context({ PASIDE: 0 }) },
  { name: 'SPT.3', set: flip(PASID_AT, 10) },
  { name: 'SPT.4', set: pasid({ PGTT: 7 }) },
  { name: 'SSS.3', set: flip(SS, 11) },
  { name: 'SGN.8', set: (m) => m.ss(DATA, 0xfee0_0003n) },
];

describe('a translation request that faults', () => {
  test.each(NULL_ANSWERS)('is answered without rights on $name, and PRI asks for the page', ({ name, set, ask }) => {
    const { m, device, access } = setup({ DT: 1, ERS: 1, SRS: 1 });
    (name === 'SGN.3' ? both(set, leaf(FRAME | 7n | (1n << 63n))) : set)(m);
    const address = name === 'SGN.4' ? { ...ask } : ask;
    if (name === 'SGN.4') {
      const beyond = new Request({ sid: SID, pasid: PASID, address: 1n << 60n, access: Access.Read });
      expect(device.access(beyond, { pri: false })).toMatchObject({ ok: false, answer: Answer.Null, logged: false });
      return;
    }
    const r = access(0n, address);
    expect([r.reason!.name, r.answer, r.logged, r.requested]).toEqual([name, Answer.Null, false, false]);
    expect(m.unit.log.recorded).toBe(0);
    const asked = access(0n, address, true);
    // Without a PASID entry the page request is refused as well, and that is a fault that software sees.
    if (name === 'SPT.2') expect([asked.requested, m.unit.log.recorded]).toEqual([false, 1]);
    else expect([asked.requested, m.unit.log.recorded]).toEqual([true, 0]);
  });

  test.each(ERROR_ANSWERS)('is refused and logged on $name, and PRI asks for nothing', ({ name, set, ask }) => {
    const { m, device, access } = setup();
    set(m);
    const r = access(0n, ask, true);
    expect([r.reason!.name, r.answer, r.logged, r.requested]).toEqual([name, Answer.Error, true, false]);
    expect(lastRecord(m).at).toBe(BigInt(Kind.Translation));
    expect(device.pending).toEqual([]);
  });
});

/** Uses the machine's first stage alone, with host addresses in its entries. */
function useFirstStageAlone(m: VtdMachine): void {
  for (const level of [3n, 2n, 1n])
    m.mem.write64(fsTable(level) + (level === 3n ? 8n * 0xfen : 0n), fsTable(level - 1n) | 7n);
  m.pasid(firstStageOnly());
}

describe('a page request', () => {
  test('without PRE is a fault', () => {
    const { m, access } = setup();
    m.context(SID, { PRE: 0 });
    m.fs(0n, 0n);
    expect(access(0n, {}, true)).toMatchObject({ requested: false });
    expect(lastRecord(m).code).toBe(0x47n);
  });

  test('makes the IOTLB forget the page, and under nesting the domain (VT-d 6.5.3.1)', () => {
    const left = (set: (m: VtdMachine) => void): { pages: bigint[]; tables: number } => {
      const { m, access } = setup();
      set(m);
      m.read(1n);
      m.fs(0n, 0n);
      access(0n, {}, true);
      return { pages: m.unit.iotlb.list().map((line) => line.page), tables: m.unit.structures!.size };
    };
    // Of the first stage alone the page of another address stays, but no table that led to the page.
    expect(left(useFirstStageAlone)).toEqual({ pages: [VA + 0x1000n], tables: 0 });
    expect(left(() => {})).toEqual({ pages: [], tables: 0 });
  });

  test('lets a read-only translation be replaced without an invalidation by software', () => {
    const { m, access } = setup();
    m.fs(0n, FRAME | 5n);
    access(0n);
    expect(access(0n, { access: Access.Write }, true)).toMatchObject({ requested: true });
    m.fs(0n, FRAME | 7n);
    expect(access(0n, { access: Access.Write }, true)).toMatchObject({ ok: true, stale: Stale.Fresh });
  });

  test('of a second-stage domain touches its own page only', () => {
    const { m } = setup();
    m.pasid(secondStageOnly());
    const read = (page: bigint) =>
      m.unit.translate(new Request({ sid: SID, pasid: PASID, address: page << 12n, access: Access.Read }));
    read(1n);
    read(2n);
    const request = new Request({ sid: SID, pasid: PASID, address: 0x1000n, access: Access.Write });
    expect(m.unit.acceptPageRequest(request)).toBe(0);
    expect(m.unit.iotlb.list().map((line) => line.page)).toEqual([0x2000n]);
  });
});
