import type { PhysMem } from '../../memory/phys-mem.ts';
import { encode } from '../../models/bit-layout.ts';
import { L1STD } from '../../models/smmuv3/stream-table.ts';

const STE_BYTES = 64n;
const L1STD_BYTES = 8n;
/** STRTAB_SPLIT: StreamIDs of one second-level table, log2. */
const SPLIT = 8;
/** STRTAB_MAX_L1_ENTRIES, log2. */
const MOST_L1_LG2 = 17;
/** Linear tables of more StreamIDs than a PCI segment has are not allocated; Linux would try, and fail to. */
const MOST_LINEAR_LG2 = 16;
const FMT = { linear: 0, twoLevel: 1 };

/** Bytes of zeros at a multiple of their number, which is a power of two. */
export type AllocateBlock = (bytes: bigint) => bigint;

/** The stream table in host memory: two levels where the SMMU has them and enough StreamIDs, as the driver chooses. */
export class StreamTable {
  readonly base: bigint;
  /** Bits of StreamIDs that it has room for. */
  readonly log2Size: number;
  readonly twoLevel: boolean;
  readonly #mem: PhysMem;
  readonly #allocate: AllocateBlock;
  readonly #initial: readonly bigint[];

  /** @param initial what the entries of a new second level hold */
  constructor(
    mem: PhysMem,
    allocate: AllocateBlock,
    { sidBits, twoLevel }: { readonly sidBits: number; readonly twoLevel: boolean },
    initial: readonly bigint[],
  ) {
    this.#mem = mem;
    this.#allocate = allocate;
    this.#initial = initial;
    this.twoLevel = twoLevel && SPLIT < sidBits;
    const l1Lg2 = Math.min(MOST_L1_LG2, sidBits - SPLIT);
    this.log2Size = this.twoLevel ? l1Lg2 + SPLIT : Math.min(sidBits, MOST_LINEAR_LG2);
    this.base = allocate(this.twoLevel ? L1STD_BYTES << BigInt(l1Lg2) : STE_BYTES << BigInt(this.log2Size));
  }

  /** STRTAB_BASE_CFG: LOG2SIZE, SPLIT and FMT. */
  get config(): { readonly LOG2SIZE: number; readonly SPLIT: number; readonly FMT: number } {
    return {
      LOG2SIZE: this.log2Size,
      SPLIT: this.twoLevel ? SPLIT : 0,
      FMT: this.twoLevel ? FMT.twoLevel : FMT.linear,
    };
  }

  /**
   * Makes room for a device: its second level with the initial entries, or its initial entry in a linear table.
   * @returns false for a StreamID outside of the table, whose device then has no entry
   */
  addStream(sid: number): boolean {
    if (2 ** this.log2Size <= sid) return false;
    if (!this.twoLevel) {
      this.#write(this.base + BigInt(sid) * STE_BYTES);
      return true;
    }
    const l1 = this.base + BigInt(Math.floor(sid / 2 ** SPLIT)) * L1STD_BYTES;
    if (this.#mem.read64(l1) !== 0n) return true;
    const table = this.#allocate(STE_BYTES << BigInt(SPLIT));
    for (let i = 0n; i < 1n << BigInt(SPLIT); i++) this.#write(table + i * STE_BYTES);
    this.#mem.write64(l1, encode(L1STD, { Span: SPLIT + 1, L2Ptr: table })[0]!);
    return true;
  }

  #write(entry: bigint): void {
    for (const [i, word] of this.#initial.entries()) if (word !== 0n) this.#mem.write64(entry + BigInt(8 * i), word);
  }

  /** HPA of an entry that `addStream` has made room for; undefined for others. */
  entry(sid: number): bigint | undefined {
    if (2 ** this.log2Size <= sid) return undefined;
    if (!this.twoLevel) return this.base + BigInt(sid) * STE_BYTES;
    const l1 = this.#mem.read64(this.base + BigInt(Math.floor(sid / 2 ** SPLIT)) * L1STD_BYTES);
    return l1 === 0n ? undefined : (l1 & ~0x3fn) + BigInt(sid % 2 ** SPLIT) * STE_BYTES;
  }
}
