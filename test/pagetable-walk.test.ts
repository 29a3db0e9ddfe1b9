import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hi32, join, lo32 } from '../engine/base/addr.ts';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { addressBits, levelSpan, PageTable, rootSize } from '../engine/pagetable/index.ts';
import {
  highBitsFrom,
  KEPT1_WORDS,
  KEPT2_WORDS,
  STEP_WORDS,
  Stop,
  stepLevel,
  stepStage,
  type TableCache,
  Walker,
} from '../engine/pagetable/walk.ts';
import { type SlowWalk, slowWalk } from './oracle/slow-walk.ts';
import { CONFIGURATIONS, type Configuration, ROOT, user } from './pagetable-fixture.ts';
import { cases } from './property.ts';

const STOP_OF = {
  'not-present': Stop.NotPresent,
  reserved: Stop.Reserved,
  'address-size': Stop.AddressSize,
  range: Stop.OutOfRange,
  none: Stop.None,
} as const;

describe('garbage tables walk as the specification says', () => {
  for (const { title, stage, format, slow, signed } of CONFIGURATIONS)
    test(title, () => {
      const granule = 1n << BigInt(format.granuleLg2);
      const tables = [ROOT, ...Array.from({ length: 4 }, (_, i) => 2n ** 24n + BigInt(i) * granule)];
      // Mostly tables with rights of every kind, one behind the other; else pages, blocks and noise.
      const next = fc.constantFrom(3n, 3n, 7n, 1n, 2n, 3n | (1n << 62n), 3n | (1n << 60n));
      const last = fc.oneof(
        fc.tuple(fc.bigInt(0n, 2n ** 40n), fc.constantFrom(1n, 3n, 0x81n, 0x483n, 0xc3n, 0x43n)),
        fc.tuple(fc.bigInt(0n, 2n ** 64n - 1n), fc.constantFrom(0n, 1n, 3n)),
      );
      const indices = fc.constantFrom(0n, 1n, BigInt(format.indexMask), BigInt(format.topIndexMask));
      fc.assert(
        fc.property(
          fc.array(next, { minLength: 5, maxLength: 5 }),
          last,
          fc.nat(format.levels - 1),
          fc.array(indices, { minLength: 5, maxLength: 5 }),
          fc.constantFrom(64, 52, 48, 44, 40, 32),
          (lows, [address, low], end, path, limit) => {
            const mem = new PhysMem();
            tables.slice(0, format.levels).forEach((table, down) => {
              const level = format.levels - 1 - down;
              const mask = BigInt(down === 0 ? format.topIndexMask : format.indexMask);
              const entry = level === end ? address | low : (tables[down + 1] ?? 0n) | lows[down]!;
              mem.write64(table + (path[level]! & mask) * 8n, entry);
            });
            let ia = path
              .slice(0, format.levels)
              .reduce(
                (sum, index, level) =>
                  sum |
                  ((index & BigInt(level === format.levels - 1 ? format.topIndexMask : format.indexMask)) *
                    levelSpan(format, level)),
                0x123n,
              );
            if (signed && ia >> BigInt(format.inputBits - 1) !== 0n) ia |= 2n ** 64n - 2n ** BigInt(format.inputBits);
            const expected = slowWalk(slow, (a) => mem.read64(a), ROOT, ia, limit);
            const walker = new Walker(mem);
            walker.start();
            if (stage === 1) {
              [walker.format1, walker.root1Lo, walker.outputLimit1Hi] = [format, Number(ROOT), highBitsFrom(limit)];
              walker.first(hi32(ia), lo32(ia));
              expect(endOf(walker, 1)).toEqual(brief(expected));
            } else {
              [walker.format2, walker.root2Lo, walker.outputLimit2Hi] = [format, Number(ROOT), highBitsFrom(limit)];
              walker.inputBits2 = format.inputBits;
              walker.second(hi32(ia), lo32(ia));
              expect(endOf(walker, 2)).toEqual(brief(expected));
              if (expected.stop === 'none')
                expect([(walker.and2 & format.readBit) !== 0, (walker.and2 & format.writeBit) !== 0]).toEqual([
                  expected.read,
                  expected.write,
                ]);
            }
          },
        ),
        cases(60),
      );
    });
});

