import type { DeviationName } from './smmu-deviations.ts';
import { bits, ones } from './smmu-model.ts';
import type { Line } from './smmu-walk.ts';

/** Lines of stage 2 alone have this ASID in QEMU. */
export const NO_ASID = -1;

export interface Kept {
  readonly asid: number;
  readonly vmid: number;
  readonly line: Line;
  /** It was found on the way to a table. */
  readonly ofTable: boolean;
  /** The step that filled it. */
  readonly filledBy: number;
  /** Deviations without which it would not be there as it is. */
  readonly met: readonly DeviationName[];
}

/** QEMU's TLB: lines by ASID, VMID, address, granule and level. It holds more of them than a case makes. */
export class TwinTlb {
  readonly #lines = new Map<string, Kept>();

  get all(): readonly Kept[] {
    return [...this.#lines.values()];
  }

  clear(): void {
    this.#lines.clear();
  }

  look(asid: number, vmid: number, granule: number, tsz: number, address: bigint): Kept | undefined {
    const stride = granule - 3;
    for (let level = 4 - Math.floor((60 - tsz) / stride); level <= 3; level++) {
      const from = address & ~ones(granule + (3 - level) * stride);
      const kept = this.#lines.get(keyOf(asid, vmid, from, granule, level));
      if (kept) return kept;
    }
    return undefined;
  }

  keep(kept: Kept): void {
    const { asid, vmid, line } = kept;
    this.#lines.set(keyOf(asid, vmid, line.from, line.granule, line.level), kept);
  }

  /** What a command by address removes; words as in the queue. */
  removeRange([low, high]: readonly bigint[], meant: (kept: Kept) => boolean): void {
    const tg = bits(high!, 10, 2);
    const ttl = bits(high!, 8, 2);
    const granule = tg === 0 ? 12 : 10 + 2 * tg;
    const pages = tg === 0 ? 1n : BigInt(bits(low!, 12, 5) + 1) << BigInt(bits(low!, 20, 5));
    const from = high! & ~0xfffn;
    const to = from + (pages << BigInt(granule));
    // With a level hint QEMU removes the one page it names first, and is content with that.
    const exact = tg !== 0 && ttl !== 0 && pages === 1n;
    if (exact) {
      const hits = [...this.#lines].filter(
        ([, kept]) =>
          meant(kept) && kept.line.from === from && kept.line.granule === granule && kept.line.level === ttl,
      );
      for (const [key] of hits) this.#lines.delete(key);
      if (hits.length > 0) return;
    }
    this.remove((kept) => {
      const { from: start, lg2 } = kept.line;
      return meant(kept) && start < to && from < start + (1n << BigInt(lg2));
    });
  }

  remove(gone: (kept: Kept) => boolean): void {
    for (const [key, kept] of this.#lines) if (gone(kept)) this.#lines.delete(key);
  }
}

const keyOf = (asid: number, vmid: number, from: bigint, granule: number, level: number): string =>
  `${asid}/${vmid}/${from.toString(16)}/${granule}/${level}`;
