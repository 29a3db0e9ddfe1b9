import { CONTEXT_FIRST, CONTEXT_LAST, Context, PASID_FIRST, PASID_LAST, PasidEntry } from '../../cache/config-cache.ts';
import { LINE } from '../../cache/lines.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import { reservedWords } from './bit-layout.ts';
import type { VtdCaps } from './caps.ts';
import { Fault } from './faults.ts';
import { CONTEXT_ENTRY, PASID_ENTRY, PGTT } from './structures.ts';

/** Flags of context and PASID lines. The first five come from the context entry; FPD gathers all three levels. */
export const Flag = {
  FPD: 1,
  DTE: 2,
  PASIDE: 4,
  PRE: 8,
  RID_PRIV: 16,
  SRE: 32,
  ERE: 64,
  WPE: 128,
  NXE: 256,
  SMEP: 512,
  EAFE: 1024,
  SSADE: 2048,
  SSEE: 4096,
} as const;
const FROM_CONTEXT = Flag.DTE | Flag.PASIDE | Flag.PRE | Flag.RID_PRIV;

/** Kinds of configuration entries in a path. */
export const CONFIG_KINDS = ['root', 'context', 'pde', 'pasid'] as const;
const KIND_WORDS = 3;

/** The first-stage format a line wants: bit 0 NXE, bit 1 five levels. */
export const shapeFormat1 = (shape: number): number => shape & 3;
/** The second-stage format a line wants: bit 0 SSADE, bits 2:1 levels less three. */
export const shapeFormat2 = (shape: number): number => (shape >> 4) & 7;
/** Bits of a second-stage input address: min(MGAW, AGAW). */
export const shapeInputBits = (shape: number): number => (shape >> 8) & 63;

/**
 * Reads root, context, PASID directory and PASID entries and judges them in the order of VT-d 9.x. What it decodes stays
 * in two scratch lines that have the shape of cache lines.
 */
export class ConfigReader {
  readonly context = new Int32Array(LINE);
  readonly pasid = new Int32Array(LINE);
  /** FPD as far as it has been read; it counts even where the entry is not present. */
  fpd = 0;
  /** Entries read: kind, address halves; the count is the number of configuration references. */
  readonly path = new Int32Array(CONFIG_KINDS.length * KIND_WORDS);
  reads = 0;
  readonly #mem: PhysMem;
  readonly #caps: VtdCaps;
  readonly #contextReserved: Int32Array;
  readonly #pasidReserved: Int32Array;
  /** High-half bits at and above the host address width. */
  readonly #beyondHaw: number;

  constructor(mem: PhysMem, caps: VtdCaps) {
    this.#mem = mem;
    this.#caps = caps;
    const has = (name: string): boolean => (caps as Readonly<Record<string, number>>)[name] !== 0;
    this.#contextReserved = reservedWords(CONTEXT_ENTRY, has);
    this.#pasidReserved = reservedWords(PASID_ENTRY, has);
    this.#beyondHaw = caps.haw >= 64 ? 0 : -1 << (caps.haw - 32);
    this.#contextReserved[1]! |= this.#beyondHaw;
    const domainBits = 4 + 2 * caps.ND;
    if (domainBits < 16) this.#pasidReserved[2]! |= 0xffff & ~((1 << domainBits) - 1);
  }

  start(): void {
    this.reads = 0;
    this.fpd = 0;
  }

