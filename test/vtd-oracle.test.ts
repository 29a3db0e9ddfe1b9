import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PhysMem } from '../engine/memory/phys-mem.ts';
import { Access, Kind, makeCaps, Request, VtdUnit } from '../engine/models/vtd/index.ts';
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

/** A capability that is usually there. */
const present = often(fc.constant(true), fc.constant(false), 30);
const capabilities = fc.record({
  dt: often(fc.constant(true), fc.constant(false), 3),
  sc: fc.boolean(),
  cm: often(fc.constant(false), fc.constant(true), 10),
  domainBits: fc.constantFrom(16, 16, 16, 8),
  smts: often(fc.constant(true), fc.constant(false), 40),
  adms: present,
  pt: present,
  fsts: present,
  ssts: present,
  nest: present,
  pasid: present,
  prs: present,
  rps: present,
  rprivs: present,
  srs: present,
  ers: present,
  eafs: present,
  ssads: present,
  smpwcs: present,
});
/** Translation types that a legacy context entry can have, the reserved one rarely. */
const legacy = fc.record({
  type: often(fc.constantFrom(0n, 0n, 0n, 0n, 1n, 2n), fc.constant(3n)),
  root: often(fc.constant(0n), fc.oneof(fc.constant(1n), oneBit)),
  rootHigh: often(fc.constant(0n), oneBit),
});

