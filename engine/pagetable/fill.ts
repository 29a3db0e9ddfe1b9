import { hi32, lo32 } from '../base/addr.ts';
import type { PhysMem } from '../memory/phys-mem.ts';
import type { TableMemory } from './tables.ts';

/**
 * Host memory for large edits while a machine is set up: whole tables at a time through int32 halves. Afterwards
 * (`now` set) every entry is an edit to remember, and the memory is answered with as it is.
 */
export function bulkTables(mem: PhysMem): TableMemory {
  if (mem.now !== 0) return mem;
  return {
    read64: (address) => mem.read64(address),
    write64: (address, value) => mem.write64(address, value),
    clear: (table, entries) => {
      const at = mem.wordAt(hi32(table), lo32(table));
      // Index 0 is the page of zeros that stands for absent memory: nothing to clear, and not to be written.
      if (at === 0) return;
      mem.words.fill(0, at, at + entries * 2);
      mem.version = (mem.version + 1) | 0;
    },
    writeRun: (address, first, step, count) => {
      const at = mem.wordForWrite(hi32(address), lo32(address));
      addEntries(mem.words, at, lo32(first), hi32(first), lo32(step), hi32(step), count);
      mem.version = (mem.version + 1) | 0;
    },
  };
}

/** Writes entries that rise by a step. Apart, so that the loop sees nothing but int32. */
function addEntries(
  words: Int32Array,
  at: number,
  lo: number,
  hi: number,
  stepLo: number,
  stepHi: number,
  count: number,
): void {
  for (let i = at; i < at + count * 2; i += 2) {
    words[i] = lo;
    words[i + 1] = hi;
    const next = (lo + stepLo) | 0;
    // Unsigned wrap-around of the low half carries into the high one.
    hi = (hi + stepHi + (next >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
    lo = next;
  }
}
