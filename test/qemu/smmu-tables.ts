import type { Rng } from './rng.ts';
import { TABLE_AREAS } from './smmu-case.ts';
import { ones, shiftOf } from './smmu-model.ts';

export type WordKind = 'l1std' | 'ste0' | 'ste1' | 'ste2' | 'ste3' | 'cd0' | 'cd1' | 'cd2' | PagingKind;
export type PagingKind = 'table1' | 'leaf1' | 'table2' | 'leaf2';

/** A 64-bit word of a structure that was written, for later edits and damage. */
export interface Word {
  readonly kind: WordKind;
  readonly at: bigint;
  /** Of paging entries: Arm's level, and log2 of the granule. */
  readonly level: number;
  readonly granule: number;
}

/** Structures in guest memory, laid out at random within the table areas. */
export class Layout {
  readonly memory = new Map<bigint, bigint>();
  readonly words: Word[] = [];
  readonly rng: Rng;
  #number = 0;
  readonly #next = TABLE_AREAS.map(({ from }): bigint => from);

  constructor(rng: Rng) {
    this.rng = rng;
  }

  /** Room for a structure. @param low below 4 GiB in any case */
  room(size: bigint, alignLg2: number, low = false): bigint {
    const area = low || this.rng.chance(60) ? 0 : 1;
    const align = ones(alignLg2);
    // A gap now and then, so that neighbours are not always in the same page.
    const gap = this.rng.chance(30) ? BigInt(this.rng.below(64)) << 12n : 0n;
    const at = (this.#next[area]! + gap + align) & ~align;
    if (at + size > TABLE_AREAS[area]!.to) throw new Error('the table areas are too small for this case');
    this.#next[area] = at + size;
    return at;
  }

  /** An ASID or VMID of its own: equal ones must have equal tables. */
  number(): number {
    return this.#number++;
  }

  get(at: bigint): bigint {
    return this.memory.get(at) ?? 0n;
  }

  set(at: bigint, value: bigint): void {
    this.memory.set(at, BigInt.asUintN(64, value));
  }

  add(kind: WordKind, at: bigint, value: bigint, level = 0, granule = 12): Word {
    const word = { kind, at, level, granule };
    this.set(at, value);
    this.words.push(word);
    return word;
  }
}

/** The shape of a set of page tables. */
export interface Shape {
  readonly stage: 1 | 2;
  readonly granule: number;
  readonly inputBits: number;
  readonly startLevel: number;
}

/** How the addresses in tables are said: as they are, or as IPAs that a second stage then knows about. */
export interface AddressSpace {
  /** What names this physical address in an entry; the second stage maps it from now on. */
  nameOf(physical: bigint, writable: boolean): bigint;
}

export const PHYSICAL: AddressSpace = { nameOf: (physical) => physical };

/** Page tables of one stage. */
export class PageTables {
  readonly shape: Shape;
  readonly root: bigint;
  readonly #layout: Layout;
  readonly #space: AddressSpace;
  readonly #tables = new Map<bigint, bigint>();
  /** Words by where they lie. */
  readonly #known = new Map<bigint, Word>();

  constructor(layout: Layout, shape: Shape, space: AddressSpace, low: boolean) {
    this.shape = shape;
    this.#layout = layout;
    this.#space = space;
    const topLg2 = Math.max(6, shape.inputBits - shiftOf(shape.startLevel, shape.granule) + 3);
    this.root = layout.room(1n << BigInt(topLg2), topLg2, low);
  }

  /** Levels at which leaves are allowed. */
  get leafLevels(): readonly number[] {
    const first = this.shape.granule === 12 ? 1 : 2;
    return [1, 2, 3].filter((level) => level >= first && level >= this.shape.startLevel);
  }

  /** Words on the way to an address, the leaf last; undefined where something else is in the way. */
  map(address: bigint, level: number, leaf: bigint, flags: () => bigint): readonly Word[] | undefined {
    const { granule, inputBits, startLevel, stage } = this.shape;
    const path: Word[] = [];
    let table = this.root;
    for (let at = startLevel; ; at++) {
      const shift = BigInt(shiftOf(at, granule));
      const within = at === startLevel ? address & ones(inputBits) : address & ones(shiftOf(at - 1, granule));
      const where = table + (within >> shift) * 8n;
      this.#space.nameOf(where, false);
      const known = this.#known.get(where);
      if (at === level) {
        if (known) return undefined;
        path.push(this.#add(stage === 1 ? 'leaf1' : 'leaf2', where, leaf, at));
        return path;
      }
      if (known?.kind.startsWith('leaf')) return undefined;
      if (!known) {
        const next = this.#layout.room(1n << BigInt(granule), granule);
        this.#tables.set(where, next);
        const word = this.#space.nameOf(next, false) | 3n | flags();
        path.push(this.#add(stage === 1 ? 'table1' : 'table2', where, word, at));
      } else path.push(known);
      table = this.#tables.get(where)!;
    }
  }

  #add(kind: PagingKind, where: bigint, value: bigint, level: number): Word {
    const word = this.#layout.add(kind, where, value, level, this.shape.granule);
    this.#known.set(where, word);
    return word;
  }
}
