import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { encode, type FieldValues } from '../engine/models/bit-layout.ts';
import { CD, decodeEvent, SmmuUnit, STE } from '../engine/models/smmuv3/index.ts';
import { Recorder, TRACE_WORDS } from '../engine/models/trace.ts';
import { Access, Hit, Request, Stale } from '../engine/models/translation.ts';
import { type SlowEntry, type SlowOutcome, type SlowRequest, slowSmmu } from './oracle/slow-smmuv3.ts';
import { cases } from './property.ts';
import { makeIds } from './smmuv3-machine.ts';

const STREAM_TABLE = 0x7f_0000_0000n;
const LOG2_SIZE = 4n;
const OAS_BITS = [32n, 36n, 40n, 42n, 44n, 48n];

/** Numbers from a seed: one case makes up its memory as the oracle asks for it. */
function dice(seed: number) {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 0x2c9277b5) + 0x5f356495) >>> 0;
    const mixed = Math.imul(state ^ (state >>> 15), 0x85eb_ca6b);
    return (mixed ^ (mixed >>> 13)) >>> 0;
  };
  const below = (n: number): number => next() % n;
  return {
    below,
    chance: (percent: number): boolean => below(100) < percent,
    pick: <T>(list: readonly T[]): T => list[below(list.length)]!,
    bits: (n: number): bigint => ((BigInt(next()) << 32n) | BigInt(next())) & ((1n << BigInt(n)) - 1n),
  };
}
type Dice = ReturnType<typeof dice>;

/** S2TG, S2SL0 and S2T0SZ that agree. */
const STAGE_2 = [
  [0, 1, 25],
  [0, 1, 24],
  [0, 2, 16],
  [0, 2, 24],
  [0, 0, 34],
  [0, 0, 31],
  [0, 1, 30],
  [2, 2, 17],
  [2, 1, 28],
  [2, 1, 24],
  [2, 0, 39],
  [1, 2, 16],
  [1, 1, 22],
  [1, 1, 20],
  [1, 0, 35],
  [0, 3, 44],
] as const;

function steOf(d: Dice, oas: number, S1CDMax: number): FieldValues {
  const [S2TG, S2SL0, S2T0SZ] = d.chance(90) ? d.pick(STAGE_2) : [d.below(4), d.below(4), d.below(64)];
  const flag = (percent: number): number => (d.chance(percent) ? 1 : 0);
  return {
    V: flag(97),
    Config: d.chance(95) ? d.pick([5, 6, 7, 7, 7]) : d.below(8),
    S1ContextPtr: d.bits(30) & ~0x3fn,
    S1CDMax,
    S1DSS: d.below(4),
    S2VMID: d.below(4),
    S2TG,
    S2SL0,
    S2T0SZ: Math.max(S2T0SZ, d.chance(95) ? 64 - oas : 0),
    S2PS: d.pick([5, 5, 5, 4, 1]),
    S2AA64: flag(98),
    S2AFFD: flag(10),
    S2PTW: flag(10),
    S2HA: flag(20),
    S2HD: flag(20),
    S2R: 1,
    S2TTB: d.bits(31) & ~0xfn,
  };
}

function cdOf(d: Dice): FieldValues {
  const flag = (percent: number): number => (d.chance(percent) ? 1 : 0);
  const tsz = (): number => (d.chance(96) ? 16 + d.below(d.chance(50) ? 24 : 10) : d.below(64));
  return {
    V: flag(98),
    AA64: flag(99),
    T0SZ: tsz(),
    TG0: d.chance(97) ? d.below(3) : 3,
    EPD0: flag(5),
    T1SZ: tsz(),
    TG1: d.chance(97) ? 1 + d.below(3) : 0,
    EPD1: flag(40),
    IPS: d.pick([5, 5, 5, 4, 2]),
    AFFD: flag(10),
    WXN: flag(10),
    UWXN: flag(10),
    TBI0: flag(20),
    TBI1: flag(20),
    HA: flag(30),
    HD: flag(30),
    R: 1,
    A: 1,
    ASID: d.below(4),
    HAD0: flag(20),
    HAD1: flag(20),
    TTB0: d.bits(30) & ~0xfn,
    TTB1: d.bits(30) & ~0xfn,
  };
}

/** A descriptor as guests and hypervisors write them, mostly. */
function descriptor(d: Dice, { kind, level, granule }: Extract<SlowEntry, { level: number }>): bigint {
  if (d.chance(1)) return d.bits(64);
  const canBlock = granule === 12n ? level === 1 || level === 2 : level === 2;
  const isBlock = canBlock && d.chance(25);
  const address = d.bits(d.chance(98) ? 30 : 48) & ~((1n << granule) - 1n);
  const type = isBlock ? 1n : 3n;
  const af = d.chance(95) ? 1n << 10n : 0n;
  const extra = d.chance(10) ? d.bits(5) << 50n : 0n;
  const tables = d.chance(5) ? d.bits(5) << 59n : 0n;
  const rights = kind === 'S2' ? (d.chance(94) ? 3n : d.bits(2)) << 6n : (d.chance(85) ? 1n : d.bits(2)) << 6n;
  const memory = kind === 'S2' ? (d.chance(90) ? 0xfn : d.bits(4)) << 2n : 0n;
  return address | type | af | extra | tables | rights | memory | (d.bits(1) << 11n);
}

