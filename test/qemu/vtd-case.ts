/** What the oracle compares: the same tables, the same edits, the same descriptors, the same accesses on both sides. */

/** A machine both sides are set up as. */
export interface Variant {
  readonly name: string;
  /** Options of `-device intel-iommu`. */
  readonly options: readonly string[];
  /** Tables that RTADDR points at: scalable, or legacy with the second stage only. */
  readonly mode: 'scalable' | 'legacy';
  /** Which stage its present entries use besides pass-through. */
  readonly stage: 'first' | 'second';
  /** Host address width and second-stage width. */
  readonly width: 39 | 48;
  readonly oneGigFirst?: boolean;
  readonly snoopControl?: boolean;
  readonly passThrough?: boolean;
}

export type Step =
  | { readonly do: 'edit'; readonly at: bigint; readonly value: bigint }
  /** A new root table: RTADDR and the SRTP command. */
  | { readonly do: 'root'; readonly rtaddr: bigint }
  | { readonly do: 'invalidate'; readonly words: readonly bigint[]; readonly what: string }
  | { readonly do: 'access'; readonly sid: number; readonly address: bigint; readonly write: boolean };
export type Access = Extract<Step, { do: 'access' }>;

export interface VtdCase {
  readonly variant: Variant;
  readonly seed: number;
  readonly rtaddr: bigint;
  /** 64-bit words of memory; everything else is 0, but for the data pages. */
  readonly memory: ReadonlyMap<bigint, bigint>;
  readonly steps: readonly Step[];
}

/** What came of an access. `data` is what a read returned; `record` is FRCD as it was after the access, F set, or null. */
export interface Observed {
  readonly data: bigint;
  readonly record: readonly bigint[] | null;
  /** For writes: where the word was found, of the places it was looked for. */
  readonly landed: bigint | null;
}

/** Guest memory: 2 GiB from 0, less the hole of old PCs, and 1 GiB from 4 GiB. */
export const RAM_MIB = 3072;
const RAM: readonly (readonly [bigint, bigint])[] = [
  [0n, 0xa_0000n],
  [0x10_0000n, 0x8000_0000n],
  [0x1_0000_0000n, 0x1_4000_0000n],
];
export const isRam = (address: bigint): boolean => RAM.some(([from, to]) => from <= address && address < to);
/** Firmware and device registers lie here; nothing may be sent to them. */
export const isMmio = (address: bigint): boolean => address < 0x1_0000_0000n && !isRam(address);

/** Pages the machinery itself uses. */
export const SCRATCH = 0x1_0000n;
export const QUEUE = 0x2_0000n;

/** Pages for tables and for data, below and above 4 GiB, each pool at the start of a 2 MiB page. */
const pool = (at: bigint, pages: number): readonly bigint[] =>
  Array.from({ length: pages }, (_, i) => at + BigInt(i) * 0x1000n);
export const TABLE_POOLS = [pool(0x20_0000n, 20), pool(0x1_0020_0000n, 12)] as const;
export const DATA_POOLS = [pool(0x40_0000n, 8), pool(0x1_0040_0000n, 8)] as const;
export const DATA_PAGES = DATA_POOLS.flat();

/** What a word of the data pages holds before anything is written: its own address, marked. */
export const stampOf = (address: bigint): bigint => (0xda7an << 48n) | (address & ~7n);
/** What a device writes with its access number `slot` of a case. */
export const tokenOf = (sid: number, slot: number): bigint => (0x70cen << 48n) | BigInt((sid << 8) | (slot + 1));

/** Devices that can be told to DMA: both halves of a root entry, and a second bus. */
export const SIDS = [0x10, 0x18, 0x88, 0x100] as const;
