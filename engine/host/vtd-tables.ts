import type { PhysMem } from '../memory/phys-mem.ts';
import { decode, encode, type FieldValues } from '../models/bit-layout.ts';
import { CONTEXT_ENTRY, PASID_DIRECTORY_ENTRY, ROOT_ENTRY, RTADDR } from '../models/vtd/structures.ts';

const PASID_ENTRY_BYTES = 64n;
/** A PASID directory of one page covers this many bits. */
const LEAST_PASID_BITS = 15;

/** The PASID table of one function. */
export interface PasidTable {
  /** HPA of the directory. */
  readonly directory: bigint;
  /** PASIDs below 2^bits have an entry. */
  readonly bits: number;
}

/** Root, context and PASID tables of one unit in scalable mode, as Linux writes them into host memory. */
export class ScalableTables {
  readonly mem: PhysMem;
  readonly #allocate: () => bigint;
  readonly #root: bigint;

  /** @param allocate the HPA of another page of zeros; pages of successive calls follow one another */
  constructor(mem: PhysMem, allocate: () => bigint) {
    this.mem = mem;
    this.#allocate = allocate;
    this.#root = allocate();
  }

  /** What the root-table address register holds for these tables. */
  get rtaddr(): bigint {
    return encode(RTADDR, { TTM: 1, RTA: this.#root })[0]!;
  }

  /** `intel_pasid_alloc_table`. @param pasidBits PASID bits that device and unit offer together, 0 for none */
  makePasidTable(pasidBits: number): PasidTable {
    const bits = Math.max(LEAST_PASID_BITS, pasidBits);
    const directory = this.#allocate();
    for (let page = 1; page < 1 << (bits - LEAST_PASID_BITS); page++) this.#allocate();
    return { directory, bits };
  }

  /** PDTS of the context entry for a PASID table. */
  static pdts(table: PasidTable): number {
    return table.bits - 13;
  }

  /** Writes the context entry of a function. @param fields by name (`CONTEXT_ENTRY`); the rest is 0 */
  writeContext(sid: number, fields: FieldValues): void {
    this.#write(this.#contextAddress(sid), encode(CONTEXT_ENTRY, fields));
  }

  /** Changes fields of a function's context entry and leaves the others as memory has them. */
  updateContext(sid: number, fields: FieldValues): void {
    const at = this.#contextAddress(sid);
    const words = [0n, 8n, 16n, 24n].map((offset) => this.mem.read64(at + offset));
    this.#write(at, encode(CONTEXT_ENTRY, { ...decode(CONTEXT_ENTRY, words), ...fields }));
  }

  #contextAddress(sid: number): bigint {
    const at = this.#root + BigInt(sid >>> 8) * 16n + (sid & 0x80 ? 8n : 0n);
    let half = this.mem.read64(at);
    if ((half & 1n) === 0n) {
      half = encode(ROOT_ENTRY, { LP: 1, LCTP: this.#allocate() })[0]!;
      this.mem.write64(at, half);
    }
    return (half & ~0xfffn) + BigInt(sid & 0x7f) * 32n;
  }

  /** HPA of a PASID's entry, or undefined while no page of the table holds it. */
  pasidEntry(table: PasidTable, pasid: number): bigint | undefined {
    const pde = this.mem.read64(table.directory + BigInt(pasid >>> 6) * 8n);
    return (pde & 1n) === 0n ? undefined : (pde & ~0xfffn) + BigInt(pasid & 63) * PASID_ENTRY_BYTES;
  }

  /** `intel_pasid_get_entry`: like `pasidEntry`, but gives the table the page it lacks. */
  pasidEntryFor(table: PasidTable, pasid: number): bigint {
    const present = this.pasidEntry(table, pasid);
    if (present !== undefined) return present;
    const page = this.#allocate();
    const pde = encode(PASID_DIRECTORY_ENTRY, { P: 1, SMPTBLPTR: page })[0]!;
    this.mem.write64(table.directory + BigInt(pasid >>> 6) * 8n, pde);
    return page + BigInt(pasid & 63) * PASID_ENTRY_BYTES;
  }

  /** Whether an entry is there and present. */
  isPresent(table: PasidTable, pasid: number): boolean {
    const at = this.pasidEntry(table, pasid);
    return at !== undefined && (this.mem.read64(at) & 1n) === 1n;
  }

  /** Writes the words of a PASID entry that differ from what is there. */
  writePasidEntry(at: bigint, words: readonly bigint[]): void {
    this.#write(at, words);
  }

  #write(at: bigint, words: readonly bigint[]): void {
    for (const [i, word] of words.entries()) {
      const address = at + BigInt(i) * 8n;
      if (this.mem.read64(address) !== word) this.mem.write64(address, word);
    }
  }
}
