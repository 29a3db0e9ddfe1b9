/** What the benches of both models share: a guest in tables of two stages, the order of its accesses, and how time is taken. */
import { hi32, lo32 } from '../../engine/base/addr.ts';
import { PhysMem } from '../../engine/memory/phys-mem.ts';
import type { Request, Translation } from '../../engine/models/translation.ts';

export const PAGES = 16_384;
const RUNS = 7;
const GUEST_AT = 1n << 32n;
export const VA = 0x7f00_0000_0000n;

/** Low bits of entries that have every accessed and dirty bit set already. */
export interface EntryBits {
  readonly table1: bigint;
  readonly leaf1: bigint;
  readonly table2: bigint;
  readonly leaf2: bigint;
}

export interface GuestTables {
  readonly mem: PhysMem;
  /** Host addresses of all pages that hold tables, of both stages. */
  readonly tables: readonly bigint[];
  readonly fsRoot: bigint;
  readonly ssRoot: bigint;
  /** A free page of the host. */
  readonly hostPage: () => bigint;
  /** A free page of the guest. */
  readonly guestPage: () => bigint;
  /** The host address of an address of the guest, which the second stage maps from now on. */
  readonly guest: (gpa: bigint) => bigint;
}

/** Tables of 4 x 4 levels that map 16384 pages of 4K from `VA` on. */
export function buildTables({ table1, leaf1, table2, leaf2 }: EntryBits): GuestTables {
  const mem = new PhysMem(1 << 12);
  let nextHost = 0x10_0000n;
  let nextGuest = 0x1000_0000n;
  const tables: bigint[] = [];
  const hostPage = (): bigint => {
    tables.push((nextHost += 0x1000n));
    return nextHost;
  };
  const guestPage = (): bigint => {
    tables.push(GUEST_AT + (nextGuest += 0x1000n));
    return nextGuest;
  };
  const ssRoot = hostPage();
  const map = (
    root: bigint,
    address: bigint,
    leaf: bigint,
    table: bigint,
    page: () => bigint,
    to: (at: bigint) => bigint,
  ): void => {
    let at = root;
    for (let level = 3; level > 0; level--) {
      const slot = to(at + 8n * ((address >> BigInt(12 + 9 * level)) & 511n));
      const held = mem.read64(slot) & ~0xfffn;
      at = held || page();
      if (held === 0n) mem.write64(slot, at | table);
    }
    mem.write64(to(at + 8n * ((address >> 12n) & 511n)), leaf);
  };
  const backed = new Set<bigint>();
  const guest = (gpa: bigint): bigint => {
    const page = gpa & ~0xfffn;
    if (!backed.has(page)) {
      backed.add(page);
      map(ssRoot, page, (GUEST_AT + page) | leaf2, table2, hostPage, (at) => at);
    }
    return GUEST_AT + gpa;
  };
  const fsRoot = guestPage();
  for (let i = 0; i < PAGES; i++) {
    const gpa = 0x4000_0000n + BigInt(i) * 0x1000n;
    guest(gpa);
    map(fsRoot, VA + BigInt(i) * 0x1000n, gpa | leaf1, table1, guestPage, guest);
  }
  return { mem, tables, fsRoot, ssRoot, hostPage, guestPage, guest };
}

export function putWords(mem: PhysMem, at: bigint, words: readonly bigint[]): void {
  words.forEach((word, i) => {
    mem.write64(at + BigInt(8 * i), word);
  });
}

/** What translates: a unit. */
export interface Translator {
  translate(request: Request): Translation;
}

/** Each page once, in an order that no cache of the machine likes. */
export function shuffledPages(): Int32Array {
  const order = Int32Array.from({ length: PAGES }, (_, i) => i);
  let seed = 12345;
  for (let i = PAGES - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fff_ffff;
    const j = seed % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

/** Sum of the addresses that all pages lead to, as a check against other implementations. */
export function sumOf(unit: Translator, request: Request): bigint {
  let sum = 0n;
  for (let page = 0; page < PAGES; page++) {
    request.lo = lo32(VA) + (page << 12) + 0x10;
    sum += unit.translate(request).hpa;
  }
  return sum;
}

const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1]!;

/** One access to each page; the answer is how many went wrong. */
export function sweep(unit: Translator, order: Int32Array, request: Request): number {
  const [hi, lo] = [hi32(VA), lo32(VA)];
  let wrong = 0;
  for (let i = 0; i < order.length; i++) {
    request.hi = hi;
    request.lo = lo + (order[i]! << 12) + 0x10;
    if (!unit.translate(request).ok) wrong++;
  }
  return wrong;
}

/** Median ns per access of `work`, which makes one for each page and answers how many went wrong. */
export function perAccess(rounds: number, work: () => number): number {
  const run = (): number => {
    const start = performance.now();
    let wrong = 0;
    for (let i = 0; i < rounds; i++) wrong += work();
    if (wrong !== 0) throw new Error(`${wrong} translations faulted`);
    return ((performance.now() - start) * 1e6) / (rounds * PAGES);
  };
  for (let i = 0; i < 3; i++) run();
  return median(Array.from({ length: RUNS }, run));
}

/** Median ns per invalidation of `work`, which makes `count` after `prepare` has filled the caches. */
export function perInvalidation(count: number, prepare: () => void, work: () => number): number {
  const run = (): number => {
    prepare();
    const start = performance.now();
    const removed = work();
    const took = performance.now() - start;
    if (removed === 0) throw new Error('nothing was removed');
    return (took * 1e6) / count;
  };
  for (let i = 0; i < WARM_UP; i++) run();
  return median(Array.from({ length: RUNS }, run));
}

/** Invalidations are few per run, so they take more runs until they are compiled. */
const WARM_UP = 60;
