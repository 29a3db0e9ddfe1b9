import { describe, expect, test } from 'vitest';
import { Tlb } from '../engine/cache/iotlb.ts';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { decode, encode } from '../engine/models/bit-layout.ts';
import { COMMANDS } from '../engine/models/smmuv3/command-layouts.ts';
import { BITS, command, fieldOf, OP } from '../engine/models/smmuv3/commands.ts';
import { OUTPUT_BITS } from '../engine/models/smmuv3/ids.ts';
import { CD, EventClass, encodeEvent, eventByCode, SmmuUnit, STE } from '../engine/models/smmuv3/index.ts';
import { packLeaf, Tag } from '../engine/models/smmuv3/tlb.ts';
import { sysfsValue } from '../engine/models/sysfs-read.ts';
import { Recorder, TRACE_WORDS } from '../engine/models/trace.ts';
import { Access, Request } from '../engine/models/translation.ts';
import { vmsaStage1 } from '../engine/pagetable/formats/vmsa-stage1.ts';
import { stage2Start } from '../engine/pagetable/formats/vmsa-stage2.ts';
import { describeEntry } from '../engine/pagetable/index.ts';
import file from './data/smmuv3-vectors.json' with { type: 'json' };
import { makeIds, put } from './smmuv3-machine.ts';

/** Vectors are plain data; their shape depends on the category. */
// biome-ignore lint/suspicious/noExplicitAny: the tables below read each category by its own field names
type Loose = any;
const all: Loose[] = Array.isArray(file) ? (file as Loose) : (file as Loose).vectors;

/** Categories that the tests of the kernel's interfaces hold, or other tests of the same name. */
const ELSEWHERE = ['uapi-vste', 'uapi-inv', 'uapi-2023', 'uapi-vfio'];
const of = (category: string): Loose[] => all.filter((vector) => vector.category === category);
const byId = (id: string): Loose => all.find((vector) => vector.id === id);
const big = (value: string | number | undefined): bigint => BigInt(`${value ?? 0}`.split(' ')[0]!);
const int = (value: string | number | undefined): number => Number(big(value));
const hexes = (words: readonly bigint[]): string[] => words.map((word) => `0x${word.toString(16)}`);
const name = (text: string): string => /[CEF]_[A-Z_]+/.exec(text)?.[0] ?? text;

const STREAM_TABLE = 0x8000_0000n;
const CDS = 0x4000_0000n;
const SID = 0x10;

/** A unit with a linear stream table. */
function unitWith(ids: Readonly<Record<string, number>> = {}, log2Size = 8n): SmmuUnit {
  const unit = new SmmuUnit(new PhysMem(), makeIds(ids));
  unit.writeRegister('STRTAB_BASE', STREAM_TABLE);
  unit.writeRegister('STRTAB_BASE_CFG', log2Size);
  return unit;
}

/** What an access meets: `abort`, the name of the event, or `ok`. */
function meets(unit: SmmuUnit, fields: Partial<ConstructorParameters<typeof Request>[0]> = {}): string {
  const r = unit.translate(new Request({ sid: SID, address: 0x1000n, access: Access.Read, ...fields }));
  return r.ok ? 'ok' : r.silent ? 'abort' : r.reason!.name;
}

const goodCd = { V: 1, AA64: 1, EPD0: 1, EPD1: 1, A: 1, R: 1 };
const putSte = (unit: SmmuUnit, fields: Loose): void =>
  put(unit.mem, STREAM_TABLE + BigInt(64 * SID), encode(STE, fields));

test('every category of the vectors is held somewhere', () => {
  const here = ['ste', 'strtab', 'cd', 'ssid', 'cdtab', 'vmsa', 'nest', 'event', 'inv', 'idr'];
  expect([...new Set(all.map((vector) => vector.category))].sort()).toEqual([...here, ...ELSEWHERE].sort());
});

