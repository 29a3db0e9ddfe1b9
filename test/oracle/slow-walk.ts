/**
 * The oracle of the paging tests: one table walk per format, straight from the tables of the VT-d specification (3.6,
 * 3.7, 9.7, 9.8) and in bigints throughout. It must share nothing with the engine but the names of formats and limits.
 */
export interface SlowLimits {
  readonly haw: number;
  readonly twoMeg: boolean;
  readonly oneGig: boolean;
  readonly nxe: boolean;
  readonly snoopControl: boolean;
  readonly deviceTlb: boolean;
}

export type SlowWalk =
  /** The input address does not exist for this format: not canonical, or too wide. */
  | { readonly stop: 'range' }
  /** `level` counts from 0 at the tables that hold only leaves; `at` is where the entry is. */
  | { readonly stop: 'not-present' | 'reserved'; readonly level: number; readonly at: bigint }
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
      /** First stage: no XD on the way (with NXE). Second stage: X all the way. */
      readonly execute: boolean;
    };

/** Walks the tables below `root`. `read64` reads the memory that holds them; A and D are not touched. */
export function slowWalk(
  name: string,
  limits: SlowLimits,
  read64: (address: bigint) => bigint,
  root: bigint,
  input: bigint,
): SlowWalk {
  switch (name) {
    case 'x86-64':
      return firstStage(4, limits, read64, root, input);
    case 'x86-64-la57':
      return firstStage(5, limits, read64, root, input);
    case 'vtd-ss-3':
      return secondStage(3, limits, read64, root, input);
    case 'vtd-ss':
      return secondStage(4, limits, read64, root, input);
    case 'vtd-ss-5':
      return secondStage(5, limits, read64, root, input);
    default:
      throw new Error(`the oracle does not know ${name}`);
  }
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
    if (level > 0 && !large) {
      table = bits(entry, 51, 12) << 12n;
      continue;
    }
    const hpa = (bits(entry, 51, low) << BigInt(low)) + bits(input, low - 1, 0);
    return { stop: 'none', hpa, pageSize: 1n << BigInt(low), level, at, read: true, write, user, execute: !noExecute };
  }
}

function secondStage(
  levels: number,
  limits: SlowLimits,
  read64: (address: bigint) => bigint,
  root: bigint,
  input: bigint,
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
    if (!leaf) {
      table = bits(entry, 51, 12) << 12n;
      continue;
    }
    const hpa = (bits(entry, 51, low) << BigInt(low)) + bits(input, low - 1, 0);
    return { stop: 'none', hpa, pageSize: 1n << BigInt(low), level, at, read, write, user: true, execute };
  }
}
