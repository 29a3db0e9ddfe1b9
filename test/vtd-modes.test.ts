import { describe, expect, test } from 'vitest';
import { encode, faultByCode, Kind, PASID_ENTRY, type Request, type VtdUnit } from '../engine/models/vtd/index.ts';
import { firstStageOnly, HOST, passThrough, SID, secondStageOnly, VtdMachine } from './vtd-machine.ts';
import {
  at,
  both,
  CONTEXT,
  context,
  exec,
  flip,
  leaf1,
  nameOf,
  only,
  PASID_AT,
  PDE,
  pasid,
  type Refusal,
  ROOT,
  refusals,
  rtaddr,
  withoutPasid,
  write,
} from './vtd-refusals.ts';

const STRUCTURES: readonly Refusal[] = [
  { what: 'reserved mode', fault: 'RTA.1', set: rtaddr(ROOT | 0x800n) },
  { what: 'scalable mode without SMTS', fault: 'RTA.1', caps: { SMTS: 0 } },
  { what: 'abort mode without ADMS', fault: 'RTA.1', set: rtaddr(ROOT | 0xc00n), caps: { ADMS: 0 } },
  { what: 'root table too wide', fault: 'RTA.1', set: rtaddr(ROOT | 0x400n | (1n << 46n)), haw: 46 },
  { what: 'legacy mode', fault: 'RTA.2', set: rtaddr(ROOT) },
  { what: 'abort mode', fault: 'RTA.4', set: rtaddr(ROOT | 0xc00n) },
  { what: 'root half not present', fault: 'SRT.2', set: flip(ROOT, 0) },
  { what: 'root bit 1', fault: 'SRT.3', set: flip(ROOT, 1) },
  { what: 'root bit 11', fault: 'SRT.3', set: flip(ROOT, 11) },
  { what: 'context table too wide', fault: 'SRT.3', set: flip(ROOT, 46), haw: 46 },
  { what: 'context not present', fault: 'SCT.2', set: context({ P: 0 }) },
  { what: 'context not present, reserved bit', fault: 'SCT.2', set: both(context({ P: 0 }), flip(CONTEXT, 5)) },
  ...[5, 8, 85, 127, 128, 255].map((at) => ({ what: `context bit ${at}`, fault: 'SCT.3', set: flip(CONTEXT, at) })),
  { what: 'directory too wide', fault: 'SCT.3', set: flip(CONTEXT, 46), haw: 46 },
  { what: 'DTE without DT', fault: 'SCT.3', set: context({ PRE: 0 }), caps: { DT: 0 } },
  { what: 'PASIDE without PASID', fault: 'SCT.3', caps: { PASID: 0 } },
  { what: 'PRE without PRS', fault: 'SCT.3', caps: { PRS: 0 } },
  { what: 'RID_PASID without RPS', fault: 'SCT.3', caps: { RPS: 0 } },
  { what: 'RID_PRIV without RPRIVS', fault: 'SCT.3', set: context({ RID_PRIV: 1 }), caps: { RPRIVS: 0 } },
  {
    what: 'reserved bit and DTE clear',
    fault: 'SCT.3',
    set: both(context({ DTE: 0 }), flip(CONTEXT, 5)),
    ask: { kind: Kind.Translation },
  },
  { what: 'DTE clear', fault: 'SCT.5', set: context({ DTE: 0 }), ask: { kind: Kind.Translation } },
  { what: 'PASIDE clear', fault: 'SCT.6', set: context({ PASIDE: 0 }) },
  { what: 'PASID beyond PDTS', fault: 'SCT.7', ask: { pasid: 1 << 13 } },
  { what: 'RID_PASID beyond PDTS', fault: 'SCT.9', set: context({ RID_PASID: 1 << 13 }), ask: withoutPasid },
  {
    what: 'directory entry beyond HAW',
    fault: 'SPD.1',
    set: context({ PASIDDIRPTR: (1n << 46n) - 0x1000n, PDTS: 7 }),
    ask: { pasid: 0xf_ffff },
    haw: 46,
  },
  { what: 'directory entry not present', fault: 'SPD.2', set: flip(PDE, 0) },
  { what: 'directory entry not present, reserved bit', fault: 'SPD.2', set: both(flip(PDE, 0), flip(PDE, 2)) },
  { what: 'directory entry bit 2', fault: 'SPD.3', set: flip(PDE, 2) },
  { what: 'directory entry bit 11', fault: 'SPD.3', set: flip(PDE, 11) },
  { what: 'PASID table too wide', fault: 'SPD.3', set: flip(PDE, 46), haw: 46 },
  { what: 'PASID entry not present', fault: 'SPT.2', set: flip(PASID_AT, 0) },
  { what: 'PASID entry empty', fault: 'SPT.2', set: (m) => m.pasid(Array(8).fill(0n)) },
  ...[10, 11, 80, 86, 136, 139, 192, 511].map((at) => ({
    what: `PASID entry bit ${at}`,
    fault: 'SPT.3',
    set: flip(PASID_AT, at),
  })),
  { what: 'SSADE without SSADS', fault: 'SPT.3', set: pasid({ SSADE: 1 }), caps: { SSADS: 0 } },
  { what: 'PWSNP without SMPWCS', fault: 'SPT.3', set: pasid({ PWSNP: 1 }), caps: { SMPWCS: 0 } },
  { what: 'PGSNP without SC', fault: 'SPT.3', set: pasid({ PGSNP: 1 }), caps: { SC: 0 } },
  { what: 'SRE without SRS', fault: 'SPT.3', set: pasid({ SRE: 1 }), caps: { SRS: 0 } },
  { what: 'ERE without ERS', fault: 'SPT.3', set: pasid({ ERE: 1 }), caps: { ERS: 0 } },
  { what: 'EAFE without EAFS', fault: 'SPT.3', set: pasid({ EAFE: 1 }), caps: { EAFS: 0 } },
  { what: 'domain id that ND does not have', fault: 'SPT.3', set: pasid({ DID: 0x100 }), caps: { ND: 2 } },
  { what: 'second-stage table too wide', fault: 'SPT.3', set: flip(PASID_AT, 46), haw: 46 },
  { what: 'first-stage table too wide', fault: 'SPT.3', set: only(firstStageOnly(1, 1n << 46n)), haw: 46 },
  { what: 'reserved bit and translation type', fault: 'SPT.3', set: both(pasid({ PGTT: 7 }), flip(PASID_AT, 10)) },
  ...[0, 5, 6, 7].map((type) => ({
    what: `translation type ${type}`,
    fault: 'SPT.4',
    set: only(encode(PASID_ENTRY, { P: 1, PGTT: type, DID: 1 })),
  })),
  { what: 'first stage without FSTS', fault: 'SPT.4', set: only(firstStageOnly()), caps: { FSTS: 0 } },
  { what: 'second stage without SSTS', fault: 'SPT.4', set: only(secondStageOnly()), caps: { SSTS: 0 } },
  { what: 'nested without NEST', fault: 'SPT.4', caps: { NEST: 0 } },
  { what: 'pass-through without PT', fault: 'SPT.4', set: only(passThrough()), caps: { PT: 0 } },
  { what: 'AW that SAGAW lacks', fault: 'SPT.4', caps: { SAGAW: 0b1010 } },
  { what: 'AW without a meaning', fault: 'SPT.4', set: pasid({ AW: 4 }) },
  { what: 'five levels without FS5LP', fault: 'SPT.4', set: pasid({ FSPM: 1 }), caps: { FS5LP: 0 } },
  { what: 'FSPM without a meaning', fault: 'SPT.4', set: pasid({ FSPM: 2 }) },
  { what: 'domain 0 in caching mode', fault: 'SPT.4', set: only(passThrough(0)), caps: { CM: 1 } },
  { what: 'programming and ERE', fault: 'SPT.4', set: pasid({ AW: 4 }), ask: exec },
];

