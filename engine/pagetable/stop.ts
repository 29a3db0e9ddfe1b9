import type { Format } from './format.ts';

/** Why a walk ended. */
export const Stop = {
  None: 0,
  NotPresent: 1,
  Reserved: 2,
  /** The input address has more bits than the stage takes. */
  OutOfRange: 3,
  /** Stage 2 maps a stage-1 table page without what reading it takes (`tableNeeds2`, `tableNeedsAny2`). */
  TableUnreadable: 4,
  /** The address in a table entry or a leaf has more bits than the stage may put out. */
  AddressSize: 5,
} as const;
export type Stop = (typeof Stop)[keyof typeof Stop];

/** Words per step of a path: what was read, its address (high, low half) and its word index in memory. */
export const STEP_WORDS = 4;
/** Packs what a step read: stage in bits 7:4 (0 for what is no table entry), level in bits 3:0. */
export const stepStage = (what: number): number => what >> 4;
export const stepLevel = (what: number): number => what & 15;

/** What `judge` answers of an entry that a walk may go on from; anything else is a `Stop`. */
export const TABLE = 0;
export const LEAF = -1;

/** Decides about any entry by the masks of its own level: `TABLE`, `LEAF` or why the walk stops. */
export function judge(format: Format, level: number, hi: number, lo: number): number {
  const { tableBit } = format;
  if ((lo & format.presentMask) === 0) return Stop.NotPresent;
  if (level === 0) {
    if ((lo & tableBit) !== tableBit) return Stop.NotPresent;
  } else if (((lo ^ tableBit) & format.leafBit[level]!) === 0) {
    const reserved = (lo & format.reservedTableLo[level]!) | (hi & format.reservedTableHi[level]!);
    return reserved === 0 ? TABLE : Stop.Reserved;
  }
  // A leaf at a level that has no leaves: where tables are marked, that is no encoding of anything present.
  if (((format.leafLevels >> level) & 1) === 0) return tableBit === 0 ? Stop.Reserved : Stop.NotPresent;
  return ((lo & format.reservedLeafLo[level]!) | (hi & format.reservedLeafHi[level]!)) === 0 ? LEAF : Stop.Reserved;
}

/** Bits of a 64-bit value from `shift` (1 or more) up, the low 32 of them. */
export const bitsFrom = (hi: number, lo: number, shift: number): number =>
  shift >= 32 ? (hi >>> (shift - 32)) | 0 : (lo >>> shift) | (hi << (32 - shift));

/** Whether a 64-bit value with this high half has a bit at or above `bits` (32 to 63). */
export const exceeds = (hi: number, bits: number): boolean => hi >>> (bits - 32) !== 0;

/** High-half bits of an address at or above `bits`, 32 to 64: what `outputLimit1Hi` and `outputLimit2Hi` take. */
export const highBitsFrom = (bits: number): number => (bits >= 64 ? 0 : -1 << (bits - 32));
