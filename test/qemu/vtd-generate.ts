import { Rng } from './rng.ts';
import { type Access, DATA_PAGES, SIDS, type Step, type Variant, type VtdCase } from './vtd-case.ts';
import { damage } from './vtd-damage.ts';
import { invalidation } from './vtd-invalidations.ts';
import { canonical, type Domain, type Mapping, pageShift, Tables } from './vtd-tables.ts';

const SCALABLE = 1n << 10n;

/** Everything of a case while it is made. */
export interface Making {
  readonly rng: Rng;
  readonly variant: Variant;
  readonly tables: Tables;
  readonly rtaddr: bigint;
  readonly devices: ReadonlyMap<number, Domain>;
}

/** The case that belongs to a seed. */
export function makeCase(variant: Variant, seed: number): VtdCase {
  const rng = new Rng(seed);
  const making = structures(rng, variant);
  const { tables, rtaddr } = making;
  // What memory holds before the first access; edits come later and must not show here.
  const broken = rng.weighted([
    [5, 0],
    [4, 1],
    [1, 2],
  ] as const);
  for (let i = 0; i < broken; i++) {
    const entry = rng.pick(tables.entries);
    tables.set(entry.at, damage(making, entry));
  }
  const memory = new Map(tables.memory);
  const steps: Step[] = [];
  const rounds = 1 + rng.below(4);
  for (let round = 0; round < rounds; round++) {
    const mapping = pickMapping(making);
    if (round > 0) steps.push(...edits(making, rng.chance(80) ? mapping : pickMapping(making)));
    const times = 1 + rng.below(2);
    const accesses = Array.from({ length: times }, () => access(making, mapping)).filter((step) => step !== undefined);
    // An access before and after: what was cached in between shows.
    if (rng.chance(60)) steps.unshift(...accesses.filter(() => rng.chance(70)));
    steps.push(...accesses);
  }
  return { variant, seed, rtaddr, memory, steps };
}

/** Root, context and PASID structures and some mappings for one to three devices. */
function structures(rng: Rng, variant: Variant): Making {
  const tables = new Tables(rng, variant);
  const root = tables.page()!;
  const devices = new Map<number, Domain>();
  const domains: Domain[] = [];
  const contexts = new Map<bigint, bigint>();
  const directory = tables.page()!;
  const leaves = tables.page()!;
  const directoryIndex = BigInt(rng.pick([0, 1, 5, 127]));
  const pasids = new Set<number>();
  const count = 1 + rng.below(3);
  if (variant.mode === 'scalable') tables.add('pde', directory + directoryIndex * 8n, leaves | 1n);
  for (let i = 0; i < count; i++) {
    const sid = rng.pick(SIDS);
    if (devices.has(sid)) continue;
    const domain =
      domains.length > 0 && rng.chance(30)
        ? rng.pick(domains)
        : newDomain(rng, variant, tables, directoryIndex, domains.length);
    domains.push(domain);
    devices.set(sid, domain);
    const scalable = variant.mode === 'scalable';
    const upper = scalable && (sid & 0x80) !== 0;
    const half = root + BigInt(sid >> 8) * 16n + (upper ? 8n : 0n);
    let context = contexts.get(half);
    if (context === undefined) {
      context = tables.page()!;
      contexts.set(half, context);
      tables.add('root', half, context | 1n);
    }
    if (!scalable) {
      legacyContext(rng, tables, context + BigInt(sid & 0xff) * 16n, domain);
      continue;
    }
    const at = context + BigInt(sid & 0x7f) * 32n;
    tables.add('context', at, directory | 1n | (rng.chance(10) ? 2n : 0n) | (rng.chance(20) ? 0x200n : 0n));
    tables.add('context', at + 8n, BigInt(domain.pasid));
    if (pasids.has(domain.pasid)) continue;
    pasids.add(domain.pasid);
    pasidEntry(rng, tables, leaves + BigInt(domain.pasid & 63) * 64n, domain);
  }
  const making = { rng, variant, tables, rtaddr: root | (variant.mode === 'scalable' ? SCALABLE : 0n), devices };
  for (const domain of new Set(domains)) {
    if (domain.type === 'pass-through') continue;
    for (let i = 1 + rng.below(4); i > 0; i--) tables.map(domain, tables.address(domain), leafLevel(rng));
  }
  return making;
}

const leafLevel = (rng: Rng): number =>
  rng.weighted([
    [6, 1],
    [3, 2],
    [2, 3],
  ] as const);

