import { describe, expect, test } from 'vitest';
import { DeviceAccess } from '../engine/models/device.ts';
import {
  Access,
  Answer,
  CONTEXT_ENTRY_LEGACY,
  encode,
  Hit,
  Kind,
  Recorder,
  Request,
  ROOT_ENTRY_LEGACY,
  Source,
  Stale,
  TRACE_WORDS,
} from '../engine/models/vtd/index.ts';
import { CONTEXTS, DID, HOST, LegacyMachine, nameOf, OTHER, ROOT, SS } from './vtd-legacy-machine.ts';
import { DATA, SID, secondStageOnly, VtdMachine } from './vtd-machine.ts';

describe('legacy tables', () => {
  test.each([3, 4, 5])('a second stage of %i levels: two structure reads, then one per level', (levels) => {
    const m = new LegacyMachine({ MGAW: 56 }, 52, levels);
    const r = m.access(0x3123n, { access: Access.Write });
    expect([r.hpa, r.refs, r.config, r.lg2, r.domain, r.pasid]).toEqual([HOST + 0x3123n, levels, 2, 12, DID, -1]);
    expect(m.access(0x3008n, { sid: OTHER })).toMatchObject({ hit: Hit.Iotlb, config: 2, hpa: HOST + 0x3008n });
    expect(m.access(0x3008n)).toMatchObject({ hit: Hit.Iotlb, config: 0 });
  });

  test.each([
    [21, 0x20_0000n, SS + 0x2000n, 3],
    [30, 0x4000_0000n, SS + 0x1000n, 2],
  ])('a leaf of 2^%i bytes', (lg2, page, table, refs) => {
    const m = new LegacyMachine();
    m.write(table + 8n, 0x1_4000_0000n | 0x83n);
    const r = m.access(page + 0x1_2345n);
    expect([r.hpa, r.lg2, r.refs]).toEqual([0x1_4001_2345n, lg2, refs]);
  });

  test('pass-through reads no table, up to the host address width', () => {
    const m = new LegacyMachine({}, 46);
    m.context({ TT: 2, SSPTPTR: 0xf_ffff_ffff_f000n });
    const last = (1n << 46n) - 8n;
    expect(m.access(last, { access: Access.Write })).toMatchObject({ ok: true, hpa: last, refs: 0, config: 2 });
    expect(nameOf(m.access(1n << 46n))).toBe('LGN.1');
  });

  test('device TLBs are for TT=1 alone', () => {
    const m = new LegacyMachine();
    const ask = () => m.access(0x1000n, { kind: Kind.Translation });
    expect(ask()).toMatchObject({ ok: false, answer: Answer.Error, logged: true, fault: 0xd });
    m.context({ TT: 1 });
    m.unit.forget();
    expect(ask()).toMatchObject({ ok: true, answer: Answer.Success });
    m.context({ TT: 2 });
    m.unit.forget();
    expect(nameOf(ask())).toBe('LCT.5');
    const device = new DeviceAccess(m.unit);
    m.context({ TT: 1 });
    m.unit.forget();
    const access = () => device.access(m.request(0x1010n), { pri: false });
    expect(access()).toMatchObject({ ok: true, hit: Hit.None });
    expect(access()).toMatchObject({ ok: true, hit: Hit.DeviceTlb });
    m.invalidate('dev_tlb_inv', { SID, ADDR: 0x1000n });
    expect(access()).toMatchObject({ ok: true, hit: Hit.Iotlb });
  });

  test('an execute request without PASID is a read, and privilege means nothing', () => {
    const m = new LegacyMachine();
    const request = new Request({ sid: SID, address: 0x1000n, access: Access.Exec, privileged: true });
    expect(nameOf(m.unit.translate(request))).toBe('hpa 0x200001000');
  });
});

