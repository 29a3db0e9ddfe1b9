import type { Rng } from './rng.ts';
import type { Word, WordKind } from './smmu-tables.ts';

type Change = (value: bigint, rng: Rng) => bigint;

const clear =
  (mask: bigint): Change =>
  (value) =>
    value & ~mask;
const set =
  (mask: bigint): Change =>
  (value) =>
    value | mask;
/** Another value for a field. */
const refill =
  (low: number, width: number, values?: readonly bigint[]): Change =>
  (value, rng) => {
    const mask = ((1n << BigInt(width)) - 1n) << BigInt(low);
    return (value & ~mask) | ((values ? rng.pick(values) : rng.bits(width)) << BigInt(low));
  };
const flip =
  (...places: readonly number[]): Change =>
  (value, rng) =>
    value ^ (1n << BigInt(rng.pick(places)));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Output addresses beyond some width, in tables and leaves. */
const wide = flip(...range(32, 47));
const LEAF: readonly (readonly [number, Change])[] = [
  [3, clear(1n)],
  [2, clear(1n << 10n)],
  [3, refill(6, 2)],
  [2, wide],
  [1, flip(1)],
  [1, flip(...range(12, 47))],
  [1, flip(...range(2, 11), ...range(50, 63))],
];

/** What may go wrong with each kind of word, weighted. */
const DAMAGE: Readonly<Record<WordKind, readonly (readonly [number, Change])[]>> = {
  l1std: [
    [2, refill(0, 5)],
    [1, clear(31n)],
    [2, (value, rng) => (value & ~31n) | BigInt(1 + rng.below(10))],
    [1, flip(...range(6, 16))],
  ],
  ste0: [
    [2, clear(1n)],
    [3, refill(1, 3)],
    [1, refill(4, 2)],
    [1, refill(59, 5)],
    [2, flip(...range(6, 20))],
    [1, flip(...range(40, 47))],
  ],
  ste1: [
    [1, set(1n << 27n)],
    [1, refill(30, 2)],
    [1, refill(28, 2)],
    [2, refill(0, 8)],
    [1, refill(44, 8)],
  ],
  ste2: [
    [2, refill(0, 2)],
    [2, refill(32, 6)],
    [3, refill(32, 6, [19n, 20n, 21n, 24n, 25n, 29n, 30n, 33n, 34n, 39n, 40n])],
    [2, refill(38, 2)],
    [1, refill(46, 2)],
    [2, refill(48, 3, [0n, 1n, 2n, 3n, 4n, 5n])],
    [1, flip(52, 57)],
    [1, flip(53, 54, 58)],
    [1, flip(55, 56)],
  ],
  ste3: [
    [2, flip(...range(32, 47))],
    [3, flip(...range(4, 20))],
  ],
  cd0: [
    [2, refill(0, 6)],
    [2, refill(0, 6, [15n, 16n, 17n, 24n, 25n, 33n, 34n, 39n, 40n])],
    [1, refill(6, 2)],
    [1, refill(16, 6, [15n, 16n, 17n, 25n, 34n, 39n, 40n])],
    [1, refill(22, 2)],
    [2, flip(14, 30)],
    [1, flip(15)],
    [1, flip(31, 41)],
    [2, refill(32, 3, [0n, 1n, 2n, 3n, 4n, 5n])],
    [2, flip(35, 38, 39)],
    [1, flip(42, 43, 44, 46)],
    [1, flip(45)],
    [2, refill(48, 2)],
  ],
  cd1: [
    [2, flip(...range(32, 47))],
    [3, flip(...range(4, 20))],
    [1, flip(1)],
  ],
  cd2: [
    [2, flip(...range(32, 47))],
    [3, flip(...range(4, 20))],
    [1, flip(1)],
  ],
  table1: [
    [3, clear(1n)],
    [2, flip(61, 62)],
    [2, wide],
    [2, flip(1)],
    [1, flip(...range(12, 31))],
  ],
  table2: [
    [3, clear(1n)],
    [2, wide],
    [2, flip(1)],
    [1, flip(...range(12, 31))],
  ],
  leaf1: LEAF,
  leaf2: LEAF,
};

/** Another value for a word of this kind. */
export const damaged = (rng: Rng, { kind }: Word, value: bigint): bigint =>
  BigInt.asUintN(64, rng.weighted(DAMAGE[kind])(value, rng));
