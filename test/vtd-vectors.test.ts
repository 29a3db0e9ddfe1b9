import { describe, expect, test } from 'vitest';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { DeviceAccess } from '../engine/models/device.ts';
import {
  Access,
  Answer,
  CONTEXT_ENTRY,
  decode,
  deviceRange,
  encode,
  encodeDescriptor,
  encodeFaultRecord,
  FaultLog,
  faultByCode,
  faultByName,
  firstStagePasidEntry,
  Kind,
  makeCaps,
  nestedPasidEntry,
  PASID_ENTRY,
  passThroughPasidEntry,
  Request,
  secondStagePasidEntry,
  tornDownPasidEntry,
  VtdUnit,
  validateCaps,
} from '../engine/models/vtd/index.ts';
import { vtdFirstStage } from '../engine/pagetable/formats/vtd-first-stage.ts';
import { vtdSecondStage } from '../engine/pagetable/formats/vtd-second-stage.ts';
import neighbours from './data/vtd-neighbours.json' with { type: 'json' };
import vectors from './data/vtd-vectors.json' with { type: 'json' };

/** Vectors are plain data from two files; their shape depends on the category. */
// biome-ignore lint/suspicious/noExplicitAny: the tables below read each category by its own field names
type Loose = any;
const all = [...(vectors as Loose[]), ...resolve(neighbours as Loose[], vectors as Loose[])];

/** A neighbour says what it is like and what differs. */
function resolve(list: Loose[], bases: Loose[]): Loose[] {
  const known = new Map<string, Loose>(bases.map((vector) => [vector.id, vector]));
  return list.map((item) => {
    if (!item.like) return item;
    const base = known.get(item.like);
    const input = structuredClone(base.input);
    for (const key of ['caps', 'request', 'memoryQwords']) Object.assign((input[key] ??= {}), item.input?.[key] ?? {});
    if (item.input?.pasidEntry) input.pasidEntry = item.input.pasidEntry;
    const whole = { ...base, ...item, input };
    known.set(item.id, whole);
    return whole;
  });
}

const of = (category: string): Loose[] => all.filter((vector) => vector.category === category);
const big = (text: string | number | undefined): bigint => BigInt(text ?? 0);
const int = (text: string | number | undefined): number => Number(text ?? 0);
const hex = (value: bigint): string => `0x${value.toString(16)}`;
const hexes = (words: readonly bigint[]): string[] => words.map(hex);
const flag = (value: number | boolean): boolean => Boolean(value);

const SID = 0x310;
const PASID = 7;
const ROOT = 0x3000_0000_0000n;
const CONTEXTS = ROOT + 0x1000n;
const DIRECTORY = ROOT + 0x2000n;
const TABLE = ROOT + 0x3000n;

/** Capabilities of a vector over the default unit; its `mgaw` counts bits. */
function capsOf(given: Loose = {}) {
  const fields: Record<string, number> = {};
  if (given.mgaw !== undefined) fields.MGAW = given.mgaw - 1;
  if (given.fs1g !== undefined) fields.FS1GP = given.fs1g ? 1 : 0;
  if (given.ss1g !== undefined || given.ss2m !== undefined)
    fields.SSLPS = (given.ss2m === false ? 0 : 1) | (given.ss1g === false ? 0 : 2);
  if (given.sc !== undefined) fields.SC = given.sc ? 1 : 0;
  if (given.dt !== undefined) fields.DT = given.dt ? 1 : 0;
  return makeCaps({ ...fields, ...given.fields }, given.haw ?? 52);
}

/** A unit whose tables give `pasidEntry` to SID 0x310, PASID 7, and to requests without PASID. */
function unitOf(input: Loose, context: Record<string, bigint | number> = {}) {
  const mem = new PhysMem();
  for (const [at, value] of Object.entries(input.memoryQwords ?? {})) mem.write64(BigInt(at), BigInt(value as string));
  const put = (at: bigint, words: readonly bigint[]) =>
    words.forEach((word, i) => {
      mem.write64(at + BigInt(8 * i), word);
    });
  const caps = capsOf(input.caps);
  put(ROOT + BigInt(SID >> 8) * 16n, [CONTEXTS | 1n, (CONTEXTS + 0x800n) | 1n]);
  const fields = { P: 1, PASIDE: 1, DTE: caps.DT, PRE: caps.DT, RID_PASID: PASID, PASIDDIRPTR: DIRECTORY, ...context };
  put(CONTEXTS + BigInt(SID & 0x7f) * 32n, encode(CONTEXT_ENTRY, fields));
  mem.write64(DIRECTORY, TABLE | 1n);
  put(TABLE + BigInt(PASID) * 64n, input.pasidEntry.map(big));
  const unit = new VtdUnit(mem, caps);
  unit.rtaddr = ROOT | 0x400n;
  return { unit, mem };
}

