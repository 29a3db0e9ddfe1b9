import { describe, expect, test } from 'vitest';
import { hi32, join, lo32 } from '../engine/base/addr.ts';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import {
  describeEntry,
  type Granule,
  rootBits,
  stage2Start,
  startLevelOf,
  tableBits,
  vmsaStage1,
  vmsaStage2,
} from '../engine/pagetable/index.ts';
import { highBitsFrom, STEP_WORDS, Stop, stepLevel, stepStage, TABLE_BANK, Walker } from '../engine/pagetable/walk.ts';
import vectors from './data/smmuv3-vectors.json' with { type: 'json' };

/** Vectors of all categories are plain data; their shape depends on the category. */
// biome-ignore lint/suspicious/noExplicitAny: each category is read by its own field names
type Loose = any;
const vector = (id: string): Loose => (vectors as Loose[]).find((each) => each.id === id);

const GRANULE: Readonly<Record<string, Granule>> = { '4K': 12, '16K': 14, '64K': 16 };
/** TG of a stage-2 configuration, TG0 of a context descriptor: the same code. */
const GRANULE_OF_TG = [12, 16, 14] as const;
const ADDRESS_BITS = [32, 36, 40, 42, 44, 48, 52] as const;

describe('VMSA vectors', () => {
  test('S2T0SZ and S2SL0 agree, or the stream table entry is illegal', () => {
    const { input, expected } = vector('vmsa-02');
    expect(input.cases).toHaveLength(expected.result.length);
    input.cases.forEach(({ granule, S2T0SZ, S2SL0 }: Loose, i: number) => {
      const start = stage2Start({ granule: GRANULE[granule]!, t0sz: S2T0SZ, sl0: S2SL0 });
      expect(start ? { start_level: start.startLevel, tables: start.tables } : 'C_BAD_STE', `case ${i}`).toEqual(
        expected.result[i] === 'C_BAD_STE' ? 'C_BAD_STE' : expected.result[i],
      );
    });
  });

  test('small tables and 52-bit addresses widen what agrees', () => {
    const start = (granule: Granule, t0sz: number, sl0: number, more = {}) =>
      stage2Start({ granule, t0sz, sl0, ...more })?.startLevel;
    expect([start(12, 43, 3), start(12, 43, 3, { smallTables: true })]).toEqual([undefined, 3]);
    expect([
      start(12, 40, 0),
      start(12, 42, 0, { smallTables: true }),
      start(12, 43, 0, { smallTables: true }),
    ]).toEqual([undefined, 2, undefined]);
    expect([start(16, 47, 0, { smallTables: true }), start(16, 48, 0, { smallTables: true })]).toEqual([3, undefined]);
    expect([start(16, 15, 2), start(16, 12, 2, { inputLimit: 52 }), start(16, 11, 2, { inputLimit: 52 })]).toEqual([
      undefined,
      1,
      undefined,
    ]);
    expect([start(14, 16, 3), start(14, 16, 3, { inputLimit: 52 })]).toEqual([undefined, 0]);
  });

  test('stage 1 starts at the level its region needs', () => {
    // The largest and smallest region of each level, without and with small tables.
    for (const [granule, level, ...sizes] of [
      [12, 0, 16, 24],
      [12, 1, 25, 33],
      [12, 2, 34, 39, 42],
      [12, 3, 43, 48],
      [14, 0, 16],
      [14, 1, 17, 27],
      [14, 2, 28, 38],
      [14, 3, 39, 48],
      [16, 1, 12, 16, 21],
      [16, 2, 22, 34],
      [16, 3, 35, 39, 47],
    ] as const)
      for (const t0sz of sizes) {
        expect(startLevelOf(granule, 64 - t0sz), `granule ${granule}, T0SZ ${t0sz}`).toBe(level);
        const bits = rootBits(granule, 64 - t0sz, level);
        expect(1 <= bits && bits <= tableBits(granule)).toBe(true);
      }
  });

  test('a 64K page with a 52-bit output', () => {
    const { input, expected } = vector('vmsa-04');
    const format = vmsaStage1({ granule: 16, inputBits: 48, outputBits: 52 });
    const { address, leaf } = describeEntry(format, 3 - input.level, BigInt(input.descriptor));
    expect([leaf, address]).toEqual([true, BigInt(expected.address)]);
  });

  test('the index runs across joined tables', () => {
    const { input, expected } = vector('vmsa-06');
    const mem = new PhysMem();
    const walker = stage2Walker(mem, GRANULE[input.granule]!, input.S2T0SZ, input.S2SL0, BigInt(input.S2TTB));
    walker.start();
    walker.second(hi32(BigInt(input.ipa)), lo32(BigInt(input.ipa)));
    expect(join(walker.path[1]!, walker.path[2]!)).toBe(BigInt(expected.descriptor_addr));
    expect((join(walker.path[1]!, walker.path[2]!) - BigInt(input.S2TTB)) / 8n).toBe(BigInt(expected.start_index));
    expect([walker.steps, walker.stop, walker.stopLevel2]).toEqual([1, Stop.NotPresent, 2]);
  });
});

