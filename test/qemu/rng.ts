/** Repeatable random numbers (mulberry32), one generator per case so that a case can be run alone. */
export class Rng {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** 32 bits. */
  next(): number {
    this.#state = (this.#state + 0x6d2b_79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor((this.next() / 2 ** 32) * limit);
  }

  /** True in `percent` of 100 draws. */
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** `count` random bits as a bigint. */
  bits(count: number): bigint {
    const all = (BigInt(this.next()) << 32n) | BigInt(this.next());
    return BigInt.asUintN(count, all);
  }

  /** One of several, weighted: `[weight, value]`. */
  weighted<T>(from: readonly (readonly [number, T])[]): T {
    let left = this.below(from.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of from) {
      left -= weight;
      if (left < 0) return value;
    }
    return from[0]![1];
  }
}