describe('legacy caches', () => {
  const warm = () => {
    const m = new LegacyMachine();
    m.access(0x1000n);
    m.access(0x1000n, { sid: OTHER });
    return m;
  };
  const G = { global: 1, domain: 2, device: 3 };

  test.each([
    ['global', { G: G.global }, 2],
    ['domain', { G: G.domain, DID }, 2],
    ['another domain', { G: G.domain, DID: DID + 1 }, 0],
    ['device', { G: G.device, DID, SID }, 1],
    ['device of another domain', { G: G.device, DID: DID + 1, SID }, 0],
    ['all functions of the device', { G: G.device, DID, SID: SID | 5, FM: 3 }, 1],
  ])('cc_inv, %s', (_, fields, removed) => {
    const m = warm();
    expect(m.invalidate('cc_inv', fields)).toMatchObject({ context: removed, pasid: 0, iotlb: 0 });
    expect(m.unit.contextCache.size).toBe(2 - removed);
  });

  test('nothing is ever in the PASID cache, and its invalidations keep context entries', () => {
    const m = warm();
    expect(m.unit.pasidCache.list()).toEqual([]);
    for (const fields of [{ G: 3 }, { G: 0, DID }, { G: 1, DID, PASID: 0 }])
      expect(m.invalidate('pc_inv', fields)).toMatchObject({ pasid: 0 });
    m.context({ DID: 9 });
    expect(m.access(0x1000n)).toMatchObject({ domain: DID, hit: Hit.Iotlb, config: 0 });
  });

  test.each([
    ['iotlb_inv', { G: 1 }, 1],
    ['iotlb_inv', { G: 2, DID }, 1],
    ['iotlb_inv', { G: 2, DID: DID + 1 }, 0],
    ['iotlb_inv', { G: 3, DID, ADDR: 0x1000n }, 1],
    ['iotlb_inv', { G: 3, DID, ADDR: 0x2000n }, 0],
    ['p_iotlb_inv', { G: 2, DID, PASID: 0 }, 0],
  ])('%s %o', (name, fields, removed) => {
    expect(warm().invalidate(name, fields)).toMatchObject({ iotlb: removed, context: 0 });
  });

  test('an entry that was edited and not invalidated is used, and said to be stale', () => {
    const m = warm();
    m.tick();
    const at = m.time - 1;
    m.context({ SSPTPTR: SS + 0x8000n, DID: 6 });
    const r = m.access(0x1000n);
    expect([nameOf(r), r.stale, r.source, r.filledAt]).toEqual(['hpa 0x200001000', Stale.Stale, Source.Context, at]);
    expect(m.unit.culprit(m.request(0x1000n), r.filledAt)).toMatchObject({
      step: { what: 'context' },
      editedAt: m.time,
    });
    expect(m.unit.holder(m.request(0x1000n), r, () => 'dev0')).toEqual({ cache: 'context cache', tag: 'device dev0' });
    m.invalidate('cc_inv', { G: G.device, DID, SID });
    expect(m.access(0x1000n)).toMatchObject({ fault: 0x6, stale: Stale.Fresh, domain: 6 });
  });

  test('a missing context entry leaves nothing behind', () => {
    const m = new LegacyMachine();
    m.context({ P: 0 });
    expect(nameOf(m.access(0x1000n))).toBe('LCT.2');
    m.context({});
    expect(m.access(0x1000n)).toMatchObject({ ok: true, stale: Stale.Fresh });
  });

  test('whether an access would hit', () => {
    const m = new LegacyMachine();
    expect(m.unit.wouldHit(m.request(0x1000n))).toBe(false);
    m.access(0x1000n);
    expect([0x1000n, 0x2000n].map((at) => m.unit.wouldHit(m.request(at)))).toEqual([true, false]);
    expect(m.unit.wouldHit(m.request(0x1000n, { pasid: 1 }))).toBe(false);
    m.unit.rtaddr = ROOT | 0xc00n;
    expect(m.unit.wouldHit(m.request(0x1000n))).toBe(false);
  });

  test('what is held of an address', () => {
    const m = warm();
    const held = m.unit.held(m.request(0x1000n));
    const texts = held.flatMap(({ cache, lines }) => lines.map(({ text }) => `${cache}: ${text}`));
    expect(texts).toContain('context cache: entry of the device, DID 5');
    expect(texts).toContain('IOTLB: DID 5, 0x1000 (4K) to 0x2_0000_1000, rw, dirty');
    expect(held.find(({ cache }) => cache === 'PASID cache')?.lines).toEqual([]);
  });
});