/** One case: the machine, one access, and what the oracle says of it. */
function draw(seed: number) {
  const d = dice(seed);
  const oasIndex = d.pick([5, 5, 4, 2]);
  const oas = Number(OAS_BITS[oasIndex]!);
  const ids = { OAS: oasIndex, DS: 0, STT: d.below(2), XNX: d.below(2), VAX: 0, SSIDSIZE: 4 };
  const cdMax = d.pick([0, 0, 3, 4]);
  const ste = encode(STE, steOf(d, oas, cdMax));
  const cd = encode(CD, cdOf(d));
  const memory = new Map<bigint, bigint>();
  const read = (address: bigint, entry: SlowEntry): bigint => {
    const known = memory.get(address);
    if (known !== undefined) return known;
    const value = 'dword' in entry ? (entry.kind === 'STE' ? ste : cd)[entry.dword]! : descriptor(d, entry);
    memory.set(address, value);
    return value;
  };
  const upper = d.chance(8) ? 0xffff_0000_0000_0000n : 0n;
  const width = d.pick([21, 25, 25, 30, 30, 38, 47, 64]);
  const request: SlowRequest = {
    sid: BigInt(d.below(d.chance(97) ? 16 : 32)),
    ssid: d.chance(cdMax === 0 ? 90 : 15) ? -1n : BigInt(d.below(d.chance(80) ? 8 : 20)),
    address: (width === 64 ? d.bits(64) : upper | d.bits(width)) & ~7n,
    access: d.pick(['read', 'read', 'write', 'exec'] as const),
    privileged: d.chance(40),
  };
  const slowIds = { oas: OAS_BITS[oasIndex]!, smallTables: ids.STT === 1, xnx: ids.XNX === 1, ssidSize: 4n };
  const outcome = slowSmmu(slowIds, STREAM_TABLE, LOG2_SIZE, read, request);
  return { ids, memory, request, outcome };
}

function engineOf({ ids, memory, request }: ReturnType<typeof draw>) {
  const mem = new PhysMem();
  for (const [address, value] of memory) mem.write64(address, value);
  const unit = new SmmuUnit(mem, makeIds(ids));
  unit.writeRegister('STRTAB_BASE', STREAM_TABLE);
  unit.writeRegister('STRTAB_BASE_CFG', LOG2_SIZE);
  const access = { read: Access.Read, write: Access.Write, exec: Access.Exec }[request.access];
  const { address, privileged } = request;
  return {
    unit,
    request: new Request({ sid: Number(request.sid), pasid: Number(request.ssid), address, access, privileged }),
  };
}

const NAMES: Readonly<Record<number, string>> = { 5: 'STE', 7: 'CD' };
const CLASSES = ['CD', 'TT', 'IN'];

/** What the engine did, in the oracle's words. */
function run(made: ReturnType<typeof draw>): SlowOutcome & { readonly refs: number } {
  const { unit, request } = engineOf(made);
  const trace = new Recorder();
  unit.trace = trace;
  const r = unit.translate(request);
  const reads = Array.from({ length: trace.count }, (_, i): [string, bigint] => {
    const [what, hi, lo] = [0, 1, 2].map((at) => trace.words[i * TRACE_WORDS + at]!) as [number, number, number];
    return [NAMES[what] ?? `S${what >> 4}.L${3 - (what & 15)}`, (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)];
  });
  const refs = r.refs + r.config;
  if (r.ok) return { reads, refs, hpa: r.hpa, size: r.size };
  const words = unit.takeRecord(false);
  if (!words) return { reads, refs };
  const event = decodeEvent(words);
  const code = Number(event['Code']);
  if (code < 0x10) return { reads, refs, event: code };
  const stage2 = event['S2'] === 1n;
  const cls = CLASSES[Number(event['CLASS'])] as 'CD';
  return {
    reads,
    refs,
    event: code,
    stage2,
    cls,
    ...(stage2 ? { ipa: event['IPA']!, tableRead: event['TTRnW'] === 1n } : {}),
  };
}

/** The oracle's outcome as far as a record can hold it. */
function recorded({ ipa, tableRead, ...rest }: SlowOutcome): SlowOutcome {
  if (ipa === undefined) return rest;
  return { ...rest, ipa: ipa & ~0xfffn, tableRead: rest.event === 0x13 && rest.cls === 'TT' && tableRead === true };
}

describe('one access, against the slow twin', () => {
  test('the same entries, in the same order, and the same end', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const made = draw(seed);
        const { refs, ...found } = run(made);
        expect(found).toEqual(recorded(made.outcome));
        expect(refs).toBe(made.outcome.reads.length);
      }),
      cases(2000),
    );
  });

  test('a second look is fresh, and a hit where the first succeeded', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const made = draw(seed);
        const { unit, request } = engineOf(made);
        const first = unit.translate(request);
        const [ok, hpa, fault, stages] = [first.ok, first.hpa, first.fault, first.stages];
        const again = unit.translate(request);
        expect([again.ok, again.hpa, again.fault, again.stale]).toEqual([ok, hpa, fault, Stale.Fresh]);
        if (ok && stages !== 4) expect(again.hit).toBe(Hit.Iotlb);
        const present = unit.peek(request);
        expect([present.ok, present.hpa, present.fault]).toEqual([ok, hpa, fault]);
      }),
      cases(600),
    );
  });

  test('the cases are of every kind', () => {
    const kinds = new Map<string, number>();
    for (let seed = 0; seed < 2000; seed++) {
      const { outcome } = draw(seed);
      const { event, stage2, cls } = outcome;
      const kind =
        outcome.hpa !== undefined ? 'ok' : event === undefined ? 'abort' : `${event}${stage2 ? ` ${cls}` : ''}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const wanted = ['ok', 'abort', '2', '4', '6', '8', '10', '16', '17', '18', '19'];
    const behind = ['CD', 'TT', 'IN'].flatMap((cls) => [16, 17, 18, 19].map((code) => `${code} ${cls}`));
    expect([...wanted, ...behind].filter((kind) => !kinds.has(kind))).toEqual([]);
    expect(kinds.get('ok')).toBeGreaterThan(300);
  });
});
