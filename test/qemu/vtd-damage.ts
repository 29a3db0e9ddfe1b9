import type { Rng } from './rng.ts';
import type { Making } from './vtd-generate.ts';
import type { Entry } from './vtd-tables.ts';

type Change = (value: bigint, rng: Rng, entry: Entry) => bigint;

const clear =
  (bits: bigint): Change =>
  (value) =>
    value & ~bits;
const setOneOf =
  (...positions: readonly number[]): Change =>
  (value, rng) =>
    value | (1n << BigInt(rng.pick(positions)));
const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const flipAny: Change = (value, rng) => value ^ (1n << BigInt(rng.below(64)));
const noise: Change = (_, rng) => rng.bits(64);

/** What may go wrong with each kind of word, weighted. */
const DAMAGE: Readonly<Record<Entry['kind'], readonly (readonly [number, Change])[]>> = {
  root: [
    [3, clear(1n)],
    [3, setOneOf(...range(1, 11))],
    [2, setOneOf(...range(48, 63))],
    [1, flipAny],
  ],
  context: [
    [2, clear(1n)],
    [2, (value) => value ^ 2n],
    [3, flipAny],
    [2, setOneOf(...range(48, 63))],
    [1, (value, rng) => value ^ rng.bits(3)],
  ],
  pde: [
    [3, clear(1n)],
    [2, (value) => value ^ 2n],
    [2, setOneOf(...range(2, 11))],
    [2, setOneOf(...range(48, 63))],
    [1, flipAny],
  ],
  pasid: [
    [2, clear(1n)],
    [2, (value) => value ^ 2n],
    [3, (value, rng) => (value & ~0x1c0n) | (BigInt(rng.below(8)) << 6n)],
    [2, (value, rng) => (value & ~0x1cn) | (BigInt(rng.below(8)) << 2n)],
    [3, flipAny],
    [1, setOneOf(...range(48, 63))],
  ],
  first: [
    [3, clear(1n)],
    [3, clear(2n)],
    [3, clear(4n)],
    [2, setOneOf(...range(48, 51))],
    [1, setOneOf(63)],
    // PS: a reserved bit in the top table, a large page further down.
    [2, (value) => value ^ 0x80n],
    [2, setOneOf(...range(12, 29))],
    [2, flipAny],
    [1, noise],
    [1, () => (1n << 64n) - 1n],
  ],
  second: [
    [3, clear(3n)],
    [3, clear(1n)],
    [3, clear(2n)],
    [2, setOneOf(...range(39, 51))],
    [2, setOneOf(11, 62)],
    [2, (value) => value ^ 0x80n],
    [2, setOneOf(...range(12, 29))],
    [2, flipAny],
    [1, noise],
    [1, () => (1n << 64n) - 1n],
  ],
};

/** A wrong value for a word that is right now. */
export const damage = ({ rng, tables }: Making, entry: Entry): bigint =>
  BigInt.asUintN(64, rng.weighted(DAMAGE[entry.kind])(tables.get(entry.at), rng, entry));
