import type { PhysMem } from '../../memory/phys-mem.ts';
import { encode } from '../../models/bit-layout.ts';
import { L1CD } from '../../models/smmuv3/context-descriptor.ts';
import type { CdTableFields } from './entries.ts';
import type { AllocateBlock } from './stream-table.ts';

const CD_BYTES = 64n;
/** CTXDESC_L2_ENTRIES: descriptors of one leaf of 64K, log2. */
const LEAF_LG2 = 10;
const FORMAT = { linear: 0, leaves64K: 2 };

/** The context descriptors of one device, kept by the kernel: `struct arm_smmu_ctx_desc_cfg`. */
export class CdTable implements CdTableFields {
  readonly base: bigint;
  readonly format: number;
  readonly cdMax: number;
  readonly #mem: PhysMem;
  readonly #allocate: AllocateBlock;

  /** @param ssidBits SubstreamIDs of the device, as a power of two; 0 for a single descriptor */
  constructor(mem: PhysMem, allocate: AllocateBlock, ssidBits: number, twoLevel: boolean) {
    this.#mem = mem;
    this.#allocate = allocate;
    this.cdMax = ssidBits;
    const leaves = twoLevel && LEAF_LG2 < ssidBits;
    this.format = leaves ? FORMAT.leaves64K : FORMAT.linear;
    this.base = allocate(leaves ? 8n << BigInt(ssidBits - LEAF_LG2) : CD_BYTES << BigInt(ssidBits));
  }

  /** HPA of a descriptor, or undefined while no leaf holds it. */
  entry(ssid: number): bigint | undefined {
    if (this.format === FORMAT.linear) return this.base + BigInt(ssid) * CD_BYTES;
    const l1 = this.#mem.read64(this.#l1(ssid));
    return l1 === 0n ? undefined : (l1 & ~0xfffn) + BigInt(ssid % 2 ** LEAF_LG2) * CD_BYTES;
  }

  /** The same, after giving the table the leaf that it lacks. @param grown called once a level-1 descriptor was written */
  entryFor(ssid: number, grown: () => void): bigint {
    const known = this.entry(ssid);
    if (known !== undefined) return known;
    const leaf = this.#allocate(CD_BYTES << BigInt(LEAF_LG2));
    this.#mem.write64(this.#l1(ssid), encode(L1CD, { V: 1, L2Ptr: leaf })[0]!);
    grown();
    return this.entry(ssid)!;
  }

  #l1(ssid: number): bigint {
    return this.base + BigInt(Math.floor(ssid / 2 ** LEAF_LG2)) * 8n;
  }
}
