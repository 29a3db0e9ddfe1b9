import type { PhysMem } from '../../memory/phys-mem.ts';
import { exceeds, STEP_WORDS, TABLE_BANK, Walker } from '../../pagetable/walk.ts';
import { ContextEntry } from './context-entry.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import type { RegisterFile } from './register-file.ts';
import type { StageTwo } from './stage-two.ts';
import { holdsWords, StreamEntry } from './stream-entry.ts';

/** Kinds of configuration entries in a path; entries of stage 2 on the way to a CD are 0x20 | level. */
export const ConfigKind = { L1STD: 4, STE: 5, L1CD: 6, CD: 7 } as const;
const KIND_WORDS = 3;
/** Two of the stream table; two of CD tables, each behind five of stage 2. */
const MOST_READS = 2 + 2 * 6;

/** log2 of the CDs in a leaf of 4K and of 64K. */
export const SMALL_LEAF = 6;
export const LARGE_LEAF = 10;
export const baseOf = (id: number, lg2: number): number => (id >>> lg2) << lg2;

/** A level-1 descriptor that a cache keeps: of the stream table, or of a table of CDs. */
export interface LevelOne {
  readonly hi: number;
  readonly lo: number;
  /** log2 of the ids that one covers at most. */
  readonly idsLg2: number;
  filledAt: number;
  version: number;
  since: number;
}

/**
 * Reads stream table entries and context descriptors and judges them (IHI 0070, 5.1 to 5.5). Has no caches: what a cache
 * knows is passed in. What a failed read leaves behind says which event there is.
 */
export class ConfigReader {
  /** Entries read: kind, address halves (high, low). */
  readonly path = new Int32Array(MOST_READS * KIND_WORDS);
  /** Of each entry behind stage 2, and of each of stage 2: the IPA in question, as halves. */
  readonly inputs = new Int32Array(MOST_READS * 2);
  reads = 0;
  /** Level-1 descriptors read by the last calls; null where none was. */
  streamL1: LevelOne | null = null;
  contextL1: LevelOne | null = null;
  /** A fetch that failed: at stage 2 (with an event of a walk), or outside of memory (with the address). */
  inStage2 = false;
  faultHi = 0;
  faultLo = 0;
  readonly walker: Walker;
  readonly #mem: PhysMem;
  readonly #features: Features;
  readonly #setsFlags: boolean;
  /** Entries decoded last, for a reader whose entries no cache takes over: most walks meet the same ones. */
  #lastSte: StreamEntry | null = null;
  #lastCd: ContextEntry | null = null;
  #lastCdSte: StreamEntry | null = null;

  /** @param setsFlags whether stage-2 access flags are set on the way to a CD, as hardware does */
  constructor(mem: PhysMem, features: Features, setsFlags: boolean) {
    this.#setsFlags = setsFlags;
    this.#mem = mem;
    this.#features = features;
    this.walker = new Walker(mem);
    this.walker.recording = true;
  }

  start(): void {
    this.reads = 0;
    this.inStage2 = false;
    this.streamL1 = null;
    this.contextL1 = null;
    this.walker.start();
  }

  /** Where the level-1 descriptor of a StreamID is cached; -1 without a first level. */
  streamIndex(registers: RegisterFile, sid: number): number {
    return this.#isTwoLevel(registers) ? Math.floor(sid / 2 ** registers.split) : -1;
  }

