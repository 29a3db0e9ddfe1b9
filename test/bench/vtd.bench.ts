/**
 * How long a translation takes: `esbuild --bundle`, then run. Figures are medians of 7 runs in ns per operation; nothing
 * is asserted, because machines differ.
 */
import { hi32, lo32 } from '../../engine/base/addr.ts';
import { PhysMem } from '../../engine/memory/phys-mem.ts';
import {
  Access,
  CONTEXT_ENTRY,
  encode,
  makeCaps,
  nestedPasidEntry,
  Request,
  VtdUnit,
} from '../../engine/models/vtd/index.ts';

const PAGES = 16_384;
const RUNS = 7;
const SID = 0x10;
const PASID = 7;
const GUEST_AT = 1n << 32n;
const VA = 0x7f00_0000_0000n;

/** A guest whose 16384 data pages lie in 4 x 4 levels of 4K pages, with every accessed and dirty bit set already. */
export function nestedUnit(): VtdUnit {
  const mem = new PhysMem(1 << 12);
  let nextHost = 0x10_0000n;
  let nextGuest = 0x1000_0000n;
  const hostPage = (): bigint => (nextHost += 0x1000n);
  const guestPage = (): bigint => (nextGuest += 0x1000n);
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
      map(ssRoot, page, (GUEST_AT + page) | 3n, 3n, hostPage, (at) => at);
    }
    return GUEST_AT + gpa;
  };
  const fsRoot = guestPage();
  for (let i = 0; i < PAGES; i++) {
    const gpa = 0x4000_0000n + BigInt(i) * 0x1000n;
    guest(gpa);
    map(fsRoot, VA + BigInt(i) * 0x1000n, gpa | 0x67n, 0x27n, guestPage, guest);
  }
  const [root, contexts, directory, table] = [hostPage(), hostPage(), hostPage(), hostPage()];
  const put = (at: bigint, words: readonly bigint[]): void =>
    words.forEach((word, i) => {
      mem.write64(at + BigInt(8 * i), word);
    });
  put(root, [contexts | 1n, 0n]);
  put(contexts + BigInt(SID) * 32n, encode(CONTEXT_ENTRY, { P: 1, PASIDE: 1, PASIDDIRPTR: directory }));
  put(directory, [table | 1n]);
  const entry = nestedPasidEntry({ did: 1, pwsnp: true, fsRoot, fsLevels: 4, second: { root: ssRoot, levels: 4 } });
  put(table + BigInt(PASID) * 64n, entry);
  const unit = new VtdUnit(mem, makeCaps());
  unit.rtaddr = root | 0x400n;
  return unit;
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

const median = (times: number[]): number => times.sort((a, b) => a - b)[times.length >> 1]!;

function sweep(unit: VtdUnit, order: Int32Array, request: Request): number {
  const [hi, lo] = [hi32(VA), lo32(VA)];
  let wrong = 0;
  for (let i = 0; i < order.length; i++) {
    request.hi = hi;
    request.lo = lo + (order[i]! << 12) + 0x10;
    if (!unit.translate(request).ok) wrong++;
  }
  return wrong;
}

function time(rounds: number, work: () => number): number {
  const start = performance.now();
  let wrong = 0;
  for (let i = 0; i < rounds; i++) wrong += work();
  if (wrong !== 0) throw new Error(`${wrong} translations faulted`);
  return ((performance.now() - start) * 1e6) / (rounds * PAGES);
}

/** Nested 4 x 4 walk with configuration cached and IOTLB empty; the emptying is part of the time. */
export function coldNestedWalk(): number {
  const unit = nestedUnit();
  const order = shuffledPages();
  const request = new Request({ sid: SID, pasid: PASID, address: VA, access: Access.Read });
  const run = (): number =>
    time(4, () => {
      unit.iotlb.clear();
      return sweep(unit, order, request);
    });
  for (let i = 0; i < 3; i++) run();
  return median(Array.from({ length: RUNS }, run));
}

/** The same with every page in the IOTLB. */
export function iotlbHit(): number {
  const unit = nestedUnit();
  const order = shuffledPages();
  const request = new Request({ sid: SID, pasid: PASID, address: VA, access: Access.Read });
  const run = (): number => time(200, () => sweep(unit, order, request));
  for (let i = 0; i < 3; i++) run();
  return median(Array.from({ length: RUNS }, run));
}

/** The same with 1024 pages, as many as a busy device touches. */
export function iotlbHitFew(): number {
  const unit = nestedUnit();
  const order = shuffledPages().map((page) => page & 1023);
  const request = new Request({ sid: SID, pasid: PASID, address: VA, access: Access.Read });
  const run = (): number => time(200, () => sweep(unit, order, request));
  for (let i = 0; i < 3; i++) run();
  return median(Array.from({ length: RUNS }, run));
}

/** One edit, then a hit that has to prove itself with a walk. */
export function provenHit(): number {
  const unit = nestedUnit();
  const order = shuffledPages();
  const request = new Request({ sid: SID, pasid: PASID, address: VA, access: Access.Read });
  sweep(unit, order, request);
  const run = (): number =>
    time(2, () => {
      unit.mem.write64(0xdead_0000n, 1n);
      return sweep(unit, order, request);
    });
  for (let i = 0; i < 3; i++) run();
  return median(Array.from({ length: RUNS }, run));
}

export const benches = { coldNestedWalk, iotlbHit, iotlbHitFew, provenHit };
