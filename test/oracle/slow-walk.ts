/**
 * The oracle of the paging tests: table walks straight from the tables of the VT-d specification (3.6, 3.7, 9.7, 9.8) and
 * of the Arm ARM (D8), in bigints throughout. It must share nothing with the engine.
 */
export interface SlowLimits {
  readonly haw: number;
  readonly twoMeg: boolean;
  readonly oneGig: boolean;
  readonly nxe: boolean;
  readonly snoopControl: boolean;
  readonly deviceTlb: boolean;
}

/** VMSAv8-64 tables, as the registers describe them. */
export interface SlowVmsa {
  readonly stage: 1 | 2;
  readonly granule: '4K' | '16K' | '64K';
  /** T0SZ or S2T0SZ. */
  readonly t0sz: number;
  /** Stage 2: the level at which the walk starts, as Arm counts. Stage 1 follows from `t0sz`. */
  readonly startLevel?: number;
  /** Entries hold 52-bit addresses: FEAT_LPA for 64K, DS for 4K and 16K. */
  readonly wide?: boolean;
}

export type SlowFormat =
  | { readonly vtd: 'first' | 'second'; readonly levels: 3 | 4 | 5; readonly limits: SlowLimits }
  | { readonly vmsa: SlowVmsa };

export type SlowWalk =
  /** The input address does not exist for this format: not canonical, or too wide. */
  | { readonly stop: 'range' }
  /** `level` counts from 0 at the tables that hold only leaves; `at` is where the entry is. */
  | { readonly stop: 'not-present' | 'reserved' | 'address-size'; readonly level: number; readonly at: bigint }
  | {
      readonly stop: 'none';
      /** Output address of the very byte asked for. */
      readonly hpa: bigint;
      readonly pageSize: bigint;
      readonly level: number;
      readonly at: bigint;
      readonly read: boolean;
      readonly write: boolean;
      /** Second stage: always true. */
      readonly user: boolean;
      /** VT-d: no XD on the way (with NXE), or X all the way. Arm: unprivileged, and without XNX. */
      readonly execute: boolean;
    };

/**
 * Walks the tables below `root`. `read64` reads the memory that holds them; A and D are not touched. No address in an
 * entry may have more than `outputBits`.
 */
export function slowWalk(
  format: SlowFormat,
  read64: (address: bigint) => bigint,
  root: bigint,
  input: bigint,
  outputBits = 64,
): SlowWalk {
  if ('vmsa' in format) return vmsa(format.vmsa, read64, root, input, outputBits);
  const { vtd, levels, limits } = format;
  return (vtd === 'first' ? firstStage : secondStage)(levels, limits, read64, root, input, outputBits);
}

const bit = (entry: bigint, n: number): boolean => ((entry >> BigInt(n)) & 1n) === 1n;
const bits = (value: bigint, high: number, low: number): bigint =>
  (value >> BigInt(low)) % (1n << BigInt(high - low + 1));
const SHIFT = [12, 21, 30, 39, 48];

function firstStage(
  levels: number,
  limits: SlowLimits,
  read64: (address: bigint) => bigint,
  root: bigint,
  input: bigint,
  outputBits: number,
): SlowWalk {
  const signBit = levels === 4 ? 47 : 56;
  const above = bits(input, 63, signBit + 1);
  const allOnes = (1n << BigInt(63 - signBit)) - 1n;
  if (above !== (bit(input, signBit) ? allOnes : 0n)) return { stop: 'range' };
  let [table, user, write, noExecute] = [root, true, true, false];
  for (let level = levels - 1; ; level--) {
    const low = SHIFT[level]!;
    const at = table + 8n * bits(input, low + 8, low);
    const entry = read64(at);
    if (!bit(entry, 0)) return { stop: 'not-present', level, at };
    const reserved = { stop: 'reserved', level, at } as const;
    if (limits.haw < 52 && bits(entry, 51, limits.haw) !== 0n) return reserved;
    if (bit(entry, 63) && !limits.nxe) return reserved;
    const large = level > 0 && bit(entry, 7);
    if (large && (level >= 3 || (level === 2 && !limits.oneGig))) return reserved;
    if (large && level === 1 && bits(entry, 20, 13) !== 0n) return reserved;
    if (large && level === 2 && bits(entry, 29, 13) !== 0n) return reserved;
    user &&= bit(entry, 2);
    write &&= bit(entry, 1);
    noExecute ||= bit(entry, 63);
    const wide = { stop: 'address-size', level, at } as const;
    if (level > 0 && !large) {
      table = bits(entry, 51, 12) << 12n;
      if (table >> BigInt(outputBits) !== 0n) return wide;
      continue;
    }
    const page = bits(entry, 51, low) << BigInt(low);
    if (page >> BigInt(outputBits) !== 0n) return wide;
    const hpa = page + bits(input, low - 1, 0);
    return { stop: 'none', hpa, pageSize: 1n << BigInt(low), level, at, read: true, write, user, execute: !noExecute };
  }
}