describe('structures', () => {
  const valuesOf = (input: Loose): Record<string, bigint> =>
    Object.fromEntries(Object.entries(input as Record<string, string | number>).map(([k, v]) => [k, big(v)]));
  for (const vector of [...of('ste'), ...of('cd')].filter((v) => v.expected.dwords))
    test(`${vector.id}: ${vector.title}`, () => {
      const layout = vector.category === 'ste' ? STE : CD;
      const { MAIR, ...fields } = valuesOf(vector.input);
      const values = MAIR === undefined ? fields : { ...fields, MAIR0: MAIR & 0xffff_ffffn, MAIR1: MAIR >> 32n };
      expect(hexes(encode(layout, values))).toEqual(vector.expected.dwords);
      expect(decode(layout, vector.expected.dwords.map(big))).toMatchObject(values);
    });

  test('ste-01: a Config that aborts does so without an event', () => {
    const unit = unitWith();
    put(unit.mem, STREAM_TABLE + BigInt(64 * SID), byId('ste-01').expected.dwords.map(big));
    expect(meets(unit)).toBe('abort');
    expect(unit.faultsReported).toBe(0);
  });

  test('ste-07: fields of a stage that is not used do not count', () => {
    const { Config, VMID16, S2P, ...rest } = byId('ste-07').input;
    const unit = unitWith({ VMID16, S2P });
    put(unit.mem, CDS, encode(CD, goodCd));
    putSte(unit, { V: 1, Config: int(Config), S1ContextPtr: CDS, ...rest });
    expect(meets(unit)).toBe('F_TRANSLATION');
  });

  test('ste-09: combinations of EATS', () => {
    const { input, expected } = byId('ste-09');
    const results = input.cases.map(({ Config, EATS, S2S = 0, NS1ATS = 0 }: Loose) => {
      const unit = unitWith({ NS1ATS });
      putSte(unit, {
        V: 1,
        Config: int(Config),
        EATS,
        S2S,
        S2AA64: 1,
        S2T0SZ: 25,
        S2SL0: 1,
        S2R: 1,
        S1ContextPtr: CDS,
      });
      return meets(unit) === 'C_BAD_STE' ? 'C_BAD_STE' : 'legal';
    });
    expect(results).toEqual(expected.results.map((text: string) => text.split(' ')[0]));
  });

  test('cd-03: stalling that is forced has to be asked for', () => {
    const unit = unitWith({ STALL_MODEL: byId('cd-03').input.STALL_MODEL });
    putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS });
    put(unit.mem, CDS, encode(CD, { ...goodCd, S: 0 }));
    expect(meets(unit)).toBe(name(byId('cd-03').expected.event));
    putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS + 64n });
    put(unit.mem, CDS + 64n, encode(CD, { ...goodCd, S: 1 }));
    unit.forget();
    expect(meets(unit)).toBe('F_TRANSLATION');
  });

  test('cd-05: fields of a half without tables do not count', () => {
    const { input, expected } = byId('cd-05');
    const unit = unitWith({ OAS: OUTPUT_BITS.indexOf(input.OAS) });
    putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS });
    put(unit.mem, CDS, encode(CD, { ...goodCd, IPS: input['CD.IPS'], TTB0: big(input['CD.TTB0']) }));
    expect(meets(unit)).toBe(name(expected.event));
    const record = unit.takeRecord(false)!;
    expect((record[1]! >> 39n) & 7n).toBe(0b100n);
  });
});

describe('stream table', () => {
  test('strtab-02: a StreamID outside of the table, recorded or not', () => {
    const { input, expected } = byId('strtab-02');
    const results = input['CR2.RECINVSID'].map((bit: number) => {
      const unit = unitWith({}, BigInt(input.LOG2SIZE));
      unit.writeRegister('CR2', BigInt(bit << 1));
      const outcome = meets(unit, { sid: int(input.SID) });
      return unit.faultsReported === 1 ? outcome : 'none';
    });
    expect(results).toEqual(expected.event.map(name));
  });

  test('strtab-04: Span counts 2^(Span-1) entries', () => {
    const { SPLIT, Span, SIDs } = byId('strtab-04').input;
    const unit = unitWith({}, 16n | BigInt(SPLIT << 6) | (1n << 16n));
    const [inside, outside] = SIDs.map(int);
    unit.mem.write64(STREAM_TABLE + BigInt(8 * (inside >> SPLIT)), 0x8100_0000n | BigInt(Span));
    put(unit.mem, 0x8100_0000n + BigInt(64 * (inside & 255)), encode(STE, { V: 1 }));
    expect(meets(unit, { sid: inside })).toBe('abort');
    expect(meets(unit, { sid: outside })).toBe('C_BAD_STREAMID');
  });
});

