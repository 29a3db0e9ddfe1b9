import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  readEntry,
  safeOfSte,
  usedOfSte,
  writeEntry,
  writeEntryOfOld,
} from '../engine/host/arm-smmu-v3/entry-writer.ts';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { encode } from '../engine/models/bit-layout.ts';
import { STE } from '../engine/models/smmuv3/stream-table.ts';
import { cases } from './property.ts';

const AT = 0x1000n;

const pointer = fc.bigInt(0n, 0xffffn).map((n) => n << 12n);
const stage1 = fc.record({
  S1ContextPtr: pointer,
  S1CDMax: fc.nat(20),
  S1Fmt: fc.nat(2),
  S1DSS: fc.nat(2),
  S1STALLD: fc.nat(1),
});
const stage2 = fc.record({
  S2VMID: fc.nat(0xffff),
  S2T0SZ: fc.nat(39),
  S2TTB: pointer,
  S2R: fc.nat(1),
  S2FWB: fc.nat(1),
});
const shared = fc.record({ EATS: fc.nat(1), MEV: fc.nat(1) });
/** Entries as the driver makes them: a field is set only where the entry uses it. */
const entry = fc.oneof(
  fc.constant(encode(STE, {})),
  fc.constant(encode(STE, { V: 1 })),
  fc.constant(encode(STE, { V: 1, Config: 4 })),
  fc.tuple(stage1, shared).map(([one, both]) => encode(STE, { V: 1, Config: 5, ...one, ...both })),
  fc.tuple(stage2, shared).map(([two, both]) => encode(STE, { V: 1, Config: 6, ...two, ...both })),
  fc.tuple(stage1, stage2, shared).map(([one, two, both]) => encode(STE, { V: 1, Config: 7, ...one, ...two, ...both })),
);

/** What hardware sees of an entry: the bits that it uses, less those that may change at any time. */
const seen = (words: readonly bigint[], free: readonly bigint[]): string =>
  usedOfSte(words)
    .map((used, i) => `${words[i]! & used & ~free[i]!}`)
    .join();

function change(from: readonly bigint[], to: readonly bigint[], safe: boolean): { views: bigint[][]; end: bigint[] } {
  const mem = new PhysMem();
  for (const [i, word] of from.entries()) mem.write64(AT + BigInt(8 * i), word);
  const views: bigint[][] = [];
  const sync = (): void => void views.push(readEntry(mem, AT));
  writeEntry({ mem, address: AT, used: usedOfSte, sync, ...(safe ? { safe: safeOfSte } : {}) }, to);
  return { views, end: readEntry(mem, AT) };
}

describe('arm_smmu_write_entry', () => {
  test.each([false, true])(
    'ends with the target, and shows the old entry, the new one or none (safe bits: %s)',
    (safe) => {
      const property = fc.property(entry, entry, (from, to) => {
        const { views, end } = change(from, to, safe);
        expect(end).toEqual(to);
        const free = safe ? safeOfSte(from, to) : from.map(() => 0n);
        const known = new Set([seen(from, free), seen(to, free)]);
        for (const view of views) expect((view[0]! & 1n) === 0n || known.has(seen(view, free))).toBe(true);
        expect(views.length).toBeLessThanOrEqual(3);
        if (views.length > 0) expect(views.at(-1)).toEqual(to);
      });
      fc.assert(property, cases(500));
    },
  );

  test('nothing is written and nothing flushed for an entry that stays', () => {
    const same = encode(STE, { V: 1, Config: 5, S1ContextPtr: 0x4000, S1DSS: 2 });
    expect(change(same, same, true).views).toEqual([]);
  });

  test('MEV and Config together break the entry, unless MEV is known to be safe', () => {
    const s2 = { V: 1, S2VMID: 3, S2TTB: 0x8000n, S2R: 1 };
    const [from, to] = [
      encode(STE, { ...s2, Config: 6 }),
      encode(STE, { ...s2, Config: 7, S1ContextPtr: 0x4000n, S1DSS: 2, MEV: 1 }),
    ];
    const isBroken = (safe: boolean): boolean => change(from, to, safe).views.some((view) => (view[0]! & 1n) === 0n);
    expect([isBroken(false), isBroken(true)]).toEqual([true, false]);
  });

  test('drivers before 6.9 write word 0 last', () => {
    const mem = new PhysMem();
    const views: bigint[] = [];
    const target = encode(STE, { V: 1, Config: 6, S2VMID: 1, S2TTB: 0x8000n });
    writeEntryOfOld({ mem, address: AT, used: usedOfSte, sync: () => void views.push(mem.read64(AT)) }, target);
    expect(views).toEqual([0n, target[0]]);
    expect(readEntry(mem, AT)).toEqual(target);
  });
});
