import { describe, expect, test } from 'vitest';
import { Access, Answer, type FieldValues, faultByCode, Hit, Kind } from '../engine/models/vtd/index.ts';
import { CONTEXTS, HOST, LegacyMachine, nameOf, SS } from './vtd-legacy-machine.ts';

interface Refusal {
  readonly what: string;
  readonly fault: string;
  /** What is wrong with the machine. */
  readonly set?: (m: LegacyMachine) => void;
  readonly caps?: Record<string, number>;
  readonly haw?: number;
  /** 0x1000 unless said otherwise. */
  readonly address?: bigint;
  readonly write?: true;
  readonly pasid?: number;
}

const PAGE = HOST + 0x1000n;
const leaf = (entry: bigint) => (m: LegacyMachine) => m.write(m.leafAt(1n), entry);
const top = (entry: bigint) => (m: LegacyMachine) => m.write(SS, (SS + 0x1000n) | entry);
const root =
  (low: bigint, high = 0n) =>
  (m: LegacyMachine) =>
    m.root(0n, CONTEXTS, low, high);
const context = (fields: FieldValues) => (m: LegacyMachine) => m.context(fields);
const flipped = (bit: number) => (m: LegacyMachine) => m.flip(bit);
const both =
  (...sets: ((m: LegacyMachine) => void)[]) =>
  (m: LegacyMachine) => {
    for (const set of sets) set(m);
  };

/** One thing is wrong at a time, unless the text says that two are. */
const REFUSALS: readonly Refusal[] = [
  { what: 'root not present', fault: 'LRT.2', set: root(1n) },
  { what: 'root bit 1', fault: 'LRT.3', set: root(2n) },
  { what: 'root bit 11', fault: 'LRT.3', set: root(0x800n) },
  { what: 'root upper half', fault: 'LRT.3', set: root(0n, 1n << 63n) },
  { what: 'root pointer too wide', fault: 'LRT.3', set: root(1n << 46n), haw: 46 },
  { what: 'context not present', fault: 'LCT.2', set: context({ P: 0 }) },
  { what: 'context not present, reserved bit', fault: 'LCT.2', set: both(context({ P: 0 }), flipped(4)) },
  ...[4, 11, 71, 88, 127].map((at) => ({ what: `context bit ${at}`, fault: 'LCT.3', set: flipped(at) })),
  { what: 'second-stage pointer too wide', fault: 'LCT.3', set: flipped(46), haw: 46 },
  { what: 'domain id that ND does not have', fault: 'LCT.3', set: context({ DID: 0x100 }), caps: { ND: 2 } },
  { what: 'reserved bit and AW', fault: 'LCT.3', set: both(context({ AW: 0 }), flipped(4)) },
  { what: 'AW 0', fault: 'LCT.4', set: context({ AW: 0 }) },
  { what: 'AW 4', fault: 'LCT.4', set: context({ AW: 4 }) },
  { what: 'AW that SAGAW lacks', fault: 'LCT.4', set: context({ AW: 3 }), caps: { SAGAW: 6 } },
  { what: 'AW of pass-through', fault: 'LCT.4', set: context({ AW: 3, TT: 2 }), caps: { SAGAW: 6 } },
  { what: 'TT 3', fault: 'LCT.4', set: context({ TT: 3 }) },
  { what: 'TT 1 without DT', fault: 'LCT.4', set: context({ TT: 1 }), caps: { DT: 0 } },
  { what: 'TT 2 without PT', fault: 'LCT.4', set: context({ TT: 2 }), caps: { PT: 0 } },
  { what: 'domain 0 in caching mode', fault: 'LCT.4', set: context({ DID: 0 }), caps: { CM: 1 } },
  { what: 'address beyond AW', fault: 'LGN.1', set: context({ AW: 1 }), address: 1n << 39n },
  { what: 'address beyond MGAW', fault: 'LGN.1', caps: { MGAW: 39 }, address: 1n << 40n },
  { what: 'read-only page', fault: 'LGN.2', set: leaf(PAGE | 1n), write: true },
  { what: 'read-only table', fault: 'LGN.2', set: top(1n), write: true },
  { what: 'write-only page', fault: 'LGN.3', set: leaf(PAGE | 2n) },
  { what: 'absent page, write', fault: 'LGN.2', set: leaf(PAGE | 4n), write: true },
  { what: 'absent page, read', fault: 'LGN.3', set: leaf(PAGE | 4n) },
  { what: 'absent page, reserved bit', fault: 'LGN.3', set: leaf(PAGE | 0x800n), caps: { SC: 0 } },
  { what: 'SNP of a table', fault: 'LSS.2', set: top(0x803n) },
  { what: 'SNP without SC', fault: 'LSS.2', set: leaf(PAGE | 0x803n), caps: { SC: 0 } },
  { what: 'TM without DT', fault: 'LSS.2', set: leaf(PAGE | (1n << 62n) | 3n), caps: { DT: 0 } },
  { what: 'PS of the top table', fault: 'LSS.2', set: top(0x83n) },
  { what: 'page too wide', fault: 'LSS.2', set: leaf((1n << 46n) | 3n), haw: 46 },
  { what: 'page in the interrupt range', fault: 'LGN.4', set: leaf(0xfee0_0000n | 3n) },
  { what: 'request with PASID', fault: 'RTA.2', pasid: 1 },
  {
    what: 'root table too wide',
    fault: 'RTA.1',
    set: (m) => {
      m.unit.rtaddr = 1n << 46n;
    },
    haw: 46,
  },
];