describe('substreams', () => {
  for (const { id, title, input, expected } of of('ssid'))
    test(`${id}: ${title}`, () => {
      const unit = unitWith({ SSIDSIZE: input.SSIDSIZE });
      const isNested = int(input.Config) === 7;
      const stage2 = { S2AA64: 1, S2T0SZ: 25, S2SL0: 1, S2R: 1, S2TTB: 0x9000_0000n };
      const { S1CDMax, S1DSS } = input;
      putSte(unit, { V: 1, Config: int(input.Config), S1ContextPtr: CDS, S1CDMax, S1DSS, ...(isNested ? stage2 : {}) });
      unit.mem.write64(0x9000_0000n, 0x7fdn);
      const r = unit.translate(
        new Request({ sid: SID, pasid: input.SSV ? input.SSID : -1, address: 0x1234n, access: Access.Read }),
      );
      if (expected.result === 'stage 1 bypassed')
        expect([r.ok, r.hpa, r.gpa, r.config]).toEqual([true, 0x1234n, 0x1234n, 1]);
      else expect([r.reason?.name, r.config]).toEqual([name(expected.result), 1]);
    });

  test('cdtab-02: two levels with leaves of 4K', () => {
    const { input, expected } = byId('cdtab-02');
    const unit = unitWith();
    putSte(unit, {
      V: 1,
      Config: 5,
      S1ContextPtr: big(input.S1ContextPtr),
      S1CDMax: input.S1CDMax,
      S1Fmt: input.S1Fmt,
    });
    unit.mem.write64(big(expected.l1cd_addr), big(input.L1CD));
    const request = new Request({ sid: SID, pasid: int(input.SSID), address: 0n, access: Access.Read });
    expect(hexes(unit.explain(request).steps.map((step) => step.address)).slice(1)).toEqual([
      expected.l1cd_addr,
      expected.cd_addr,
    ]);
  });

  test('cdtab-04: a level-1 descriptor that is not valid', () => {
    const { input, expected } = byId('cdtab-04');
    const unit = unitWith();
    putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS, S1CDMax: 16, S1Fmt: input.S1Fmt });
    unit.mem.write64(CDS + 8n * BigInt(int(input.SSID) >> 10), big(input.L1CD));
    expect(meets(unit, { pasid: int(input.SSID) })).toBe(name(expected.event));
  });
});

describe('tables', () => {
  const GRANULES: Loose = { '4K': 12, '16K': 14, '64K': 16 };
  test('vmsa-02: start levels of stage 2', () => {
    const { input, expected } = byId('vmsa-02');
    const found = input.cases.map(({ granule, S2T0SZ, S2SL0 }: Loose) => {
      const start = stage2Start({ granule: GRANULES[granule], t0sz: S2T0SZ, sl0: S2SL0 });
      return start ? { start_level: start.startLevel, tables: start.tables } : 'C_BAD_STE';
    });
    expect(found).toEqual(expected.result);
  });

  test('vmsa-02: the SMMU refuses the same', () => {
    const { input, expected } = byId('vmsa-02');
    const TG: Loose = { '4K': 0, '16K': 2, '64K': 1 };
    const found = input.cases.map(({ granule, S2T0SZ, S2SL0 }: Loose) => {
      const unit = unitWith({ STT: 0, OAS: 5, DS: 0 });
      putSte(unit, { V: 1, Config: 6, S2AA64: 1, S2R: 1, S2T0SZ, S2SL0, S2TG: TG[granule], S2PS: 5 });
      return meets(unit) === 'C_BAD_STE';
    });
    expect(found).toEqual(expected.result.map((result: Loose) => result === 'C_BAD_STE'));
  });

  test('vmsa-04: a page above 48 bits', () => {
    const { input, expected } = byId('vmsa-04');
    const format = vmsaStage1({ granule: 16, inputBits: 48, outputBits: 52 });
    const entry = describeEntry(format, 3 - input.level, big(input.descriptor));
    expect(hexes([entry.address])).toEqual([expected.address]);
  });

  test('vmsa-06: the index goes across joined tables', () => {
    const { input, expected } = byId('vmsa-06');
    const unit = unitWith();
    const { S2T0SZ, S2SL0, S2TTB, ipa } = input;
    putSte(unit, { V: 1, Config: 6, S2AA64: 1, S2T0SZ, S2SL0, S2TTB: big(S2TTB), S2PS: 5 });
    const steps = unit.explain(new Request({ sid: SID, address: big(ipa), access: Access.Read })).steps;
    expect(hexes([steps[1]!.address])).toEqual([expected.descriptor_addr]);
  });

  test('vmsa-08: halves, sign extension and the top byte', () => {
    const { input, expected } = byId('vmsa-08');
    const tables = { TTB0: 0x5000_0000n, TTB1: 0x6000_0000n };
    const found = input.cases.map(({ va, T0SZ, T1SZ, TBI0, TBI1 }: Loose) => {
      const unit = unitWith();
      putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS });
      put(unit.mem, CDS, encode(CD, { V: 1, AA64: 1, A: 1, R: 1, IPS: 5, T0SZ, T1SZ, TG1: 2, TBI0, TBI1, ...tables }));
      const steps = unit.explain(new Request({ sid: SID, address: big(va), access: Access.Read })).steps;
      const table = (steps[2]?.address ?? 0n) & ~0xfffn;
      return table === tables.TTB0 ? 'TTB0' : table === tables.TTB1 ? 'TTB1' : 'F_TRANSLATION';
    });
    expect(found).toEqual(expected.result);
  });
});

