import type { LineTable } from '../cache/lines.ts';
import type { Tally } from './unit.ts';

/** Whether a walk would not give what a line held any more. @param lines a copy of those of the table @param key its first key word */
export type IsGone = (lines: Int32Array, at: number, key: number) => boolean;

/** A cache, and how its lines are judged. */
export interface Counted {
  readonly table: LineTable;
  /** Its lines are translations, those of devices included. */
  readonly translations: boolean;
  readonly isGone: IsGone;
}

interface Copy extends Counted {
  readonly lines: Int32Array;
  readonly offsets: readonly { readonly at: number; readonly key: number }[];
}

/**
 * How much of what a command removes had to go: lines that a walk would not give any more. It copies the caches before the
 * command and walks after it, so it is made on demand.
 */
export class StaleCount {
  readonly #before: readonly Copy[];

  constructor(caches: readonly Counted[]) {
    this.#before = caches.map((cache) => ({
      ...cache,
      lines: cache.table.lines.slice(),
      offsets: Array.from(cache.table.offsets(), (at) => ({ at, key: cache.table.key0(at) })),
    }));
  }

  /** Lines that have gone since, and that were out of date. */
  removed(): number {
    return this.#count(this.#before).needed;
  }

  /** The same for translations alone, with all that have gone. */
  translations(): Tally {
    return this.#count(this.#before.filter(({ translations }) => translations));
  }

  #count(copies: readonly Copy[]): Tally {
    const tally = { dropped: 0, needed: 0 };
    for (const { table, lines, offsets, isGone } of copies)
      for (const { at, key } of offsets) {
        if (table.isLive(at)) continue;
        tally.dropped++;
        if (isGone(lines, at, key)) tally.needed++;
      }
    return tally;
  }
}
