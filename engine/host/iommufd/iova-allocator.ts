import { PAGE } from './pages.ts';

export interface Range {
  readonly start: bigint;
  readonly last: bigint;
}

export const ULONG_MAX = 0xffff_ffff_ffff_ffffn;
const HUGE = 1n << 21n;

export const intersects = (a: Range, b: Range): boolean => a.start <= b.last && b.start <= a.last;

/** The holes that ranges leave in a span. */
export function holes(used: readonly Range[], within: Range): Range[] {
  const gaps: Range[] = [];
  let next = within.start;
  for (const range of [...used].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    if (range.last < next) continue;
    if (within.last < range.start) break;
    if (next < range.start) gaps.push({ start: next, last: range.start - 1n });
    if (range.last === ULONG_MAX) return gaps;
    next = range.last + 1n;
  }
  if (next <= within.last) gaps.push({ start: next, last: within.last });
  return gaps;
}

/**
 * `iopt_alloc_iova`: the first fitting place, aligned as the memory behind it is, and never address 0.
 * @param addr the user address that will be mapped
 * @returns 'EINVAL' where the memory is not aligned enough, 'EOVERFLOW' and 'ENOSPC' as they say
 */
export function allocateIova(
  addr: bigint,
  length: bigint,
  alignment: bigint,
  used: readonly Range[],
  allowed: readonly Range[],
): bigint | 'EOVERFLOW' | 'EINVAL' | 'ENOSPC' {
  if (length === 0n || ULONG_MAX / 2n <= length) return 'EOVERFLOW';
  let wanted = roundUpPowerOfTwo(length);
  if (addr !== 0n && (addr & -addr) < wanted) wanted = addr & -addr;
  if (HUGE <= wanted) wanted = HUGE;
  if (wanted < alignment) return 'EINVAL';
  const everything = { start: PAGE, last: ULONG_MAX - PAGE };
  const spans = allowed.length === 0 ? [everything] : allowed.map((range) => clip(range, everything));
  for (const span of [...spans].sort((a, b) => (a.start < b.start ? -1 : 1))) {
    const from = fit(span, length, wanted, addr % PAGE);
    if (from === undefined) continue;
    for (const hole of holes(used, { start: from, last: span.last })) {
      const at = fit(hole, length, wanted, addr % PAGE);
      if (at !== undefined) return at;
    }
  }
  return 'ENOSPC';
}

const clip = (range: Range, to: Range): Range => ({
  start: range.start < to.start ? to.start : range.start,
  last: to.last < range.last ? to.last : range.last,
});

function fit({ start, last }: Range, length: bigint, alignment: bigint, pageOffset: bigint): bigint | undefined {
  const at = ((start + alignment - 1n) & ~(alignment - 1n)) | pageOffset;
  return at >= last || last - at < length - 1n ? undefined : at;
}

function roundUpPowerOfTwo(n: bigint): bigint {
  let power = 1n;
  while (power < n) power <<= 1n;
  return power;
}
