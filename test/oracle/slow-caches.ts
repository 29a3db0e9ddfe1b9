/**
 * A second opinion on VT-d's translation caches: text keys in a Map, one function per paragraph, nothing shared with the
 * engine. For one device, one PASID and entries that are well formed; `slow-vtd.ts` is the opinion on all others.
 */

/** What the PASID entry says. */
export interface SlowSpace {
  readonly kind: 'first' | 'second' | 'nested';
  readonly root1: bigint;
  readonly root2: bigint;
  readonly ssade: boolean;
}

export interface SlowResult {
  /** Null where the access succeeds. */
  readonly fault: string | null;
  readonly hpa: bigint;
  /** Whether the translation grants writing. */
  readonly write: boolean;
  readonly reads: number;
  /** The IOTLB answered, paging-structure caches shortened the walk, or neither. */
  readonly by: 'iotlb' | 'psc' | 'walk';
}

/** A table as a paging-structure cache knows it. */
interface Table {
  readonly at: bigint;
  /** Every entry above has these. */
  readonly write: boolean;
  readonly user: boolean;
  /** Of the page that the table lies in, where it is the guest's. */
  readonly pageWrite: boolean;
}
interface Line {
  readonly base: bigint;
  readonly lg2: number;
  readonly hpa: bigint;
  readonly write: boolean;
  readonly dirty: boolean;
}
interface Leaf {
  readonly hpa: bigint;
  readonly lg2: number;
  readonly write: boolean;
  readonly at: bigint;
  readonly dirty: boolean;
  readonly entries: readonly bigint[];
}

class Fault extends Error {}
const fail = (name: string): never => {
  throw new Fault(name);
};
const on = (value: bigint, bit: number): boolean => ((value >> BigInt(bit)) & 1n) === 1n;
const frame = (value: bigint): bigint => value & 0xf_ffff_ffff_f000n;
/** A table of level 1 holds 4K leaves and serves 2M; one of level 2 serves 1G. */
const span = (level: number): bigint => 12n + 9n * BigInt(level);
const prefix = (level: number, address: bigint): string => `${level}:${(address >> span(level)).toString(16)}`;

/** Another address, more rights, or success where there is none now. */
export const outOfDate = (used: SlowResult, now: SlowResult): boolean =>
  used.fault === null && (now.fault !== null || used.hpa !== now.hpa || (used.write && !now.write));

export class SlowCaches {
  readonly memory: Map<bigint, bigint>;
  readonly space: SlowSpace;
  readonly psc: boolean;
  readonly lines = new Map<string, Line>();
  readonly first = new Map<string, Table>();
  readonly second = new Map<string, Table>();
  #reads = 0;
  #short = false;
  /** What this walk has learnt, to be put in when it is known to succeed. */
  #learnt: (() => void)[] = [];
  /** Bits to be set when it is known to succeed. */
  #marks: (() => void)[] = [];

  constructor(memory: Map<bigint, bigint>, space: SlowSpace, psc: boolean) {
    this.memory = memory;
    this.space = space;
    this.psc = psc;
  }