describe('nested walks', () => {
  for (const { id, title, input, expected } of of('nest').filter((v) => v.input.memory))
    test(`${id}: ${title}`, () => {
      const unit = new SmmuUnit(new PhysMem(), makeIds({ OAS: OUTPUT_BITS.indexOf(input.OAS), ...(input.IDR ?? {}) }));
      for (const [at, value] of input.memory) unit.mem.write64(big(at), big(value));
      unit.writeRegister('STRTAB_BASE', big(input.strtab.base));
      const split = BigInt(input.strtab.SPLIT ?? 0) << 6n;
      unit.writeRegister('STRTAB_BASE_CFG', BigInt(input.strtab.LOG2SIZE) | split | (BigInt(input.strtab.FMT) << 16n));
      const trace = new Recorder();
      unit.trace = trace;
      const access = { read: Access.Read, write: Access.Write, exec: Access.Exec }[input.access as 'read'];
      const request = new Request({
        sid: int(input.SID),
        pasid: input.SSV ? int(input.SSID) : -1,
        address: big(input.va),
        access,
        privileged: input.privileged,
      });
      const present = unit.peek(request);
      const peeked = [present.ok, present.fault, present.refs + present.config];
      const r = unit.translate(request);
      expect([r.ok, r.fault, r.refs + r.config]).toEqual(peeked);
      if (expected.pa) expect(hexes([r.hpa])).toEqual([expected.pa]);
      else expect(r.reason!.name).toBe(name(expected.fault));
      const record = unit.takeRecord(false);
      if (expected.event) expect(hexes(record!)).toEqual(expected.event);
      else if (expected.pa) expect(record).toBeUndefined();
      expect(r.refs + r.config).toBe(expected.ref_count);
      expect(readsOf(trace)).toEqual(expected.refs);
    });

  test('nest-25: entries read in a cold walk', () => {
    const { input, expected } = byId('nest-25');
    const found = input.cases.map((each: Loose) => {
      const { unit, request } = deep(each);
      const r = unit.translate(request);
      expect([r.ok, r.reason?.name]).toEqual([true, undefined]);
      return [r.refs + r.config, r.refs];
    });
    expect(found.map((f: number[]) => f[0])).toEqual(expected.references);
    expect(found.map((f: number[]) => f[1])).toEqual(expected.of_which_table_walk);
  });
});

