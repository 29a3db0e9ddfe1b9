import type { PhysMem } from '../memory/phys-mem.ts';
import { STEP_WORDS, type Walker } from '../pagetable/walk.ts';

/**
 * Words of a record: what was read, address halves (high, low), value halves (for configuration entries the first 64
 * bits). What: 0 to 3 for root, context, directory and PASID entry, 0x10 | level first stage, 0x20 | level second.
 */
export const TRACE_WORDS = 5;

/** Collects the entries that real walks read, in order, until it is full; then it only counts. */
export class Recorder {
  readonly words: Int32Array;
  /** Entries seen, recorded or not. */
  count = 0;

  constructor(capacity = 4096) {
    this.words = new Int32Array(capacity * TRACE_WORDS);
  }

  clear(): void {
    this.count = 0;
  }

  /** Configuration entries. @param path three words each: kind, address halves (high, low) */
  config(path: Int32Array, reads: number, mem: PhysMem): void {
    for (let i = 0; i < reads; i++) {
      const at = mem.wordAt(path[i * 3 + 1]!, path[i * 3 + 2]!);
      this.#add(path[i * 3]!, path[i * 3 + 1]!, path[i * 3 + 2]!, mem.words, at);
    }
  }

  walk(walker: Walker): void {
    const path = walker.path;
    for (let step = 0; step < walker.steps * STEP_WORDS; step += STEP_WORDS) {
      this.#add(path[step]!, path[step + 1]!, path[step + 2]!, walker.mem.words, path[step + 3]!);
    }
  }

  #add(what: number, hi: number, lo: number, words: Int32Array, word: number): void {
    const at = this.count++ * TRACE_WORDS;
    if (at + TRACE_WORDS > this.words.length) return;
    this.words[at] = what;
    this.words[at + 1] = hi;
    this.words[at + 2] = lo;
    this.words[at + 3] = words[word + 1]!;
    this.words[at + 4] = words[word]!;
  }
}
