import type { PhysMem } from '../../engine/memory/phys-mem.ts';
import { isRam } from './vtd-case.ts';
import type { Plan } from './vtd-plan.ts';

const ACCESSED = 0x20n;
const DIRTY = 0x40n;

/** How the two sides may differ in accessed and dirty bits of first-stage entries. */
export const BIT_DEVIATIONS = {
  'accessed-on-faulting-walk':
    'Accessed and dirty bits are set when a translation succeeds; QEMU sets them on the way down, also when the walk then faults.',
  'dirty-only-with-accessed':
    'A write sets the dirty bit of a leaf; QEMU leaves it clear when the accessed bit is set already, or when the IOTLB answers.',
  'accessed-by-walking-anew':
    'A cached translation or table is used without its entries being read; QEMU, which had to walk, sets their accessed bits.',
} as const;
export type BitDeviation = keyof typeof BIT_DEVIATIONS;

/** First-stage entries on the way of a case's accesses: whether one of them faulted, and whether a cache spared one the entry. */
export type Visited = ReadonlyMap<bigint, { readonly faulted: boolean; readonly spared: boolean }>;

/** Compares the bits after a case. A difference without a name comes back as text. */
export function compareBits(
  visited: Visited,
  engine: PhysMem,
  qemu: ReadonlyMap<bigint, bigint>,
): { readonly names: readonly BitDeviation[]; readonly unexplained: string | undefined } {
  const names = new Set<BitDeviation>();
  for (const [at, { faulted, spared }] of visited) {
    const [ours, theirs] = [engine.read64(at), qemu.get(at)!];
    if (ours === theirs) continue;
    const missing = ours & ~theirs;
    const extra = theirs & ~ours;
    if (missing === DIRTY && theirs & ACCESSED) names.add('dirty-only-with-accessed');
    else if (missing !== 0n) return { names: [], unexplained: text(at, ours, theirs) };
    if (extra === 0n) continue;
    if ((extra & ~(ACCESSED | DIRTY)) === 0n && (faulted || spared))
      names.add(faulted ? 'accessed-on-faulting-walk' : 'accessed-by-walking-anew');
    else return { names: [], unexplained: text(at, ours, theirs) };
  }
  return { names: [...names], unexplained: undefined };
}

/** Entries that accesses of a case read, from its plan. */
export function visitedBy({ paths, answers }: Pick<Plan, 'paths' | 'answers'>): Visited {
  const visited = new Map<bigint, { faulted: boolean; spared: boolean }>();
  for (const [i, path] of paths.entries()) {
    if (path?.type !== 'first') continue;
    const { ok, hit, shortened } = answers[i]!;
    for (const { at } of path.entries) {
      if (!isRam(at)) continue;
      const known = visited.get(at);
      visited.set(at, {
        faulted: !ok || (known?.faulted ?? false),
        spared: hit || shortened || (known?.spared ?? false),
      });
    }
  }
  return visited;
}

const text = (at: bigint, ours: bigint, theirs: bigint): string =>
  `entry at 0x${at.toString(16)}: engine 0x${ours.toString(16)}, QEMU 0x${theirs.toString(16)}`;
