import type { Rng } from './rng.ts';
import { DATA_PAGES } from './smmu-case.ts';
import { ones, shiftOf, type UnitFeatures } from './smmu-model.ts';
import { type AddressSpace, type Layout, PageTables, PHYSICAL, type Shape, type Word } from './smmu-tables.ts';

/** A page that an input address leads to. */
export interface SmmuMapping {
  /** Input address whose page is `target`. */
  readonly address: bigint;
  readonly target: bigint;
  /** log2 of what the leaf covers, and of the granule. */
  readonly lg2: number;
  readonly granule: number;
  readonly level: number;
  readonly asid: number;
  readonly vmid: number;
  /** Entries of its own stage, the leaf last. */
  readonly path: readonly Word[];
}

/** AF, inner shareable. */
const COMMON = (1n << 10n) | (3n << 8n);
const NG = 1n << 11n;

const valid = (level: number): bigint => (level === 3 ? 3n : 1n);
/** Bits that say nothing here: software's, contiguous (hardware may ignore it), execute-never, DBM without HTTU. */
const idle = (rng: Rng): bigint =>
  rng.chance(20) ? (rng.bits(4) << 55n) | (rng.bits(2) << 53n) | (rng.bits(1) << 51n) : 0n;

/** Stage-1 leaf bits but for the address. */
export function leaf1Bits(rng: Rng, level: number): bigint {
  const ap = rng.weighted([
    [6, 1n],
    [3, 0n],
    [2, 3n],
    [1, 2n],
  ] as const);
  const af = rng.chance(96) ? COMMON : 0n;
  return valid(level) | (ap << 6n) | af | (rng.chance(80) ? NG : 0n) | (rng.bits(3) << 2n) | idle(rng);
}

/** Stage-2 leaf bits but for the address. */
export function leaf2Bits(rng: Rng, level: number, plain: boolean): bigint {
  const s2ap = plain
    ? 3n
    : rng.weighted([
        [10, 3n],
        [2, 1n],
        [2, 2n],
        [1, 0n],
      ] as const);
  const af = plain || rng.chance(96) ? COMMON : 0n;
  return valid(level) | (s2ap << 6n) | af | (0xfn << 2n) | (plain ? 0n : idle(rng));
}

/** Bits of table entries: hierarchical rights of stage 1. */
const tableBits = (rng: Rng): bigint =>
  (rng.chance(10) ? rng.bits(5) << 59n : 0n) | (rng.chance(15) ? rng.bits(10) << 2n : 0n);

/** Stage 2 of a machine: IPAs are physical addresses plus a distance. */
export class SecondSpace implements AddressSpace {
  readonly vmid: number;
  readonly tables: PageTables;
  readonly sl0: number;
  readonly #distance: bigint;
  readonly #layout: Layout;
  readonly #mapped: { readonly from: bigint; readonly to: bigint; readonly mapping: SmmuMapping }[] = [];

  constructor(layout: Layout, features: UnitFeatures) {
    const { rng } = layout;
    this.#layout = layout;
    this.vmid = layout.number();
    const granule = rng.pick(features.granules);
    // All of RAM has to have an IPA: 33 bits at least.
    const inputBits = 34 + rng.below(features.outputBits - 34 + 1);
    const starts = [0, 1, 2].filter((level) => {
      const shift = shiftOf(level, granule);
      const sl0 = (granule === 12 ? 2 : 3) - level;
      return sl0 >= 0 && sl0 <= 2 && shift < inputBits && inputBits <= shift + granule - 3 + 4;
    });
    const startLevel = rng.pick(starts);
    this.sl0 = (granule === 12 ? 2 : 3) - startLevel;
    this.#distance = inputBits < 36 ? rng.pick([0n, 0x3000_0000n]) : rng.pick([0n, 1n << 30n, 1n << 35n, 0x3_0000n]);
    this.tables = new PageTables(layout, { stage: 2, granule, inputBits, startLevel }, PHYSICAL, rng.chance(50));
  }

  get mappings(): readonly SmmuMapping[] {
    return this.#mapped.map(({ mapping }) => mapping);
  }

