import { lo32 } from '../base/addr.ts';
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
    .filter((flag) => (entry & flag.mask) !== 0n && (leaf ? hasFlag(flag, level) : isInTables(flag)))
    .map(({ name, mask }) => ((mask & (mask - 1n)) === 0n ? name : `${name}=${(entry & mask) / (mask & -mask)}`));
  const reserved = entry & ((leaf ? data.reservedLeaf : data.reservedTable)[level] ?? 0n);
  return { name, present: true, leaf, address: entryAddress(format, level, entry), flags, reserved };
}

/** What an entry of this level does: nothing, name the next table, or map memory. */
export function entryKind(format: Format, level: number, entry: bigint): 'absent' | 'table' | 'leaf' {
  const { presentMask, tableBit, leafLevels } = format;
  const low = lo32(entry);
  if ((low & presentMask) === 0) return 'absent';
  if (tableBit === 0) return level === 0 || (low & format.leafBit[level]!) !== 0 ? 'leaf' : 'table';
  if ((low & tableBit) !== 0) return level === 0 ? 'leaf' : 'table';
  return level > 0 && ((leafLevels >> level) & 1) !== 0 ? 'leaf' : 'absent';
}

/** The address in a present entry: of the page, without what a large leaf keeps in its offset bits, or of the next table. */
export function entryAddress(format: Format, level: number, entry: bigint): bigint {
  const frame = entryFrame(format, entry);
  return entryKind(format, level, entry) === 'leaf' ? frame & ~(levelSpan(format, level) - 1n) : frame;
}

/** The bits of an entry that hold this address; undefined where it has bits that the format has no place for. */
export function addressBits(format: Format, address: bigint): bigint | undefined {
  const { addressMask, foldedMask, foldedFrom } = format.data;
  const folded = BigInt(foldedMask);
  const top = foldedMask === 0 ? 0n : ((address >> BigInt(foldedFrom)) * (folded & -folded)) & folded;
  const bits = (address & addressMask) | top;
  return entryFrame(format, bits) === address ? bits : undefined;
}

/** The address field of any entry. */
function entryFrame(format: Format, entry: bigint): bigint {
  const { addressMask, foldedMask, foldedFrom } = format.data;
  const folded = BigInt(foldedMask);
  const top = foldedMask === 0 ? 0n : ((entry & folded) / (folded & -folded)) << BigInt(foldedFrom);
  return (entry & addressMask) | top;
}

/** Sizes of the leaves the format has, smallest first. */
export function leafSizes(format: Format): bigint[] {
  const levels = Array.from({ length: format.levels }, (_, level) => level);
  return levels.filter((level) => ((format.leafLevels >> level) & 1) !== 0).map((level) => levelSpan(format, level));
}

/** Bytes of the root, to which it is aligned; other tables have the size of the granule. */
export function rootSize(format: Format): bigint {
  return 8n << BigInt(format.data.topBits);
}

/** Bytes of whole pages for a root, at a multiple of which it begins when the pages are its own. */
export function rootPages(format: Format): bigint {
  const size = rootSize(format);
  return size < 4096n ? 4096n : size;
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
  const { addressMask, foldedMask, flags, newLeaf } = format.data;
  let bits = leaf & ~addressMask & ~BigInt(foldedMask) & ~newLeaf[from]!;
  for (const flag of flags) {
    if (!isSized(flag) || !hasFlag(flag, from) || (newLeaf[from]! & flag.mask) !== 0n) continue;
    const there = flags.find((other) => other.name === flag.name && isSized(other) && hasFlag(other, to));
    bits &= ~flag.mask;
    if (there && (leaf & flag.mask) !== 0n) bits |= there.mask;
  }
  return bits | newLeaf[to]!;
}

const isSized = ({ where }: Pick<EntryFlag, 'where'>): boolean => where === 'page' || where === 'large';

const isInTables = ({ where }: EntryFlag): boolean => where === 'any' || where === 'table';

/** Whether a leaf of this level has the flag. */
const hasFlag = ({ where }: EntryFlag, level: number): boolean =>
  isSized({ where }) ? (where === 'page') === (level === 0) : where !== 'table';
