import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  Access,
  CONTEXT_ENTRY,
  encode,
  encodeDescriptor,
  Hit,
  makeCaps,
  PASID_ENTRY,
  Request,
  rawCaps,
  Stale,
  VtdUnit,
} from '../engine/models/vtd/index.ts';
import { outOfDate, SlowCaches, type SlowSpace } from './oracle/slow-caches.ts';
import { cases } from './property.ts';

/**
 * Random sequences of accesses, edits and invalidations, right, wrong and too small. After each access the engine must
 * say what the slow caches say: the answer, how many entries were read, which cache helped, and whether it was stale.
 */
const HOST = 0x4000_0000n;
const SS = 0x10_0000n;
const [ROOT, CONTEXTS, DIRECTORY, TABLE] = [0x20_0000n, 0x20_1000n, 0x20_2000n, 0x20_3000n];
const [SID, PASID, DID] = [0x10, 7, 2];
/** The guest's tables by level, as its pages; its data lies in the pages behind. */
const TABLES = [[4, 5, 6], [2, 3], [1], [0]] as const;
const DATA = [8, 9, 10, 11, 12] as const;
const classOf = (page: number): readonly number[] =>
  [...TABLES, DATA].find((each) => (each as readonly number[]).includes(page)) ?? [page];

const often = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight: number): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: usual, weight }, { arbitrary: rare, weight: 1 });
const address = fc
  .tuple(often(fc.constant(0), fc.constant(1), 6), fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 3 }))
  .map(([third, second, first]) => (BigInt(third) << 30n) | (BigInt(second) << 21n) | (BigInt(first) << 12n) | 0x10n);
const firstBits = often(fc.constantFrom(0x7n, 0x27n, 0x67n), fc.constantFrom(0x5n, 0x3n, 0x0n), 5);
const secondBits = often(fc.constant(3n), fc.constantFrom(1n, 0n), 5);

/** An entry of the guest: in a table of some level, naming a page of the level below or data. */
const firstEdit = fc
  .record({
    level: fc.integer({ min: 0, max: 3 }),
    table: fc.nat(2),
    index: fc.nat(3),
    to: fc.nat(7),
    bits: firstBits,
    large: fc.boolean(),
  })
  .map(({ level, table, index, to, bits, large }) => {
    const page = TABLES[level]![table % TABLES[level]!.length]!;
    const below: readonly number[] = level === 0 ? DATA : TABLES[level - 1]!;
    const value = large && level === 1 ? bits | 0x80n : (BigInt(below[to % below.length]!) << 12n) | bits;
    return { page, index: level > 1 ? index % 2 : index, value: bits === 0n ? 0n : value };
  });
/** A page of the guest goes to another host page of the same use, or loses rights. */
const secondEdit = fc
  .record({
    page: fc.integer({ min: 0, max: 12 }),
    to: fc.nat(4),
    bits: secondBits,
    copy: fc.nat(1),
    large: often(fc.constant(false), fc.constant(true), 8),
  })
  .map(({ page, to, bits, copy, large }) => {
    const same = classOf(page);
    return { page, value: (((HOST >> 12n) + BigInt(same[to % same.length]!)) << 12n) | bits, copy, large, bits };
  });
const pages = fc.constantFrom(1n, 1n, 2n, 512n);
const hint = fc.boolean();
const step = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('access' as const), address, write: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('first' as const), edit: firstEdit }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('second' as const), edit: secondEdit }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('pasid-page' as const), address, pages, hint }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pasid' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('domain-page' as const), page: fc.nat(12), pages, hint }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('domain' as const) }) },
);
const run = fc.record({
  kind: fc.constantFrom<SlowSpace['kind']>('nested', 'nested', 'nested', 'first', 'second'),
  ssade: fc.boolean(),
  psc: often(fc.constant(true), fc.constant(false), 6),
  steps: fc.array(step, { minLength: 10, maxLength: 60 }),
});

function build(kind: SlowSpace['kind'], ssade: boolean, psc: boolean): { unit: VtdUnit; slow: SlowCaches } {
  const memory = new Map<bigint, bigint>();
  const hostPage = (page: number): bigint => HOST + BigInt(page) * 0x1000n;
  for (let level = 0n; level < 3n; level++) memory.set(SS + level * 0x1000n, (SS + (level + 1n) * 0x1000n) | 3n);
  for (let page = 0n; page < 16n; page++) {
    memory.set(SS + 0x3000n + page * 8n, (HOST + page * 0x1000n) | 3n);
    memory.set(SS + 0x4000n + page * 8n, (HOST + page * 0x1000n) | 3n);
  }
  // A first stage alone names host pages, one over a second stage guest pages.
  const named = (page: number): bigint => (kind === 'first' ? hostPage(page) : BigInt(page) << 12n);
  memory.set(hostPage(0), named(1) | 7n);
  memory.set(hostPage(1), named(2) | 7n);
  memory.set(hostPage(2), named(4) | 7n);
  memory.set(hostPage(2) + 8n, named(5) | 7n);
  for (let i = 0; i < 4; i++)
    for (const table of [4, 5]) memory.set(hostPage(table) + BigInt(8 * i), named(DATA[i]!) | 7n);
  const space: SlowSpace = { kind, root1: named(0), root2: SS, ssade: ssade && kind !== 'first' };

  const mem = new PhysMem();
  const put = (at: bigint, words: readonly bigint[]): void => {
    for (const [i, word] of words.entries()) mem.write64(at + BigInt(8 * i), word);
  };
  for (const [at, value] of memory) mem.write64(at, value);
  put(ROOT, [CONTEXTS | 1n, 0n]);
  put(CONTEXTS + BigInt(SID) * 32n, encode(CONTEXT_ENTRY, { P: 1, PASIDE: 1, PASIDDIRPTR: DIRECTORY }));
  put(DIRECTORY, [TABLE | 1n]);
  const PGTT = { first: 1, second: 2, nested: 3 }[kind];
  const fields = { P: 1, PGTT, DID, AW: 2, SSADE: space.ssade ? 1 : 0, SSPTPTR: SS, FSPTPTR: space.root1 };
  put(TABLE + BigInt(PASID) * 64n, encode(PASID_ENTRY, fields));
  const caps = makeCaps();
  const unit = new VtdUnit(mem, caps, rawCaps(caps), psc);
  unit.rtaddr = ROOT | 0x400n;
  return { unit, slow: new SlowCaches(memory, space, psc) };
}