const ACCESS: Record<string, Access> = { read: Access.Read, write: Access.Write, execute: Access.Exec };
const requestOf = (request: Loose, kind: Kind = Kind.Untranslated): Request =>
  new Request({
    sid: SID,
    pasid: request.withPasid === false ? -1 : PASID,
    address: big(request.address),
    access: ACCESS[request.op]!,
    privileged: request.priv === 1,
    kind,
  });

describe('PASID entries', () => {
  test.each(of('pasid-entry-encode'))('$id is encoded', ({ input, expect: wanted }) => {
    const { s1 = {}, s2 = {} } = input;
    const flags: string[] = s1.flags ?? [];
    const common = {
      did: int(input.did),
      pwsnp: flag(input.ecapSMPWCS),
      pgsnp: flag(input.forceSnoop ?? s2.forceSnoop),
      sre: flags.includes('SRE') || flag(input.sre),
    };
    const second = { root: big(s2.root), levels: int(s2.levels) };
    const ssade = flag(input.dirtyTracking ?? s2.dirtyTracking);
    const agawLevels = (int(input.iommuAgaw) - 30) / 9 + 2;
    const build = {
      nested: () =>
        nestedPasidEntry({
          ...common,
          fsRoot: big(s1.pgtbl_addr),
          fsLevels: s1.addr_width === 57 ? 5 : 4,
          second,
          ssade,
          eafe: flags.includes('EAFE'),
          wpe: flags.includes('WPE'),
        }),
      'first-stage-only': () =>
        firstStagePasidEntry({ ...common, fsRoot: big(s1.root), fsLevels: s1.levels, agawLevels, nxe: flag(s1.nxe) }),
      'second-stage-only': () => secondStagePasidEntry({ ...common, second, ssade }),
      'pass-through': () => passThroughPasidEntry({ ...common, agawLevels }),
    }[input.mode as string];
    const entry = build ? build() : tornDownPasidEntry(input.quiet === false ? 'log-faults' : 'ignore-faults');
    expect(hexes(entry)).toEqual(wanted.qwords);
  });

  test.each(of('pasid-entry-decode'))('$id is decoded', ({ input, expect: wanted }) => {
    const entry = decode(PASID_ENTRY, input.qwords.map(big));
    for (const [name, value] of Object.entries(wanted))
      expect([name, entry[name]]).toEqual([name, big(value as string)]);
    expect(hexes(encode(PASID_ENTRY, entry))).toEqual(input.qwords);
  });

  test.each(of('pasid-index'))('$id is found or refused', ({ input, expect: wanted }) => {
    const pasid = int(input.pasid);
    const { unit, mem } = unitOf({ pasidEntry: [] }, { PDTS: int(input.pdts) });
    const pde = DIRECTORY + BigInt(pasid >> 6) * 8n;
    mem.write64(pde, TABLE | 1n);
    const r = unit.translate(new Request({ sid: SID, pasid, address: 0n, access: Access.Read }));
    // An empty PASID entry faults too, so being within the limit shows as a later fault.
    expect(r.fault).toBe(wanted.result === 'fault' ? int(wanted.faultReason) : faultByName('SPT.2')!.code);
    if (wanted.pdeIndex !== undefined) expect(pasid >> 6).toBe(int(wanted.pdeIndex));
  });

  test.each(of('context-decode'))('$id', ({ input, expect: wanted }) => {
    const { unit, mem } = unitOf({ pasidEntry: [], caps: input.caps });
    input.qwords.forEach((word: string, i: number) => {
      mem.write64(CONTEXTS + BigInt(SID & 0x7f) * 32n + BigInt(8 * i), big(word));
    });
    const r = unit.translate(new Request({ sid: SID, pasid: PASID, address: 0n, access: Access.Read }));
    if (wanted.result === 'fault') {
      expect([r.fault, r.reason?.name]).toEqual([int(wanted.faultReason), wanted.name]);
    } else {
      const entry = decode(CONTEXT_ENTRY, input.qwords.map(big));
      for (const [name, value] of Object.entries(wanted.fields ?? {}))
        expect([name, entry[name]]).toEqual([name, big(value as string)]);
    }
  });
});

