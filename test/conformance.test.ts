import { describe, expect, test } from 'vitest';
import { hi32, join, lo32 } from '../engine/base/addr.ts';
import type { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  addressBits,
  describeEntry,
  entryAddress,
  FORMATS,
  fillSecondStage,
  findFormat,
  KNOWN_FORMAT_NAMES,
  leafSizes,
  levelSpan,
  type Mapping,
  rootSize,
  WIDEST_LIMITS,
} from '../engine/pagetable/index.ts';
import { highBitsFrom, Stop, Walker } from '../engine/pagetable/walk.ts';
import { type SlowWalk, slowWalk } from './oracle/slow-walk.ts';
import { CONFIGURATIONS, K4, K16, K64, M2, M32, ROOT, setUp, user } from './pagetable-fixture.ts';

for (const { title, stage, format, slow, sizes, outputBits, signed } of CONFIGURATIONS)
  describe(title, () => {
    const [small] = sizes as [bigint];
    const page = (ia: bigint, oa: bigint, more: Partial<Mapping> = {}): Mapping => ({
      ...user,
      ia,
      oa,
      size: small,
      page: small,
      ...more,
    });
    const levelOf = (size: bigint): number => {
      for (let level = 0; ; level++) if (levelSpan(format, level) === size) return level;
    };
    const walk = (mem: PhysMem, ia: bigint): SlowWalk => slowWalk(slow, (a) => mem.read64(a), ROOT, ia);
    const fast = (mem: PhysMem, ia: bigint, limit = 64): Walker => {
      const walker = new Walker(mem);
      walker.start();
      [walker.format1, walker.root1Lo] = [format, Number(ROOT)];
      walker.outputLimit1Hi = highBitsFrom(limit);
      walker.first(hi32(ia), lo32(ia));
      return walker;
    };
    const top = 2n ** BigInt(signed ? format.inputBits - 1 : format.inputBits);
    /** The high half, for formats that have one. */
    const high = signed ? [2n ** 64n - top] : [];
    /** Sizes of which more than one fits into the region. */
    const several = sizes.filter((size) => 2n * size <= top);

    test('the levels decode the address without gap or overlap', () => {
      const spans = Array.from({ length: format.levels }, (_, level) => levelSpan(format, level));
      expect(spans[0]).toBe(small);
      for (let level = 1; level < format.levels; level++) expect(spans[level]).toBe(spans[level - 1]! * (small / 8n));
      expect(spans.at(-1)! * (rootSize(format) / 8n)).toBe(2n ** BigInt(format.inputBits));
      expect(format.data.levelNames).toHaveLength(format.levels);
      expect(leafSizes(format)).toEqual(sizes);
    });

    test('an empty root is not present at the top level, for each bit of the address', () => {
      const { mem, table } = setUp(format);
      for (let bit = 0n; 2n ** bit < top; bit++) {
        const found = table.find(2n ** bit);
        expect(found).toMatchObject({ level: format.levels - 1, leaf: false, entry: 0n });
        expect(walk(mem, 2n ** bit)).toEqual({ stop: 'not-present', level: found!.level, at: found!.address });
      }
      expect(table.find(top)).toBeUndefined();
      expect(walk(mem, top)).toEqual({ stop: 'range' });
    });

    test('what is mapped reads back, its neighbours do not', () => {
      for (const size of several)
        for (const ia of [0n, top - 2n * size, ...high]) {
          const { mem, table } = setUp(format);
          const oa = 3n * size;
          expect(table.map({ ...user, ia, oa, size, page: size })).toEqual({ ok: true, changed: 1 });
          const found = table.find(ia + 0x10n)!;
          expect(found).toMatchObject({ level: levelOf(size), leaf: true });
          const rights = { read: true, write: true, user: true, execute: signed };
          const { level, address: at } = found;
          const whole = { stop: 'none', pageSize: size, level, at, ...rights };
          expect(walk(mem, ia + size - 1n)).toEqual({ ...whole, hpa: oa + size - 1n });
          expect(walk(mem, ia + size)).toMatchObject({ stop: 'not-present', level: levelOf(size) });
          expect(table.find(ia + size)).toMatchObject({ leaf: false, level: levelOf(size) });
          expect([...table.leaves()]).toEqual([{ ia, oa, level: levelOf(size), entry: found.entry }]);
          const walked = fast(mem, ia + size - 1n);
          expect(walked).toMatchObject({
            stop: Stop.None,
            lg1: size.toString(2).length - 1,
            steps: format.levels - level,
          });
          expect(join(walked.out1Hi, walked.out1Lo)).toBe(oa + size - 1n);
          expect(table.unmap(ia, size)).toEqual({ ok: true, changed: 1 });
          expect(walk(mem, ia)).toMatchObject({ stop: 'not-present', level: levelOf(size) });
          expect(table.unmap(ia, size)).toEqual({ ok: true, changed: 0 });
        }
    });

    test('the highest output address survives, and is over a smaller limit', () => {
      for (const size of several) {
        const { mem, table } = setUp(format);
        const oa = 2n ** BigInt(outputBits) - size;
        table.map({ ...user, ia: 0n, oa, size, page: size });
        expect(walk(mem, size - 1n)).toMatchObject({ stop: 'none', hpa: oa + size - 1n, pageSize: size });
        const { entry } = table.find(0n)!;
        expect(describeEntry(format, levelOf(size), entry)).toMatchObject({ address: oa, reserved: 0n });
        const within = fast(mem, size - 1n, outputBits);
        expect([within.stop, join(within.out1Hi, within.out1Lo)]).toEqual([Stop.None, oa + size - 1n]);
        const level = levelOf(size);
        expect(fast(mem, 0n, outputBits - 1)).toMatchObject({ stop: Stop.AddressSize, stopStage: 1, stopLevel: level });
        // The limit holds for tables as for leaves.
        if (format.levels < 2) continue;
        mem.write64(ROOT, format.data.newTable | addressBits(format, 2n ** BigInt(outputBits) - small)!);
        expect(fast(mem, 0n, outputBits - 1)).toMatchObject({
          stop: Stop.AddressSize,
          stopLevel: format.levels - 1,
          steps: 1,
        });
        expect(fast(mem, 0n, outputBits)).toMatchObject({ stop: Stop.NotPresent, steps: 2 });
      }
    });

    test('every address the format has a place for goes in and out of an entry', () => {
      for (let bit = BigInt(format.granuleLg2); bit < 52n; bit++) {
        const bits = addressBits(format, 2n ** bit);
        const fits = bit < ('vtd' in slow ? 52n : BigInt(outputBits));
        expect(bits === undefined, `bit ${bit}`).toBe(!fits);
        if (bits !== undefined) expect(entryAddress(format, 0, bits | format.data.newLeaf[0]! | 1n)).toBe(2n ** bit);
      }
      expect(addressBits(format, 1n)).toBeUndefined();
    });

    test('entries of every kind at every level, bit by bit', () => {
      const { mem, table } = setUp(format, 2 * format.levels);
      table.map(page(0n, 0n));
      for (let at = ROOT, level = format.levels - 1; level >= 0; level--) {
        const whole = mem.read64(at);
        for (const low of [0n, 1n, 2n, 3n, 0x81n, 0x83n])
          for (let bit = 2n; bit < 64n; bit++) {
            const entry = low | (1n << bit);
            mem.write64(at, entry);
            const expected = walk(mem, 0n);
            const { present, leaf, reserved } = describeEntry(format, level, entry);
            const walked = fast(mem, 0n);
            const what = `level ${level}, entry ${entry.toString(16)}`;
            if (expected.stop === 'not-present' && expected.level === level) {
              expect([present, walked.stop, walked.stopLevel], what).toEqual([false, Stop.NotPresent, level]);
            } else if (expected.stop === 'reserved' && expected.level === level) {
              expect([present, reserved !== 0n, walked.stop, walked.stopLevel], what).toEqual([
                true,
                true,
                Stop.Reserved,
                level,
              ]);
            } else {
              // What lies behind a table entry is memory without entries, or a table that refers to itself.
              expect([present, reserved], what).toEqual([true, 0n]);
              expect(leaf, what).toBe(expected.stop === 'none' && expected.level === level);
              expect(walked.stop === Stop.None, what).toBe(expected.stop === 'none');
              if (expected.stop === 'none') expect(join(walked.out1Hi, walked.out1Lo), what).toBe(expected.hpa);
            }
          }
        mem.write64(at, whole);
        at = entryAddress(format, level, whole);
      }
    });

    test('leaf sizes: each the hardware has, and no other', () => {
      const { table } = setUp(format);
      for (const size of [K4, K16, K64, M2, M32, 2n ** 29n, 2n ** 30n, 2n ** 36n, 2n ** 39n, 2n ** 42n, 8192n]) {
        const result = table.map({ ...user, ia: 0n, oa: 0n, size, page: size });
        expect(result.ok, `${size}`).toBe(sizes.includes(size) && size <= top);
      }
    });

    test('bad ranges are problems and change nothing', () => {
      const { table, mem } = setUp(format);
      const before = mem.version;
      const bad: Partial<Mapping>[] = [
        { ia: 1n },
        { oa: 8n },
        { size: 0n },
        { size: 100n },
        { size: -small },
        { oa: 2n ** 52n },
        { ia: -small },
        { oa: -small },
        { ia: top },
        { ia: top - small, size: 2n * small },
        { ia: 2n ** 64n },
        { size: small * 2n ** 24n },
      ];
      for (const size of several.slice(1))
        bad.push({ page: size }, { page: size, size, ia: small }, { page: size, size, oa: small });
      for (const more of bad) expect(table.map(page(0n, 0n, more)).ok, `${Object.entries(more)}`).toBe(false);
      for (const [ia, size] of [
        [1n, small],
        [0n, 0n],
        [0n, 1n],
        [0n, 2n ** 64n],
        [top, small],
      ] as const) {
        expect(table.unmap(ia, size).ok).toBe(false);
        expect(table.protect(ia, size, user).ok).toBe(false);
      }
      expect(mem.version).toBe(before);
    });

    test('without a page for a table there is a problem', () => {
      const { table } = setUp(format, Math.max(0, format.levels - 2));
      if (format.levels === 1) expect(table.map(page(0n, 0n))).toMatchObject({ ok: true });
      else expect(table.map(page(0n, 0n))).toEqual({ ok: false, problem: 'no page is left for another table' });
    });

    test('the bulk fill writes what map writes', () => {
      const ranges = several.flatMap((size, i) => {
        const rw = { read: true, write: i !== 1 };
        const count = [1n, 3n, 700n, 4099n].findLast((n) => n * size <= top / 2n && n * size <= 2n ** 35n) ?? 1n;
        return [
          { gpa: 0n, hpa: 5n * size, size, page: size, ...rw },
          { gpa: top - count * size, hpa: size, size: count * size, page: size, ...rw },
        ];
      });
      const [slow, fast] = [setUp(format), setUp(format)];
      for (const range of ranges)
        expect(slow.table.map({ ...user, ...range, ia: range.gpa, oa: range.hpa })).toMatchObject({ ok: true });
      expect(fillSecondStage(fast.mem, format, ROOT, fast.allocate, ranges)).toMatchObject({ ok: true });
      expect(fast.mem.size).toBe(slow.mem.size);
      expect(Buffer.compare(Buffer.from(fast.mem.words.buffer), Buffer.from(slow.mem.words.buffer))).toBe(0);
    });

    test('protection changes rights and nothing else', () => {
      for (const size of several) {
        const { mem, table } = setUp(format);
        table.map({ ...user, ia: 0n, oa: size, size, page: size });
        const before = table.find(0n)!.entry;
        expect(table.protect(0n, size, { ...user, write: false, user: false })).toEqual({ ok: true, changed: 1 });
        expect(walk(mem, 0n)).toMatchObject({ stop: 'none', hpa: size, write: false, user: stage === 2 });
        expect(table.protect(0n, size, user)).toEqual({ ok: true, changed: 1 });
        expect(table.find(0n)!.entry).toBe(before);
      }
    });
  });

test('the list of formats', () => {
  expect(new Set(KNOWN_FORMAT_NAMES).size).toBe(KNOWN_FORMAT_NAMES.length);
  for (const { name, make } of FORMATS) {
    expect(findFormat(name)?.name).toBe(name);
    expect(make(WIDEST_LIMITS).name).toBe(name);
    expect(CONFIGURATIONS.some(({ format }) => format.name === name)).toBe(true);
  }
  expect(findFormat('vtd-ss')?.stage).toBe(2);
  expect(findFormat('aarch64-s2-16k')?.make(WIDEST_LIMITS)).toMatchObject({ levels: 3, topIndexMask: 4095 });
  expect(findFormat('aarch64-8k')).toBeUndefined();
});