/** The end of a walk in the few words that both can say. */
function endOf(walker: Walker, stage: 1 | 2): unknown {
  if (walker.stop === Stop.None)
    return stage === 1
      ? { hpa: join(walker.out1Hi, walker.out1Lo), lg2: walker.lg1 }
      : { hpa: join(walker.out2Hi, walker.out2Lo), lg2: walker.lg2 };
  expect(walker.stopStage).toBe(stage);
  return { stop: walker.stop, level: stage === 1 ? walker.stopLevel : walker.stopLevel2 };
}

function brief(walk: SlowWalk): unknown {
  if (walk.stop === 'none') return { hpa: walk.hpa, lg2: walk.pageSize.toString(2).length - 1 };
  return { stop: STOP_OF[walk.stop], level: 'level' in walk ? walk.level : -1 };
}

/** One configuration for each number of levels and shape of root, large enough for what follows. */
const shapes = (stage: 1 | 2): Configuration[] =>
  CONFIGURATIONS.filter(
    ({ stage: of, format, outputBits }, i, all) =>
      of === stage &&
      format.inputBits >= 30 &&
      outputBits >= 48 &&
      all.findIndex(
        (other) =>
          other.stage === stage &&
          other.format.inputBits >= 30 &&
          other.outputBits >= 48 &&
          other.format.name === format.name &&
          other.format.levels === format.levels &&
          other.format.data.topBits > format.bitsPerLevel === format.data.topBits > format.bitsPerLevel,
      ) === i,
  );

const HOST = 2n ** 32n;
const PAGE_AT = 2n ** 26n;
const VA = 0x1234_5000n;

/**
 * A guest whose tables lie behind stage 2 in its smallest pages, no two neighbours of which are neighbours in host
 * memory, and which maps `VA` to `PAGE_AT`.
 */
function nest(one: Configuration, two: Configuration) {
  const mem = new PhysMem();
  const bump = (start: bigint) => {
    let end = start;
    return (bytes: bigint): bigint => {
      const at = (end + bytes - 1n) & -bytes;
      end = at + bytes;
      return at;
    };
  };
  const second = new PageTable(two.format, mem, ROOT, bump(ROOT + rootSize(two.format)));
  const page = two.sizes[0]!;
  const place = (gpa: bigint): bigint => HOST + (PAGE_AT / page - gpa / page + 1n) * page + (gpa % page);
  const guest = {
    read64: (gpa: bigint): bigint => mem.read64(place(gpa)),
    write64: (gpa: bigint, value: bigint): void => {
      second.map({ ...user, ia: gpa - (gpa % page), oa: place(gpa - (gpa % page)), size: page, page });
      mem.write64(place(gpa), value);
    },
  };
  const leaf = one.sizes[0]!;
  const va = VA - (VA % leaf);
  const first = new PageTable(one.format, guest, ROOT, bump(ROOT + rootSize(one.format)));
  const span = leaf < page ? page : leaf;
  expect(first.map({ ...user, ia: va, oa: PAGE_AT, size: leaf, page: leaf })).toMatchObject({ ok: true });
  for (let gpa = PAGE_AT; gpa < PAGE_AT + span; gpa += page) guest.write64(gpa, 0x55n);
  const walker = new Walker(mem);
  [walker.format1, walker.root1Lo] = [one.format, Number(ROOT)];
  [walker.format2, walker.root2Lo, walker.inputBits2] = [two.format, Number(ROOT), two.format.inputBits];
  const walk = (): boolean => walker.first(hi32(va + 8n), lo32(va + 8n)) && walker.second(walker.out1Hi, walker.out1Lo);
  return { mem, walker, walk, va, second, first, page, place };
}

