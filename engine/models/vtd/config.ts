import { Context, PasidEntry } from '../../cache/config-cache.ts';
import { LINE } from '../../cache/lines.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import { reservedWords } from '../bit-layout.ts';
import type { VtdCaps } from './caps.ts';
import { Fault } from './faults.ts';
import { LegacyEntries } from './legacy-config.ts';
import { Flag, fingerprint, firstShape, fromContext, secondShape } from './line.ts';
import { CONTEXT_ENTRY, PASID_ENTRY, PGTT } from './structures.ts';

/** Kinds of configuration entries in a path. */
export const CONFIG_KINDS = ['root', 'context', 'pde', 'pasid'] as const;
const KIND_WORDS = 3;

/** RTADDR.TTM. */
const Mode = { legacy: 0, scalable: 1, abort: 3 } as const;
const modeOf = (rtaLo: number): number => (rtaLo >> 10) & 3;
export const isLegacy = (rtaLo: number): boolean => modeOf(rtaLo) === Mode.legacy;

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
  readonly #legacy: LegacyEntries;

  constructor(mem: PhysMem, caps: VtdCaps) {
    this.#mem = mem;
    this.#caps = caps;
    const has = (name: string): boolean => (caps as Readonly<Record<string, number>>)[name] !== 0;
    this.#contextReserved = reservedWords(CONTEXT_ENTRY, has);
    this.#pasidReserved = reservedWords(PASID_ENTRY, has);
    this.#beyondHaw = caps.haw >= 64 ? 0 : -1 << (caps.haw - 32);
    this.#contextReserved[1]! |= this.#beyondHaw;
    this.#legacy = new LegacyEntries(caps, this.#beyondHaw);
    const domainBits = 4 + 2 * caps.ND;
    if (domainBits < 16) this.#pasidReserved[2]! |= 0xffff & ~((1 << domainBits) - 1);
  }

  start(): void {
    this.reads = 0;
    this.fpd = 0;
  }

  /** What the root table address register alone refuses, whatever caches hold (VT-d 11.4.5). */
  modeFault(rtaHi: number, rtaLo: number, pasid: number): number {
    const mode = modeOf(rtaLo);
    if (mode === Mode.abort && this.#caps.ADMS) return Fault.RTA_4;
    const known = mode === Mode.legacy || (mode === Mode.scalable && this.#caps.SMTS !== 0);
    if (!known || (rtaHi & this.#beyondHaw) !== 0) return Fault.RTA_1;
    return mode === Mode.legacy && pasid >= 0 ? Fault.RTA_2 : Fault.None;
  }

  /** Root and context entry of a source id, into `context` (VT-d 9.1 to 9.4). */
  readContext(rtaHi: number, rtaLo: number, sid: number, pasid: number): number {
    const refused = this.modeFault(rtaHi, rtaLo, pasid);
    if (refused !== 0) return refused;
    return isLegacy(rtaLo) ? this.#legacyContext(rtaHi, rtaLo, sid) : this.#scalableContext(rtaHi, rtaLo, sid);
  }

  #legacyContext(rtaHi: number, rtaLo: number, sid: number): number {
    let at = this.#visit(0, rtaHi, (rtaLo & ~0xfff) | ((sid >> 8) << 4));
    const fault = this.#legacy.root(this.#mem.words, at);
    if (fault !== 0) return fault;
    const { words } = this.#mem;
    at = this.#visit(1, words[at + 1]!, (words[at]! & ~0xfff) | ((sid & 0xff) << 4));
    if (this.#mem.words[at]! & 2) this.fpd = Flag.FPD;
    return this.#legacy.context(this.#mem.words, at, this.context);
  }

  #scalableContext(rtaHi: number, rtaLo: number, sid: number): number {
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
    line[Context.Did] = -1;
    return Fault.None;
  }

  /** Directory and PASID entry behind a context line, into `pasid` (VT-d 9.5, 9.6). A legacy line says it all itself. */
  readPasid(context: Int32Array, at: number, pasid: number): number {
    const contextFlags = context[at + Context.Flags]!;
    this.fpd |= contextFlags & Flag.FPD;
    if (contextFlags & Flag.LEGACY) {
      this.#legacy.fillLine(context, at, this.pasid);
      return Fault.None;
    }
    // The directory may span pages, so its index can carry into the high half.
    const entry = (context[at + Context.DirLo]! >>> 0) + ((pasid >> 6) << 3);
    const entryHi = context[at + Context.DirHi]! + (entry > 0xffff_ffff ? 1 : 0);
    if ((entryHi & this.#beyondHaw) !== 0) return Fault.SPD_1;
    let word = this.#visit(2, entryHi, entry | 0);
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
    return this.#decodePasid(words, word, contextFlags, (pdeLo | lo) & 2 ? Flag.OWN_FPD : 0);
  }

  #decodePasid(words: Int32Array, at: number, contextFlags: number, ownFpd: number): number {
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
    if (caps.CM !== 0 && (words[at + 2]! & 0xffff) === 0) return Fault.SPT_4;
    if (first && (mode > 1 || (mode === 1 && caps.FS5LP === 0))) return Fault.SPT_4;

    const flags =
      this.fpd |
      ownFpd |
      fromContext(contextFlags) |
      (q2 & 1 ? Flag.SRE : 0) |
      (q2 & 2 ? Flag.ERE : 0) |
      (q2 & 0x10 ? Flag.WPE : 0) |
      (q2 & 0x20 ? Flag.NXE : 0) |
      (q2 & 0x40 ? Flag.SMEP : 0) |
      (q2 & 0x80 ? Flag.EAFE : 0) |
      (lo & 0x200 ? Flag.SSADE : 0) |
      (lo & 0x20 ? Flag.SSEE : 0);
    const shape1 = first ? firstShape(mode === 1, (q2 & 0x20) !== 0) : 0;
    const shape2 = second ? secondShape(caps, width, (lo & 0x200) !== 0) : 0;
    const line = this.pasid;
    line[PasidEntry.Did] = words[at + 2]! & 0xffff;
    line[PasidEntry.Pgtt] = pgtt;
    line[PasidEntry.Flags] = flags;
    line[PasidEntry.FsHi] = first ? words[at + 5]! : 0;
    line[PasidEntry.FsLo] = first ? q2 & ~0xfff : 0;
    line[PasidEntry.SsHi] = second ? words[at + 1]! : 0;
    line[PasidEntry.SsLo] = second ? lo & ~0xfff : 0;
    line[PasidEntry.Shape] = shape1 | shape2;
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
