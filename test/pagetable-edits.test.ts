import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeEntry,
  levelSpan,
  vmsaStage1,
  vmsaStage2,
  vtdFirstStage,
  vtdSecondStage,
  WIDEST_LIMITS,
} from '../engine/pagetable/index.ts';
import { slowWalk } from './oracle/slow-walk.ts';
import { CONFIGURATIONS, G1, K4, K16, K64, M2, M512, ROOT, setUp, user } from './pagetable-fixture.ts';
import { cases } from './property.ts';

for (const { title, stage, format, slow, sizes, signed } of CONFIGURATIONS)
  describe(title, () => {
    const top = 2n ** BigInt(signed ? format.inputBits - 1 : format.inputBits);
    /** The high half where there is one. */
    const base = signed ? 2n ** 64n - top : 0n;
    const several = sizes.filter((size) => 2n * size <= top);
    const probes = probesOf(several, top);

    test('random edits agree with a plain model', () => {
      fc.assert(
        fc.property(fc.array(edits(several, probes, top), { minLength: 1, maxLength: 25 }), (script) => {
          const { mem, table } = setUp(format);
          const model = new Map<bigint, State>();
          for (const { kind, at, size, page, oa, write, isUser, set } of script) {
            const rights = { read: true, write, execute: false, user: isUser };
            const attributes = set.filter((attribute) => attribute in format.data.attributes);
            const bits = attributes.reduce((sum, attribute) => sum | format.data.attributes[attribute]!, 0n);
            const result =
              kind === 'map'
                ? table.map({ ia: base + at, oa, size, page, ...rights, set: bits })
                : kind === 'unmap'
                  ? table.unmap(base + at, size)
                  : table.protect(base + at, size, rights);
            expect(result.ok).toBe(true);
            for (const probe of probes.filter((probe) => at <= probe && probe < at + size)) {
              const old = model.get(probe);
              if (kind === 'map')
                model.set(probe, { hpa: oa + probe - at, write, user: isUser || stage === 2, attributes });
              else if (kind === 'unmap') model.delete(probe);
              else if (old) model.set(probe, { ...old, write, user: isUser || stage === 2 });
            }
          }
          for (const probe of probes) {
            const state = model.get(probe);
            const found = table.find(base + probe)!;
            expect(found.leaf).toBe(state !== undefined);
            if (!state) {
              expect(slowWalk(slow, (a) => mem.read64(a), ROOT, base + probe)).toMatchObject({
                stop: 'not-present',
                level: found.level,
                at: found.address,
              });
              continue;
            }
            const { attributes, ...seen } = state;
            expect(slowWalk(slow, (a) => mem.read64(a), ROOT, base + probe)).toMatchObject({
              stop: 'none',
              at: found.address,
              ...seen,
            });
            const { flags } = describeEntry(format, found.level, found.entry);
            expect(flags.filter((flag) => flag in NAMES).map((flag) => NAMES[flag])).toEqual(attributes);
          }
          const mapped = [...table.leaves()];
          for (const probe of probes) {
            const over = mapped.filter(
              ({ ia, level }) => ia <= base + probe && base + probe < ia + levelSpan(format, level),
            );
            expect(over).toHaveLength(model.has(probe) ? 1 : 0);
          }
        }),
        cases('vtd' in slow ? 30 : 10),
      );
    }, 60_000);
  });

