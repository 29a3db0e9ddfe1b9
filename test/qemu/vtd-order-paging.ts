import { type Access, isRam, type Variant } from './vtd-case.ts';
import { bit, type Caps, field, type Peculiarity, width } from './vtd-order.ts';
import type { Path, Read } from './vtd-walk.ts';

/** How a table walk ends: a fault reason, or 0 with the leaf. */
export interface Walked {
  readonly reason: number;
  readonly leaf?: Read;
}

const ALL_ONES = (1n << 64n) - 1n;
const isLarge = ({ level, value }: Read): boolean => bit(value, 7) && level < 4;
const isLeaf = (entry: Read): boolean => entry.level === 1 || isLarge(entry);
/** Address bits that the unit does not have, of those an entry holds. */
const beyond = (variant: Variant): bigint => 0xf_ffff_ffff_ffffn & ~width(variant);

/** Reserved bits of a first-stage entry that both know. */
function firstReserved(entry: Read, variant: Variant): bigint {
  const { level, value } = entry;
  const low = !bit(value, 7) ? 0n : level === 4 ? 0x80n : level === 3 ? 0x3fff_e000n : level === 2 ? 0x1f_e000n : 0n;
  return value & (low | beyond(variant));
}

/** The same of a second-stage entry. */
function secondReserved(entry: Read, variant: Variant): bigint {
  const { level, value } = entry;
  const low = !bit(value, 7) ? 0n : level === 4 ? 0x80n : level === 3 ? 0x3fff_f000n : level === 2 ? 0x1f_f000n : 0n;
  const inTable = isLeaf(entry) ? 0n : 0x800n | (1n << 62n);
  return value & (low | inTable | beyond(variant));
}

/** What QEMU does not check in a first-stage entry, though the specification reserves it. */
function firstUnseen(entry: Read, caps: Caps): Peculiarity | undefined {
  if (bit(entry.value, 63)) return 'execute-disable-ignored';
  return entry.level === 3 && isLarge(entry) && !caps.oneGigFirst ? 'one-gig-always' : undefined;
}

/** First stage in QEMU's order: each entry's rights before its reserved bits, and before the next entry. */
export function firstStage(path: Path, variant: Variant, caps: Caps, access: Access, met: Set<Peculiarity>): Walked {
  const bits = Math.min(30 + 9 * Number(field(path.pasid[0]!, 2, 3)), variant.width);
  const canonical = (size: number): boolean =>
    BigInt.asUintN(64, BigInt.asIntN(size, access.address)) === access.address;
  if (canonical(bits) !== canonical(48)) met.add('canonical-by-aw');
  if (!canonical(bits)) return { reason: 0x80 };
  for (const [i, entry] of path.entries.entries()) {
    const { at, value } = entry;
    if (value === ALL_ONES || !isRam(at)) {
      met.add(isRam(at) ? 'all-ones' : 'no-memory');
      return { reason: i === 0 ? 0x73 : 0x70 };
    }
    if (!bit(value, 0)) return { reason: 0x71 };
    if (!bit(value, 2) || (access.write && !bit(value, 1))) {
      const reason = bit(value, 2) ? 0x85 : 0x81;
      if (reason !== firstAsSpecified(path, variant, caps, access)) met.add('rights-per-level');
      return { reason };
    }
    const unseen = firstUnseen(entry, caps);
    if (unseen) met.add(unseen);
    if (firstReserved(entry, variant) !== 0n) return { reason: 0x72 };
    if (isLeaf(entry)) return { reason: 0, leaf: entry };
  }
  return { reason: 0 };
}

/** First stage as the specification orders it: entries from the top, then the rights of all. */
function firstAsSpecified({ entries }: Path, variant: Variant, caps: Caps, { write }: Access): number {
  for (const entry of entries) {
    if (!bit(entry.value, 0)) return 0x71;
    if (firstReserved(entry, variant) !== 0n || firstUnseen(entry, caps)) return 0x72;
  }
  if (!entries.every(({ value }) => bit(value, 2))) return 0x81;
  return write && !entries.every(({ value }) => bit(value, 1)) ? 0x85 : 0;
}

/** Second stage, in the same two orders; the codes of legacy mode where that is what the unit is in. */
export function secondStage(path: Path, variant: Variant, caps: Caps, access: Access, met: Set<Peculiarity>): Walked {
  const code = (scalable: number, legacy: number): number => (variant.mode === 'legacy' ? legacy : scalable);
  const top = path.entries[0]?.level ?? 0;
  if (access.address >> BigInt(Math.min(12 + 9 * top, variant.width)) !== 0n) return { reason: code(0x83, 0x04) };
  for (const [i, entry] of path.entries.entries()) {
    const { at, value } = entry;
    if (value === ALL_ONES || !isRam(at)) {
      met.add(isRam(at) ? 'all-ones' : 'no-memory');
      return { reason: i === 0 ? code(0x7b, 0x03) : code(0x78, 0x07) };
    }
    if (!bit(value, access.write ? 1 : 0)) {
      const specified = secondAsSpecified(path, variant, caps);
      // An entry without any right is not present, and is it for both; elsewhere QEMU has stopped too early.
      if (specified === 'reserved' || (specified === 'not present' && (value & 3n) !== 0n)) met.add('rights-per-level');
      return { reason: access.write ? code(0x85, 0x05) : code(0x86, 0x06) };
    }
    const snoop = isLeaf(entry) && !variant.snoopControl && bit(value, 11);
    if (snoop) met.add('snoop-ignored');
    const transient = isLeaf(entry) && bit(value, 62);
    if (transient && caps.deviceTlb) met.add('transient-mapping-reserved');
    if (secondReserved(entry, variant) !== 0n || transient) return { reason: code(0x7a, 0x0c) };
    if (isLeaf(entry)) return { reason: 0, leaf: entry };
  }
  return { reason: 0 };
}

function secondAsSpecified({ entries }: Path, variant: Variant, caps: Caps): 'reserved' | 'not present' | 'rights' {
  for (const entry of entries) {
    if ((entry.value & 3n) === 0n) return 'not present';
    const snoop = isLeaf(entry) && !variant.snoopControl && bit(entry.value, 11);
    const transient = isLeaf(entry) && !caps.deviceTlb && bit(entry.value, 62);
    if (secondReserved(entry, variant) !== 0n || snoop || transient) return 'reserved';
  }
  return 'rights';
}