describe('paging entries', () => {
  test.each(of('paging-entry-encode'))('$id', ({ input, expect: wanted }) => {
    const haw = input.haw ?? 52;
    const first = (nxe = true) => vtdFirstStage({ levels: 4, haw, oneGig: input.FS1GP !== 0, nxe });
    const second = (snoopControl: boolean) =>
      vtdSecondStage({
        levels: 4,
        haw,
        twoMeg: input.SS2M !== 0,
        oneGig: input.SS1G !== 0,
        snoopControl,
        deviceTlb: true,
        accessedDirty: true,
      });
    const level = input.level - 1;
    const reserved = (format: ReturnType<typeof first>, entry: bigint) => {
      const leaf = level === 0 || (Number(entry & 0xffn) & format.leafBit[level]!) !== 0;
      return (entry & (leaf ? format.data.reservedLeaf : format.data.reservedTable)[level]!) !== 0n;
    };
    const format = input.stage === 1 ? first(input.NXE !== 0) : second(input.SC !== 0);
    if (input.entry) {
      expect(reserved(format, big(input.entry))).toBe(wanted.reservedFault);
      return;
    }
    let entry = big(input.addr);
    const names: Record<string, string> = { RW: 'RW', US: 'US' };
    for (const flagData of format.data.flags) {
      const fits =
        flagData.where === 'any' ||
        flagData.where === (level === 0 ? 'page' : 'large') ||
        (flagData.where === 'leaf' && (level === 0 || input.PS === 1));
      if (fits && input[names[flagData.name] ?? flagData.name] === 1) entry |= flagData.mask;
    }
    expect(hex(entry)).toBe(wanted.entry);
    expect(reserved(format, entry)).toBe(false);
    if (wanted.reservedWhenSC0) expect(reserved(second(false), entry)).toBe(true);
  });
});

describe('walks', () => {
  test.each(of('walk'))('$id translates', ({ input, expect: wanted }) => {
    const { unit, mem } = unitOf(input);
    const before = new Map(Object.keys(input.memoryQwords).map((at) => [at, mem.read64(BigInt(at))]));
    const quiet = unit.peek(requestOf(input.request));
    expect([quiet.ok, hex(quiet.hpa)]).toEqual([true, wanted.hpa]);
    for (const [at, value] of before) expect(mem.read64(BigInt(at))).toBe(value);

    const r = unit.translate(requestOf(input.request));
    expect(r.reason?.name).toBeUndefined();
    expect({
      hpa: hex(r.hpa),
      pageSize: Number(r.size),
      read: (r.grants & 1) !== 0,
      write: (r.grants & 2) !== 0,
      memoryReads: r.refs,
      config: r.config,
    }).toEqual({
      hpa: wanted.hpa,
      pageSize: wanted.pageSize,
      read: wanted.read,
      write: wanted.write,
      memoryReads: wanted.memoryReads,
      config: 4,
    });
    const writes = [...before].filter(([at, old]) => mem.read64(BigInt(at)) !== old);
    expect(
      writes.map(([at, old]) => ({ hpa: at, old: hex(old), new: hex(mem.read64(BigInt(at))) })).sort(byPlace),
    ).toEqual([...wanted.writes].sort(byPlace));
    const again = unit.translate(requestOf(input.request));
    expect([again.ok, again.refs, again.config, again.stale, hex(again.hpa)]).toEqual([true, 0, 0, 0, wanted.hpa]);
  });

  test.each(of('fault'))('$id faults', ({ input, expect: wanted }) => {
    const { unit, mem } = unitOf(input);
    const before = new Map(Object.keys(input.memoryQwords).map((at) => [at, mem.read64(BigInt(at))]));
    const r = unit.translate(requestOf(input.request));
    expect([r.ok, r.reason?.name, r.fault, r.refs]).toEqual([
      false,
      wanted.name,
      int(wanted.faultReason),
      wanted.memoryReads,
    ]);
    const [lo, hi] = unit.log.registers[0]!;
    expect(hex(lo!)).toBe(wanted.recordFI);
    expect(Number((hi! >> 32n) & 0xffn)).toBe(r.fault);
    for (const [at, value] of before) expect(mem.read64(BigInt(at))).toBe(value);
    expect(unit.iotlb.size).toBe(0);
  });
});