const KINDS: Readonly<Record<number, string>> = { 4: 'L1STD', 5: 'STE', 6: 'L1CD', 7: 'CD' };
function readsOf(trace: Recorder): [string, string][] {
  return Array.from({ length: trace.count }, (_, i) => {
    const what = trace.words[i * TRACE_WORDS]!;
    const [hi, lo] = [trace.words[i * TRACE_WORDS + 1]!, trace.words[i * TRACE_WORDS + 2]!];
    const at = (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
    return [KINDS[what] ?? `S${what >> 4}.L${3 - (what & 15)}`, `0x${at.toString(16)}`];
  });
}

/** A machine whose tables have the levels asked for: T0SZ by levels of 4K tables, everything at one place per level. */
function deep({ s1_levels: n1, s2_levels: n2, two_level_stream_table: l1, two_level_cd_table: cd2 }: Loose) {
  const unit = unitWith({}, 8n | (6n << 6n) | (l1 ? 1n << 16n : 0n));
  const { mem } = unit;
  const stes = l1 ? 0x8100_0000n : STREAM_TABLE;
  if (l1) mem.write64(STREAM_TABLE, stes | 7n);
  const T0SZ = (levels: number): number => 64 - (12 + 9 * levels);
  // IPAs and VAs below 2M use index 0 of all but the last level.
  for (let level = 0; level < n2 - 1; level++)
    mem.write64(0x9000_0000n + 0x1000n * BigInt(level), 0x9000_1003n + 0x1000n * BigInt(level));
  const leaves2 = 0x9000_0000n + 0x1000n * BigInt(n2 - 1);
  for (let page = 0n; page < 512n; page++) mem.write64(leaves2 + 8n * page, 0xa000_07ffn + (page << 12n));
  const host = 0xa000_0000n;
  for (let level = 0; level < n1 - 1; level++)
    mem.write64(host + 0x1_0000n + 0x1000n * BigInt(level), 0x1_1003n + 0x1000n * BigInt(level));
  mem.write64(host + 0x1_0000n + 0x1000n * BigInt(n1 - 1) + 8n * 5n, 0x1_f743n);
  const cds = 0x2_0000n;
  if (cd2) mem.write64(host + cds, 0x3_0001n);
  const fields = { ...goodCd, EPD0: 0, T0SZ: T0SZ(n1), IPS: 5, TTB0: 0x1_0000n };
  put(mem, host + (cd2 ? 0x3_0000n : cds) + 64n, encode(CD, fields));
  put(
    mem,
    stes + BigInt(64 * SID),
    encode(STE, {
      V: 1,
      Config: 7,
      S1ContextPtr: cds,
      S1CDMax: 8,
      S1Fmt: cd2 ? 1 : 0,
      S2AA64: 1,
      S2T0SZ: T0SZ(n2),
      S2SL0: n2 - 2,
      S2PS: 5,
      S2TTB: 0x9000_0000n,
    }),
  );
  return { unit, request: new Request({ sid: SID, pasid: 1, address: 0x5678n, access: Access.Read }) };
}

describe('events', () => {
  test('event-01: the record of a stall', () => {
    const { input, expected } = byId('event-01');
    const words = encodeEvent({
      Code: 0x10,
      SSV: 1,
      SubstreamID: input.SSID,
      StreamID: int(input.SID),
      STAG: int(input.STAG),
      Stall: 1,
      RnW: input.RnW,
      CLASS: EventClass.IN,
      InputAddr: big(input.InputAddr),
    });
    expect(hexes(words)).toEqual(expected.event);
  });

  test('event-05: A, R and S', () => {
    const { input, expected } = byId('event-05');
    const found = input.cases_ARS.map((bits: string) => {
      const [A, R, S] = [...bits].map(Number) as [number, number, number];
      const unit = unitWith();
      putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS });
      put(unit.mem, CDS, encode(CD, { ...goodCd, A, R, S }));
      const r = unit.translate(new Request({ sid: SID, address: 0x1000n, access: Access.Read }));
      if (r.stalled) return unit.faultsReported === 1 ? 'stall + event' : 'stall';
      const text = r.ignored ? 'RAZ/WI' : 'abort';
      expect(r.silent).toBe(unit.faultsReported === 0);
      return unit.faultsReported === 1 ? `${text} + event` : `${text}, no event`;
    });
    expect(found).toEqual(expected.result);
  });

  test('event-07: the event that becomes the guest one', () => {
    const { physical_event: words } = byId('event-07').input;
    expect(eventByCode(Number(big(words[0]) & 0xffn))!.name).toBe('F_TRANSLATION');
    const { unit, request } = deep({ s1_levels: 3, s2_levels: 3 });
    const r = unit.translate(new Request({ ...request, address: 0x5_0000n, sid: SID }));
    expect([r.ok, hexes(unit.takeRecord(false)!)[1]]).toEqual([false, words[1]]);
  });
});

