import { describe, expect, test } from 'vitest';
import type { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  describeEntry,
  FORMATS,
  type FormatLimits,
  fillSecondStage,
  findFormat,
  KNOWN_FORMAT_NAMES,
  levelSpan,
  type Mapping,
} from '../engine/pagetable/index.ts';
import { type SlowWalk, slowWalk } from './oracle/slow-walk.ts';
import { G1, K4, LIMITS, leafSizes, M2, ROOT, setUp, user } from './pagetable-fixture.ts';

const page = (ia: bigint, oa: bigint, more: Partial<Mapping> = {}): Mapping => ({
  ...user,
  ia,
  oa,
  size: K4,
  page: K4,
  ...more,
});
const levelOf = (size: bigint): number => ({ [`${K4}`]: 0, [`${M2}`]: 1, [`${G1}`]: 2 })[`${size}`]!;

for (const { name, stage, make } of FORMATS)
  for (const [which, limits] of Object.entries(LIMITS))
    describe(`${name}, ${which}`, () => {
      const format = make(limits);
      const walk = (mem: PhysMem, ia: bigint): SlowWalk => slowWalk(name, limits, (a) => mem.read64(a), ROOT, ia);
      const sizes = leafSizes(stage, limits);
      const top = 2n ** BigInt(stage === 1 ? format.inputBits - 1 : format.inputBits);
      /** The high half, for formats that have one. */
      const high = stage === 1 ? [2n ** 64n - top] : [];

      test('the levels decode the address without gap or overlap', () => {
        expect(format.name).toBe(name);
        const spans = Array.from({ length: format.levels + 1 }, (_, level) => levelSpan(format, level));
        expect(spans[0]).toBe(K4);
        for (let level = 0; level < format.levels; level++) expect(spans[level + 1]).toBe(spans[level]! * 512n);
        expect(spans.at(-1)).toBe(2n ** BigInt(format.inputBits));
        expect(format.data.levelNames).toHaveLength(format.levels);
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
        for (const size of sizes)
          for (const ia of [0n, 5n * G1, top - 2n * G1, ...high]) {
            const { mem, table } = setUp(format);
            const oa = 3n * G1;
            expect(table.map({ ...user, ia, oa, size, page: size })).toEqual({ ok: true, changed: 1 });
            const found = table.find(ia + 0x10n)!;
            expect(found).toMatchObject({ level: levelOf(size), leaf: true });
            const rights = { read: true, write: true, user: true, execute: stage === 1 };
            const { level, address: at } = found;
            const whole = { stop: 'none', pageSize: size, level, at, ...rights };
            expect(walk(mem, ia + size - 1n)).toEqual({ ...whole, hpa: oa + size - 1n });
            expect(walk(mem, ia + size)).toMatchObject({ stop: 'not-present', level: levelOf(size) });
            expect(table.find(ia + size)).toMatchObject({ leaf: false, level: levelOf(size) });
            expect([...table.leaves()]).toEqual([{ ia, oa, level: levelOf(size), entry: found.entry }]);
            expect(table.unmap(ia, size)).toEqual({ ok: true, changed: 1 });
            expect(walk(mem, ia)).toMatchObject({ stop: 'not-present', level: levelOf(size) });
            expect(table.unmap(ia, size)).toEqual({ ok: true, changed: 0 });
          }
      });

      test('the highest output address survives', () => {
        for (const size of sizes) {
          const { mem, table } = setUp(format);
          const oa = 2n ** BigInt(limits.haw) - size;
          table.map({ ...user, ia: 0n, oa, size, page: size });
          expect(walk(mem, size - 1n)).toMatchObject({ stop: 'none', hpa: oa + size - 1n, pageSize: size });
          expect(describeEntry(format, levelOf(size), table.find(0n)!.entry)).toMatchObject({
            address: oa,
            reserved: 0n,
          });
        }
      });

      test('every reserved bit is flagged, and no other', () => {
        for (let level = 0; level < format.levels; level++)
          for (const large of level === 0
            ? [false]
            : sizes.includes(levelSpan(format, level))
              ? [false, true]
              : [false]) {
            const clean = (stage === 1 ? 0x7n : 0x3n) | (large ? 0x80n : 0n) | G1;
            const wrong = reservedBits(stage, level, level === 0 || large, limits);
            for (let bit = stage === 1 ? 1 : 2; bit < 64; bit++) {
              // Where the level may hold a large leaf, bit 7 decides what the entry is.
              if (bit === 30 || (bit === 7 && level > 0 && !wrong.includes(7))) continue;
              const entry = clean | (1n << BigInt(bit));
              const expected = wrong.includes(bit) ? 1n << BigInt(bit) : 0n;
              expect(describeEntry(format, level, entry).reserved, `level ${level} bit ${bit}`).toBe(expected);
              const { mem, table } = setUp(format);
              table.map(page(0n, 0n));
              const at = level === 0 ? table.find(0n)!.address : ROOT + BigInt(format.levels - 1 - level) * K4;
              mem.write64(at, entry);
              if (expected === 0n) expect(walk(mem, 0n)).not.toMatchObject({ stop: 'reserved', level });
              else expect(walk(mem, 0n)).toEqual({ stop: 'reserved', level, at });
            }
          }
      });

      test('leaf sizes: each the hardware has, and no other', () => {
        const { table } = setUp(format);
        for (const size of [K4, M2, G1, 512n * G1, 8192n]) {
          const result = table.map({ ...user, ia: 0n, oa: 0n, size, page: size });
          expect(result.ok, `${size}`).toBe(sizes.includes(size));
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
          { size: -K4 },
          { oa: 2n ** 52n },
        ];
        bad.push(
          { ia: -K4 },
          { oa: -K4 },
          { ia: top },
          { ia: top - K4, size: 2n * K4 },
          { ia: 2n ** 64n },
          { size: 2n ** 36n },
        );
        if (sizes.includes(M2)) bad.push({ page: M2 }, { page: M2, size: M2, ia: K4 }, { page: M2, size: M2, oa: K4 });
        for (const more of bad) expect(table.map(page(0n, 0n, more)).ok, `${Object.entries(more)}`).toBe(false);
        for (const [ia, size] of [
          [1n, K4],
          [0n, 0n],
          [0n, 1n],
          [0n, 2n ** 64n],
          [top, K4],
        ] as const) {
          expect(table.unmap(ia, size).ok).toBe(false);
          expect(table.protect(ia, size, user).ok).toBe(false);
        }
        expect(mem.version).toBe(before);
      });

      test('without a page for a table there is a problem', () => {
        const { table } = setUp(format, format.levels - 2);
        expect(table.map(page(0n, 0n))).toEqual({ ok: false, problem: 'no page is left for another table' });
      });

      test('the bulk fill writes what map writes', () => {
        const ranges = sizes.flatMap((size, i) => {
          const [at, rw] = [BigInt(i) * 4n * G1, { read: true, write: i !== 1 }];
          return [
            {
              gpa: at + size,
              hpa: 2n ** 32n - size,
              size: size === K4 ? 8n * M2 + 3n * K4 : 3n * size,
              page: size,
              ...rw,
            },
            { gpa: at, hpa: G1, size, page: size, ...rw },
          ];
        });
        const [slow, fast] = [setUp(format), setUp(format)];
        for (const range of ranges) slow.table.map({ ...user, ...range, ia: range.gpa, oa: range.hpa });
        expect(fillSecondStage(fast.mem, format, ROOT, fast.allocate, ranges)).toMatchObject({ ok: true });
        expect(fast.mem.size).toBe(slow.mem.size);
        expect(Buffer.compare(Buffer.from(fast.mem.words.buffer), Buffer.from(slow.mem.words.buffer))).toBe(0);
      });
    });