function stage2Walker(mem: PhysMem, granule: Granule, t0sz: number, sl0: number, root: bigint): Walker {
  const { startLevel } = stage2Start({ granule, t0sz, sl0 })!;
  const walker = new Walker(mem);
  walker.format2 = vmsaStage2({ granule, inputBits: 64 - t0sz, startLevel });
  walker.inputBits2 = 64 - t0sz;
  [walker.root2Hi, walker.root2Lo] = [hi32(root), lo32(root)];
  walker.recording = true;
  return walker;
}

const field = (word: bigint, high: number, low: number): number =>
  Number((word >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));

const AF = 1 << 10;
const AP1 = 1 << 6;
const AP2 = 1 << 7;
const S2_WRITE = 1 << 7;

/** What a unit judges around the two walks, in as few words as these vectors need. */
function translate({ input }: Loose) {
  const mem = new PhysMem();
  for (const [at, value] of input.memory) mem.write64(BigInt(at), BigInt(value));
  const ste = BigInt(input.strtab.base) + BigInt(input.SID) * 64n;
  const [two, ttb] = [mem.read64(ste + 16n), mem.read64(ste + 24n)];
  const granule2 = GRANULE_OF_TG[field(two, 47, 46) as 0 | 1 | 2];
  const walker = stage2Walker(mem, granule2, field(two, 37, 32), field(two, 39, 38), ttb);
  walker.start();
  walker.step(hi32(ste), lo32(ste));
  const names = ['STE'];
  const refs = (): string[][] =>
    Array.from({ length: walker.steps }, (_, i) => {
      const [what, hi, lo] = walker.path.slice(i * STEP_WORDS, (i + 1) * STEP_WORDS);
      const name = stepStage(what!) === 0 ? names.shift()! : `S${stepStage(what!)}.L${3 - stepLevel(what!)}`;
      return [name, `0x${join(hi!, lo!).toString(16)}`];
    });
  const end = (result: object): object => ({ ...result, refs: refs(), ref_count: walker.steps });
  const second = (kind: string) => {
    const stop = { [Stop.NotPresent]: 'F_TRANSLATION', [Stop.OutOfRange]: 'F_TRANSLATION' }[walker.stop as 1 | 3];
    const fault = stop ?? (walker.stop === Stop.TableUnreadable ? 'F_PERMISSION' : 'unexpected');
    return end({ fault, s2: 1, class: kind, ipa: `0x${join(walker.faultIpaHi, walker.faultIpaLo).toString(16)}` });
  };

  const context = mem.read64(ste) & 0xf_ffff_ffff_ffc0n;
  if (!walker.second(hi32(context), lo32(context))) return second('CD');
  const at = walker.step(walker.out2Hi, walker.out2Lo);
  names.push('CD');
  const cd = join(mem.words[at + 1]!, mem.words[at]!);
  const root = join(mem.words[at + 3]!, mem.words[at + 2]!);
  walker.format1 = vmsaStage1({
    granule: GRANULE_OF_TG[field(cd, 7, 6) as 0 | 1 | 2],
    inputBits: 64 - field(cd, 5, 0),
  });
  [walker.root1Hi, walker.root1Lo] = [hi32(root), lo32(root)];
  walker.outputLimit1Hi = highBitsFrom(ADDRESS_BITS[field(cd, 34, 32)]!);
  const va = BigInt(input.va);
  if (!walker.first(hi32(va), lo32(va)))
    return walker.stopStage === 2 ? second('TT') : end({ fault: 'F_TRANSLATION', s2: 0, class: 'IN' });
  const setsAccessed = field(cd, 43, 43) === 1;
  const fault = (name: string): object => end({ fault: name, s2: 0, class: 'IN' });
  if ((walker.leaf1 & AF) === 0 && !setsAccessed) return fault('F_ACCESS');
  const isWrite = input.access === 'write';
  if ((walker.leaf1 & AP1) === 0 || (isWrite && (walker.leaf1 & AP2) !== 0)) return fault('F_PERMISSION');
  if ((walker.leaf1 & AF) === 0) {
    // Setting AF is a write to the entry, which goes through stage 2 once more.
    const [hi, lo] = [walker.leaf1AtHi, walker.leaf1AtLo];
    if (!walker.second(hi, lo, TABLE_BANK)) return second('TT');
    const ipa = `0x${join(hi, lo).toString(16)}`;
    if ((walker.and2 & S2_WRITE) === 0) return end({ fault: 'F_PERMISSION', s2: 1, class: 'TT', ipa });
  }
  if (!walker.second(walker.out1Hi, walker.out1Lo)) return second('IN');
  if ((walker.leaf2 & AF) === 0)
    return end({ fault: 'F_ACCESS', s2: 1, class: 'IN', ipa: `0x${join(walker.out1Hi, walker.out1Lo).toString(16)}` });
  return end({ pa: `0x${join(walker.out2Hi, walker.out2Lo).toString(16)}` });
}