describe('nested walks', () => {
  const pairs = shapes(1).flatMap((one) => shapes(2).map((two) => [one, two] as const));

  test('all of the shapes are there', () => {
    expect(new Set(shapes(1).map(({ format }) => format.levels))).toEqual(new Set([2, 3, 4, 5]));
    expect(new Set(shapes(2).map(({ format }) => format.levels))).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  for (const [one, two] of pairs)
    test(`${one.title} over ${two.title}`, () => {
      const { mem, walker, walk, va, place } = nest(one, two);
      const [n, m] = [one.format.levels, two.format.levels];
      walker.recording = true;
      walker.keeping = true;
      walker.start();
      expect(walk()).toBe(true);
      const reached = join(walker.out2Hi, walker.out2Lo);
      expect(walker.steps).toBe((n + 1) * (m + 1) - 1);

      // What the specification's walk reads, one stage inside the other.
      const reads: bigint[] = [];
      const host = (gpa: bigint): bigint => {
        const counted = (at: bigint): bigint => {
          reads.push(at);
          return mem.read64(at);
        };
        const behind = slowWalk(two.slow, counted, ROOT, gpa);
        return behind.stop === 'none' ? behind.hpa : -1n;
      };
      const read = (gpa: bigint): bigint => {
        const at = host(gpa);
        reads.push(at);
        return mem.read64(at);
      };
      const plain = slowWalk(one.slow, read, ROOT, va + 8n);
      expect(plain.stop).toBe('none');
      expect(host((plain as { hpa: bigint }).hpa)).toBe(reached);
      expect(reached).toBe(place(PAGE_AT + 8n));
      const steps = Array.from({ length: walker.steps }, (_, i) =>
        walker.path.slice(i * STEP_WORDS, (i + 1) * STEP_WORDS),
      );
      expect(steps.map(([, hi, lo]) => join(hi!, lo!))).toEqual(reads);
      expect(steps.map(([, hi, lo]) => mem.wordAt(hi!, lo!))).toEqual(steps.map(([, , , at]) => at));
      const nested = (level: number): number[] => [...Array.from({ length: m }, (_, i) => 0x20 | (m - 1 - i)), level];
      const shape = Array.from({ length: n }, (_, i) => nested(0x10 | (n - 1 - i))).flat();
      expect(steps.map(([what]) => what)).toEqual([...shape, ...nested(0).slice(0, -1)]);
      expect([stepStage(shape[m]!), stepLevel(shape[m]!)]).toEqual([1, n - 1]);

      // Whatever was kept brings the same answer in fewer steps.
      expect([walker.kept1Count, walker.kept2Count]).toEqual([n - 1, (n + 1) * (m - 1)]);
      const and1 = walker.and1;
      const kept1 = walker.kept1.slice(0, walker.kept1Count * KEPT1_WORDS);
      const kept2 = walker.kept2.slice(0, walker.kept2Count * KEPT2_WORDS);
      for (let i = 0; i < n - 1; i++) {
        const [level, hi, lo, and, or] = kept1.subarray(i * KEPT1_WORDS, (i + 1) * KEPT1_WORDS);
        walker.start();
        walker.resume1(level!, hi!, lo!, and!, or!);
        expect(walk()).toBe(true);
        expect(join(walker.out2Hi, walker.out2Lo)).toBe(reached);
        expect([walker.startLevel1, walker.and1]).toEqual([level, and1]);
        expect(walker.steps).toBe((level! + 1) * (m + 1) - m + m);
        expect(walker.kept1Count).toBe(level);
      }
      const cache: TableCache & { level: number } = {
        find: () => -1,
        tableHi: 0,
        tableLo: 0,
        and: 0,
        leafHi: 0,
        pageLg2: 0,
        level: 0,
      };
      for (let i = 0; i < kept2.length; i += KEPT2_WORDS) {
        const [ipaHi, ipaLo, level, tableHi, tableLo, and] = kept2.subarray(i, i + KEPT2_WORDS);
        let hits = 0;
        walker.start();
        walker.cache2 = {
          ...cache,
          tableHi: tableHi!,
          tableLo: tableLo!,
          and: and!,
          find: (hi, lo) => (hi === ipaHi && lo === ipaLo && ++hits ? level! : -1),
        };
        expect(walk()).toBe(true);
        expect([join(walker.out2Hi, walker.out2Lo), hits]).toEqual([reached, 1]);
        expect(walker.steps).toBe((n + 1) * (m + 1) - 1 - (m - 1 - level!));
      }
    });
});

test('the offset bits of a large leaf are no address that could be too wide', () => {
  const large = CONFIGURATIONS.filter(({ stage, sizes }) => stage === 1 && sizes.at(-1)! > 2n ** 35n);
  expect(large.length).toBeGreaterThan(3);
  for (const { format, sizes } of large) {
    const mem = new PhysMem();
    const table = new PageTable(format, mem, ROOT, () => 2n ** 24n);
    const size = sizes.at(-1)!;
    table.map({ ...user, ia: 0n, oa: 0n, size, page: size });
    const { address, entry } = table.find(0n)!;
    mem.write64(address, entry | (2n ** 35n));
    const walker = new Walker(mem);
    [walker.format1, walker.root1Lo, walker.outputLimit1Hi] = [format, Number(ROOT), highBitsFrom(32)];
    walker.start();
    expect([walker.first(0, 0x10), walker.out1Hi, walker.out1Lo]).toEqual([true, 0, 0x10]);
    mem.write64(address, entry | size);
    walker.start();
    expect([walker.first(0, 0x10), walker.stop]).toEqual([false, Stop.AddressSize]);
  }
});

describe('what stage 2 must give for a stage-1 table', () => {
  const one = CONFIGURATIONS.find(({ title }) => title === 'aarch64-4k, T0SZ 25')!;
  const two = CONFIGURATIONS.find(({ title }) => title === 'aarch64-s2-4k, T0SZ 25 from level 1')!;
  const AF = 1 << 10;
  const READ = 1 << 6;
  const [HI_ATTRS, LO_ATTRS] = [1 << 5, 1 << 4];

  /** Alters the stage-2 leaf of the table that holds the last stage-1 entry, then walks. */
  function walkWith(change: (leaf: bigint) => bigint, set: (walker: Walker) => void): Walker {
    const { mem, walker, walk, second, first, va, page } = nest(one, two);
    const entry = first.find(va)!.address;
    const leaf = second.find(entry - (entry % page))!;
    mem.write64(leaf.address, change(leaf.entry));
    set(walker);
    walker.start();
    walk();
    if (walker.stop !== Stop.None) {
      expect(join(walker.faultIpaHi, walker.faultIpaLo)).toBe(entry);
      expect([walker.stopStage, walker.stopLevel, walker.steps]).toEqual([2, 0, 2 * 4 + 3]);
    }
    return walker;
  }

  test('the read bit by default, or all that the caller asks for', () => {
    expect(
      walkWith(
        (leaf) => leaf,
        () => {},
      ).stop,
    ).toBe(Stop.None);
    expect(
      walkWith(
        (leaf) => leaf & ~BigInt(READ),
        () => {},
      ),
    ).toMatchObject({ stop: Stop.TableUnreadable });
    expect(
      walkWith(
        (leaf) => leaf & ~BigInt(AF),
        () => {},
      ).stop,
    ).toBe(Stop.None);
    const both = (w: Walker): void => void (w.tableNeeds2 = AF | READ);
    const refused = walkWith((leaf) => leaf & ~BigInt(AF), both);
    expect(refused.stop).toBe(Stop.TableUnreadable);
    expect(refused.and2 & (AF | READ)).toBe(READ);
    expect(walkWith((leaf) => leaf, both).stop).toBe(Stop.None);
  });

  test('one of several bits, as for memory that is not device memory', () => {
    const any = (w: Walker): void => void (w.tableNeedsAny2 = HI_ATTRS | LO_ATTRS);
    expect(walkWith((leaf) => leaf & ~0x3cn, any).stop).toBe(Stop.TableUnreadable);
    expect(
      walkWith(
        (leaf) => leaf & ~0x3cn,
        () => {},
      ).stop,
    ).toBe(Stop.None);
    expect(walkWith((leaf) => (leaf & ~0x3cn) | 0x14n, any).stop).toBe(Stop.None);
  });

  test('a table that stage 2 does not map, or puts too high', () => {
    expect(
      walkWith(
        () => 0n,
        () => {},
      ).stop,
    ).toBe(Stop.NotPresent);
    const low = (w: Walker): void => void (w.outputLimit2Hi = highBitsFrom(40));
    const high = walkWith((leaf) => leaf | addressBits(two.format, 2n ** 44n)!, low);
    expect(high).toMatchObject({ stop: Stop.AddressSize, stopLevel2: 0 });
  });

  test('rights are the leaf alone where they are not hierarchical, and table bits are gathered apart', () => {
    const { mem, walker, walk, first, va, place } = nest(one, two);
    mem.write64(place(first.root), mem.read64(place(first.root)) | (0x18n << 59n));
    walker.start();
    expect(walk()).toBe(true);
    expect(walker.and1).toBe(lo32(first.find(va)!.entry));
    expect(walker.leaf1Hi).toBe(hi32(first.find(va)!.entry));
    expect(walker.orTablesHi).toBe(hi32(0x18n << 59n));
    expect(walker.and2).toBe(walker.leaf2);
  });
});

test('the longest path fits with what a model reads before it', () => {
  const mem = new PhysMem();
  const walker = new Walker(mem);
  walker.start();
  walker.recording = true;
  mem.write64(0x8000n, 0x1234n);
  for (let i = 0; i < 12; i++) expect(mem.words[walker.step(0, 0x8000)]).toBe(0x1234);
  expect(walker.steps).toBe(12);
  expect(walker.path.length / STEP_WORDS).toBeGreaterThanOrEqual(12 + 35);
  expect([...walker.path.subarray(0, 3)]).toEqual([0, 0, 0x8000]);
});