const byPlace = (a: { hpa: string }, b: { hpa: string }): number => (BigInt(a.hpa) < BigInt(b.hpa) ? -1 : 1);

describe('reference counts', () => {
  const LEAF: Record<string, number> = { '4K': 0, '2M': 1, '1G': 2 };

  test.each(of('refcount-table')[0].expect.rows as Loose[])(
    'a cold $fsLevels x $ssLevels walk with $fsPage over $ssPage pages reads $reads entries',
    ({ fsLevels, ssLevels, fsPage, ssPage, reads }) => {
      const mem = new PhysMem();
      let next = 0x100_0000n;
      const page = () => (next += 0x1000n);
      const fill = (
        root: bigint,
        levels: number,
        leafLevel: number,
        address: bigint,
        leaf: bigint,
        table: bigint,
        base: bigint,
        to: (at: bigint) => bigint,
      ) => {
        let at = root;
        for (let level = levels - 1; ; level--) {
          const slot = at + 8n * ((address >> BigInt(12 + 9 * level)) & 511n);
          if (level === leafLevel) {
            mem.write64(to(slot), base | leaf | (level > 0 ? 0x80n : 0n));
            return;
          }
          const held = mem.read64(to(slot)) & ~0xfffn;
          const below = held || page();
          mem.write64(to(slot), below | table);
          at = below;
        }
      };
      // The second stage maps the first 2 GiB of guest memory 1:1 behind 1 << 40, in pages of one size.
      const ssRoot = page();
      const ssLeaf = LEAF[ssPage]!;
      const size = 1n << BigInt(12 + 9 * ssLeaf);
      const behind = 1n << 40n;
      const mapped = new Set<bigint>();
      const map = (gpa: bigint) => {
        const base = gpa & ~(size - 1n);
        if (mapped.has(base)) return;
        mapped.add(base);
        fill(ssRoot, ssLevels, ssLeaf, base, 3n, 3n, behind + base, (at) => at);
      };
      const guest = (gpa: bigint): bigint => {
        map(gpa);
        return behind + gpa;
      };
      const va = 0x7f12_3456_7abcn;
      const fsRoot = page();
      fill(fsRoot, fsLevels, LEAF[fsPage]!, va, 7n, 7n, 0x4000_0000n, guest);
      const offset = va & ((1n << BigInt(12 + 9 * LEAF[fsPage]!)) - 1n);
      map(0x4000_0000n + offset);
      const entry = nestedPasidEntry({
        did: 1,
        pwsnp: true,
        fsRoot,
        fsLevels,
        second: { root: ssRoot, levels: ssLevels },
      });
      const { unit } = unitOf({ pasidEntry: hexes(entry), caps: { mgaw: 57 } });
      copyInto(unit.mem, mem);
      const r = unit.translate(requestOf({ address: hex(va), op: 'write' }));
      expect([r.reason?.name, r.refs, r.config]).toEqual([undefined, reads, 4]);
      expect(hex(r.hpa)).toBe(hex(behind + 0x4000_0000n + offset));
      expect(r.lg2).toBe(12 + 9 * Math.min(LEAF[fsPage]!, ssLeaf));
    },
  );
});

/** Tables of the reference-count test live below 1 GiB and behind 1 << 40; both regions are small. */
function copyInto(to: PhysMem, from: PhysMem): void {
  for (const base of [0n, 1n << 40n])
    for (let at = base + 0x100_0000n; at < base + 0x104_0000n; at += 8n) {
      const value = from.read64(at);
      if (value !== 0n) to.write64(at, value);
    }
}