  nameOf(physical: bigint, writable: boolean): bigint {
    const ipa = physical + this.#distance;
    if (!this.#mapped.some(({ from, to }) => from <= ipa && ipa < to)) this.#map(ipa, physical, writable);
    return ipa;
  }

  #map(ipa: bigint, physical: bigint, data: boolean): void {
    const { rng } = this.#layout;
    const { granule } = this.tables.shape;
    const fitting = this.tables.leafLevels.filter((level) => ((ipa ^ physical) & ones(shiftOf(level, granule))) === 0n);
    // Not every distance is a multiple of the granule.
    if (fitting.length === 0) return;
    const levels = rng.chance(70) ? [3] : [rng.pick(fitting), 3];
    for (const level of levels) {
      const lg2 = shiftOf(level, granule);
      const leaf = (physical & ~ones(lg2)) | leaf2Bits(rng, level, !data && rng.chance(90));
      const path = this.tables.map(ipa, level, leaf, () => (rng.chance(10) ? rng.bits(5) << 59n : 0n));
      if (!path) continue;
      const from = ipa & ~ones(lg2);
      const mapping = { address: ipa, target: physical, lg2, granule, level, asid: 0, vmid: this.vmid, path };
      this.#mapped.push({ from, to: from + (1n << BigInt(lg2)), mapping });
      return;
    }
  }
}

/** One address space: a CD's. */
export class FirstSpace {
  readonly asid: number;
  readonly context: bigint;
  readonly mappings: SmmuMapping[] = [];
  readonly second: SecondSpace | undefined;

  constructor(layout: Layout, features: UnitFeatures, second: SecondSpace | undefined) {
    const { rng } = layout;
    const space = second ?? PHYSICAL;
    this.asid = layout.number();
    this.second = second;
    const at = layout.room(64n, 6);
    this.context = space.nameOf(at, false);
    const ips = rng.weighted([
      [6, 4n],
      [1, 3n],
      [1, 1n],
      [1, 0n],
      [1, 5n],
    ] as const);
    const low = ips === 0n;
    const halves = [0, 1].map((upper) => {
      const enabled = upper === 0 ? rng.chance(90) : rng.chance(35);
      if (!enabled) return undefined;
      const granule = rng.pick(features.granules);
      const inputBits = 25 + rng.below(24);
      const startLevel = 4 - Math.ceil((inputBits - granule) / (granule - 3));
      const shape: Shape = { stage: 1, granule, inputBits, startLevel };
      const tables = new PageTables(layout, shape, space, low);
      return { shape, tables, base: space.nameOf(tables.root, false), upper: upper === 1 };
    });
    const word = (upper: number): bigint => {
      const half = halves[upper];
      const shift = upper === 0 ? 0n : 16n;
      if (!half) return ((1n << 14n) | (rng.chance(30) ? rng.bits(6) : 0n)) << shift;
      const tg = (upper === 0 ? { 12: 0n, 16: 1n, 14: 2n } : { 14: 1n, 12: 2n, 16: 3n })[half.shape.granule]!;
      return (BigInt(64 - half.shape.inputBits) | (tg << 6n) | (rng.bits(6) << 8n)) << shift;
    };
    const tbi = rng.chance(20) ? rng.bits(2) << 38n : 0n;
    const affd = rng.chance(15) ? 1n << 35n : 0n;
    const recorded = rng.chance(92) ? 1n << 45n : 0n;
    const abort = 1n << 46n;
    const flags = (1n << 31n) | (1n << 41n) | abort | recorded | tbi | affd | (ips << 32n);
    layout.add('cd0', at, word(0) | word(1) | flags | (BigInt(this.asid) << 48n));
    const had = (): bigint => (rng.chance(20) ? 2n : 0n);
    layout.add('cd1', at + 8n, (halves[0]?.base ?? 0n) | had());
    layout.add('cd2', at + 16n, (halves[1]?.base ?? 0n) | had());
    layout.set(at + 24n, rng.bits(64));
    for (const half of halves) {
      if (!half) continue;
      for (let i = 1 + rng.below(3); i > 0; i--) this.#map(rng, space, half.tables, half.upper);
    }
  }

  #map(rng: Rng, space: AddressSpace, tables: PageTables, upper: boolean): void {
    const { granule, inputBits } = tables.shape;
    const level = rng.chance(55) ? 3 : rng.pick(tables.leafLevels);
    const lg2 = shiftOf(level, granule);
    const target = rng.pick(DATA_PAGES);
    const named = space.nameOf(target, true);
    const above = rng.chance(50) ? rng.bits(inputBits) : rng.bits(Math.min(inputBits, lg2 + 2));
    const within =
      (above & ones(inputBits) & ~ones(Math.min(lg2, inputBits))) | (named & ones(Math.min(lg2, inputBits)));
    const address = upper ? within | (ones(64) ^ ones(inputBits)) : within;
    const leaf = (named & ones(48) & ~ones(lg2)) | leaf1Bits(rng, level);
    const path = tables.map(address, level, leaf, () => tableBits(rng));
    if (!path) return;
    this.mappings.push({ address, target, lg2, granule, level, asid: this.asid, vmid: this.second?.vmid ?? 0, path });
  }
}