describe('commands', () => {
  const build = (id: string, op: string, fields: Loose): void => {
    const layout = COMMANDS.find((each) => each.name === `CMD_${op}`)!;
    expect(hexes(encode(layout, { ...layout.fixed, ...fields }))).toEqual(byId(id).expected.cmd);
  };
  test('as words', () => {
    build('event-03', 'RESUME', { StreamID: 0x10, STAG: 0x77, Ab: 1 });
    build('event-09', 'PRI_RESP', { StreamID: 0x10, SSV: 1, SubstreamID: 5, PRGIndex: 3, Resp: 2 });
    const range = { TG: 1, NUM: 31, SCALE: 0, TTL: 3, Leaf: 1 };
    build('inv-02', 'TLBI_NH_VA', { VMID: 7, ASID: 1, Address: 0x1_2340_0000n, ...range });
    build('inv-04', 'TLBI_S2_IPA', { VMID: 7, Address: 0x4010_0000n, Leaf: 1 });
    build('inv-06', 'CFGI_STE_RANGE', { StreamID: 0x1b, Range: 2 });
    build('inv-08', 'ATC_INV', { StreamID: 0x10, Size: 52 });
  });

  test('inv-02: a range and nothing besides', () => {
    const [first, last] = byId('inv-02').expected.covers.map(big);
    const { unit } = filled([first - 0x1000n, first, last & ~0xfffn, last + 1n]);
    expect(unit.command(byId('inv-02').expected.cmd.map(big)).removed).toEqual([{ cache: 'TLB entries', count: 2 }]);
    expect(unit.tlb.list().map((line) => line.page)).toEqual(expect.arrayContaining([first - 0x1000n, last + 1n]));
  });

  test('inv-06: the streams of a range', () => {
    const [first, last] = byId('inv-06').expected.covers_SIDs.map(int);
    const unit = unitWith();
    for (let sid = first - 1; sid <= last + 1; sid++) {
      put(unit.mem, STREAM_TABLE + BigInt(64 * sid), encode(STE, { V: 1 }));
      meets(unit, { sid });
    }
    unit.command(byId('inv-06').expected.cmd.map(big));
    expect([...unit.lookup.caches.stes.keys()]).toEqual([first - 1, last + 1]);
  });

  for (const { id, title, input, expected } of of('inv').filter((v) => v.input.entries))
    test(`${id}: ${title}`, () => {
      const unit = unitWith();
      const names = new Map<string, string>();
      for (const { n, vmid, asid = -1, nG, kind, va, ipa } of input.entries) {
        const tag = kind === 'S2' ? Tag.Ipa : nG ? Tag.Asid : Tag.Global;
        const page = big(kind === 'S2' ? ipa : va);
        const part = unit.tlb.of(tag);
        const at = part.fill(tag, vmid, tag === Tag.Asid ? asid : -1, 0, Number(page), 12);
        part.lines[at + Tlb.Flags] = packLeaf(0, 3, 12, true, false);
        names.set(`${tag} ${vmid} ${tag === Tag.Asid ? asid : -1} ${page}`, n);
      }
      const { op, vmid = 0, asid = 0, va, ipa } = input.command;
      const ops: Loose = { NH_ALL: OP.tlbiNhAll, NH_ASID: OP.tlbiNhAsid, NH_VA: OP.tlbiNhVa, NH_VAA: OP.tlbiNhVaa };
      const code =
        ops[op] ?? { S12_VMALL: OP.tlbiS12Vmall, S2_IPA: OP.tlbiS2Ipa, NSNH_ALL: OP.tlbiNsnhAll }[op as 'S2_IPA'];
      unit.command(command(code, { vmid, asid, address: big(va ?? ipa) }));
      const left = unit.tlb.list().map((line) => names.get(`${line.tag} ${line.vmid} ${line.asid} ${line.page}`));
      expect([...names.values()].filter((n) => !left.includes(n)).sort()).toEqual(expected.must_remove);
    });

  test('inv-16: a stage-2 leaf needs its own command and the one for what was combined with it', () => {
    const { expected } = byId('inv-16');
    const texts = expected.commands.map(
      ([word]: string[]) => COMMANDS.find((c) => c.op === Number(big(word) & 0xffn))!.name,
    );
    expect(texts).toEqual(expected.names.map((n: string) => (n.startsWith('CMD_') ? n : `CMD_${n}`)));
    const { unit } = filled([0x1000n], 7);
    const counts = expected.commands.map(
      (words: string[]) =>
        unit.command(words.map(big)).removed.find(({ cache }) => cache === 'TLB entries')?.count ?? 0,
    );
    expect(counts).toEqual([0, 0, 1, 0]);
  });

  /** A unit that has translated these pages for ASID 1, VMID 7. */
  function filled(pages: readonly bigint[], vmid = 7): { unit: SmmuUnit } {
    const unit = unitWith();
    putSte(unit, { V: 1, Config: 5, S1ContextPtr: CDS, S2VMID: vmid });
    put(unit.mem, CDS, encode(CD, { ...goodCd, EPD0: 0, T0SZ: 25, IPS: 5, ASID: 1, TTB0: 0x5000_0000n }));
    for (const page of pages) {
      unit.mem.write64(0x5000_0000n + 8n * (page >> 30n), 0x5000_1003n + ((page >> 30n) << 12n));
      const level2 = 0x5000_1000n + ((page >> 30n) << 12n) + 8n * ((page >> 21n) & 511n);
      const level3 = 0x5100_0000n + ((page >> 21n) << 12n);
      unit.mem.write64(level2, level3 | 3n);
      unit.mem.write64(level3 + 8n * ((page >> 12n) & 511n), 0x6000_0000n | 0xf43n);
      expect(meets(unit, { address: page })).toBe('ok');
    }
    return { unit };
  }
});