/** @param mode TTM of RTADDR */
const machineIn = (mode: fc.Arbitrary<bigint>) =>
  fc.record({
    mode,
    legacy,
    caps: capabilities,
    did: often(fc.constant(1n), fc.constantFrom(0n, 0x1ffn), 16),
    rid: often(fc.constant(3n), fc.constant(0n), 4),
    first: fc.array(tablePage(firstEntry), { minLength: POOL, maxLength: POOL }),
    second: fc.array(tablePage(secondEntry), { minLength: POOL, maxLength: POOL }),
    /** Rights of the straight second stage, page by page. */
    rights: fc.array(often(fc.constant(7n), fc.constantFrom(5n, 6n, 3n, 0n), 8), { minLength: POOL, maxLength: POOL }),
    pasid: pasidEntry,
    context: often(fc.constant(0n), oneBit),
    haw: fc.constantFrom(52, 46, 39),
    mgaw: fc.constantFrom(48, 57, 39),
    ss: fc.constantFrom(0, 1, 3),
    fs1g: fc.boolean(),
    requests: fc.array(
      fc.record({
        address,
        want: fc.constantFrom<SlowRequest['want']>('read', 'write', 'execute'),
        privileged: fc.boolean(),
        withPasid: often(fc.constant(true), fc.constant(false), 4),
        ats: often(fc.constant(false), fc.constant(true), 6),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  });
type Machine = ReturnType<typeof machineIn> extends fc.Arbitrary<infer T> ? T : never;

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
  if (m.mode === 0n) return legacyTables(m, root2, set, memory);
  const root1 = pasid.kind === 3n ? BigInt(pasid.root1) * 0x1000n : GUEST_AT + BigInt(pasid.root1) * 0x1000n;
  set(ROOT + 8n, (ROOT + 0x1000n) | 1n);
  set(ROOT + 0x1000n + (SID & 0x7fn) * 32n, ((ROOT + 0x2000n) | (m.caps.dt ? 0xdn : 0x9n)) ^ m.context);
  set(ROOT + 0x1000n + (SID & 0x7fn) * 32n + 8n, m.rid);
  set(ROOT + 0x2000n, (ROOT + 0x3000n) | 1n);
  const [f0, f1, f2] = pasid.flip;
  for (const at of [ROOT + 0x3000n, ROOT + 0x3000n + 3n * 64n]) {
    set(at, (1n | (pasid.aw << 2n) | (pasid.kind << 6n) | pasid.low | root2) ^ f0!);
    set(at + 8n, m.did ^ f1!);
    set(at + 16n, (root1 | pasid.flags | (pasid.mode << 2n)) ^ f2!);
  }
  return memory;
}

function legacyTables(
  m: Machine,
  root2: bigint,
  set: (at: bigint, value: bigint) => void,
  memory: Map<bigint, bigint>,
): Map<bigint, bigint> {
  set(ROOT, ((ROOT + 0x1000n) | 1n) ^ m.legacy.root);
  set(ROOT + 8n, m.legacy.rootHigh);
  const at = ROOT + 0x1000n + SID * 16n;
  const [flipped] = m.pasid.flip;
  set(at, (root2 | (m.legacy.type << 2n) | 1n) ^ m.context);
  set(at + 8n, (m.pasid.aw | (m.did << 8n) | 0x28n) ^ flipped!);
  return memory;
}

const rtaddrOf = (m: Machine): bigint => ROOT | (m.mode << 10n);

function enginesView(memory: ReadonlyMap<bigint, bigint>, m: Machine): VtdUnit {
  const mem = new PhysMem();
  for (const [at, value] of memory) mem.write64(at, value);
  const { domainBits, ...flags } = m.caps;
  const named = Object.entries(flags).map(([name, on]) => [name.toUpperCase(), on ? 1 : 0]);
  const sizes = { MGAW: m.mgaw - 1, SSLPS: m.ss, FS1GP: m.fs1g ? 1 : 0, ND: (domainBits - 4) / 2 };
  const unit = new VtdUnit(mem, makeCaps({ ...Object.fromEntries(named), ...sizes }, m.haw));
  unit.rtaddr = rtaddrOf(m);
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
  ...m.caps,
});

/** How often each outcome was seen, so that a generator that only makes faults cannot pass for a test. */
const seen = new Map<string, number>();
const usual = (names: readonly string[]): string[] => names.filter((name) => (seen.get(name) ?? 0) > 3);

test('the engine and the slow walk agree on random tables', () => {
  fc.assert(fc.property(machineIn(fc.constant(1n)), agree), cases(3000));
  expect(seen.get('ok')).toBeGreaterThan(500);
  const wanted = [
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
    'SCT.3',
    'SCT.5',
  ];
  expect(usual(wanted)).toEqual(wanted);
});

test('the engine and the slow walk agree on random tables of legacy mode, and on modes without tables', () => {
  const before = seen.get('ok') ?? 0;
  const mode = often(fc.constant(0n), fc.constantFrom(2n, 3n), 12);
  fc.assert(fc.property(machineIn(mode), agree), cases(1500));
  expect((seen.get('ok') ?? 0) - before).toBeGreaterThan(200);
  const wanted = [
    'RTA.1',
    'RTA.2',
    'RTA.4',
    'LRT.3',
    'LCT.2',
    'LCT.3',
    'LCT.4',
    'LCT.5',
    'LGN.1',
    'LGN.2',
    'LGN.3',
    'LSS.2',
  ];
  expect(usual(wanted)).toEqual(wanted);
});

function agree(m: Machine): void {
  let memory = build(m);
  const unit = enginesView(memory, m);
  for (const { address: raw, want, privileged, ats, ...asks } of m.requests) {
    // Legacy mode takes none, which is soon seen.
    const withPasid = m.mode === 0n ? !asks.withPasid : asks.withPasid;
    const asked = raw & ((1n << 64n) - 1n);
    if (!withPasid && asked >> 20n === 0xfeen) continue;
    const slow = slowWalk(memory, rtaddrOf(m), slowCaps(m), {
      sid: SID,
      pasid: withPasid ? 3n : null,
      address: asked,
      want,
      privileged,
      ats,
    });
    seen.set(slow.fault ?? 'ok', (seen.get(slow.fault ?? 'ok') ?? 0) + 1);
    const request = new Request({
      sid: Number(SID),
      pasid: withPasid ? 3 : -1,
      address: asked,
      access: ACCESS[want],
      privileged,
      kind: ats ? Kind.Translation : Kind.Untranslated,
    });
    const peeked = unit.peek(request);
    expect(comparable(peeked)).toEqual(expected(slow));
    expect([peeked.refs, peeked.config]).toEqual([slow.reads, slow.configReads]);

    unit.iotlb.clear();
    unit.structures?.clear();
    const cold = unit.translate(request);
    expect(comparable(cold)).toEqual(expected(slow));
    expect([cold.refs, cold.stale, cold.logged]).toEqual([slow.reads, 0, slow.logged]);
    memory = new Map([...memory, ...slow.updates]);
    expect([...memory].filter(([at, value]) => unit.mem.read64(at) !== value)).toEqual([]);

    const warm = unit.translate(request);
    expect([warm.ok, warm.fault, warm.stale]).toEqual([cold.ok, cold.fault, 0]);
    if (slow.fault === null) expect([warm.refs, warm.hpa]).toEqual([0, slow.hpa]);
  }
}

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