describe('entries as an operating system writes them', () => {
  const x86 = vtdFirstStage({ ...WIDEST_LIMITS, levels: 4 });
  const ss = vtdSecondStage({ ...WIDEST_LIMITS, levels: 4 });
  const at = (bits: bigint, size: bigint = K4) => ({ ...user, ia: 0n, oa: G1, size, page: size, set: bits });

  test('x86-64: tables are P RW US, pages have what was asked for', () => {
    const { mem, table } = setUp(x86);
    table.map(at(0n));
    expect(mem.read64(ROOT)).toBe(0x10_1007n);
    expect(table.find(0n)!.entry).toBe(0x4000_0007n);
    table.map({ ...at(x86.data.attributes.nx!), write: false, user: false, global: true });
    expect(table.find(0n)!.entry).toBe(0x8000_0000_4000_0101n);
    table.protect(0n, K4, { read: true, write: true, execute: false, user: true });
    expect(table.find(0n)!.entry).toBe(0x8000_0000_4000_0107n);
    table.protect(0n, K4, { read: true, write: true, execute: true, user: true });
    expect(table.find(0n)!.entry).toBe(0x4000_0107n);
  });

  test('PAT lies at bit 12 of a large leaf, also of half a large leaf, and at bit 7 of a page', () => {
    const { table } = setUp(x86);
    table.map(at(x86.data.attributes.pat!, G1));
    expect(table.find(0n)!.entry).toBe(0x4000_1087n);
    table.map({ ...at(0n, M2), oa: 0n });
    expect(table.find(M2)!.entry).toBe(0x4020_1087n);
    expect(table.unmap(M2 + K4, K4)).toEqual({ ok: true, changed: 1 });
    expect(table.find(M2)!.entry).toBe(0x4020_0087n);
    expect(describeEntry(x86, 0, 0x4020_0087n)).toMatchObject({
      name: 'PTE',
      leaf: true,
      flags: ['P', 'RW', 'US', 'PAT'],
    });
    expect(describeEntry(x86, 1, 0x4020_1087n)).toMatchObject({
      address: 0x4020_0000n,
      reserved: 0n,
      flags: ['P', 'RW', 'US', 'PS', 'PAT'],
    });
  });

  test('second stage: tables are R W, and X only on the way to a leaf that has it', () => {
    const { mem, table } = setUp(ss);
    table.map({ ...at(ss.data.attributes.snoop!), write: false });
    expect([mem.read64(ROOT), table.find(0n)!.entry]).toEqual([0x10_1003n, 0x4000_0801n]);
    table.protect(0n, K4, { ...user, execute: true });
    expect([mem.read64(ROOT), table.find(0n)!.entry]).toEqual([0x10_1007n, 0x4000_0807n]);
    expect(describeEntry(ss, 0, 0x4000_0831n).flags).toEqual(['R', 'EMT=6', 'SNP']);
  });

  test('splitting an executable leaf keeps it executable', () => {
    const { mem, table } = setUp(ss);
    table.map({ ...at(0n, M2), execute: true });
    table.unmap(0n, K4);
    expect(slowWalk({ vtd: 'second', levels: 4, limits: WIDEST_LIMITS }, (a) => mem.read64(a), ROOT, K4)).toMatchObject(
      { execute: true },
    );
  });

  test('a second-stage entry without R and W is not present, whatever else it holds', () => {
    const absent = { name: 'SS-PTE', present: false, leaf: false, address: 0n, flags: [], reserved: 0n };
    expect(describeEntry(ss, 0, 0x7000_0000_4000_0004n)).toEqual(absent);
    const { table } = setUp(ss);
    table.map(at(0n));
    expect(table.protect(0n, K4, { ...user, read: false, write: false })).toEqual({ ok: true, changed: 1 });
    expect(table.find(0n)).toMatchObject({ leaf: false, entry: G1 });
  });

  test('aarch64: accessed, not global and inner shareable unless said otherwise', () => {
    const { mem, table } = setUp(vmsaStage1({ granule: 12, inputBits: 48 }));
    const { attributes } = table.format.data;
    const written = (names: readonly string[], more = {}): bigint => {
      const set = names.reduce((sum, name) => sum | attributes[name]!, 0n);
      expect(table.map({ ...at(set), execute: true, ...more })).toMatchObject({ ok: true });
      return table.find(0n)!.entry;
    };
    expect(written([])).toBe(0x4000_0f43n);
    expect(mem.read64(ROOT) & 0xfffn).toBe(3n);
    expect(written(['no_af'])).toBe(0x4000_0b43n);
    expect(written([], { global: true })).toBe(0x4000_0743n);
    expect(written(['attr3', 'outer_shareable'])).toBe(0x4000_0e4fn);
    expect(written(['non_shareable', 'contiguous', 'dbm'], { write: false, user: false })).toBe(0x18_0000_4000_0c83n);
    expect(written([], { execute: false })).toBe(0x60_0000_4000_0f43n);
    expect(describeEntry(table.format, 0, 0x60_0000_4000_0f43n)).toMatchObject({
      name: 'S1.L3',
      address: G1,
      flags: ['VALID', 'PAGE', 'AP1', 'SH=3', 'AF', 'nG', 'PXN', 'UXN'],
    });
    expect(describeEntry(table.format, 1, 0xf800_0000_4000_0003n)).toMatchObject({
      leaf: false,
      flags: ['VALID', 'TABLE', 'PXNTable', 'UXNTable', 'APTable=3', 'NSTable'],
    });
  });

  test('aarch64 stage 2: normal write-back memory, read and write apart', () => {
    const { table } = setUp(vmsaStage2({ granule: 16, inputBits: 48, startLevel: 1 }));
    const { attributes } = table.format.data;
    const leaf = { ...at(0n, K64), execute: true };
    table.map(leaf);
    expect(table.find(0n)!.entry).toBe(0x4000_07ffn);
    table.map({ ...leaf, write: false, set: attributes.device! });
    expect(table.find(0n)!.entry).toBe(0x4000_0743n);
    table.map({ ...leaf, page: M512, size: M512, set: attributes.non_cacheable! | attributes.no_af! });
    expect(table.find(0n)!.entry).toBe(0x4000_03d5n);
    // A block that hardware never accessed stays so when it is split.
    table.unmap(0n, K64);
    expect(table.find(K64)!.entry).toBe(0x4001_03d7n);
  });

  test('aarch64: the top bits of a 52-bit address lie low, and a run may cross them', () => {
    for (const [granule, size, crossing, bits] of [
      [16, K64, 2n ** 48n, 0x1300n],
      [12, K4, 2n ** 50n, 0x100n],
      [14, K16, 2n ** 50n, 0x100n],
    ] as const) {
      const { table } = setUp(vmsaStage1({ granule, inputBits: 48, outputBits: 52 }));
      expect(table.map({ ...at(0n, size), oa: crossing - size, size: 3n * size })).toEqual({ ok: true, changed: 3 });
      expect([...table.leaves()].map(({ oa }) => oa)).toEqual([crossing - size, crossing, crossing + size]);
      expect(table.find(size)!.entry & 0xff_ffff_f3ffn & ~0xc43n).toBe(bits);
    }
  });

  test('tables that refer to each other end in a problem', () => {
    const { table, mem } = setUp(x86);
    for (let i = 0n; i < 512n; i++) mem.write64(ROOT + i * 8n, ROOT | 0x7n);
    const problem = expect.stringContaining('tables refer to each other');
    expect(table.protect(0n, 2n ** 47n, user)).toEqual({ ok: false, problem });
  });

  test('a protection that changes nothing splits nothing', () => {
    const { table } = setUp(x86);
    table.map(at(0n, M2));
    expect(table.protect(K4, K4, user)).toEqual({ ok: true, changed: 0 });
    expect(table.find(0n)!.level).toBe(1);
  });
});

