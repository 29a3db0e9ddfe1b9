import type { Format } from '../../pagetable/format.ts';
import type { Granule } from '../../pagetable/formats/vmsa.ts';
import { highBitsFrom } from '../../pagetable/walk.ts';
import { intReader } from '../int-fields.ts';
import { CD } from './context-descriptor.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import { rootAlignLg2, stage1Format, TG0, TG1 } from './formats.ts';
import { OUTPUT_BITS } from './ids.ts';
import type { StageOneRules } from './rights.ts';
import { fingerprint, type StreamEntry } from './stream-entry.ts';

export const CD_WORDS = 16;
const TTB0_LO = 2;
const TTB1_LO = 4;

const read = intReader(CD, [
  'T0SZ',
  'TG0',
  'EPD0',
  'ENDI',
  'T1SZ',
  'TG1',
  'EPD1',
  'V',
  'IPS',
  'AFFD',
  'WXN',
  'UWXN',
  'TBI0',
  'TBI1',
  'AA64',
  'HD',
  'HA',
  'S',
  'R',
  'A',
  'ASET',
  'ASID',
  'HAD0',
  'E0PD0',
  'HAFT',
  'HAD1',
  'E0PD1',
  'DS',
]);
type Fields = ReturnType<typeof read>;

/** The tables of one half of the address space. */
export interface Half {
  readonly format: Format;
  readonly rootHi: number;
  readonly rootLo: number;
  readonly inputBits: number;
  /** Attributes in table entries do not count. */
  readonly had: boolean;
  /** Unprivileged accesses fault. */
  readonly e0pd: boolean;
}

/** A context descriptor, decoded and judged: what a configuration cache keeps of it. */
export class ContextEntry implements StageOneRules {
  /** As it lay in memory. */
  readonly words: Int32Array;
  /** `C_BAD_CD`, or 0. */
  readonly fault: number;
  /** Which condition makes it ILLEGAL; no full stop, empty for a good descriptor. */
  readonly why: string;
  readonly asid: number;
  /** The lower half and the upper half; null without tables (EPD). */
  readonly lower: Half | null;
  readonly upper: Half | null;
  readonly ignoresTopByte0: boolean;
  readonly ignoresTopByte1: boolean;
  readonly limitHi: number;
  readonly affd: boolean;
  readonly wxn: boolean;
  readonly uwxn: boolean;
  readonly single: boolean;
  /** Hardware sets the access flag; hardware keeps the dirty state. */
  readonly ha: boolean;
  readonly hd: boolean;
  readonly stalls: boolean;
  readonly records: boolean;
  readonly aborts: boolean;
  /** A fingerprint of the words. */
  readonly print: number;
  /** Time it was read, and the memory version at which it was last known to be what memory holds. */
  filledAt = 0;
  version = 0;
  /** Time from which on edits count against it, where that is not `filledAt`; else 0. */
  since = 0;

  /** @param ste the entry through which it was reached, which takes part in what is legal */
  constructor(memory: Int32Array, at: number, ste: StreamEntry, features: Features) {
    const words = memory.slice(at, at + CD_WORDS);
    const f = read(words, 0);
    this.words = words;
    this.print = fingerprint(words);
    this.asid = f.ASID;
    this.ignoresTopByte0 = f.TBI0 === 1;
    this.ignoresTopByte1 = f.TBI1 === 1;
    this.affd = f.AFFD === 1;
    this.wxn = f.WXN === 1;
    this.uwxn = f.UWXN === 1;
    this.single = ste.el2;
    this.ha = f.HA === 1;
    this.hd = this.ha && f.HD === 1;
    this.stalls = f.S === 1;
    this.records = f.R === 1;
    this.aborts = f.A === 1;
    const ips = Math.min(OUTPUT_BITS[f.IPS]!, features.outputBits);
    this.limitHi = highBitsFrom(ips);
    const ds = features.ds && f.DS === 1;
    const lower =
      f.EPD0 === 1 ? null : half('0', TG0[f.TG0], f.T0SZ, words, TTB0_LO, ips, ds, features, f.HAD0, f.E0PD0);
    // Without a second privilege level there is no upper half.
    const upper =
      f.EPD1 === 1 || ste.el2
        ? null
        : half('1', TG1[f.TG1], f.T1SZ, words, TTB1_LO, ips, ds, features, f.HAD1, f.E0PD1);
    this.lower = typeof lower === 'string' ? null : lower;
    this.upper = typeof upper === 'string' ? null : upper;
    this.why =
      illegal(f, ste, features) || (typeof lower === 'string' ? lower : typeof upper === 'string' ? upper : '');
    this.fault = this.why === '' ? Event.None : Event.C_BAD_CD;
  }

