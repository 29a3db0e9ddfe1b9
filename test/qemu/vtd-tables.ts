import type { Rng } from './rng.ts';
import { DATA_PAGES, TABLE_POOLS, type Variant } from './vtd-case.ts';

export type EntryKind = 'root' | 'context' | 'pde' | 'pasid' | 'first' | 'second';

/** A 64-bit word of a structure that was written, for later edits and damage. */
export interface Entry {
  readonly kind: EntryKind;
  readonly at: bigint;
  /** Paging entries: 1 for the level of only leaves. */
  readonly level: number;
  readonly leaf: boolean;
}

/** A page that an input address leads to. */
export interface Mapping {
  readonly address: bigint;
  readonly level: number;
  readonly domain: Domain;
  /** Paging entries from the top table down. */
  readonly path: readonly Entry[];
}

/** What one device, or several, translate through. */
export interface Domain {
  readonly did: number;
  readonly pasid: number;
  readonly type: 'first' | 'second' | 'pass-through';
  readonly levels: number;
  readonly root: bigint;
}

const INDICES = [0, 1, 2, 255, 256, 511] as const;
const GIB = 1n << 30n;
const MIB2 = 1n << 21n;
export const pageShift = (level: number): bigint => BigInt(12 + 9 * (level - 1));
const indexOf = (address: bigint, level: number): bigint => (address >> pageShift(level)) & 511n;

/** Structures in guest memory, laid into the pages of the table pools in random order. */
export class Tables {
  readonly memory = new Map<bigint, bigint>();
  readonly entries: Entry[] = [];
  readonly mappings: Mapping[] = [];
  readonly #rng: Rng;
  readonly #variant: Variant;
  readonly #free: bigint[];

  constructor(rng: Rng, variant: Variant) {
    this.#rng = rng;
    this.#variant = variant;
    // A unit with 39 address bits still reaches all of memory.
    this.#free = TABLE_POOLS.flat();
  }

  get(at: bigint): bigint {
    return this.memory.get(at) ?? 0n;
  }

  set(at: bigint, value: bigint): void {
    this.memory.set(at, BigInt.asUintN(64, value));
  }

  add(kind: EntryKind, at: bigint, value: bigint, level = 0, leaf = false): Entry {
    const entry = { kind, at, level, leaf };
    this.set(at, value);
    this.entries.push(entry);
    return entry;
  }

  /** An empty page, or undefined when none is left. */
  page(): bigint | undefined {
    const [page] = this.#free.splice(this.#rng.below(this.#free.length), 1);
    return page;
  }

  /** A random input address that the domain can translate, at the start of a page. */
  address(domain: Domain): bigint {
    let address = 0n;
    for (let level = domain.levels; level >= 1; level--) address |= BigInt(this.#rng.pick(INDICES)) << pageShift(level);
    return domain.type === 'first' ? canonical(address, domain.levels) : address;
  }

  /** Bits of an entry that point nowhere: rights and whatever else is allowed in it. */
  flags(type: Domain['type'], leaf: boolean): bigint {
    const rng = this.#rng;
    if (type === 'first') {
      const rights = rng.weighted([
        [12, 7n],
        [2, 5n],
        [1, 3n],
      ] as const);
      const used = rng.pick([0n, 0x20n, leaf ? 0x60n : 0x20n]);
      const ignored = rng.chance(20) ? (rng.bits(11) << 52n) | (rng.bits(3) << 9n) | (rng.bits(2) << 3n) : 0n;
      return rights | used | ignored | (leaf && rng.chance(20) ? 0x100n : 0n);
    }
    const rights = rng.weighted([
      [12, 3n],
      [2, 1n],
      [2, 2n],
    ] as const);
    const ignored = rng.chance(20) ? (rng.bits(10) << 52n) | (rng.bits(1) << 63n) | (rng.bits(3) << 8n) : 0n;
    const snoop = leaf && this.#variant.snoopControl && rng.chance(30) ? 0x800n : 0n;
    return rights | ignored | snoop | (rng.chance(30) ? 4n : 0n) | (leaf && rng.chance(20) ? rng.bits(4) << 3n : 0n);
  }

  /** Frame and flags of a leaf. */
  leaf(type: Domain['type'], level: number): bigint {
    const rng = this.#rng;
    const flags = this.flags(type, true);
    const page = rng.pick(DATA_PAGES);
    if (level === 1) return (rng.chance(3) ? 0xfee0_0000n + (rng.bits(8) << 12n) : page) | flags;
    const size = level === 2 ? MIB2 : GIB;
    const frame = rng.chance(4) ? 0xfee0_0000n : page;
    return ((frame / size) * size) | 0x80n | flags;
  }

  /** Maps a page, with the tables it needs; nothing when a larger page is there already or no page is left. */
  map(domain: Domain, address: bigint, level: number): Mapping | undefined {
    const path: Entry[] = [];
    const kind = domain.type === 'first' ? 'first' : 'second';
    let table = domain.root;
    for (let at = domain.levels; ; at--) {
      const where = table + indexOf(address, at) * 8n;
      const known = this.entries.find((entry) => entry.at === where);
      if (at === level) {
        if (known) return undefined;
        path.push(this.add(kind, where, this.leaf(domain.type, level), at, true));
        const mapping = { address: (address >> pageShift(level)) << pageShift(level), level, domain, path };
        this.mappings.push(mapping);
        return mapping;
      }
      if (known?.leaf) return undefined;
      if (known) {
        path.push(known);
      } else {
        const page = this.page();
        if (page === undefined) return undefined;
        path.push(this.add(kind, where, page | this.flags(domain.type, false), at));
      }
      table = this.get(where) & 0xf_ffff_ffff_f000n;
    }
  }
}

/** The address with its top bits copied from the highest bit that is translated. */
export const canonical = (address: bigint, levels: number): bigint =>
  BigInt.asUintN(64, BigInt.asIntN(12 + 9 * levels, address));
