import { baseOf, LARGE_LEAF, type LevelOne, SMALL_LEAF } from './config-reader.ts';
import type { ContextEntry } from './context-entry.ts';
import type { StreamEntry } from './stream-entry.ts';

/** SubstreamIDs have 20 bits, so that both ids fit a double. */
const keyOf = (sid: number, ssid: number): number => sid * 0x10_0000 + ssid;
const sidOf = (key: number): number => Math.floor(key / 0x10_0000);

/** Entries that an invalidation removed, by cache. */
export interface ConfigRemoved {
  stes: number;
  l1Stds: number;
  cds: number;
  l1Cds: number;
}

/**
 * What the SMMU keeps of its configuration (IHI 0070, 16.2): entries by StreamID, descriptors by StreamID and
 * SubstreamID, and the first levels above them. What is not valid is kept too, for a change of any kind needs its
 * command; what could not be read is not.
 */
export class ConfigCaches {
  readonly stes = new Map<number, StreamEntry>();
  readonly cds = new Map<number, ContextEntry>();
  /** By index of the descriptor. */
  readonly l1Stds = new Map<number, LevelOne>();
  /** By StreamID and the first SubstreamID that the descriptor covers. */
  readonly l1Cds = new Map<number, LevelOne>();

  /** Rises whenever entries may have gone. */
  changes = 0;
  /** What was asked for last, since accesses come in runs. */
  #last: ContextEntry | undefined;
  #lastKey = -1;
  #lastChanges = 0;

  cd(sid: number, ssid: number): ContextEntry | undefined {
    const key = keyOf(sid, ssid);
    if (key === this.#lastKey && this.changes === this.#lastChanges) return this.#last;
    const found = this.cds.get(key);
    if (found) [this.#lastKey, this.#lastChanges, this.#last] = [key, this.changes, found];
    return found;
  }

  l1Cd(sid: number, base: number): LevelOne | undefined {
    return this.l1Cds.get(keyOf(sid, base));
  }

  fillCd(sid: number, ssid: number, cd: ContextEntry): void {
    this.cds.set(keyOf(sid, ssid), cd);
  }

  fillL1Cd(sid: number, base: number, l1: LevelOne): void {
    this.l1Cds.set(keyOf(sid, base), l1);
  }

  clear(): ConfigRemoved {
    this.changes++;
    const removed = {
      stes: this.stes.size,
      l1Stds: this.l1Stds.size,
      cds: this.cds.size,
      l1Cds: this.l1Cds.size,
    };
    for (const cache of [this.stes, this.cds, this.l1Stds, this.l1Cds]) cache.clear();
    return removed;
  }

  /**
   * The entries of streams `first` to `last` and the CDs that were reached through them.
   * @param l1Shift StreamIDs per level-1 descriptor as a power of two, or -1 where those stay
   */
  removeStreams(first: number, last: number, l1Shift: number): ConfigRemoved {
    this.changes++;
    const within = (sid: number): boolean => first <= sid && sid <= last;
    const l1 = (index: number): boolean =>
      l1Shift >= 0 && Math.floor(first / 2 ** l1Shift) <= index && index <= Math.floor(last / 2 ** l1Shift);
    return {
      stes: drop(this.stes, within),
      l1Stds: drop(this.l1Stds, l1),
      cds: drop(this.cds, (key) => within(sidOf(key))),
      l1Cds: drop(this.l1Cds, (key) => within(sidOf(key))),
    };
  }

  /** The CD of one substream, and the level-1 descriptor above it unless only leaves are meant. */
  removeCd(sid: number, ssid: number, leafOnly: boolean): ConfigRemoved {
    this.changes++;
    const l1 = leafOnly ? [] : [SMALL_LEAF, LARGE_LEAF].filter((lg2) => this.#removeL1Cd(sid, ssid, lg2));
    return { stes: 0, l1Stds: 0, cds: this.cds.delete(keyOf(sid, ssid)) ? 1 : 0, l1Cds: l1.length };
  }

  #removeL1Cd(sid: number, ssid: number, lg2: number): boolean {
    const key = keyOf(sid, baseOf(ssid, lg2));
    return this.l1Cds.get(key)?.idsLg2 === lg2 && this.l1Cds.delete(key);
  }

  /** Every CD of a stream. */
  removeCds(sid: number): ConfigRemoved {
    this.changes++;
    const ofStream = (key: number): boolean => sidOf(key) === sid;
    return { stes: 0, l1Stds: 0, cds: drop(this.cds, ofStream), l1Cds: drop(this.l1Cds, ofStream) };
  }

  /** What is known of CDs of a stream: substream and entry. */
  cdsOf(sid: number): { readonly ssid: number; readonly cd: ContextEntry }[] {
    return [...this.cds].filter(([key]) => sidOf(key) === sid).map(([key, cd]) => ({ ssid: key - keyOf(sid, 0), cd }));
  }
}

function drop(cache: Map<number, unknown>, gone: (key: number) => boolean): number {
  const before = cache.size;
  for (const key of cache.keys()) if (gone(key)) cache.delete(key);
  return before - cache.size;
}
