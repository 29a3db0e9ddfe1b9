import { Rng } from './rng.ts';
import { DATA_PAGES, SMMU_SIDS, type SmmuAccess, type SmmuCase, type SmmuStep, type SmmuVariant } from './smmu-case.ts';
import { commandFor } from './smmu-commands.ts';
import { damaged } from './smmu-damage.ts';
import { ones, shiftOf, type UnitFeatures } from './smmu-model.ts';
import { FirstSpace, leaf1Bits, leaf2Bits, SecondSpace, type SmmuMapping } from './smmu-spaces.ts';
import { Layout, type Word } from './smmu-tables.ts';

/** What a stream uses. */
export interface Domain {
  readonly config: bigint;
  readonly first: FirstSpace | undefined;
  readonly second: SecondSpace | undefined;
}

/** Everything of a case while it is made. */
export interface SmmuMaking {
  readonly rng: Rng;
  readonly layout: Layout;
  readonly streams: ReadonlyMap<number, Domain>;
}

const BYPASS = 4n;
const STAGE1 = 5n;
const STAGE2 = 6n;
const NESTED = 7n;

/** The case that belongs to a seed. */
export function makeSmmuCase(variant: SmmuVariant, features: UnitFeatures, seed: number): SmmuCase {
  const rng = new Rng(seed);
  const layout = new Layout(rng);
  const { streams, registers } = structures(rng, layout, variant, features);
  const making = { rng, layout, streams };
  // What memory holds before the first access; edits come later and must not show here.
  const broken = rng.weighted([
    [5, 0],
    [4, 1],
    [1, 2],
  ] as const);
  for (let i = 0; i < broken; i++) {
    const word = rng.pick(layout.words);
    layout.set(word.at, damaged(rng, word, layout.get(word.at)));
  }
  const memory = new Map(layout.memory);
  const steps: SmmuStep[] = [];
  const rounds = 1 + rng.below(4);
  for (let round = 0; round < rounds; round++) {
    const sid = rng.chance(93) ? rng.pick([...streams.keys()]) : rng.pick(SMMU_SIDS);
    const mapping = pickMapping(rng, streams.get(sid));
    const accesses = Array.from({ length: 1 + rng.below(2) }, () => access(making, sid, mapping));
    // An access before and after: what was cached in between shows.
    if (rng.chance(70)) steps.push(...accesses.filter(() => rng.chance(80)));
    if (round > 0 || rng.chance(50)) steps.push(...edits(making, sid, mapping));
    steps.push(...accesses);
  }
  return { variant, seed, registers, walkCaches: seed % 3 === 0, memory, layout: layout.words, steps };
}

function structures(
  rng: Rng,
  layout: Layout,
  { twoLevel }: SmmuVariant,
  features: UnitFeatures,
): { readonly streams: Map<number, Domain>; readonly registers: SmmuCase['registers'] } {
  const streams = new Map<number, Domain>();
  const domains: Domain[] = [];
  for (let i = 1 + rng.below(3); i > 0; i--) {
    const domain = domains.length > 0 && rng.chance(30) ? rng.pick(domains) : newDomain(layout, features, domains);
    domains.push(domain);
    streams.set(rng.pick(SMMU_SIDS), domain);
  }
  const log2Size = rng.weighted([
    [8, 9],
    [1, 8],
    [1, 10],
  ] as const);
  const split = rng.pick([6, 8]);
  const base = twoLevel
    ? layout.room(1n << BigInt(Math.max(6, log2Size - split + 3)), Math.max(6, log2Size - split + 3))
    : layout.room(1n << BigInt(log2Size + 6), log2Size + 6);
  const arrays = new Map<number, bigint>();
  const placeOf = (sid: number): bigint => {
    if (!twoLevel) return base + BigInt(sid * 64);
    const index = sid >> split;
    let array = arrays.get(index);
    if (array === undefined) {
      array = layout.room(1n << BigInt(split + 6), split + 6);
      arrays.set(index, array);
      layout.add('l1std', base + BigInt(index * 8), array | BigInt(split + 1));
    }
    return array + BigInt((sid & (2 ** split - 1)) * 64);
  };
  for (const [sid, domain] of streams) writeStream(rng, layout, placeOf(sid), domain, features);
  const strtabBaseCfg = log2Size | (twoLevel ? (split << 6) | (1 << 16) : 0);
  return { streams, registers: { strtabBase: base, strtabBaseCfg, cr2: rng.chance(90) ? 2 : 0 } };
}

function newDomain(layout: Layout, features: UnitFeatures, others: readonly Domain[]): Domain {
  const { rng } = layout;
  const config = rng.weighted([
    [1, BYPASS],
    [features.s1 ? (features.s2 ? 4 : 12) : 0, STAGE1],
    [features.s2 ? (features.s1 ? 4 : 12) : 0, STAGE2],
    [features.s1 && features.s2 ? 10 : 0, NESTED],
  ] as const);
  const shared = others.find(({ second }) => second)?.second;
  const second =
    config === STAGE2 || config === NESTED
      ? shared && rng.chance(40)
        ? shared
        : new SecondSpace(layout, features)
      : undefined;
  const first = config === STAGE1 || config === NESTED ? new FirstSpace(layout, features, second) : undefined;
  // Something to be reached without stage 1.
  if (second && !first) for (let i = 1 + rng.below(3); i > 0; i--) second.nameOf(rng.pick(DATA_PAGES), true);
  return { config, first, second };
}

