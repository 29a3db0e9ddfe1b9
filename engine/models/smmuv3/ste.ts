/** The part of a stream table entry that a guest may write, as two 64-bit words (IHI 0070, 5.2). */
const ones = (hi: number, lo: number): bigint => ((1n << BigInt(hi - lo + 1)) - 1n) << BigInt(lo);

/** Words 0 and 1 of the fields that a nested page table may set; every other bit is refused. */
export const VSTE_ALLOWED: readonly [bigint, bigint] = [
  // V, Config, S1Fmt, S1ContextPtr, S1CDMax
  ones(0, 0) | ones(3, 1) | ones(5, 4) | ones(51, 6) | ones(63, 59),
  // S1DSS, S1CIR, S1COR, S1CSH, S1STALLD, EATS
  ones(1, 0) | ones(3, 2) | ones(5, 4) | ones(7, 6) | ones(27, 27) | ones(29, 28),
];

export const CONFIG = { abort: 0, bypass: 4, stage1: 5 } as const;
export const EATS = { none: 0, full: 1 } as const;

export const isValid = (word0: bigint): boolean => (word0 & 1n) === 1n;
export const configOf = (word0: bigint): number => Number((word0 >> 1n) & 7n);
export const eatsOf = (word1: bigint): number => Number((word1 >> 28n) & 3n);
