import type { EntryFlag, Format } from './format.ts';

/** One decoded entry, for walk texts and hovers. */
export interface EntryDescription {
  /** The specification's name of an entry of this level, e.g. `PDE`. */
  readonly name: string;
  readonly present: boolean;
  /** Whether the entry maps memory; false where it is not present or names a table. */
  readonly leaf: boolean;
  /** Start of the page or of the next table; 0 where the entry is not present. */
  readonly address: bigint;
  /** Names of the flags that are set, lowest bit first; a flag of several bits reads `EMT=6`. */
  readonly flags: readonly string[];
  /** Reserved bits that are set; 0 where the entry is not present, for nothing is reserved then. */
  readonly reserved: bigint;
}

/** Decodes one entry with the data of its format. Not for hot loops. Total: any 64-bit value has a description. */
export function describeEntry(format: Format, level: number, entry: bigint): EntryDescription {
  const { data } = format;
  const name = data.levelNames[level] ?? `level ${level}`;
  const kind = entryKind(format, level, entry);
  if (kind === 'absent') return { name, present: false, leaf: false, address: 0n, flags: [], reserved: 0n };
  const leaf = kind === 'leaf';
  const flags = data.flags
    .filter((flag) => (entry & flag.mask) !== 0n && (leaf ? hasFlag(flag, level) : flag.where === 'any'))
    .map(({ name, mask }) => ((mask & (mask - 1n)) === 0n ? name : `${name}=${(entry & mask) / (mask & -mask)}`));
  const reserved = entry & ((leaf ? data.reservedLeaf : data.reservedTable)[level] ?? 0n);
  return { name, present: true, leaf, address: entryAddress(format, level, entry), flags, reserved };
}

/** What an entry of this level does: nothing, name the next table, or map memory. */
export function entryKind(format: Format, level: number, entry: bigint): 'absent' | 'table' | 'leaf' {
  const low = Number(entry & 0xffff_ffffn) | 0;
  if ((low & format.presentMask) === 0) return 'absent';
  return level === 0 || (low & format.leafBit[level]!) !== 0 ? 'leaf' : 'table';
}

/** The address in a present entry: of the page, without what a large leaf keeps in its offset bits, or of the next table. */
export function entryAddress(format: Format, level: number, entry: bigint): bigint {
  const frame = entry & format.data.addressMask;
  return entryKind(format, level, entry) === 'leaf' ? frame & ~(levelSpan(format, level) - 1n) : frame;
}

/** Bytes of input address that one entry of this level covers. */
export function levelSpan(format: Format, level: number): bigint {
  return 1n << BigInt(format.granuleLg2 + format.bitsPerLevel * level);
}

/**
 * A leaf for another level with the same rights and attributes, without its address. Bits that move with the leaf size
 * (PAT) are moved; reserved bits among the offset bits of a large leaf are dropped, for there they would be address bits.
 */
export function relevel(format: Format, from: number, to: number, leaf: bigint): bigint {
  const { addressMask, flags, newLeaf } = format.data;
  let bits = leaf & ~addressMask & ~newLeaf[from]!;
  for (const flag of flags) {
    if (!isSized(flag) || !hasFlag(flag, from) || (newLeaf[from]! & flag.mask) !== 0n) continue;
    const there = flags.find((other) => other.name === flag.name && isSized(other) && hasFlag(other, to));
    bits &= ~flag.mask;
    if (there && (leaf & flag.mask) !== 0n) bits |= there.mask;
  }
  return bits | newLeaf[to]!;
}

const isSized = ({ where }: Pick<EntryFlag, 'where'>): boolean => where === 'page' || where === 'large';

/** Whether a leaf of this level has the flag. */
const hasFlag = ({ where }: EntryFlag, level: number): boolean =>
  !isSized({ where }) || (where === 'page') === (level === 0);