test('the list of formats', () => {
  expect(new Set(KNOWN_FORMAT_NAMES).size).toBe(KNOWN_FORMAT_NAMES.length);
  for (const { name } of FORMATS) expect(KNOWN_FORMAT_NAMES).toContain(name);
  expect(findFormat('vtd-ss')?.stage).toBe(2);
  expect(findFormat('aarch64-4k')).toBeUndefined();
});

/** Reserved bits of a present entry, by hand from VT-d 9.7 and 9.8. */
function reservedBits(stage: 1 | 2, level: number, leaf: boolean, limits: FormatLimits): number[] {
  const range = (high: number, low: number) => Array.from({ length: Math.max(0, high - low + 1) }, (_, i) => low + i);
  const wide = range(51, limits.haw);
  if (stage === 1) {
    const common = limits.nxe ? wide : [...wide, 63];
    if (level === 1 && leaf) return [...common, ...range(20, 13)];
    if (level === 2 && leaf) return [...common, ...range(29, 13)];
    const noLarge = level >= 3 || (level === 2 && !limits.oneGig);
    return noLarge ? [...common, 7] : common;
  }
  const common = [...wide, ...(leaf && limits.snoopControl ? [] : [11]), ...(leaf && limits.deviceTlb ? [] : [62])];
  if (level === 1 && leaf) return [...common, ...range(20, 12)];
  if (level === 2 && leaf) return [...common, ...range(29, 12)];
  const noLarge = level >= 3 || (level === 2 && !limits.oneGig) || (level === 1 && !limits.twoMeg);
  return noLarge ? [...common, 7] : common;
}
