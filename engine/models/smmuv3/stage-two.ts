import type { Format } from '../../pagetable/format.ts';
import { stage2Start } from '../../pagetable/formats/vmsa-stage2.ts';
import { highBitsFrom, STEP_WORDS, Stop, stepLevel, stepStage, type Walker } from '../../pagetable/walk.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import { rootAlignLg2, stage2Format, TG0 } from './formats.ts';
import { OUTPUT_BITS } from './ids.ts';
import { Right } from './rights.ts';

export const AF = 1 << 10;
/** Dirty bit modifier, in the high half. */
export const DBM_HI = 1 << 19;
const S2_READ = 1 << 6;
const S2_WRITE = 1 << 7;
/** MemAttr[3:2]: 0 for Device memory, with S2FWB as without. */
const NORMAL = 3 << 4;
const XN0_HI = 1 << 21;
const XN1_HI = 1 << 22;

/** The fields of an STE that say what stage 2 is. */
export interface StageTwoFields {
  readonly S2T0SZ: number;
  readonly S2SL0: number;
  readonly S2SL0_2: number;
  readonly S2DS: number;
  readonly S2TG: number;
  readonly S2PS: number;
  readonly S2AA64: number;
  readonly S2ENDI: number;
  readonly S2AFFD: number;
  readonly S2PTW: number;
  readonly S2HD: number;
  readonly S2HA: number;
  readonly S2HAFT: number;
  readonly S2S: number;
  readonly S2R: number;
}

/** Stage 2 of one stream, ready to be walked. */
export class StageTwo {
  readonly format: Format;
  readonly rootHi: number;
  readonly rootLo: number;
  /** Bits of an IPA. */
  readonly inputBits: number;
  readonly limitHi: number;
  readonly stalls: boolean;
  readonly records: boolean;
  /** Hardware sets the access flag; hardware keeps the dirty state. */
  readonly ha: boolean;
  readonly hd: boolean;
  readonly #affd: boolean;
  readonly #xnx: boolean;
  readonly #tableNeeds: number;
  readonly #tableNeedsAny: number;

  private constructor(fields: StageTwoFields, format: Format, limitBits: number, hi: number, lo: number, xnx: boolean) {
    this.format = format;
    const align = rootAlignLg2(format);
    this.rootHi = hi;
    this.rootLo = lo & (-1 << align);
    this.inputBits = 64 - fields.S2T0SZ;
    this.limitHi = highBitsFrom(limitBits);
    this.stalls = fields.S2S === 1;
    this.records = fields.S2R === 1;
    this.ha = fields.S2HA === 1;
    this.hd = this.ha && fields.S2HD === 1;
    this.#affd = fields.S2AFFD === 1;
    this.#xnx = xnx;
    this.#tableNeeds = S2_READ | (this.ha || this.#affd ? 0 : AF);
    this.#tableNeedsAny = fields.S2PTW === 1 ? NORMAL : 0;
  }

  /** The stage 2 that the fields of an STE describe, or undefined where they are ILLEGAL (IHI 0070, 5.2). */
  static decode(fields: StageTwoFields, ttbHi: number, ttbLo: number, features: Features): StageTwo | string {
    const granule = TG0[fields.S2TG];
    // Tables of VMSAv8-32 and big-endian ones are not modelled, and so taken as not supported.
    if (fields.S2AA64 === 0 || !features.aarch64) return 'S2AA64 asks for tables this SMMU does not have';
    if (granule === undefined || !features.hasGranule(granule)) return `S2TG ${fields.S2TG} is no granule of this SMMU`;
    const ds = features.ds && fields.S2DS === 1;
    const wide = granule === 16 ? features.outputBits === 52 : ds;
    const t0sz = fields.S2T0SZ;
    if (t0sz < 64 - features.intermediateBits)
      return `S2T0SZ ${t0sz} asks for more than ${features.intermediateBits} bits`;
    const isLevelMinus1 = ds && granule === 12 && fields.S2SL0_2 === 1;
    const start = isLevelMinus1
      ? fields.S2SL0 === 0 && 12 <= t0sz && t0sz <= 15
        ? { startLevel: -1 }
        : undefined
      : stage2Start({
          granule,
          t0sz,
          sl0: fields.S2SL0,
          smallTables: features.smallTables,
          inputLimit: wide || ds ? 52 : 48,
        });
    if (!start) return `S2T0SZ ${t0sz}, S2SL0 ${fields.S2SL0} and S2TG ${fields.S2TG} do not go together`;
    const reach = granule === 16 || ds ? 52 : 48;
    const limitBits = Math.min(OUTPUT_BITS[fields.S2PS]!, features.outputBits, reach);
    if ((ttbHi & highBitsFrom(limitBits)) !== 0) return `S2TTB lies beyond ${limitBits} bits`;
    if ((fields.S2HA === 1 || fields.S2HD === 1) && features.httu === 0) return 'S2HA or S2HD is set, but HTTU is 0';
    if (fields.S2HD === 1 && features.httu === 1) return 'S2HD is set, but HTTU is 1';
    if (fields.S2HAFT === 1 && fields.S2HA === 0) return 'S2HAFT is set without S2HA';
    if (fields.S2S === 1 && features.stallModel === 1) return 'S2S is 1, but STALL_MODEL is 1';
    if (fields.S2S === 0 && features.stallModel === 2) return 'S2S is 0, but STALL_MODEL is 2';
    if (fields.S2ENDI === 1 || !features.littleEndian) return 'S2ENDI asks for an endianness this SMMU does not have';
    const format = stage2Format(granule, 64 - t0sz, wide, start.startLevel);
    return new StageTwo(fields, format, limitBits, ttbHi, ttbLo, features.xnx);
  }