describe('identification', () => {
  for (const { id, title, input, expected } of of('idr'))
    test(`${id}: ${title}`, () => {
      const idr = Object.fromEntries(Object.entries(input as Record<string, string>).map(([k, v]) => [k, int(v)]));
      const unit = new SmmuUnit(new PhysMem(), idr);
      const fields = { ...(expected.IDR0_fields ?? {}), ...(expected.IDR1 ?? {}) };
      for (const [field, value] of Object.entries(fields))
        expect([field, unit.register(field)]).toEqual([field, big(value as number)]);
      for (const [field, value] of Object.entries(expected.IDR5 ?? {})) {
        const bits = int(value as string);
        const wanted = field === 'OAS' ? OUTPUT_BITS.indexOf(bits) : field === 'VAX' ? (bits === 52 ? 1 : 0) : bits;
        expect([field, unit.register(field)]).toEqual([field, BigInt(wanted)]);
      }
      const WORDS: Loose = { enabled: 1, disabled: 0, access: 1, 'access+dirty': 2, none: 0 };
      const STALL: Loose = { enabled: 0, disabled: 1, force: 2 };
      for (const [field, value] of Object.entries(expected.sysfs2018 ?? {})) {
        const wanted =
          typeof value === 'number' ? value : field === 'stall' ? STALL[value as string] : WORDS[value as string];
        const machine = { model: 'smmuv3', cap: 0n, ecap: 0n, haw: 48, idr };
        expect([field, sysfsValue(machine, field)]).toEqual([field, BigInt(wanted)]);
      }
    });

  test('idr-03: what forced stalls make illegal', () => {
    const unit = new SmmuUnit(new PhysMem(), { ...makeIds(), IDR0: int(byId('idr-03').input.IDR0) });
    unit.writeRegister('STRTAB_BASE', STREAM_TABLE);
    unit.writeRegister('STRTAB_BASE_CFG', 8n);
    putSte(unit, { V: 1, Config: 6, S2AA64: 1, S2T0SZ: 25, S2SL0: 1, S2S: 0 });
    expect(meets(unit)).toBe('C_BAD_STE');
    expect(fieldOf([BigInt(int(byId('idr-03').input.IDR0)), 0n], BITS.op)).toBe(0x4bn);
  });
});