  /** Root and context entry of a source id, into `context` (VT-d 9.2, 9.4). */
  readContext(rtaHi: number, rtaLo: number, sid: number, pasid: number): number {
    const mode = (rtaLo >> 10) & 3;
    // Legacy tables are not modelled, so a request that would need them finds the mode unsupported.
    if (mode === 0) return pasid >= 0 ? Fault.RTA_2 : Fault.RTA_1;
    if (mode === 3 && this.#caps.ADMS) return Fault.RTA_4;
    if (mode !== 1 || !this.#caps.SMTS || (rtaHi & this.#beyondHaw) !== 0) return Fault.RTA_1;
    const devfn = sid & 0xff;
    const half = ((rtaLo & ~0xfff) | ((sid >> 8) << 4)) + (devfn & 0x80 ? 8 : 0);
    let at = this.#visit(0, rtaHi, half);
    let words = this.#mem.words;
    const rootLo = words[at]!;
    const rootHi = words[at + 1]!;
    if ((rootLo & 1) === 0) return Fault.SRT_2;
    if ((rootLo & 0xffe) !== 0 || (rootHi & this.#beyondHaw) !== 0) return Fault.SRT_3;
    at = this.#visit(1, rootHi, (rootLo & ~0xfff) | ((devfn & 0x7f) << 5));
    words = this.#mem.words;
    const lo = words[at]!;
    if (lo & 2) this.fpd = Flag.FPD;
    if ((lo & 1) === 0) return Fault.SCT_2;
    for (let i = 0; i < 8; i++) if ((words[at + i]! & this.#contextReserved[i]!) !== 0) return Fault.SCT_3;
    const rid = words[at + 2]!;
    const line = this.context;
    // The entry's bits 1 to 4 are FPD, DTE, PASIDE and PRE, one above their places in a line.
    line[Context.Flags] = ((lo >> 1) & 0b1111) | ((rid >> 20) & 1 ? Flag.RID_PRIV : 0);
    line[Context.DirHi] = words[at + 1]!;
    line[Context.DirLo] = lo & ~0xfff;
    line[Context.Limit] = 1 << (((lo >> 9) & 7) + 13);
    line[Context.RidPasid] = rid & 0xf_ffff;
    return Fault.None;
  }

  /** Directory and PASID entry behind a context line, into `pasid` (VT-d 9.5, 9.6). */
  readPasid(context: Int32Array, at: number, pasid: number): number {
    const fromContext = context[at + Context.Flags]!;
    this.fpd |= fromContext & Flag.FPD;
    // The directory may span pages, so its index can carry into the high half.
    const entry = (context[at + Context.DirLo]! >>> 0) + ((pasid >> 6) << 3);
    let word = this.#visit(2, context[at + Context.DirHi]! + (entry > 0xffff_ffff ? 1 : 0), entry | 0);
    const pdeLo = this.#mem.words[word]!;
    const pdeHi = this.#mem.words[word + 1]!;
    if (pdeLo & 2) this.fpd = Flag.FPD;
    if ((pdeLo & 1) === 0) return Fault.SPD_2;
    if ((pdeLo & 0xffc) !== 0 || (pdeHi & this.#beyondHaw) !== 0) return Fault.SPD_3;
    word = this.#visit(3, pdeHi, (pdeLo & ~0xfff) | ((pasid & 63) << 6));
    const words = this.#mem.words;
    const lo = words[word]!;
    if (lo & 2) this.fpd = Flag.FPD;
    if ((lo & 1) === 0) return Fault.SPT_2;
    for (let i = 0; i < 16; i++) if ((words[word + i]! & this.#pasidReserved[i]!) !== 0) return Fault.SPT_3;
    return this.#decodePasid(words, word, fromContext);
  }

  #decodePasid(words: Int32Array, at: number, fromContext: number): number {
    const caps = this.#caps;
    const lo = words[at]!;
    const q2 = words[at + 4]!;
    const pgtt = (lo >> 6) & 7;
    const first = pgtt === PGTT.firstStage || pgtt === PGTT.nested;
    const second = pgtt === PGTT.secondStage || pgtt === PGTT.nested;
    // A pointer that this translation type does not use is ignored, also beyond the host address width.
    if (second && (words[at + 1]! & this.#beyondHaw) !== 0) return Fault.SPT_3;
    if (first && (words[at + 5]! & this.#beyondHaw) !== 0) return Fault.SPT_3;
    const supported =
      pgtt === PGTT.firstStage
        ? caps.FSTS
        : pgtt === PGTT.secondStage
          ? caps.SSTS
          : pgtt === PGTT.nested
            ? caps.NEST
            : pgtt === PGTT.passThrough
              ? caps.PT
              : 0;
    const width = (lo >> 2) & 7;
    const mode = (q2 >> 2) & 3;
    if (supported === 0) return Fault.SPT_4;
    if (second && (width < 1 || width > 3 || ((caps.SAGAW >> width) & 1) === 0)) return Fault.SPT_4;
    if (first && (mode > 1 || (mode === 1 && caps.FS5LP === 0))) return Fault.SPT_4;

    const flags =
      this.fpd |
      (fromContext & FROM_CONTEXT) |
      (q2 & 1 ? Flag.SRE : 0) |
      (q2 & 2 ? Flag.ERE : 0) |
      (q2 & 0x10 ? Flag.WPE : 0) |
      (q2 & 0x20 ? Flag.NXE : 0) |
      (q2 & 0x40 ? Flag.SMEP : 0) |
      (q2 & 0x80 ? Flag.EAFE : 0) |
      (lo & 0x200 ? Flag.SSADE : 0) |
      (lo & 0x20 ? Flag.SSEE : 0);
    const inputBits = Math.min(caps.MGAW + 1, 30 + 9 * width);
    const shape1 = first ? (q2 & 0x20 ? 1 : 0) | (mode << 1) : 0;
    const shape2 = second ? (lo & 0x200 ? 1 : 0) | ((width - 1) << 1) | (inputBits << 4) : 0;
    const line = this.pasid;
    line[PasidEntry.Did] = words[at + 2]! & 0xffff;
    line[PasidEntry.Pgtt] = pgtt;
    line[PasidEntry.Flags] = flags;
    line[PasidEntry.FsHi] = first ? words[at + 5]! : 0;
    line[PasidEntry.FsLo] = first ? q2 & ~0xfff : 0;
    line[PasidEntry.SsHi] = second ? words[at + 1]! : 0;
    line[PasidEntry.SsLo] = second ? lo & ~0xfff : 0;
    line[PasidEntry.Shape] = shape1 | (shape2 << 4);
    line[PasidEntry.Origin] = fingerprint(line);
    return Fault.None;
  }

  #visit(kind: number, hi: number, lo: number): number {
    const at = this.reads++ * KIND_WORDS;
    this.path[at] = kind;
    this.path[at + 1] = hi;
    this.path[at + 2] = lo;
    return this.#mem.wordAt(hi, lo);
  }
}

/** Gives a line the rights of a context entry that was read later than the PASID entry. */
export const withContext = (flags: number, context: number): number =>
  (flags & ~FROM_CONTEXT) | (context & FROM_CONTEXT);

/** Everything of a PASID line that decides a translation, as one int; FPD and the context's flags do not. */
function fingerprint(line: Int32Array): number {
  let sum = line[PasidEntry.Flags]! & ~(Flag.FPD | FROM_CONTEXT);
  for (let i: number = PasidEntry.FsHi; i <= PasidEntry.Shape; i++)
    sum = Math.imul(sum ^ line[i]!, 0x9e37_79b1) ^ (sum >>> 15);
  return sum;
}

export const sameContext = (a: Int32Array, at: number, b: Int32Array): boolean =>
  sameWords(a, at, b, CONTEXT_FIRST, CONTEXT_LAST);
export const samePasid = (a: Int32Array, at: number, b: Int32Array): boolean =>
  sameWords(a, at, b, PASID_FIRST, PASID_LAST);

function sameWords(a: Int32Array, at: number, b: Int32Array, first: number, last: number): boolean {
  for (let i = first; i <= last; i++) if (a[at + i] !== b[i]) return false;
  return true;
}