function writeStream(
  rng: Rng,
  layout: Layout,
  at: bigint,
  { config, first, second }: Domain,
  features: UnitFeatures,
): void {
  layout.add('ste0', at, 1n | (config << 1n) | (first?.context ?? 0n));
  layout.add('ste1', at + 8n, rng.chance(30) ? rng.bits(6) << 2n : 0n);
  // A VMID without stage 2 tags lines too.
  const vmid = second ? BigInt(second.vmid) : rng.chance(50) ? rng.bits(2) : 0n;
  if (!second) {
    layout.add('ste2', at + 16n, features.s2 ? vmid : 0n);
    layout.add('ste3', at + 24n, 0n);
    return;
  }
  const { granule, inputBits } = second.tables.shape;
  const tg = { 12: 0n, 16: 1n, 14: 2n }[granule]!;
  // Widths of 32, 36, 40, 42, 44 and 48 bits.
  const wide = [32, 36, 40, 42, 44, 48].flatMap((width, i) => (width >= inputBits ? [BigInt(i)] : []));
  const ps = rng.chance(75) ? 4n : rng.chance(92) && wide.length > 0 ? rng.pick(wide) : BigInt(rng.below(6));
  const shape = (BigInt(64 - inputBits) << 32n) | (BigInt(second.sl0) << 38n) | (tg << 46n) | (ps << 48n);
  const flags = (1n << 51n) | (rng.chance(10) ? 1n << 53n : 0n) | (rng.chance(92) ? 1n << 58n : 0n);
  layout.add('ste2', at + 16n, vmid | shape | flags | (rng.bits(6) << 40n));
  layout.add('ste3', at + 24n, second.tables.root);
}

const pickMapping = (rng: Rng, domain: Domain | undefined): SmmuMapping | undefined => {
  const mappings = domain?.first?.mappings ?? domain?.second?.mappings ?? [];
  return mappings.length > 0 && rng.chance(95) ? rng.pick(mappings) : undefined;
};

/** An access to a mapping, next to it, or to an address nothing can translate. */
function access({ rng, streams }: SmmuMaking, sid: number, mapping: SmmuMapping | undefined): SmmuAccess {
  let address = mapping ? mapping.address & ~0xfffn : rng.pick(DATA_PAGES);
  if (mapping && rng.chance(12)) address ^= 1n << BigInt(Math.min(63, mapping.lg2 + rng.below(12)));
  if (mapping && rng.chance(15)) address ^= rng.bits(Math.min(mapping.lg2, 16)) & ~0xfffn;
  // The top byte may be ignored by a stage 1.
  if (rng.chance(streams.get(sid)?.first ? 10 : 2)) address ^= rng.bits(8) << 56n;
  if (rng.chance(3)) address ^= 1n << BigInt(40 + rng.below(24));
  const owner = rng.chance(95) ? sid : rng.pick([...streams.keys()]);
  // The last page ends where QEMU's address spaces do.
  if (address >> 12n === ones(52)) address ^= 0x1000n;
  return {
    do: 'access',
    sid: owner,
    address: BigInt.asUintN(64, address | (rng.bits(9) << 3n)),
    write: rng.chance(45),
  };
}

/** No, one or two edits, then no, one or several commands. */
function edits(making: SmmuMaking, sid: number, mapping: SmmuMapping | undefined): SmmuStep[] {
  const { rng, layout, streams } = making;
  // A leaf, and a command that may be the right one for it: what TLBs are about.
  const leafOnly = mapping !== undefined && rng.chance(45);
  const steps: SmmuStep[] = [];
  for (let i = leafOnly ? 1 : rng.below(3); i > 0; i--) {
    const word = leafOnly
      ? mapping.path.at(-1)!
      : mapping && rng.chance(65)
        ? rng.pick(mapping.path)
        : rng.pick(layout.words);
    layout.set(word.at, changed(rng, word, layout.get(word.at)));
    steps.push({ do: 'edit', at: word.at, value: layout.get(word.at) });
  }
  const counts = [
    [leafOnly ? 1 : 3, 0],
    [6, 1],
    [2, 2],
    [1, 3],
  ] as const;
  for (let i = rng.weighted(counts); i > 0; i--) {
    const words = commandFor(rng, sid, streams.get(sid), mapping, leafOnly);
    steps.push({ do: 'command', words });
  }
  return steps;
}

/** Another leaf of the same place, or damage. */
function changed(rng: Rng, word: Word, old: bigint): bigint {
  const page = old & ones(48) & ~0xfffn;
  // Its neighbour, of whatever size.
  const moved = rng.chance(40) ? page ^ (1n << BigInt(shiftOf(word.level, word.granule))) : page;
  if (word.kind === 'leaf1' && rng.chance(65)) return moved | leaf1Bits(rng, word.level);
  if (word.kind === 'leaf2' && rng.chance(65)) return moved | leaf2Bits(rng, word.level, rng.chance(50));
  return damaged(rng, word, old);
}
