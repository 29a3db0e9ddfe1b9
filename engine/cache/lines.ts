/** Every cache line is this many int32 words: four of key, the rest of value. */
export const LINE = 16;
const EMPTY = 0;
const DEAD = -1;
/** Set in the first key word of a live line, so that no key looks empty or dead. */
const LIVE = 1 << 30;

/**
 * Open addressing over one Int32Array. It grows and never evicts: what leaves was invalidated. A line's offset is valid
 * until the next insertion. It is never subclassed: one hidden class keeps the lookup of every cache fast.
 */
export class LineTable {
  lines: Int32Array;
  /** Per line what its owner is, in one word: 0 where none lives. Removing by owner reads these instead of the lines. */
  #owners: Int32Array;
  /** Live lines. */
  size = 0;
  #mask: number;
  /** Live and dead lines; dead ones still lengthen probes. */
  #taken = 0;

  constructor(capacity = 64) {
    this.lines = new Int32Array(capacity * LINE);
    this.#owners = new Int32Array(capacity);
    this.#mask = capacity - 1;
  }

  /** Offset of the line with this key, or -1. */
  find(k0: number, k1: number, k2: number, k3: number): number {
    const lines = this.lines;
    const key = k0 | LIVE;
    for (let slot = hash(k0, k1, k2, k3) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * LINE;
      const found = lines[at]!;
      if (found === EMPTY) return -1;
      if (found === key && lines[at + 3] === k3 && lines[at + 1] === k1 && lines[at + 2] === k2) return at;
    }
  }

  /** A new zeroed line with this key, whether or not there is one already. */
  append(k0: number, k1: number, k2: number, k3: number): number {
    if ((this.#taken + 1) * 2 > this.#mask + 1) this.#rebuild();
    return this.#take(this.#free(k0, k1, k2, k3), k0, k1, k2, k3);
  }

  /** Offset of the line with this key, or of a new zeroed one where there is none; `size` tells which. */
  findOrAppend(k0: number, k1: number, k2: number, k3: number): number {
    if ((this.#taken + 1) * 2 > this.#mask + 1) this.#rebuild();
    const lines = this.lines;
    const key = k0 | LIVE;
    let free = -1;
    for (let slot = hash(k0, k1, k2, k3) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * LINE;
      const found = lines[at]!;
      if (found === key && lines[at + 3] === k3 && lines[at + 1] === k1 && lines[at + 2] === k2) return at;
      if (found === EMPTY) return this.#take(free < 0 ? at : free, k0, k1, k2, k3);
      if (found === DEAD && free < 0) free = at;
    }
  }

  /** Makes a line of an empty or dead one. */
  #take(at: number, k0: number, k1: number, k2: number, k3: number): number {
    const lines = this.lines;
    // Nothing was ever written to an empty line.
    if (lines[at] === EMPTY) this.#taken++;
    else lines.fill(0, at, at + LINE);
    lines[at] = k0 | LIVE;
    lines[at + 1] = k1;
    lines[at + 2] = k2;
    lines[at + 3] = k3;
    this.#owners[at / LINE] = ownerOf(k0, k1);
    this.size++;
    return at;
  }

  /** First key word as it was given. */
  key0(at: number): number {
    return this.lines[at]! & ~LIVE;
  }

  isLive(at: number): boolean {
    return this.lines[at]! !== EMPTY && this.lines[at]! !== DEAD;
  }

  /** Offsets of the live lines, in no order that means anything. Not for hot paths. */
  *offsets(): Generator<number> {
    for (let at = 0; at < this.lines.length; at += LINE) if (this.isLive(at)) yield at;
  }

  /** Offset of the next live line behind an offset, -1 for the first; -1 when there is none. Lines may be killed between. */
  next(at: number): number {
    const lines = this.lines;
    for (let to = at < 0 ? 0 : at + LINE; to < lines.length; to += LINE) {
      const key = lines[to]!;
      if (key !== EMPTY && key !== DEAD) return to;
    }
    return -1;
  }

  /**
   * Like `next`, but only lines whose first key word ends in these 16 bits (a domain, a device) and whose second is this
   * one (a PASID).
   */
  nextOf(low16: number, k1: number, at: number): number {
    const { lines } = this;
    const owners = this.#owners;
    const owner = ownerOf(low16, k1);
    for (let slot = at < 0 ? 0 : at / LINE + 1; slot < owners.length; slot++) {
      if (owners[slot] !== owner) continue;
      const to = slot * LINE;
      if (lines[to + 1] === k1 && (lines[to]! & 0xffff) === low16) return to;
    }
    return -1;
  }

  kill(at: number): void {
    this.#owners[at / LINE] = 0;
    this.lines[at] = DEAD;
    this.size--;
  }

  clear(): number {
    const removed = this.size;
    if (this.#taken === 0) return 0;
    this.lines.fill(0);
    this.#owners.fill(0);
    this.size = 0;
    this.#taken = 0;
    return removed;
  }

  #free(k0: number, k1: number, k2: number, k3: number): number {
    let slot = hash(k0, k1, k2, k3) & this.#mask;
    while (this.isLive(slot * LINE)) slot = (slot + 1) & this.#mask;
    return slot * LINE;
  }

  /** Drops dead lines, and doubles when the live ones alone are too many. */
  #rebuild(): void {
    const old = this.lines;
    const capacity = this.size * 4 > this.#mask + 1 ? (this.#mask + 1) * 2 : this.#mask + 1;
    this.lines = new Int32Array(capacity * LINE);
    this.#owners = new Int32Array(capacity);
    this.#mask = capacity - 1;
    this.#taken = this.size;
    for (let at = 0; at < old.length; at += LINE) {
      if (old[at] === EMPTY || old[at] === DEAD) continue;
      const to = this.#free(old[at]! & ~LIVE, old[at + 1]!, old[at + 2]!, old[at + 3]!);
      this.lines.set(old.subarray(at, at + LINE), to);
      this.#owners[to / LINE] = ownerOf(old[at]!, old[at + 1]!);
    }
  }
}

/**
 * A run of pages of any size lands on slots of its own, and runs of different keys scatter: folding and multiplying by
 * an odd constant are both invertible.
 */
const hash = (k0: number, k1: number, k2: number, k3: number): number => {
  const page = (k3 >>> 12) ^ (k2 << 20);
  const folded = page ^ (page >>> 9) ^ (page >>> 18);
  return Math.imul(folded, 0x9e37_79b1) ^ Math.imul(k1, 0x85eb_ca6b) ^ Math.imul(k0, 0xc2b2_ae35);
};

const ownerOf = (k0: number, k1: number): number => (Math.imul(k1, 0x9e37_79b1) ^ (k0 & 0xffff)) | (1 << 31);

/** Page number of an address, exact as a double. */
export const pageNumber = (hi: number, lo: number): number => (hi >>> 0) * 0x10_0000 + (lo >>> 12);

/** Page sizes a line can have, by size code. */
export const SIZES_LG2: readonly number[] = [12, 21, 30];
/** 0 for 4K, 1 for 2M, 2 for 1G: the largest that fits. */
export const sizeCode = (lg2: number): number => (lg2 >= 30 ? 2 : lg2 >= 21 ? 1 : 0);
/** Low half of the page base for a size code. */
export const pageBase = (lo: number, code: number): number => (lo >> (12 + 9 * code)) << (12 + 9 * code);