describe('descriptors', () => {
  const NAMES: Record<string, string> = {
    p_iotlb: 'p_iotlb_inv',
    iotlb: 'iotlb_inv',
    pasid_cache: 'pc_inv',
    context_cache: 'cc_inv',
    dev_tlb: 'dev_tlb_inv',
    p_dev_tlb: 'p_dev_tlb_inv',
    iec: 'iec_inv',
    wait: 'inv_wait',
    page_group_response: 'page_grp_resp',
  };
  const WORDS: Record<string, number> = {
    'p_iotlb PASID-selective': 2,
    'p_iotlb pasid': 2,
    'p_iotlb page': 3,
    'p_iotlb page-selective-within-PASID': 3,
    'pasid_cache PASID-selective-within-domain': 1,
    'pasid_cache pasid': 1,
    'pasid_cache domain': 0,
    'pasid_cache global': 3,
    'iotlb global': 1,
    'iotlb domain': 2,
    'iotlb page': 3,
    'context_cache global': 1,
    'context_cache domain': 2,
    'context_cache device': 3,
    'iec global': 0,
    'iec index-selective': 1,
  };
  const wordsOf = (d: Loose): bigint[] => {
    const fields: Record<string, bigint> = {};
    if (d.gran) fields.G = big(WORDS[`${d.type} ${d.gran}`]);
    const names = {
      did: 'DID',
      pasid: 'PASID',
      sid: 'SID',
      fm: 'FM',
      am: 'AM',
      ih: 'IH',
      dr: 'DR',
      dw: 'DW',
      addr: 'ADDR',
      S: 'S',
      g: 'G',
      mip: 'MIP',
      pfsid: 'PFSID',
      index: 'IIDX',
      im: 'IM',
      sw: 'SW',
      fn: 'FN',
      if: 'IF',
      pd: 'PD',
      data: 'STDATA',
      status: 'STADDR',
      rid: 'RID',
      rc: 'RC',
      pp: 'PP',
      lpig: 'LPIG',
      prgi: 'PRGI',
    };
    for (const [from, to] of Object.entries(names)) if (d[from] !== undefined) fields[to] = big(d[from]);
    if (d.order !== undefined) Object.assign(fields, deviceRange(big(d.addr), d.order));
    return encodeDescriptor(NAMES[d.type]!, fields);
  };

  test.each(of('descriptor-encode'))('$id is encoded', ({ input, expect: wanted }) => {
    expect(hexes(wordsOf(input))).toEqual(wanted.qwords);
  });

  test.each(of('invalidate'))('$id leaves the right IOTLB lines', ({ input, expect: wanted }) => {
    const unit = new VtdUnit(new PhysMem(), makeCaps());
    for (const line of input.iotlb) {
      unit.iotlb.put({
        did: line.did,
        pasid: line.pasid,
        kind: line.pgtt,
        privileged: 0,
        page: big(line.addr),
        size: big(line.size),
        hpa: BigInt(line.id.charCodeAt(0)) << 32n,
      });
    }
    expect(unit.invalidate(wordsOf(input.descriptor)).ok).toBe(true);
    expect(
      unit.iotlb
        .list()
        .map(({ hpa }) => String.fromCharCode(Number(hpa >> 32n)))
        .sort(),
    ).toEqual(wanted.survivors);
  });

  test.each(of('invalidate-pasid-cache'))('$id leaves the right PASID lines', ({ input, expect: wanted }) => {
    const unit = new VtdUnit(new PhysMem(), makeCaps());
    for (const { sid, pasid, did } of input.pasidCache) unit.pasidCache.fill(int(sid), pasid, did);
    unit.invalidate(wordsOf(input.descriptor));
    const left = unit.pasidCache.list();
    const survives = (line: Loose) =>
      left.some(({ sid, pasid, did }) => sid === int(line.sid) && pasid === line.pasid && did === line.did);
    expect(input.pasidCache.filter(survives).map(({ id }: Loose) => id)).toEqual(wanted.survivors);
  });

  test.each(of('invalidate-context-cache'))('$id leaves the right context lines', ({ input, expect: wanted }) => {
    const unit = new VtdUnit(new PhysMem(), makeCaps());
    for (const { sid } of input.contextCache) unit.contextCache.fill(int(sid));
    unit.invalidate(wordsOf(input.descriptor));
    const left = unit.contextCache.list().map(({ sid }) => sid);
    expect(input.contextCache.filter(({ sid }: Loose) => left.includes(int(sid))).map(({ id }: Loose) => id)).toEqual(
      wanted.survivors,
    );
  });

  test.each(of('invalidate-dev-tlb'))('$id leaves the right device-TLB lines', ({ input, expect: wanted }) => {
    const unit = new VtdUnit(new PhysMem(), makeCaps());
    const lg2 = (size: string) => Number(big(size)).toString(2).length - 1;
    for (const { sid, pasid, addr, size } of input.deviceTlb) {
      unit.deviceTlb.fill(
        int(sid),
        pasid ?? -1,
        0,
        Number(big(addr) >> 32n),
        Number(BigInt.asIntN(32, big(addr))),
        lg2(size),
      );
    }
    unit.invalidate(wordsOf(input.descriptor));
    const left = unit.deviceTlb.list();
    const survives = (line: Loose) =>
      left.some(
        ({ sid, pasid, page }) => sid === int(line.sid) && pasid === (line.pasid ?? -1) && page === big(line.addr),
      );
    expect(input.deviceTlb.filter(survives).map(({ id }: Loose) => id)).toEqual(wanted.survivors);
  });
});

