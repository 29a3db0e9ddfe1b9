import { U64_MASK } from '../base/addr.ts';
import { hex } from '../base/text.ts';
import { addressBits, entryAddress, entryKind, levelSpan, relevel } from './describe.ts';
import type { Format } from './format.ts';

/** Where tables are written: host memory, or guest memory through whatever maps it. Addresses are 8-byte aligned. */
export interface TableMemory {
  read64(address: bigint): bigint;
  write64(address: bigint, value: bigint): void;
  /** Zeroes a whole table of any size; without it the words that are not 0 are written one by one. */
  clear?(table: bigint, entries: number): void;
  /** Writes `count` entries of one table from `address`, each `step` above the one before; without it `write64` does. */
  writeRun?(address: bigint, first: bigint, step: bigint, count: number): void;
}

/**
 * Gives the address of so many bytes for a table, 4 KiB unless the granule is larger, aligned to their number; undefined
 * where none are left. Their content is of no concern.
 */
export type Allocate = (bytes: bigint) => bigint | undefined;

/** Single steps on the tables of one format, for the editor. A string result is a problem, for the user. */
export class Tables {
  readonly format: Format;
  readonly memory: TableMemory;
  readonly #allocate: Allocate;

  constructor(format: Format, memory: TableMemory, allocate: Allocate) {
    this.format = format;
    this.memory = memory;
    this.#allocate = allocate;
  }

  /** Address of the entry for `ia` in a table of this level. */
  slot(table: bigint, level: number, ia: bigint): bigint {
    const { granuleLg2, bitsPerLevel, indexMask, topIndexMask, levels } = this.format;
    const mask = level === levels - 1 ? topIndexMask : indexMask;
    return table + ((ia >> BigInt(granuleLg2 + bitsPerLevel * level)) & BigInt(mask)) * 8n;
  }

  /** The table that an entry names, after making or splitting where there is none. Its entry gets the bits `grants` too. */
  tableAt(address: bigint, level: number, grants: bigint): bigint | string {
    const entry = this.memory.read64(address);
    const kind = entryKind(this.format, level, entry);
    if (kind === 'leaf') return this.#split(address, level, entry, grants);
    if (kind === 'absent') return this.#insert(address, grants, () => {});
    if ((entry & grants) !== grants) this.memory.write64(address, entry | grants);
    return entryAddress(this.format, level, entry);
  }

  /** Writes `count` entries from `address`, each `step` above the one before. */
  writeRun(address: bigint, first: bigint, step: bigint, count: number): void {
    if (this.memory.writeRun) this.memory.writeRun(address, first, step, count);
    else for (let i = 0n; i < count; i++) this.memory.write64(address + i * 8n, first + i * step);
  }

  /** Why a range of input addresses cannot be expressed in pages of this size, or undefined. */
  misfit(ia: bigint, size: bigint, page: bigint): string | undefined {
    if (ia % page !== 0n) return unaligned('input address', ia, page);
    if (size <= 0n || size % page !== 0n) return unaligned('size', size, page);
    const { inputBits, signExtended } = this.format.data;
    const last = ia + size - 1n;
    const isLegal = (a: bigint): boolean => 0n <= a && a <= U64_MASK && this.canonical(this.decoded(a)) === a;
    if (isLegal(ia) && isLegal(last) && (last ^ ia) >> 63n === 0n) return undefined;
    const kind = signExtended ? 'canonical addresses' : 'addresses';
    return `input range ${hex(ia)} to ${hex(last)} is not within the ${kind} of ${inputBits} bits`;
  }

  /** The bits of an input address that the levels decode. */
  decoded(ia: bigint): bigint {
    return ia & ((1n << BigInt(this.format.inputBits)) - 1n);
  }

  /** The input address that decodes to this. */
  canonical(decoded: bigint): bigint {
    const { inputBits, signExtended } = this.format.data;
    const isHigh = signExtended && decoded >> BigInt(inputBits - 1) !== 0n;
    return isHigh ? decoded | (U64_MASK & -(1n << BigInt(inputBits))) : decoded;
  }

  /** Replaces a large leaf by a table of next smaller leaves that map the same. */
  #split(address: bigint, level: number, entry: bigint, grants: bigint): bigint | string {
    const { format } = this;
    const step = levelSpan(format, level - 1);
    if (((format.leafLevels >>> (level - 1)) & 1) === 0)
      return `the leaf at ${hex(address)} cannot be split: ${format.name} has no leaves of ${hex(step)} bytes here`;
    const leaf = relevel(format, level, level - 1, entry) | addressBits(format, entryAddress(format, level, entry))!;
    // A right that tables do not grant by themselves must not be lost on the way to the new leaves.
    const inherited = grants | (entry & format.data.rights.execute.granted);
    return this.#insert(address, inherited, (table) => this.writeRun(table, leaf, step, format.indexMask + 1));
  }

  /** Makes a table and links it once it is complete, so that no walk in between sees half of it. */
  #insert(address: bigint, grants: bigint, complete: (table: bigint) => void): bigint | string {
    const entries = this.format.indexMask + 1;
    const table = this.#allocate(BigInt(entries) * 8n);
    if (table === undefined) return 'no page is left for another table';
    const bits = addressBits(this.format, table);
    if (bits === undefined) return `a table at ${hex(table)} does not fit the address field`;
    if (this.memory.clear) this.memory.clear(table, entries);
    else
      for (let at = table; at < table + BigInt(entries) * 8n; at += 8n)
        if (this.memory.read64(at) !== 0n) this.memory.write64(at, 0n);
    complete(table);
    this.memory.write64(address, bits | this.format.data.newTable | grants);
    return table;
  }
}

/** The problem of a value that must be a multiple of a page size. */
export const unaligned = (what: string, value: bigint, page: bigint): string =>
  `${what} ${hex(value)} is not a multiple of ${hex(page)}${value <= 0n ? ' above 0' : ''}`;
