/** `0x` and lower-case digits, as the JSON report prints values. */
export const hex = (value: bigint | number): string => `0x${value.toString(16)}`;

/** `0x` and digits in groups of four, as people read addresses: 0x1_4000_0010. */
export const hexGrouped = (value: bigint | number): string =>
  `0x${value.toString(16).replace(/\B(?=(?:[0-9a-f]{4})+$)/g, '_')}`;

const UNITS = ['', 'K', 'M', 'G', 'T', 'P', 'E'];

/** A size with the largest binary suffix that divides it: 4096 -> 4K. */
export function sizeText(bytes: bigint): string {
  let value = bytes;
  let unit = 0;
  while (value !== 0n && value % 1024n === 0n && unit + 1 < UNITS.length) {
    value /= 1024n;
    unit++;
  }
  return `${value}${UNITS[unit]}`;
}

/** `1 step`, `2 steps`. */
export const count = (n: number | bigint, noun: string): string => `${n} ${noun}${BigInt(n) === 1n ? '' : 's'}`;

/** The candidate nearest to `wanted` by edit distance, if it is near enough to be a slip. */
export function nearest(wanted: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(wanted.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - wanted.length) > limit) continue;
    const distance = editDistance(wanted.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      let least = Math.min(row[j]! + (a[i] === b[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1);
      if (i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j]) least = Math.min(least, before[j - 1]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