  /** An STE, or the event that stops the way to it. */
  stream(registers: RegisterFile, sid: number, known: LevelOne | undefined): StreamEntry | number {
    const limit = 2 ** Math.min(registers.log2Size, this.#features.sidSize);
    if (sid >= limit) return Event.C_BAD_STREAMID;
    if (!this.#isTwoLevel(registers)) {
      const align = Math.min(registers.log2Size, this.#features.sidSize) + 6;
      return this.#entry(registers.baseHi, registers.baseLo, align, sid);
    }
    let l1 = known;
    if (!l1) {
      const align = Math.max(6, registers.log2Size - registers.split + 3);
      const index = this.streamIndex(registers, sid);
      const hi = alignedHi(registers.baseHi, align) | ((index * 8) / 2 ** 32);
      const lo = alignedLo(registers.baseLo, align) | (index * 8);
      const at = this.#visit(ConfigKind.L1STD, hi, lo);
      if (at < 0) return this.#aborted(Event.F_STE_FETCH, hi, lo);
      l1 = this.#levelOne(at, registers.split);
    }
    const span = l1.lo & 31;
    const index = sid % 2 ** registers.split;
    if (span === 0 || registers.split + 1 < span || 2 ** (span - 1) <= index) return Event.C_BAD_STREAMID;
    if (!known) this.streamL1 = l1;
    return this.#entry(l1.hi & 0xff_ffff, l1.lo & ~0x3f, span - 1 + 6, index);
  }

  #isTwoLevel(registers: RegisterFile): boolean {
    return registers.twoLevel && this.#features.twoLevel;
  }

  #entry(baseHi: number, baseLo: number, align: number, index: number): StreamEntry | number {
    const hi = alignedHi(baseHi, align) | ((index * 64) / 2 ** 32);
    const lo = alignedLo(baseLo, align) | (index * 64);
    const at = this.#visit(ConfigKind.STE, hi, lo);
    if (at < 0) return this.#aborted(Event.F_STE_FETCH, hi, lo);
    const { words } = this.#mem;
    if (this.#lastSte !== null && holdsWords(words, at, this.#lastSte.words)) return this.#lastSte;
    const ste = new StreamEntry(words, at, this.#features);
    if (!this.#setsFlags) this.#lastSte = ste;
    return ste;
  }

  #levelOne(at: number, idsLg2: number): LevelOne {
    return { hi: this.#mem.words[at + 1]!, lo: this.#mem.words[at]!, idsLg2, filledAt: 0, version: 0, since: 0 };
  }

  /** The first SubstreamID under the level-1 descriptor of a substream, by which it is cached; -1 without a first level. */
  static contextBase(ste: StreamEntry, ssid: number): number {
    return ste.fmt === 0 ? -1 : baseOf(ssid, ste.fmt === 1 ? SMALL_LEAF : LARGE_LEAF);
  }

  /** The CD of a substream that lies within the table (0 where there is one CD), or the event that stops the way to it. */
  context(ste: StreamEntry, ssid: number, known: LevelOne | undefined): ContextEntry | number {
    if (ste.fmt === 0) return this.#descriptor(ste, ste.ptrHi, alignedLo(ste.ptrLo, ste.cdMax + 6), ssid);
    const leafLg2 = ste.fmt === 1 ? SMALL_LEAF : LARGE_LEAF;
    let l1 = known;
    if (!l1) {
      const align = Math.max(6, ste.cdMax - leafLg2 + 3);
      const lo = alignedLo(ste.ptrLo, align) | ((ssid >>> leafLg2) << 3);
      const at = this.#fetch(ste, ConfigKind.L1CD, ste.ptrHi, lo);
      if (at < 0) return -at;
      l1 = this.#levelOne(at, leafLg2);
    }
    const hi = l1.hi & 0xff_ffff;
    const bits = ste.stage2 ? this.#features.intermediateBits : this.#features.outputBits;
    if ((l1.lo & 1) === 0 || exceeds(hi, bits)) return Event.C_BAD_SUBSTREAMID;
    if (!known) this.contextL1 = l1;
    return this.#descriptor(ste, hi, alignedLo(l1.lo & ~0xfff, leafLg2 + 6), ssid & (2 ** leafLg2 - 1));
  }

  #descriptor(ste: StreamEntry, hi: number, lo: number, index: number): ContextEntry | number {
    const at = this.#fetch(ste, ConfigKind.CD, hi, lo | (index << 6));
    if (at < 0) return -at;
    const { words } = this.#mem;
    if (this.#lastCd !== null && this.#lastCdSte === ste && holdsWords(words, at, this.#lastCd.words))
      return this.#lastCd;
    const cd = new ContextEntry(words, at, ste, this.#features);
    if (!this.#setsFlags) [this.#lastCd, this.#lastCdSte] = [cd, ste];
    return cd;
  }

  /** The word index of an entry of a CD table, through stage 2 where there is one, or minus an event. */
  #fetch(ste: StreamEntry, kind: number, hi: number, lo: number): number {
    const { stage2 } = ste;
    let [realHi, realLo] = [hi, lo];
    if (stage2) {
      const fault = this.#throughStage2(stage2, hi, lo);
      if (fault !== 0) return -fault;
      realHi = this.walker.out2Hi;
      realLo = this.walker.out2Lo;
    }
    this.#input(hi, lo);
    const word = this.#visit(kind, realHi, realLo);
    return word < 0 ? -this.#aborted(Event.F_CD_FETCH, realHi, realLo) : word;
  }

  #throughStage2(stage2: StageTwo, hi: number, lo: number): number {
    const w = this.walker;
    const first = w.steps * STEP_WORDS;
    w.format1 = null;
    stage2.install(w);
    const found = w.second(hi, lo, TABLE_BANK);
    for (let step = first; step < w.steps * STEP_WORDS; step += STEP_WORDS) {
      this.#input(hi, lo);
      this.#visit(w.path[step]!, w.path[step + 1]!, w.path[step + 2]!);
    }
    const fault = found ? stage2.readFault(w) : stage2.stopped(w);
    if (fault !== 0) {
      this.inStage2 = true;
      this.faultHi = hi;
      this.faultLo = lo;
    } else if (this.#setsFlags) stage2.setAccessFlags(w);
    return fault;
  }

  #input(hi: number, lo: number): void {
    this.inputs[this.reads * 2] = hi;
    this.inputs[this.reads * 2 + 1] = lo;
  }

  #visit(kind: number, hi: number, lo: number): number {
    const at = this.reads++ * KIND_WORDS;
    this.path[at] = kind;
    this.path[at + 1] = hi;
    this.path[at + 2] = lo;
    // Nothing answers outside of the output addresses.
    return exceeds(hi, this.#features.outputBits) ? -1 : this.#mem.wordAt(hi, lo);
  }

  #aborted(event: number, hi: number, lo: number): number {
    this.faultHi = hi;
    this.faultLo = lo;
    return event;
  }
}

const alignedHi = (hi: number, align: number): number => (align <= 32 ? hi : hi & (-1 << (align - 32)));
const alignedLo = (lo: number, align: number): number => (align < 32 ? lo & (-1 << align) : 0);