  install(walker: Walker): void {
    walker.format2 = this.format;
    walker.root2Hi = this.rootHi;
    walker.root2Lo = this.rootLo;
    walker.inputBits2 = this.inputBits;
    walker.outputLimit2Hi = this.limitHi;
    walker.tableNeeds2 = this.#tableNeeds;
    walker.tableNeedsAny2 = this.#tableNeedsAny;
  }

  /** The event of a walk that stage 2 stopped. */
  stopped(walker: Walker): number {
    if (walker.stop === Stop.AddressSize) return Event.F_ADDR_SIZE;
    return walker.stop === Stop.TableUnreadable ? this.#unreadable(walker.and2) : Event.F_TRANSLATION;
  }

  /** The event of a table or CD in the page that `second` found last, or 0. */
  readFault(walker: Walker): number {
    const leaf = walker.leaf2;
    const hasAll = (leaf & this.#tableNeeds) === this.#tableNeeds;
    return hasAll && (this.#tableNeedsAny === 0 || (leaf & this.#tableNeedsAny) !== 0) ? 0 : this.#unreadable(leaf);
  }

  #unreadable(leaf: number): number {
    return (leaf & AF) === 0 && (this.#tableNeeds & AF) !== 0 ? Event.F_ACCESS : Event.F_PERMISSION;
  }

  /** Whether the page that `second` found last may be written, if need be by making it dirty first. */
  mayWrite(walker: Walker): boolean {
    return (walker.leaf2 & S2_WRITE) !== 0 || this.mayDirty(walker);
  }

  /** The page is clean and becomes dirty, and so writable, with the first write. */
  mayDirty(walker: Walker): boolean {
    return this.isClean(walker.leaf2Hi, walker.leaf2);
  }

  /** Stage-2 rights of the page found last, or minus an event: `F_ACCESS`. */
  rights(walker: Walker): number {
    const { leaf2, leaf2Hi } = walker;
    return this.isUntouched(leaf2) ? -Event.F_ACCESS : this.rightsOf(leaf2Hi, leaf2);
  }

  /** The access flag of a leaf is clear, and nothing sets or ignores it. */
  isUntouched(leafLo: number): boolean {
    return (leafLo & AF) === 0 && !this.ha && !this.#affd;
  }

  /** Rights of a leaf whose access flag does not matter. */
  rightsOf(leafHi: number, leafLo: number): number {
    const xn1 = (leafHi & XN1_HI) !== 0;
    const xn0 = this.#xnx && (leafHi & XN0_HI) !== 0;
    return (
      ((leafLo & S2_READ) !== 0 ? Right.R2 : 0) |
      ((leafLo & S2_WRITE) !== 0 || this.isClean(leafHi, leafLo) ? Right.W2 : 0) |
      // XN: 0 everyone, 1 EL0 only, 2 nobody, 3 EL1 only.
      (xn1 ? (xn0 ? Right.PX2 : 0) : xn0 ? Right.UX2 : Right.PX2 | Right.UX2)
    );
  }

  /** Whether the page of a leaf becomes dirty, and so writable, with the first write. */
  isClean(leafHi: number, leafLo: number): boolean {
    return this.hd && (leafLo & S2_WRITE) === 0 && (leafHi & DBM_HI) !== 0;
  }

  static isDevice(leafLo: number): boolean {
    return (leafLo & NORMAL) === 0;
  }

  /** Sets the access flag of every stage-2 leaf that the walk used. The walker has to have recorded its path. */
  setAccessFlags(walker: Walker): void {
    if (!this.ha) return;
    const { path, steps, mem } = walker;
    for (let at = 0; at < steps * STEP_WORDS; at += STEP_WORDS) {
      const word = path[at + 3]!;
      if (stepStage(path[at]!) !== 2) continue;
      const isLeaf = stepLevel(path[at]!) === 0 || (mem.words[word]! & 2) === 0;
      if (isLeaf) mem.words[word] = mem.words[word]! | AF;
    }
  }

  /** Makes a page dirty. @param word index of its leaf */
  static setDirty(walker: Walker, word: number): void {
    walker.mem.words[word] = walker.mem.words[word]! | S2_WRITE;
  }
}

/** The index of the entry that the walk read last. */
export const lastWord = (walker: Walker): number => walker.path[(walker.steps - 1) * STEP_WORDS + 3]!;

/** A leaf that has these rights and no event to raise: what a walk reads where an IPA entry answers instead. */
export const leafLoOf = (rights: number, device: boolean): number =>
  AF | ((rights & Right.R2) !== 0 ? S2_READ : 0) | ((rights & Right.W2) !== 0 ? S2_WRITE : 0) | (device ? 0 : NORMAL);
export const leafHiOf = (rights: number): number =>
  ((rights & Right.UX2) !== 0 ? 0 : XN1_HI) |
  (((rights & Right.UX2) !== 0) === ((rights & Right.PX2) !== 0) ? 0 : XN0_HI);
