import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { Access, makeCaps, Request, VtdUnit } from '../engine/models/vtd/index.ts';
import { type SlowAnswer, type SlowCaps, type SlowRequest, slowWalk } from './oracle/slow-vtd.ts';
import { cases } from './property.ts';

/**
 * Random machines: few pages, so that tables meet, loop and overlap; entries that are usually well formed and sometimes
 * garbage. Every outcome of the engine must be what the slow walk says, also when caches answer the second time.
 */
const POOL = 12;
const POOL_AT = 0x10_0000n;
const GUEST_AT = 0x4000_0000n;
const ROOT = 0x8000_0000n;
const SID = 0x9an;

const poolPage = fc.integer({ min: 0, max: POOL - 1 });
const often = <T>(usual: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight = 20): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: usual, weight }, { arbitrary: rare, weight: 1 });
const noise = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const oneBit = fc.integer({ min: 0, max: 63 }).map((at) => 1n << BigInt(at));

/** Sparse bits that flip something in an entry now and then. */
const flips = often(fc.constant(0n), fc.oneof(oneBit, oneBit, noise), 12);
/** Guest pages are the pool's pages as the second stage shows them: page n at GPA n * 4 KiB. */
const firstEntry = fc
  .tuple(poolPage, flips, fc.constantFrom(0x7n, 0x27n, 0x67n, 0x5n, 0x3n, 0x87n))
  .map(([to, flip, low]) => ((low & 0x80n ? 0n : BigInt(to) * 0x1000n) | low) ^ flip);
const secondEntry = fc
  .tuple(poolPage, flips, fc.constantFrom(0x7n, 0x3n, 0x3n, 0x1n, 0x2n, 0x83n))
  .map(([to, flip, low]) => ((low & 0x80n ? 0n : POOL_AT + BigInt(to) * 0x1000n) | low) ^ flip);

/** Indices that addresses use, so that walks land on the entries that were written. */
const INDICES = [0, 1, 2, 511];
const tablePage = (entry: fc.Arbitrary<bigint>) => fc.tuple(...INDICES.map(() => entry));
const smallIndex = fc.constantFrom(...INDICES.slice(0, 3));
const topIndex = often(fc.constant(0), fc.constant(1), 15);
const address = fc
  .tuple(topIndex, smallIndex, smallIndex, smallIndex, smallIndex, fc.integer({ min: 0, max: 0xfff }), flips)
  .map(([a, b, c, d, e, offset, flip]) => {
    const index = [b, c, d, e].reduce((sum, value) => (sum << 9n) | BigInt(value), BigInt(a));
    return ((index << 12n) | BigInt(offset)) ^ flip;
  });

const pasidEntry = fc.record({
  kind: often(fc.constantFrom(1n, 2n, 3n, 3n, 3n, 4n), fc.constantFrom(0n, 5n, 7n)),
  aw: often(fc.constantFrom(1n, 2n, 2n, 3n), fc.constantFrom(0n, 4n)),
  low: fc.constantFrom(0n, 0n, 0x200n, 0x20n, 0x220n),
  root2: poolPage,
  root1: poolPage,
  flags: fc
    .tuple(fc.integer({ min: 0, max: 0xff }), often(fc.constant(3n), fc.constant(0n), 6))
    .map(([bits, enables]) => (BigInt(bits) & ~0xcn) | enables),
  mode: often(fc.constantFrom(0n, 0n, 1n), fc.constantFrom(2n, 3n)),
  flip: often<readonly bigint[]>(fc.constant([0n, 0n, 0n]), fc.tuple(oneBit, oneBit, oneBit)),
});