function refused({ set, caps, haw, address = 0x1000n, write, pasid }: Refusal, before?: (m: LegacyMachine) => void) {
  const m = new LegacyMachine(caps, haw);
  before?.(m);
  set?.(m);
  const request = m.request(address, { access: write ? Access.Write : Access.Read, ...(pasid ? { pasid } : {}) });
  return { m, peeked: nameOf(m.unit.peek(request)), r: m.unit.translate(request) };
}

describe('legacy faults', () => {
  test('without any of what follows the access succeeds', () => {
    for (const { caps, haw } of REFUSALS)
      expect(nameOf(new LegacyMachine(caps, haw).access(0x1000n, { access: Access.Write }))).toBe('hpa 0x200001000');
  });

  test.each(REFUSALS)('$what: $fault', (refusal) => {
    const { m, peeked, r } = refused(refusal);
    expect([peeked, nameOf(r), r.logged, m.unit.log.recorded]).toEqual([refusal.fault, refusal.fault, true, 1]);
  });

  test.each(REFUSALS)('FPD keeps a fault that is qualified out of the log: $what', (refusal) => {
    const { m, r } = refused(refusal, (machine) => {
      machine.alwaysFpd = true;
      machine.context({});
    });
    const logged = /^(RTA|LRT)/.test(refusal.fault);
    expect([nameOf(r), r.logged, m.unit.log.recorded]).toEqual([refusal.fault, logged, logged ? 1 : 0]);
  });

  test.each([
    ['bits that the second stage does not use', leaf(PAGE | (0x3ffn << 52n) | (1n << 63n) | 0x703n)],
    ['AVAIL of the context entry', context({ AVAIL: 15 })],
    ['domain 0 without caching mode', context({ DID: 0 })],
  ])('%s may be set', (_, set) => {
    const m = new LegacyMachine();
    set(m);
    expect(nameOf(m.access(0x1000n))).toBe('hpa 0x200001000');
  });

  test('a page request is RTA.3, whatever the context entry says', () => {
    const m = new LegacyMachine();
    m.context({ FPD: 1, P: 0 });
    expect(faultByCode(m.unit.acceptPageRequest(m.request(0x1000n)))!.name).toBe('RTA.3');
    expect(m.unit.log.recorded).toBe(1);
  });

  test.each([
    ['LGN.1', 1n << 50n, Access.Read],
    ['LGN.2', 0x2000n, Access.Write],
    ['LGN.3', 0x3000n, Access.Read],
  ] as const)('a translation request that meets %s succeeds without permissions', (name, address, access) => {
    const m = new LegacyMachine();
    m.context({ TT: 1 });
    m.write(m.leafAt(2n), (HOST + 0x2000n) | 1n);
    m.write(m.leafAt(3n), (HOST + 0x3000n) | 2n);
    const r = m.access(address, { access, kind: Kind.Translation });
    expect([nameOf(r), r.answer, r.logged]).toEqual([name, Answer.Null, false]);
  });

  test('a cached line refuses with the codes of its mode', () => {
    const m = new LegacyMachine();
    m.write(m.leafAt(1n), (HOST + 0x1000n) | 1n);
    m.access(0x1000n);
    const r = m.access(0x1000n, { access: Access.Write });
    expect([nameOf(r), r.hit]).toEqual(['LGN.2', Hit.Iotlb]);
  });
});
