import { hi32, lo32 } from '../base/addr.ts';
import type { PhysMem } from '../memory/phys-mem.ts';
import type { TableMemory } from './tables.ts';

const PAGE_WORDS = 1024;
const PAGE_BYTES = 4096;

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
      for (const [page, count] of pieces(table, entries)) {
        const at = mem.wordAt(hi32(page), lo32(page));
        // The first page is the one of zeros that stands for absent memory: nothing to clear, and not to be written.
        if (at < PAGE_WORDS) continue;
        mem.words.fill(0, at, at + count * 2);
        mem.version = (mem.version + 1) | 0;
      }
    },
    writeRun: (address, first, step, count) => {
      let entry = first;
      for (const [piece, entries] of pieces(address, count)) {
        const at = mem.wordForWrite(hi32(piece), lo32(piece));
        addEntries(mem.words, at, lo32(entry), hi32(entry), lo32(step), hi32(step), entries);
        mem.version = (mem.version + 1) | 0;
        entry += step * BigInt(entries);
      }
    },
  };
}

/** Cuts a run of entries at the pages of memory, whose words need not lie side by side. */
function* pieces(address: bigint, count: number): Generator<readonly [address: bigint, entries: number]> {
  for (let at = address, left = count; left > 0; ) {
    const entries = Math.min(left, (PAGE_BYTES - (lo32(at) & (PAGE_BYTES - 1))) / 8);
    yield [at, entries];
    at += BigInt(entries) * 8n;
    left -= entries;
  }
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