describe('changing the mode', () => {
  test('entries of legacy tables do not count in scalable mode, nor the other way round', () => {
    const m = new VtdMachine();
    m.pasid(secondStageOnly(1));
    const request = new Request({ sid: SID, address: DATA * 0x1000n, access: Access.Read });
    const scalable = m.unit.translate(request).hpa;
    const legacy = 0x80_0000n;
    m.put(legacy, encode(ROOT_ENTRY_LEGACY, { P: 1, CTP: legacy + 0x1000n }));
    m.put(legacy + 0x1000n + BigInt(SID) * 16n, encode(CONTEXT_ENTRY_LEGACY, { P: 1, TT: 2, AW: 2, DID: 2 }));
    const before = m.unit.rtaddr;
    m.unit.rtaddr = legacy;
    expect(m.unit.translate(request)).toMatchObject({ hpa: DATA * 0x1000n, config: 2, stale: Stale.Fresh });
    m.unit.rtaddr = before;
    expect(m.unit.translate(request)).toMatchObject({ hpa: scalable, config: 2, stale: Stale.Fresh });
  });

  test('abort mode blocks what caches would answer, but not interrupts', () => {
    const m = new LegacyMachine();
    m.access(0x1000n);
    m.unit.rtaddr = ROOT | 0xc00n;
    for (const pasid of [-1, 1]) expect(nameOf(m.access(0x1000n, { pasid }))).toBe('RTA.4');
    expect(m.access(0xfee0_0000n, { access: Access.Write })).toMatchObject({ ok: true, interrupt: true });
    expect(m.access(0x1000n, { kind: Kind.Translation })).toMatchObject({ answer: Answer.Error, logged: true });
  });

  test.each([
    ['abort without ADMS', 3n, { ADMS: 0 }],
    ['the reserved mode', 2n, {}],
    ['scalable without SMTS', 1n, { SMTS: 0 }],
  ])('%s is RTA.1', (_, mode, caps) => {
    const m = new LegacyMachine(caps);
    m.access(0x1000n);
    m.unit.rtaddr = ROOT | (mode << 10n);
    expect(nameOf(m.access(0x1000n))).toBe('RTA.1');
  });
});

describe('legacy walks in words', () => {
  test('the entries by name, field and address', () => {
    const m = new LegacyMachine();
    const { steps, verdict } = m.unit.explain(m.request(0x1010n, { sid: OTHER }));
    expect(
      steps
        .slice(0, 3)
        .map(({ what, layout, address, qwords, note }) => [what, layout?.name, address, qwords.length, note]),
    ).toEqual([
      ['root', 'legacy root entry', ROOT + 16n, 2, 'context table at 0x10_2000'],
      ['context', 'legacy context entry', m.contextAt(OTHER), 2, 'untranslated, domain 5'],
      ['ss', undefined, SS, 1, expect.stringContaining('names table')],
    ]);
    expect(steps.length).toBe(6);
    expect(verdict).toBe('The walk leads to 0x2_0000_1010.');
    m.context({ TT: 3 });
    m.root(1n, CONTEXTS, 1n);
    expect(m.unit.explain(m.request(0x1010n)).steps.at(-1)?.note).toBe('TT 3, domain 5');
    expect(m.unit.explain(m.request(0x1010n, { sid: OTHER })).steps.map(({ note }) => note)).toEqual(['not present']);
  });

  test('a trace has root and context entries in front', () => {
    const m = new LegacyMachine();
    m.unit.trace = new Recorder();
    m.access(0x1000n);
    const { words, count } = m.unit.trace;
    expect(Array.from({ length: count }, (_, i) => words[i * TRACE_WORDS])).toEqual([0, 1, 0x23, 0x22, 0x21, 0x20]);
  });
});