describe('fault reporting', () => {
  test.each(of('fault-record-encode'))('$id is encoded', ({ input, expect: wanted }) => {
    const [lo, hi] = encodeFaultRecord({
      sid: int(input.sid),
      pasid: input.pasidPresent ? int(input.pasid) : -1,
      address: big(input.address),
      reason: int(input.faultReason),
      access: input.op,
      execute: flag(input.exe),
      privileged: flag(input.priv),
      at: input.at,
    });
    expect([hex(lo!), hex(hi!)]).toEqual([wanted.lo, wanted.hi]);
  });

  test.each(of('fault-log'))('$id', ({ input, expect: wanted }) => {
    const log = new FaultLog(input.nfr);
    for (const { sid, fr } of input.events)
      log.record({
        sid: int(sid),
        pasid: -1,
        address: 0n,
        reason: int(fr),
        access: 'read',
        execute: false,
        privileged: false,
        at: 0,
      });
    const recorded = log.registers.flatMap((record, index) =>
      record ? [{ index, sid: hex((record[1]! >> 0n) & 0xffffn), fr: hex((record[1]! >> 32n) & 0xffn) }] : [],
    );
    expect(recorded).toEqual(wanted.recorded);
    expect([log.pfo ? 1 : 0, log.ppf ? 1 : 0, log.fri]).toEqual([wanted.PFO, wanted.PPF, wanted.FRI]);
  });

  test.each(of('fault-qualified'))('$id', ({ input, expect: wanted }) => {
    const { unit } = unitOf({ pasidEntry: input.pasidEntry }, input.context ?? {});
    const r = unit.translate(requestOf({ address: '0x1000', op: 'read', withPasid: input.withPasid }));
    expect([r.fault, r.logged, !r.ok]).toEqual([int(wanted.faultReason), wanted.recorded, wanted.blocked]);
    expect(unit.log.recorded).toBe(wanted.recorded ? 1 : 0);
  });
});

describe('ATS', () => {
  test('AT02: a translation request beyond the second stage gets a null answer and no record', () => {
    const { input } = all.find(({ id }) => id === 'FT18');
    const { unit } = unitOf(input);
    const r = unit.translate(requestOf(input.request, Kind.Translation));
    expect([r.answer, r.grants, r.logged, unit.log.recorded]).toEqual([Answer.Null, 0, false, 0]);
  });

  test('AT04: a page request with PRE clear is SCT.8, which FPD keeps out of the log', () => {
    const { input } = all.find(({ id }) => id === 'FT12');
    for (const FPD of [0, 1]) {
      const { unit } = unitOf(input, { PRE: 0, FPD });
      const r = new DeviceAccess(unit).access(requestOf(input.request), { pri: true });
      expect([r.fault, r.requested, unit.log.recorded]).toEqual([faultByName('SCT.8')!.code, false, FPD ? 0 : 1]);
    }
  });
});

describe('capabilities', () => {
  test.each(of('caps-validate'))('$id', ({ input, expect: wanted }) => {
    const conflicts = validateCaps(makeCaps({ ...input.cap, ...input.ecap }));
    expect(conflicts.length === 0).toBe(wanted.consistent);
    for (const name of wanted.fields ?? []) expect(conflicts.flatMap(({ fields }) => fields)).toContain(name);
  });

  test('the default unit contradicts nothing', () => {
    expect(validateCaps(makeCaps())).toEqual([]);
  });
});

test('every fault has a code, a name and a sentence of its own', () => {
  for (const name of ['SFS.2', 'SGN.6', 'RTA.1']) expect(faultByCode(faultByName(name)!.code)!.name).toBe(name);
});