describe('nested vectors', () => {
  const nested = (vectors as Loose[]).filter(({ category, input }) => category === 'nest' && input.memory);

  test('there are enough of them', () => expect(nested.length).toBeGreaterThanOrEqual(12));

  for (const each of nested)
    test(`${each.id}: ${each.title}`, () => {
      const { event: _, ...expected } = each.expected;
      expect(translate(each)).toEqual(expected);
    });

  test('nest-25: cold reference counts', () => {
    const { input, expected } = vector('nest-25');
    input.cases.forEach(({ s1_levels: n, s2_levels: m }: Loose, i: number) => {
      const mem = new PhysMem();
      const [root1, root2] = [0x1000_0000n, 0x2000_0000n];
      const walker = new Walker(mem);
      walker.format1 = vmsaStage1({ granule: 12, inputBits: 12 + 9 * n });
      walker.format2 = vmsaStage2({ granule: 12, inputBits: 12 + 9 * m, startLevel: 4 - m });
      walker.inputBits2 = 12 + 9 * m;
      [walker.root1Lo, walker.root2Lo] = [Number(root1), Number(root2)];
      // Page 0 maps a page of stage-1 tables one behind the other, all of which stage 2 maps to themselves.
      const below = (root: bigint, levels: number, level: number): bigint =>
        root + BigInt(levels - 1 - level) * 0x1000n;
      const put = (root: bigint, levels: number, ia: bigint, leaf: bigint): void => {
        for (let level = levels - 1; level >= 0; level--) {
          const entry = level === 0 ? leaf : below(root, levels, level - 1) | 3n;
          mem.write64(below(root, levels, level) + ((ia >> BigInt(12 + 9 * level)) & 511n) * 8n, entry);
        }
      };
      put(root1, n, 0n, root1 | 0xf43n);
      for (let level = 0; level < n; level++) put(root2, m, below(root1, n, level), below(root1, n, level) | 0x7ffn);
      walker.start();
      expect(walker.first(0, 0) && walker.second(walker.out1Hi, walker.out1Lo)).toBe(true);
      expect(walker.steps).toBe(expected.of_which_table_walk[i]);
    });
  });
});
