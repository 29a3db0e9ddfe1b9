import { type Access, isRam, type Variant } from './vtd-case.ts';
import { firstStage, secondStage } from './vtd-order-paging.ts';
import type { Path } from './vtd-walk.ts';

/** What a walk without caches is expected to give in QEMU, and which of its peculiarities were met on the way. */
export interface Expected {
  /** Fault reason as the specification numbers it, 0 for success. */
  readonly reason: number;
  readonly hpa: bigint;
  readonly logged: boolean;
  readonly met: readonly Peculiarity[];
}

/** Where QEMU's walk departs from the specification: what it leaves unchecked, and what it checks earlier. */
export const PECULIARITIES = {
  'no-memory': 'A structure where no memory is reads as zeros in the engine; QEMU reports that it could not be read.',
  'all-ones': 'QEMU takes a paging entry of all ones for one that could not be read.',
  'root-halves':
    'Only the half of a scalable root entry that serves the function matters; QEMU checks the reserved bits of both.',
  'context-reserved-logged':
    'A reserved bit in a context entry is a qualified fault (VT-d 7.1.3), which FPD suppresses; QEMU logs it all the same.',
  'context-capability-bits':
    'DTE, PASIDE, PRE and RID_PRIV are reserved where the capability is absent; QEMU ignores them there.',
  'pdts-unchecked': 'RID_PASID must lie in the directory that PDTS describes (SCT.9); QEMU reads on behind its end.',
  'directory-reserved': 'QEMU does not check the reserved bits of a PASID directory entry.',
  'programming-before-present':
    'A PASID entry that is not present faults as such (59h); QEMU looks at PGTT, AW and FSPM first (5Bh).',
  'pasid-reserved': 'QEMU does not check the reserved bits of a PASID entry.',
  'present-unchecked':
    'A PASID entry that is not present faults; with a cached context entry QEMU uses it nevertheless.',
  'pasid-fpd':
    'FPD of directory and PASID entry also suppresses faults of these entries; QEMU reads it only when they are valid.',
  'pass-through-limit': 'Pass-through addresses are limited by the host address width; QEMU passes every address.',
  'pass-through-pointer':
    'The table pointer of a legacy pass-through entry is ignored; QEMU checks its bits beyond the host address width.',
  'canonical-by-aw':
    'First-stage addresses are canonical in the width that FSPM says; QEMU takes AW, which is ignored.',
  'rights-per-level':
    'Rights are judged after the walk and reserved bits before rights; QEMU judges each entry, rights first.',
  'execute-disable-ignored': 'Bit 63 of a first-stage entry is reserved without NXE; QEMU ignores bits 63:52.',
  'one-gig-always': 'A 1 GiB leaf is reserved without FS1GP; QEMU translates it also with fs1gp=off.',
  'snoop-ignored': 'SNP of a second-stage leaf is reserved without SC; QEMU ignores it.',
  'transient-mapping-reserved': 'TM (bit 62) of a second-stage leaf is allowed with DT; QEMU takes it for reserved.',
  'interrupt-leaf':
    'Only the resulting address must stay out of the interrupt range; QEMU refuses every page that overlaps it.',
} as const;
export type Peculiarity = keyof typeof PECULIARITIES;

export interface Caps {
  readonly firstStage: boolean;
  readonly secondStage: boolean;
  readonly passThrough: boolean;
  readonly oneGigFirst: boolean;
  readonly deviceTlb: boolean;
  /** SAGAW, VT-d 11.4.2. */
  readonly widths: bigint;
}

export const bit = (value: bigint, at: number): boolean => ((value >> BigInt(at)) & 1n) === 1n;
export const field = (value: bigint, low: number, width: number): bigint =>
  (value >> BigInt(low)) & ((1n << BigInt(width)) - 1n);

export const capsOf = (cap: bigint, ecap: bigint): Caps => ({
  firstStage: bit(ecap, 47),
  secondStage: bit(ecap, 46),
  passThrough: bit(ecap, 6),
  oneGigFirst: bit(cap, 56),
  deviceTlb: bit(ecap, 2),
  widths: field(cap, 8, 5),
});

/** Judges the entries of a path in QEMU's order. */
export function expectOf(path: Path, variant: Variant, caps: Caps, access: Access): Expected {
  const met = new Set<Peculiarity>();
  const structures =
    variant.mode === 'legacy' ? legacyFault(path, variant, caps, met) : scalableFault(path, variant, caps, met);
  const suppressed = bit(path.context[0]!, 1);
  if (structures !== 0) {
    const reserved = structures === 0x42 || structures === 0x0b;
    if (reserved && suppressed) met.add('context-reserved-logged');
    const late = variant.mode === 'scalable' && structures >= 0x51 && structures !== 0x58;
    if (late && (bit(path.directory, 1) || (structures > 0x52 && bit(path.pasid[0] ?? 0n, 1)))) met.add('pasid-fpd');
    const qualified = late || structures === 0x41 || structures === 0x02 || structures === 0x03;
    return { reason: structures, hpa: 0n, logged: !(qualified && suppressed), met: [...met] };
  }
  const quiet = suppressed || bit(path.directory, 1) || bit(path.pasid[0] ?? 0n, 1);
  if (path.type === 'pass-through') {
    if (access.address >> BigInt(variant.width) !== 0n) met.add('pass-through-limit');
    return { reason: 0, hpa: access.address, logged: false, met: [...met] };
  }
  const walked =
    path.type === 'first'
      ? firstStage(path, variant, caps, access, met)
      : secondStage(path, variant, caps, access, met);
  if (walked.reason !== 0 || walked.leaf === undefined)
    return { reason: walked.reason, hpa: 0n, logged: !quiet, met: [...met] };
  const size = 1n << BigInt(12 + 9 * (walked.leaf.level - 1));
  const frame = walked.leaf.value & width(variant) & ~0xfffn;
  const hpa = (frame & ~(size - 1n)) | (access.address & (size - 1n));
  if (frame <= 0xfeef_ffffn && frame + size - 1n >= 0xfee0_0000n) {
    if (hpa >> 20n !== 0xfeen) met.add('interrupt-leaf');
    return { reason: variant.mode === 'legacy' ? 0x0e : 0x87, hpa: 0n, logged: !quiet, met: [...met] };
  }
  return { reason: 0, hpa, logged: false, met: [...met] };
}