function newDomain(rng: Rng, variant: Variant, tables: Tables, directoryIndex: bigint, known: number): Domain {
  const start = rng.below(2);
  const type = rng.chance(8) ? 'pass-through' : variant.stage;
  const levels = variant.stage === 'first' ? 4 : variant.width === 48 && rng.chance(70) ? 4 : 3;
  return {
    // Two tables never share a domain id: software must not let them.
    did: 1 + 2 * known + rng.below(2),
    pasid: Number(directoryIndex << 6n) | [0, 1, 7, 63][start + known]!,
    type,
    levels,
    root: tables.page()!,
  };
}

function pasidEntry(rng: Rng, tables: Tables, at: bigint, domain: Domain): void {
  const pgtt = { first: 1n, second: 2n, 'pass-through': 4n }[domain.type];
  // Linux gives AW of the unit to every entry; what a translation type does not use is ignored.
  const aw = domain.type === 'second' ? BigInt(domain.levels - 2) : 2n;
  const fpd = rng.chance(10) ? 2n : 0n;
  const low = 1n | fpd | (aw << 2n) | (pgtt << 6n);
  tables.add('pasid', at, low | (domain.type === 'second' ? domain.root : 0n));
  tables.add('pasid', at + 8n, BigInt(domain.did));
  tables.add('pasid', at + 16n, domain.type === 'first' ? domain.root | (rng.chance(20) ? 0x10n : 0n) : 0n);
}

/** Legacy context entry, 128 bits: P, FPD, TT, SSPTPTR; AW, DID (VT-d 9.3). */
function legacyContext(rng: Rng, tables: Tables, at: bigint, domain: Domain): void {
  const type = domain.type === 'pass-through' ? 2n : 0n;
  tables.add('context', at, domain.root | 1n | (rng.chance(10) ? 2n : 0n) | (type << 2n));
  const ignored = rng.chance(20) ? rng.bits(4) << 3n : 0n;
  tables.add('context', at + 8n, BigInt(domain.levels - 2) | (BigInt(domain.did) << 8n) | ignored);
}

const pickMapping = ({ rng, tables }: Making): Mapping | undefined =>
  tables.mappings.length > 0 && rng.chance(95) ? rng.pick(tables.mappings) : undefined;

/** An access to a mapping, next to it, or to an address nothing can translate. */
function access({ rng, devices }: Making, mapping: Mapping | undefined): Access | undefined {
  const owners = [...devices].filter(([, domain]) => !mapping || domain === mapping.domain).map(([sid]) => sid);
  const sid = rng.chance(92) && owners.length > 0 ? rng.pick(owners) : rng.pick(SIDS);
  const domain = devices.get(sid);
  let address = mapping ? mapping.address : rng.pick(DATA_PAGES);
  if (mapping) address |= rng.bits(Number(pageShift(mapping.level))) & ~0xfffn;
  if (mapping && rng.chance(8)) address ^= 1n << pageShift(1 + rng.below(mapping.domain.levels));
  if (domain?.type === 'first' && rng.chance(70)) address = canonical(address, domain.levels);
  if (rng.chance(5)) address ^= 1n << BigInt(39 + rng.below(25));
  address = BigInt.asUintN(64, address | (rng.bits(9) << 3n));
  // That is where interrupts are sent.
  if (address >> 20n === 0xfeen) return undefined;
  return { do: 'access', sid, address, write: rng.chance(45) };
}

/** One or two edits, then no, one or several invalidations. */
function edits(making: Making, mapping: Mapping | undefined): Step[] {
  const { rng, tables } = making;
  const steps: Step[] = [];
  for (let i = rng.below(3); i > 0; i--) {
    const config = rng.chance(mapping ? 20 : 100);
    const entry = config || !mapping ? rng.pick(tables.entries) : rng.pick(mapping.path);
    const paging = entry.kind === 'first' || entry.kind === 'second';
    const value =
      paging && rng.chance(70)
        ? entry.leaf
          ? tables.leaf(entry.kind === 'first' ? 'first' : 'second', entry.level)
          : tables.get(entry.at) ^ rng.pick([1n, 2n, 4n])
        : damage(making, entry);
    tables.set(entry.at, value);
    steps.push({ do: 'edit', at: entry.at, value: tables.get(entry.at) });
  }
  if (rng.chance(3)) steps.push({ do: 'root', rtaddr: making.rtaddr });
  for (
    let i = rng.weighted([
      [3, 0],
      [5, 1],
      [2, 2],
    ] as const);
    i > 0;
    i--
  )
    steps.push(invalidation(making, mapping));
  return steps;
}