const seen = new Map<string, number>();
const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);

test('the engine and the slow caches agree on random histories', () => {
  const property = fc.property(run, ({ kind, ssade, psc, steps }) => {
    const { unit, slow } = build(kind, ssade, psc);
    const base = (value: bigint): bigint => (kind === 'first' && value !== 0n ? value + HOST : value);
    const write = (at: bigint, value: bigint): void => {
      slow.memory.set(at, value);
      unit.mem.write64(at, value);
    };
    const send = (name: string, fields: Parameters<typeof encodeDescriptor>[1]): void =>
      void expect(unit.invalidate(encodeDescriptor(name, fields)).ok).toBe(true);
    for (const each of steps) {
      unit.now = ++unit.mem.now;
      switch (each.do) {
        case 'first':
          write(HOST + (BigInt(each.edit.page) << 12n) + BigInt(8 * each.edit.index), base(each.edit.value));
          break;
        case 'second': {
          const { page, value, copy, large, bits } = each.edit;
          // Now and then the last level is exchanged: another table, or one large page.
          if (large)
            write(SS + 0x2000n, copy === 0 ? HOST | 0x80n | bits : (SS + (bits === 3n ? 0x4000n : 0x3000n)) | 3n);
          else write(SS + (copy === 0 ? 0x3000n : 0x4000n) + BigInt(8 * page), value);
          break;
        }
        case 'pasid-page': {
          const at = (each.address >> 12n) & -each.pages;
          slow.dropPasid(at << 12n, each.pages, each.hint);
          const AM = each.pages.toString(2).length - 1;
          send('p_iotlb_inv', { G: 3, DID, PASID, ADDR: each.address & ~0xfffn, AM, IH: each.hint ? 1 : 0 });
          break;
        }
        case 'pasid':
          slow.dropPasid(0n, 0n, false);
          send('p_iotlb_inv', { G: 2, DID, PASID });
          break;
        case 'domain-page': {
          const at = BigInt(each.page) & -each.pages;
          slow.dropDomainPages(at << 12n, each.pages, each.hint);
          const AM = each.pages.toString(2).length - 1;
          send('iotlb_inv', { G: 3, DID, ADDR: BigInt(each.page) << 12n, AM, IH: each.hint ? 1 : 0 });
          break;
        }
        case 'domain':
          slow.dropDomain();
          send('iotlb_inv', { G: 2, DID });
          break;
        case 'access': {
          const now = slow.present(each.address, each.write);
          const wanted = slow.access(each.address, each.write);
          const access = each.write ? Access.Write : Access.Read;
          const r = unit.translate(new Request({ sid: SID, pasid: PASID, address: each.address, access }));
          const stale = outOfDate(wanted, now)
            ? Stale.Stale
            : wanted.fault !== null && now.fault === null
              ? Stale.Fault
              : Stale.Fresh;
          const by = { iotlb: Hit.Iotlb, psc: Hit.Psc, walk: Hit.None }[wanted.by];
          expect({
            fault: r.reason?.name ?? null,
            hpa: r.ok ? r.hpa : 0n,
            refs: r.refs,
            hit: r.hit,
            stale: r.stale,
          }).toEqual({
            fault: wanted.fault,
            hpa: wanted.hpa,
            refs: wanted.reads,
            hit: by,
            stale,
          });
          expect([...slow.memory].filter(([at, value]) => unit.mem.read64(at) !== value)).toEqual([]);
          note(`${wanted.by} ${wanted.fault ?? 'ok'} ${stale}`);
          break;
        }
      }
    }
  });
  fc.assert(property, cases(1200));
  const common = ['walk ok', 'psc ok', 'iotlb ok', 'walk SFS.2', 'psc SFS.2', 'psc SSS.2', 'psc SGN.2', 'psc SGN.6'];
  for (const what of common) expect([what, (seen.get(`${what} ${Stale.Fresh}`) ?? 0) > 20]).toEqual([what, true]);
  const stale = (what: string): number => seen.get(`${what} ${Stale.Stale}`) ?? 0;
  expect([stale('iotlb ok') > 20, stale('psc ok') > 20]).toEqual([true, true]);
  expect([...seen.keys()].some((what) => what.endsWith(` ${Stale.Fault}`))).toBe(true);
});