export const width = ({ width: bits }: Variant): bigint => (1n << BigInt(bits)) - 1n;
const beyond = (value: bigint, variant: Variant): boolean => (value & ((1n << 64n) - 1n) & ~width(variant)) !== 0n;

function legacyFault(
  { root, rootOther, context, cached }: Path,
  variant: Variant,
  caps: Caps,
  met: Set<Peculiarity>,
): number {
  if (cached) return 0;
  if (!bit(root, 0)) return 0x01;
  if ((root & 0xffen) !== 0n || beyond(root, variant) || rootOther !== 0n) return 0x0a;
  if (!isRam(root & ~0xfffn)) {
    met.add('no-memory');
    return 0x09;
  }
  const [low, high] = context as [bigint, bigint];
  if (!bit(low, 0)) return 0x02;
  if (beyond(low, variant) && field(low, 2, 2) === 2n) met.add('pass-through-pointer');
  if ((low & 0xff0n) !== 0n || beyond(low, variant) || (high & 0xffff_ffff_ff00_0080n) !== 0n) return 0x0b;
  if (!bit(caps.widths, Number(high & 7n))) return 0x03;
  const type = field(low, 2, 2);
  return type === 3n || (type === 1n && !caps.deviceTlb) || (type === 2n && !caps.passThrough) ? 0x03 : 0;
}

const bad = (half: bigint, variant: Variant): boolean => (half & 0xffen) !== 0n || beyond(half, variant);

function contextFault({ root, rootOther, context }: Path, variant: Variant, met: Set<Peculiarity>): number {
  if (!bit(root, 0)) return 0x39;
  if (bad(root, variant)) return 0x3a;
  if (bad(rootOther, variant)) {
    met.add('root-halves');
    return 0x3a;
  }
  if (!isRam(root & ~0xfffn)) {
    met.add('no-memory');
    return 0x40;
  }
  const [q0, q1, q2, q3] = context as [bigint, bigint, bigint, bigint];
  if (!bit(q0, 0)) return 0x41;
  return (q0 & 0x1e0n) !== 0n || beyond(q0, variant) || q1 >> 21n !== 0n || q2 !== 0n || q3 !== 0n ? 0x42 : 0;
}

function scalableFault(path: Path, variant: Variant, caps: Caps, met: Set<Peculiarity>): number {
  const { context, directory, pasid } = path;
  const inContext = path.cached ? 0 : contextFault(path, variant, met);
  if (inContext !== 0) return inContext;
  const missing = (address: bigint, reason: number): number => {
    if (isRam(address)) return 0;
    met.add('no-memory');
    return reason;
  };
  const [q0, q1] = context as [bigint, bigint];
  // None of the machines has device TLBs, PASIDs, page requests or RID_PRIV.
  if ((q0 & 0x1cn) !== 0n || bit(q1, 20)) met.add('context-capability-bits');
  const rid = field(q1, 0, 20);
  if (rid >= 1n << (field(q0, 9, 3) + 13n)) met.add('pdts-unchecked');
  const noDirectory = missing((q0 & ~0xfffn) + (rid >> 6n) * 8n, 0x50);
  if (noDirectory !== 0) return noDirectory;
  if (!bit(directory, 0)) return 0x51;
  if ((directory & 0xffcn) !== 0n || beyond(directory, variant)) met.add('directory-reserved');
  const noTable = missing(directory & ~0xfffn, 0x58);
  if (noTable !== 0) return noTable;
  const [p0, p1, p2] = pasid as [bigint, bigint, bigint];
  const type = path.type;
  const supported =
    type === 'first'
      ? caps.firstStage && field(p2, 2, 2) === 0n
      : type === 'second'
        ? caps.secondStage && bit(caps.widths, Number(field(p0, 2, 3)))
        : type === 'pass-through' && caps.passThrough;
  if (!bit(p0, 0) && !supported) met.add('programming-before-present');
  if (pasidReserved(p0, p1, p2, pasid, variant)) met.add('pasid-reserved');
  if (!supported) return 0x5b;
  if (bit(p0, 0)) return 0;
  if (!path.cached) return 0x59;
  met.add('present-unchecked');
  return 0;
}

function pasidReserved(p0: bigint, p1: bigint, p2: bigint, pasid: readonly bigint[], variant: Variant): boolean {
  if (pasid.slice(3).some((word) => word !== 0n)) return true;
  // What depends on capabilities these machines lack counts as well.
  return (
    (p0 & 0xe00n) !== 0n ||
    (p1 & 0xffff_0000n) !== 0n ||
    (p2 & 0xfffn & ~0x70n) !== 0n ||
    beyond(p0, variant) ||
    beyond(p2, variant)
  );
}