function secondStage(
  levels: number,
  limits: SlowLimits,
  read64: (address: bigint) => bigint,
  root: bigint,
  input: bigint,
  outputBits: number,
): SlowWalk {
  const width = { 3: 39n, 4: 48n, 5: 57n }[levels]!;
  if (input >= 1n << width) return { stop: 'range' };
  let [table, read, write, execute] = [root, true, true, true];
  for (let level = levels - 1; ; level--) {
    const low = SHIFT[level]!;
    const at = table + 8n * bits(input, low + 8, low);
    const entry = read64(at);
    if (!bit(entry, 0) && !bit(entry, 1)) return { stop: 'not-present', level, at };
    const reserved = { stop: 'reserved', level, at } as const;
    const large = level > 0 && bit(entry, 7);
    const supported = [true, limits.twoMeg, limits.oneGig, false, false][level]!;
    if (large && !supported) return reserved;
    const leaf = level === 0 || large;
    if (limits.haw < 52 && bits(entry, 51, limits.haw) !== 0n) return reserved;
    if (bit(entry, 11) && !(leaf && limits.snoopControl)) return reserved;
    if (bit(entry, 62) && !(leaf && limits.deviceTlb)) return reserved;
    if (large && bits(entry, low - 1, 12) !== 0n) return reserved;
    read &&= bit(entry, 0);
    write &&= bit(entry, 1);
    execute &&= bit(entry, 2);
    const wide = { stop: 'address-size', level, at } as const;
    if (!leaf) {
      table = bits(entry, 51, 12) << 12n;
      if (table >> BigInt(outputBits) !== 0n) return wide;
      continue;
    }
    const page = bits(entry, 51, low) << BigInt(low);
    if (page >> BigInt(outputBits) !== 0n) return wide;
    const hpa = page + bits(input, low - 1, 0);
    return { stop: 'none', hpa, pageSize: 1n << BigInt(low), level, at, read, write, user: true, execute };
  }
}

/** The lowest address bit that a level decodes, by Arm's number of the level. */
const VMSA_SHIFT = {
  '4K': { '-1': 48, 0: 39, 1: 30, 2: 21, 3: 12 },
  '16K': { '-1': 64, 0: 47, 1: 36, 2: 25, 3: 14 },
  '64K': { '-1': 64, 0: 64, 1: 42, 2: 29, 3: 16 },
} as const;
/** Levels that may hold blocks, without and with 52-bit addresses. */
const VMSA_BLOCKS = {
  '4K': [
    [1, 2],
    [0, 1, 2],
  ],
  '16K': [[2], [1, 2]],
  '64K': [[2], [1, 2]],
} as const;

/** Stage-1 start level by T0SZ: the largest region that each level can start. */
function vmsaStart(granule: '4K' | '16K' | '64K', t0sz: number): number {
  const [l0, l1, l2, l3] = { '4K': [16, 25, 34, 43], '16K': [16, 17, 28, 39], '64K': [99, 12, 22, 35] }[granule] as [
    number,
    number,
    number,
    number,
  ];
  if (t0sz >= l3) return 3;
  if (t0sz >= l2) return 2;
  if (t0sz >= l1) return 1;
  return granule === '16K' || t0sz >= l0 ? 0 : -1;
}

function vmsa(
  format: SlowVmsa,
  read64: (address: bigint) => bigint,
  root: bigint,
  input: bigint,
  outputBits: number,
): SlowWalk {
  const { stage, granule, t0sz, wide = false } = format;
  const start = format.startLevel ?? vmsaStart(granule, t0sz);
  if (input >= 1n << BigInt(64 - t0sz)) return { stop: 'range' };
  const isBlock = (level: number): boolean => (VMSA_BLOCKS[granule][wide ? 1 : 0] as readonly number[]).includes(level);
  let [table, top] = [root, 63 - t0sz];
  const denied = { write: false, user: false, execute: false };
  for (let arm = start; ; arm++) {
    const low = VMSA_SHIFT[granule][`${arm}` as keyof (typeof VMSA_SHIFT)['4K']];
    const at = table + 8n * bits(input, top, low);
    const entry = read64(at);
    const level = 3 - arm;
    const leaf = arm === 3 ? bits(entry, 1, 0) === 3n : bits(entry, 1, 0) === 1n && isBlock(arm);
    const isTable = arm < 3 && bits(entry, 1, 0) === 3n;
    if (!leaf && !isTable) return { stop: 'not-present', level, at };
    const base = (lowest: number): bigint => {
      if (!wide) return bits(entry, 47, lowest) << BigInt(lowest);
      if (granule === '64K') return (bits(entry, 15, 12) << 48n) | (bits(entry, 47, lowest) << BigInt(lowest));
      return (bits(entry, 9, 8) << 50n) | (bits(entry, 49, lowest) << BigInt(lowest));
    };
    if (isTable) {
      table = base(VMSA_SHIFT[granule][3]);
      if (table >> BigInt(outputBits) !== 0n) return { stop: 'address-size', level, at };
      top = low - 1;
      if (stage === 1) {
        denied.user ||= bit(entry, 61);
        denied.write ||= bit(entry, 62);
        denied.execute ||= bit(entry, 60);
      }
      continue;
    }
    if (base(low) >> BigInt(outputBits) !== 0n) return { stop: 'address-size', level, at };
    const found = {
      stop: 'none',
      hpa: base(low) + bits(input, low - 1, 0),
      pageSize: 1n << BigInt(low),
      level,
      at,
    } as const;
    if (stage === 2)
      return { ...found, read: bit(entry, 6), write: bit(entry, 7), user: true, execute: !bit(entry, 54) };
    const rights = { user: bit(entry, 6) && !denied.user, write: !bit(entry, 7) && !denied.write };
    return { ...found, read: true, ...rights, execute: !bit(entry, 54) && !denied.execute };
  }
}