/** Attributes of the random edits, by the flag that shows them, in bit order; `pat` lies elsewhere in a large leaf. */
const NAMES: Readonly<Record<string, string>> = { A: 'accessed', PAT: 'pat', DBM: 'dbm', CONT: 'contiguous' };

interface State {
  readonly hpa: bigint;
  readonly write: boolean;
  readonly user: boolean;
  readonly attributes: readonly string[];
}

/** Pages on both sides of every boundary that a split or a replaced table can get wrong. */
function probesOf(sizes: readonly bigint[], top: bigint): bigint[] {
  const [small] = sizes as [bigint];
  const [middle, large] = sizes.length < 2 ? [8n * small, 16n * small] : [sizes[1]!, sizes[2] ?? 64n * sizes[1]!];
  return [0n, middle, 2n * middle, large - middle, large, large + middle, 2n * large, top]
    .flatMap((at) => [at - small, at, at + small, at + 7n * small])
    .filter((probe, i, all) => 0n <= probe && probe < top && all.indexOf(probe) === i);
}

const edits = (sizes: readonly bigint[], probes: readonly bigint[], top: bigint) =>
  fc
    .record({
      kind: fc.constantFrom('map', 'map', 'unmap', 'protect'),
      page: fc.constantFrom(...sizes),
      start: fc.constantFrom(...probes),
      count: fc.constantFrom(1n, 2n, 3n, 513n),
      frame: fc.bigInt(0n, 15n),
      write: fc.boolean(),
      isUser: fc.boolean(),
      set: fc.subarray(Object.values(NAMES)),
    })
    .map(({ kind, page, start, count, frame, ...rest }) => {
      const at = start - (start % page);
      const room = (top - at) / page;
      const pages = page < G1 && count < room ? count : 1n;
      return { ...rest, kind, page, at, size: page * pages, oa: frame * page };
    });