const machine = fc.record({
  first: fc.array(tablePage(firstEntry), { minLength: POOL, maxLength: POOL }),
  second: fc.array(tablePage(secondEntry), { minLength: POOL, maxLength: POOL }),
  /** Rights of the straight second stage, page by page. */
  rights: fc.array(often(fc.constant(7n), fc.constantFrom(5n, 6n, 3n, 0n), 8), { minLength: POOL, maxLength: POOL }),
  pasid: pasidEntry,
  context: often(fc.constant(0n), oneBit),
  haw: fc.constantFrom(52, 46, 39),
  mgaw: fc.constantFrom(48, 57, 39),
  sc: fc.boolean(),
  dt: fc.boolean(),
  ss: fc.constantFrom(0, 1, 3),
  fs1g: fc.boolean(),
  requests: fc.array(
    fc.record({
      address,
      want: fc.constantFrom<SlowRequest['want']>('read', 'write', 'execute'),
      privileged: fc.boolean(),
      withPasid: often(fc.constant(true), fc.constant(false), 4),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});
type Machine = typeof machine extends fc.Arbitrary<infer T> ? T : never;

const ACCESS = { read: Access.Read, write: Access.Write, execute: Access.Exec } as const;

function build(m: Machine) {
  const memory = new Map<bigint, bigint>();
  const set = (at: bigint, value: bigint) => memory.set(at, value & ((1n << 64n) - 1n));
  // Half of the pool holds second-stage tables; the second stage shows page n of it, and of the guest's, at n * 4 KiB.
  m.second.forEach((entries, n) => {
    for (const [i, value] of entries.entries()) set(POOL_AT + BigInt(n) * 0x1000n + BigInt(8 * INDICES[i]!), value);
  });
  // A straight second stage in 4 levels at the top of the pool, for walks that get further.
  const straight = POOL_AT + 0x10_0000n;
  for (let level = 0; level < 4; level++)
    set(straight + BigInt(level) * 0x1000n, (straight + BigInt(level + 1) * 0x1000n) | 0x7n);
  for (let n = 0; n < POOL; n++)
    set(straight + 0x4000n + BigInt(8 * n), (GUEST_AT + BigInt(n) * 0x1000n) | m.rights[n]!);
  m.first.forEach((entries, n) => {
    for (const [i, value] of entries.entries()) set(GUEST_AT + BigInt(n) * 0x1000n + BigInt(8 * INDICES[i]!), value);
  });
  const { pasid } = m;
  // Even roots take the straight second stage at the level their width needs, so that most walks get past it.
  const root2 =
    pasid.root2 % 2 === 0 ? straight + (4n - (pasid.aw + 1n)) * 0x1000n : POOL_AT + BigInt(pasid.root2) * 0x1000n;
  const root1 = pasid.kind === 3n ? BigInt(pasid.root1) * 0x1000n : GUEST_AT + BigInt(pasid.root1) * 0x1000n;
  set(ROOT + 8n, (ROOT + 0x1000n) | 1n);
  set(ROOT + 0x1000n + (SID & 0x7fn) * 32n, ((ROOT + 0x2000n) | 0x9n) ^ m.context);
  set(ROOT + 0x1000n + (SID & 0x7fn) * 32n + 8n, 3n);
  set(ROOT + 0x2000n, (ROOT + 0x3000n) | 1n);
  const at = ROOT + 0x3000n + 3n * 64n;
  const [f0, f1, f2] = pasid.flip;
  set(at, (1n | (pasid.aw << 2n) | (pasid.kind << 6n) | pasid.low | root2) ^ f0!);
  set(at + 8n, 1n ^ f1!);
  set(at + 16n, (root1 | pasid.flags | (pasid.mode << 2n)) ^ f2!);
  return memory;
}

function enginesView(memory: ReadonlyMap<bigint, bigint>, m: Machine): VtdUnit {
  const mem = new PhysMem();
  for (const [at, value] of memory) mem.write64(at, value);
  const fields = { MGAW: m.mgaw - 1, SC: m.sc ? 1 : 0, DT: m.dt ? 1 : 0, SSLPS: m.ss, FS1GP: m.fs1g ? 1 : 0 };
  const unit = new VtdUnit(mem, makeCaps(fields, m.haw));
  unit.rtaddr = ROOT | 0x400n;
  return unit;
}

const slowCaps = (m: Machine): SlowCaps => ({
  haw: BigInt(m.haw),
  mgawBits: BigInt(m.mgaw),
  sagaw: 0b1110n,
  ss2m: (m.ss & 1) !== 0,
  ss1g: (m.ss & 2) !== 0,
  fs1g: m.fs1g,
  fs5lp: true,
  sc: m.sc,
  dt: m.dt,
});

/** How often each outcome was seen, so that a generator that only makes faults cannot pass for a test. */
const seen = new Map<string, number>();

test('the engine and the slow walk agree on random tables', () => {
  const property = fc.property(machine, (m) => {
    let memory = build(m);
    const unit = enginesView(memory, m);
    for (const { address: raw, want, privileged, withPasid } of m.requests) {
      const asked = raw & ((1n << 64n) - 1n);
      if (!withPasid && asked >> 20n === 0xfeen) continue;
      const slow = slowWalk(memory, ROOT | 0x400n, slowCaps(m), {
        sid: SID,
        pasid: withPasid ? 3n : null,
        address: asked,
        want,
        privileged,
      });
      seen.set(slow.fault ?? 'ok', (seen.get(slow.fault ?? 'ok') ?? 0) + 1);
      const request = new Request({
        sid: Number(SID),
        pasid: withPasid ? 3 : -1,
        address: asked,
        access: ACCESS[want],
        privileged,
      });
      const peeked = unit.peek(request);
      expect(comparable(peeked)).toEqual(expected(slow));
      expect([peeked.refs, peeked.config]).toEqual([slow.reads, slow.configReads]);

      unit.iotlb.clear();
      const cold = unit.translate(request);
      expect(comparable(cold)).toEqual(expected(slow));
      expect([cold.refs, cold.stale]).toEqual([slow.reads, 0]);
      memory = new Map([...memory, ...slow.updates]);
      expect([...memory].filter(([at, value]) => unit.mem.read64(at) !== value)).toEqual([]);

      const warm = unit.translate(request);
      expect([warm.ok, warm.fault, warm.stale]).toEqual([cold.ok, cold.fault, 0]);
      if (slow.fault === null) expect([warm.refs, warm.hpa]).toEqual([0, slow.hpa]);
    }
  });
  fc.assert(property, cases(3000));
  expect(seen.get('ok')).toBeGreaterThan(500);
  for (const name of [
    'SFS.2',
    'SFS.3',
    'SFS.8',
    'SSS.2',
    'SSS.3',
    'SGN.1',
    'SGN.2',
    'SGN.3',
    'SGN.6',
    'SPT.3',
    'SPT.4',
    'SPT.5',
    'SPT.6',
  ])
    expect([name, (seen.get(name) ?? 0) > 3]).toEqual([name, true]);
});

const comparable = (r: {
  ok: boolean;
  reason: { name: string } | undefined;
  hpa: bigint;
  lg2: number;
  grants: number;
}) =>
  r.ok
    ? { fault: null, hpa: r.hpa, lg2: r.lg2, rights: r.grants & 7 }
    : { fault: r.reason?.name, hpa: 0n, lg2: 0, rights: 0 };

const expected = (slow: SlowAnswer) => ({
  fault: slow.fault,
  hpa: slow.hpa,
  lg2: slow.pageLg2,
  rights: (slow.read ? 1 : 0) | (slow.write ? 2 : 0) | (slow.execute ? 4 : 0),
});