  /** The tables for an input address, or null where it has none; whether it lies within their range is not asked. */
  halfOf(hi: number): Half | null {
    return ((hi >>> 23) & 1) !== 0 ? this.upper : this.lower;
  }

  /** The high half of an input address as caches know it: without the top byte where that is ignored. */
  canonicalHi(hi: number): number {
    const ignores = (hi >>> 23) & 1 ? this.ignoresTopByte1 : this.ignoresTopByte0;
    return ignores ? (hi << 8) >> 8 : hi;
  }
}

/** What but the halves of the descriptor is ILLEGAL (IHI 0070, 5.4), or nothing. */
function illegal(f: Fields, ste: StreamEntry, features: Features): string {
  if (f.V === 0) return 'V is 0';
  // Tables of VMSAv8-32 and big-endian ones are not modelled, and so taken as not supported.
  if (f.AA64 === 0 || !features.aarch64) return 'AA64 asks for tables this SMMU does not have';
  if (f.S === 1 && ste.stallDisabled) return 'S is 1, but S1STALLD of the STE forbids stalls';
  if (f.S === 1 && features.stallModel === 1) return 'S is 1, but STALL_MODEL is 1';
  if (f.S === 0 && features.stallModel === 2) return 'S is 0, but STALL_MODEL is 2';
  if (f.A === 0 && features.termModel) return 'A is 0, but TERM_MODEL is 1';
  const hasTables = f.EPD0 === 0 || f.EPD1 === 0;
  if (hasTables && (f.ENDI === 1 || !features.littleEndian))
    return 'ENDI asks for an endianness this SMMU does not have';
  if (0xff < f.ASID && !features.asid16) return `ASID ${f.ASID} has more than 8 bits`;
  if ((f.HA === 1 || f.HD === 1) && features.httu === 0) return 'HA or HD is set, but HTTU is 0';
  if (f.HD === 1 && features.httu === 1) return 'HD is set, but HTTU is 1';
  return f.HAFT === 1 && f.HA === 0 ? 'HAFT is set without HA' : '';
}

/** The tables of an enabled half, or which of its fields is ILLEGAL. */
function half(
  which: '0' | '1',
  granule: Granule | undefined,
  tsz: number,
  words: Int32Array,
  ttb: number,
  ips: number,
  ds: boolean,
  features: Features,
  had: number,
  e0pd: number,
): Half | string {
  if (granule === undefined || !features.hasGranule(granule)) return `TG${which} is no granule of this SMMU`;
  const canBeWide = granule === 16 ? features.virtualBits === 52 : ds;
  const least = canBeWide ? 12 : 16;
  const most = !features.smallTables ? 39 : granule === 16 ? 47 : 48;
  if (tsz < least || most < tsz) return `T${which}SZ ${tsz} is not within ${least} to ${most}`;
  const hi = words[ttb + 1]! & 0xff_ffff;
  // Without DS, tables of 4K and 16K cannot lie above 48 bits.
  const reach = Math.min(ips, granule === 16 || ds ? 52 : 48);
  // TTB has bits 51:4; what lies above belongs to other fields.
  const rootHi = hi & 0xf_ffff;
  if ((rootHi & highBitsFrom(reach)) !== 0) return `TTB${which} lies beyond ${reach} bits`;
  const wide = granule === 16 ? features.outputBits === 52 : ds;
  const format = stage1Format(granule, 64 - tsz, wide);
  const rootLo = words[ttb]! & ~0xf & (-1 << rootAlignLg2(format));
  return {
    format,
    rootHi,
    rootLo,
    inputBits: 64 - tsz,
    had: features.had && had === 1,
    e0pd: features.e0pd && e0pd === 1,
  };
}