  access(address: bigint, write: boolean): SlowResult {
    this.#reads = 0;
    this.#short = false;
    const line = this.#line(address);
    if (line) {
      const hpa = line.hpa | (address & ((1n << BigInt(line.lg2)) - 1n));
      if (write && !line.write) return { fault: 'SGN.6', hpa: 0n, write: false, reads: 0, by: 'iotlb' };
      const answer: SlowResult = { fault: null, hpa, write: line.write, reads: 0, by: 'iotlb' };
      if (!write || line.dirty) return answer;
      // The walk that sets a dirty bit is not known to replace a translation that is out of date.
      const present = this.present(address, write);
      if (present.fault !== 'SFS.8' && outOfDate(answer, present)) return answer;
    }
    try {
      const { hpa, write: granted } = this.#walk(address, write, true);
      return { fault: null, hpa, write: granted, reads: this.#reads, by: this.#short ? 'psc' : 'walk' };
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return { fault: error.message, hpa: 0n, write: false, reads: this.#reads, by: this.#short ? 'psc' : 'walk' };
    }
  }

  /** What the same access would meet without any cache; nothing changes. */
  present(address: bigint, write: boolean): SlowResult {
    return new SlowCaches(new Map(this.memory), this.space, false).access(address, write);
  }

  /** Page-selective within a PASID, or all of the PASID where `pages` is 0. */
  dropPasid(address: bigint, pages: bigint, hint: boolean): void {
    if (this.space.kind === 'second') return;
    const meets = (base: bigint, size: bigint): boolean =>
      pages === 0n || (base < address + pages * 4096n && address < base + size);
    for (const [key, { base, lg2 }] of this.lines) if (meets(base, 1n << BigInt(lg2))) this.lines.delete(key);
    if (hint) return;
    for (const key of this.first.keys()) {
      const [level, number] = key.split(':') as [string, string];
      if (meets(BigInt(`0x${number}`) << span(Number(level)), 1n << span(Number(level)))) this.first.delete(key);
    }
  }

  /** Page-selective within the domain, by guest address. */
  dropDomainPages(address: bigint, pages: bigint, hint: boolean): void {
    const meets = (base: bigint, size: bigint): boolean => base < address + pages * 4096n && address < base + size;
    for (const [key, { base, lg2 }] of this.lines)
      if (this.space.kind !== 'second' || meets(base, 1n << BigInt(lg2))) this.lines.delete(key);
    this.first.clear();
    if (hint) return;
    for (const key of this.second.keys()) {
      const [level, number] = key.split(':') as [string, string];
      if (meets(BigInt(`0x${number}`) << span(Number(level)), 1n << span(Number(level)))) this.second.delete(key);
    }
  }

  dropDomain(): void {
    this.lines.clear();
    this.first.clear();
    this.second.clear();
  }

  #line(address: bigint): Line | undefined {
    for (const lg2 of [12, 21, 30]) {
      const line = this.lines.get(`${lg2}:${address >> BigInt(lg2)}`);
      if (line) return line;
    }
    return undefined;
  }

  /** @param shortcut whether the first stage may begin at a table that is known */
  #walk(address: bigint, write: boolean, shortcut: boolean): { hpa: bigint; write: boolean } {
    this.#learnt = [];
    this.#marks = [];
    this.#reads = 0;
    this.#short = false;
    const { kind } = this.space;
    let guest = address;
    let lg2 = 30;
    let mayWrite = true;
    let dirty = true;
    if (kind !== 'second') {
      const down = this.#firstStage(address, write, shortcut);
      if (down === 'again') return this.#walk(address, write, false);
      ({ output: guest, lg2, write: mayWrite, dirty } = down);
    }
    let hpa = guest;
    if (kind !== 'first') {
      const leaf = this.#secondStage(guest);
      if (write && !leaf.write) fail('SGN.6');
      hpa = leaf.hpa;
      lg2 = Math.min(lg2, leaf.lg2);
      mayWrite &&= leaf.write;
      this.#mark2(leaf, write);
      if (this.space.ssade && !write) dirty &&= leaf.dirty;
    }
    if (this.#refused) {
      this.#refused = false;
      if (shortcut && this.#began) return this.#walk(address, write, false);
      fail('SFS.8');
    }
    for (const mark of this.#marks) mark();
    if (this.psc) for (const put of this.#learnt) put();
    const size = 1n << BigInt(lg2);
    this.lines.set(`${lg2}:${address >> BigInt(lg2)}`, {
      base: address & ~(size - 1n),
      lg2,
      hpa: hpa & ~(size - 1n),
      write: mayWrite,
      dirty,
    });
    return { hpa, write: mayWrite };
  }

  /** A bit was missing that the second stage does not let be set; the walk began below the top. */
  #refused = false;
  #began = false;

  #firstStage(
    address: bigint,
    write: boolean,
    shortcut: boolean,
  ): { output: bigint; lg2: number; write: boolean; dirty: boolean } | 'again' {
    const nested = this.space.kind === 'nested';
    let level = 4;
    let table = this.space.root1;
    let [all, user] = [true, true];
    let known: Table | undefined;
    if (shortcut)
      for (let low = 1; low < 4 && !known; low++) {
        known = this.first.get(prefix(low, address));
        if (known) level = low;
      }
    this.#began = known !== undefined;
    this.#refused = false;
    this.#untold = false;
    if (known) {
      this.#short = true;
      table = known.at;
      [all, user] = [known.write, known.user];
    }
    for (let start = true; ; level--, start = false) {
      const place = table | (((address >> span(level - 1)) & 511n) << 3n);
      const through = nested && !(known && start) ? this.#secondStage(place) : undefined;
      const at = through ? through.hpa : place;
      const pageWrite = through ? through.write : known && start ? known.pageWrite : true;
      if (level !== 4 && !(known && start)) {
        const found: Table = { at: frame(at), write: all, user, pageWrite };
        const key = prefix(level, address);
        this.#learnt.push(() => void (this.first.has(key) || this.first.set(key, found)));
      }
      this.#reads++;
      const entry = this.memory.get(at) ?? 0n;
      if (!on(entry, 0)) fail('SFS.2');
      const leaf = level === 1 || on(entry, 7);
      all &&= on(entry, 1);
      user &&= on(entry, 2);
      const wanted = entry | 0x20n | (leaf && write ? 0x40n : 0n);
      if (through) this.#mark2(through, wanted !== entry);
      if (wanted !== entry) {
        if (!pageWrite) this.#refused = true;
        // Which entry maps the table is not known, so there is nowhere to note that it was written.
        if (known && start && nested && this.space.ssade) this.#untold = true;
        this.#marks.push(() => this.memory.set(at, (this.memory.get(at) ?? 0n) | wanted));
      }
      if (!leaf) {
        table = frame(entry);
        continue;
      }
      const untold = this.#untold;
      this.#untold = false;
      if (!user) fail('SGN.2');
      if (write && !all) fail('SGN.6');
      if (untold && this.#wouldSucceed(entry, level, address, write)) return 'again';
      const offset = (1n << span(level - 1)) - 1n;
      return {
        output: (frame(entry) & ~offset) | (address & offset),
        lg2: Number(span(level - 1)),
        write: all,
        dirty: write || on(entry, 6),
      };
    }
  }
  #untold = false;

  /** Faults of the page come before the second try, and with what the first one read. */
  #wouldSucceed(entry: bigint, level: number, address: bigint, write: boolean): boolean {
    const offset = (1n << span(level - 1)) - 1n;
    const reads = this.#reads;
    const leaf = this.#secondStage((frame(entry) & ~offset) | (address & offset));
    if (write && !leaf.write) fail('SGN.6');
    this.#reads = reads;
    return true;
  }

  #secondStage(address: bigint): Leaf {
    let level = 4;
    let table = this.space.root2;
    let write = true;
    let known: Table | undefined;
    for (let low = 1; low < 4 && !known; low++) {
      known = this.second.get(prefix(low, address));
      if (known) level = low;
    }
    if (known) {
      this.#short = true;
      table = known.at;
      write = known.write;
    }
    const entries: bigint[] = [];
    for (let start = true; ; level--, start = false) {
      if (!start) {
        const found: Table = { at: table, write, user: true, pageWrite: true };
        const key = prefix(level, address);
        this.#learnt.push(() => void (this.second.has(key) || this.second.set(key, found)));
      }
      const at = table | (((address >> span(level - 1)) & 511n) << 3n);
      this.#reads++;
      const entry = this.memory.get(at) ?? 0n;
      if (!on(entry, 0)) fail('SSS.2');
      write &&= on(entry, 1);
      entries.push(at);
      if (level === 1 || on(entry, 7)) {
        const offset = (1n << span(level - 1)) - 1n;
        const hpa = (frame(entry) & ~offset) | (address & offset);
        return { hpa, lg2: Number(span(level - 1)), write, at, dirty: on(entry, 9), entries };
      }
      table = frame(entry);
    }
  }

  #mark2(leaf: Leaf, written: boolean): void {
    if (!this.space.ssade) return;
    this.#marks.push(() => {
      for (const at of leaf.entries) this.memory.set(at, (this.memory.get(at) ?? 0n) | 0x100n);
      if (written) this.memory.set(leaf.at, (this.memory.get(leaf.at) ?? 0n) | 0x200n);
    });
  }
}