refusals('structures', STRUCTURES);

describe('FPD', () => {
  const quiet = (m: VtdMachine) => [nameOf(m.read(0n)), m.unit.log.recorded];

  test.each([
    ['context entry', both(context({ P: 0, FPD: 1 })), 'SCT.2'],
    ['directory entry', both(flip(PDE, 0), flip(PDE, 1)), 'SPD.2'],
    ['PASID entry', both(flip(PASID_AT, 0), flip(PASID_AT, 1)), 'SPT.2'],
  ])('counts where the %s is not present', (_, set, fault) => {
    const m = new VtdMachine();
    set(m);
    expect(quiet(m)).toEqual([fault, 0]);
  });

  test.each([
    ['context entry', context({ FPD: 1 })],
    ['directory entry', flip(PDE, 1)],
    ['PASID entry', flip(PASID_AT, 1)],
  ])('of the %s silences faults further down, also from caches', (_, set) => {
    const m = new VtdMachine();
    both(set, leaf1(5n))(m);
    m.read(0n);
    for (const fresh of [true, false]) {
      if (fresh) m.unit.iotlb.clear();
      expect([nameOf(m.write(0n)), m.unit.log.recorded]).toEqual(['SGN.6', 0]);
    }
  });

  test('does not silence what comes before the context entry', () => {
    const m = new VtdMachine();
    both(context({ FPD: 1 }), flip(ROOT, 1))(m);
    expect(quiet(m)).toEqual(['SRT.3', 1]);
  });
});

describe('requests without PASID', () => {
  test('without RPS they use PASID 0', () => {
    const m = new VtdMachine({ RPS: 0 });
    m.context(SID, { RID_PASID: 0 });
    m.pasid(secondStageOnly(3), 0);
    const r = m.unit.translate(at(m.request(0n, withoutPasid), 0x2000n));
    expect([r.hpa, r.pasid, r.domain]).toEqual([HOST + 0x2000n, 0, 3]);
  });

  test('to the interrupt range they are interrupts, whatever the tables say', () => {
    const m = new VtdMachine();
    for (const set of [rtaddr(ROOT | 0xc00n), flip(ROOT, 0)]) {
      set(m);
      const request = at(m.request(0n, { ...withoutPasid, ...write }), 0xfeef_fffcn);
      expect(m.unit.translate(request)).toMatchObject({ ok: true, interrupt: true, config: 0 });
    }
    const beside = at(m.request(0n, withoutPasid), 0xfef0_0000n);
    expect(nameOf(m.unit.translate(beside))).toBe('RTA.4');
  });
});

describe('page requests', () => {
  const reasonOf = (unit: VtdUnit, request: Request) => faultByCode(unit.acceptPageRequest(request))?.name ?? 'taken';

  test.each([
    ['legacy mode', rtaddr(ROOT), 'RTA.3'],
    ['abort mode', rtaddr(ROOT | 0xc00n), 'RTA.4'],
    ['PRE clear', context({ PRE: 0 }), 'SCT.8'],
    ['context entry not present', context({ P: 0 }), 'SCT.2'],
    ['everything in order', () => {}, 'taken'],
  ])('%s', (_, set, name) => {
    const m = new VtdMachine();
    m.read(0n);
    m.unit.contextCache.clear();
    set(m);
    expect(reasonOf(m.unit, m.request(0n))).toBe(name);
  });
});
