/** What the SMMUv3 oracle compares: the same tables, the same edits, the same commands, the same accesses on both sides. */

/** A machine both sides are set up as. */
export interface SmmuVariant {
  readonly name: string;
  /** QEMU's `-machine`. */
  readonly machine: string;
  /** What is given to its `-global` besides. */
  readonly option?: string;
  /** The stages its SMMUv3 has. */
  readonly s1: boolean;
  readonly s2: boolean;
  readonly twoLevel: boolean;
}

/** Registers of a case (IHI 0070, 6.3). */
export interface SmmuRegisters {
  readonly strtabBase: bigint;
  readonly strtabBaseCfg: number;
  readonly cr2: number;
}

export type SmmuStep =
  | { readonly do: 'edit'; readonly at: bigint; readonly value: bigint }
  | { readonly do: 'command'; readonly words: readonly bigint[] }
  | { readonly do: 'access'; readonly sid: number; readonly address: bigint; readonly write: boolean };
export type SmmuAccess = Extract<SmmuStep, { do: 'access' }>;

export interface SmmuCase {
  readonly variant: SmmuVariant;
  readonly seed: number;
  readonly registers: SmmuRegisters;
  /** The engine keeps what walks find on their way, besides translations. QEMU never does. */
  readonly walkCaches: boolean;
  /** 64-bit words of memory; everything else is 0. */
  readonly memory: ReadonlyMap<bigint, bigint>;
  /** What the words of structures are, for reports. */
  readonly layout: readonly { readonly kind: string; readonly at: bigint }[];
  readonly steps: readonly SmmuStep[];
}

/** An entry of the event queue, as far as both sides mean the same by it. */
export interface SmmuEvent {
  readonly code: number;
  readonly sid: number;
  /** Of walk faults; false and 0 otherwise. */
  readonly read: boolean;
  readonly stage2: boolean;
  readonly cls: number;
  readonly input: bigint;
  /** IPA page of a stage-2 fault, or FetchAddr. */
  readonly address: bigint;
}

/** What came of an access: where it went (null: nowhere that was looked at, or nowhere), and the event. */
export interface SmmuSeen {
  readonly at: bigint | null;
  readonly event: SmmuEvent | null;
}

/** RAM of the machine, on both sides of 4 GiB. */
export const RAM_START = 0x4000_0000n;
export const RAM_END = 0x1_4000_0000n;
export const SMMU_RAM_MIB = 4096;
export const isSmmuRam = (address: bigint): boolean => RAM_START <= address && address < RAM_END;

/** Pages the machinery itself uses. */
export const SCRATCH_PAGE = 0x4010_0000n;
export const COMMAND_QUEUE = 0x4020_0000n;
export const EVENT_QUEUE = 0x4030_0000n;
/** log2 of the entries of both queues. */
export const QUEUE_LG2 = 6;

/**
 * Flash, device registers, configuration space, the windows of PCI, the device tree at the start of RAM and the
 * machinery's pages lie here, whose answers are their own.
 */
export const isDevice = (address: bigint): boolean =>
  address < EVENT_QUEUE + 0x1000n || (0x40_0000_0000n <= address && address < 0x100_0000_0000n);

/** Where tables and data are put, on both sides of 4 GiB. */
export const TABLE_AREAS = [
  { from: 0x5000_0000n, to: 0x5800_0000n },
  { from: 0x1_0800_0000n, to: 0x1_1000_0000n },
] as const;
export const DATA_PAGES = [0x6000_0000n, 0x6001_0000n, 0x6020_0000n, 0x8000_0000n, 0x1_2000_0000n, 0x1_2003_4000n];

/** Devices that can be told to DMA, among them one on a second bus. */
export const SMMU_SIDS = [0x10, 0x18, 0x88, 0x100] as const;

/** What lies where an access may end and nothing else is: its own address, marked; invalid as a descriptor of any kind. */
export const markOf = (address: bigint): bigint => (0xda7an << 48n) | (address & ~7n);
/** What a device writes with its access number `slot` of a case. */
export const wordOf = (sid: number, slot: number): bigint => (0x70cen << 48n) | BigInt((sid << 16) | ((slot + 1) << 3));
