import { highBitsFrom } from '../../pagetable/walk.ts';
import { intReader } from '../int-fields.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import { StageTwo } from './stage-two.ts';
import { STE } from './stream-table.ts';

export const STE_WORDS = 16;
const S1_PTR_LO = 0;
const TTB2_LO = 6;
const STAGE_2_WORDS = { first: 4, end: 8 } as const;

const read = intReader(STE, [
  'V',
  'Config',
  'S1Fmt',
  'S1CDMax',
  'S1DSS',
  'S1STALLD',
  'EATS',
  'STRW',
  'PRIVCFG',
  'INSTCFG',
  'MEV',
  'PPAR',
  'S2VMID',
  'S2T0SZ',
  'S2SL0',
  'S2TG',
  'S2PS',
  'S2AA64',
  'S2ENDI',
  'S2AFFD',
  'S2PTW',
  'S2HD',
  'S2HA',
  'S2S',
  'S2R',
  'S2HAFT',
  'S2SL0_2',
  'S2DS',
]);
type Fields = ReturnType<typeof read>;

/** STE.EATS. */
export const Ats = { off: 0, full: 1, split: 2 } as const;
/** STE.S1DSS. */
export const Dss = { terminate: 0, bypass: 1, ssid0: 2 } as const;

/** A stream table entry, decoded and judged: what a configuration cache keeps of it. */
export class StreamEntry {
  /** As it lay in memory. */
  readonly words: Int32Array;
  /** `C_BAD_STE`, or 0. */
  readonly fault: number;
  /** Config ends every access without an event. */
  readonly aborts: boolean;
  readonly stage1: boolean;
  /** The stage 2 it uses. */
  readonly stage2: StageTwo | null;
  readonly vmid: number;
  /** Translations are EL2's. */
  readonly el2: boolean;
  readonly eats: number;
  readonly ptrHi: number;
  readonly ptrLo: number;
  readonly fmt: number;
  readonly cdMax: number;
  readonly dss: number;
  readonly stallDisabled: boolean;
  /** 0, 2 or 3 as in the entry; 0 where the SMMU has no overrides. */
  readonly privCfg: number;
  readonly instCfg: number;
  readonly ppar: boolean;
  /** A fingerprint of the words, and of those of stage 2. */
  readonly print: number;
  readonly stage2Print: number;
  /** Time it was read, and the memory version at which it was last known to be what memory holds. */
  filledAt = 0;
  version = 0;
  /** Time from which on edits count against it, where that is not `filledAt`; else 0. */
  since = 0;

  constructor(memory: Int32Array, at: number, features: Features) {
    const words = memory.slice(at, at + STE_WORDS);
    const f = read(words, 0);
    this.words = words;
    this.print = fingerprint(words);
    this.stage2Print = fingerprint(words.subarray(STAGE_2_WORDS.first, STAGE_2_WORDS.end));
    this.aborts = f.V === 1 && f.Config < 4;
    const config = this.aborts ? 0 : f.Config;
    this.stage1 = (config & 5) === 5;
    this.ptrHi = words[S1_PTR_LO + 1]! & 0xff_ffff;
    this.ptrLo = words[S1_PTR_LO]! & ~0x3f;
    const hasTables = f.S1CDMax !== 0 && features.ssidSize !== 0;
    this.fmt = hasTables && f.S1Fmt !== 3 ? f.S1Fmt : 0;
    this.cdMax = hasTables ? f.S1CDMax : 0;
    this.dss = f.S1DSS;
    this.stallDisabled = f.S1STALLD === 1;
    this.vmid = features.s2 ? f.S2VMID : 0;
    this.el2 = config === 5 && f.STRW === 2;
    this.eats = features.ats ? f.EATS : 0;
    this.privCfg = features.overridesPermissions ? f.PRIVCFG : 0;
    this.instCfg = features.overridesPermissions ? f.INSTCFG : 0;
    this.ppar = f.PPAR === 1;
    const usesStage2 = (config & 6) === 6;
    this.stage2 = usesStage2
      ? (StageTwo.decode(f, words[TTB2_LO + 1]! & 0xf_ffff, words[TTB2_LO]! & ~0xf, features) ?? null)
      : null;
    const good = f.V === 1 && (this.aborts || this.#isLegal(f, features, usesStage2));
    this.fault = good ? Event.None : Event.C_BAD_STE;
  }

  /** Whether nothing of the entry is ILLEGAL (IHI 0070, 5.2). */
  #isLegal(f: Fields, features: Features, usesStage2: boolean): boolean {
    if (this.stage1 && (!features.s1 || !this.#isStage1Legal(f, features, usesStage2))) return false;
    if (usesStage2 && !features.s2) return false;
    const usesTlb = f.Config !== 4;
    if (features.s2 && !features.vmid16 && usesTlb && 0xff < f.S2VMID) return false;
    if (usesStage2 && this.stage2 === null) return false;
    if (this.eats === Ats.full && usesStage2 && f.S2S === 1) return false;
    return this.eats !== Ats.split || (f.Config === 7 && f.S2S === 0 && !features.ns1Ats);
  }

  #isStage1Legal(f: Fields, features: Features, usesStage2: boolean): boolean {
    if ((f.STRW & 1) !== 0 || (this.el2 && !features.hyp)) return false;
    if (this.stallDisabled && features.stallModel !== 0) return false;
    if (features.ssidSize !== 0 && features.ssidSize < f.S1CDMax) return false;
    if (this.fmt !== 0 && !features.cd2l) return false;
    // Under nesting the pointer is an IPA, and stage 2 says what is wrong with it.
    return usesStage2 || (this.ptrHi & highBitsFrom(features.outputBits)) === 0;
  }
}

/** Whether memory holds the words of an entry. @param at index of the first */
export function holdsWords(memory: Int32Array, at: number, words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) if (memory[at + i] !== words[i]) return false;
  return true;
}

/** Whether two entries are the same in memory. */
export const sameWords = (a: Int32Array, b: Int32Array): boolean => a === b || holdsWords(a, 0, b);

/** A short form of the words, to notice that a line was known for others. */
export function fingerprint(words: Int32Array): number {
  let sum = 0;
  for (let i = 0; i < words.length; i++) sum = Math.imul(sum ^ words[i]!, 0x9e37_79b1) ^ (sum >>> 15);
  return sum;
}
