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
  /** Which condition makes it ILLEGAL; no full stop, empty for a good entry. */
  readonly why: string;
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
    const stage2 = usesStage2
      ? StageTwo.decode(f, words[TTB2_LO + 1]! & 0xf_ffff, words[TTB2_LO]! & ~0xf, features)
      : null;
    this.stage2 = typeof stage2 === 'string' ? null : stage2;
    this.why =
      f.V === 0
        ? 'V is 0'
        : this.aborts
          ? ''
          : this.#illegal(f, features, usesStage2, typeof stage2 === 'string' ? stage2 : '');
    this.fault = this.why === '' ? Event.None : Event.C_BAD_STE;
  }

  /** What of the entry is ILLEGAL (IHI 0070, 5.2), or nothing. @param stage2 the same of its stage-2 fields */
  #illegal(f: Fields, features: Features, usesStage2: boolean, stage2: string): string {
    if (this.stage1 && !features.s1) return `Config ${f.Config} uses stage 1, but S1P is 0`;
    const stage1 = this.stage1 ? this.#illegalStage1(f, features, usesStage2) : '';
    if (stage1 !== '') return stage1;
    if (usesStage2 && !features.s2) return `Config ${f.Config} uses stage 2, but S2P is 0`;
    const usesTlb = f.Config !== 4;
    if (features.s2 && !features.vmid16 && usesTlb && 0xff < f.S2VMID) return `S2VMID ${f.S2VMID} has more than 8 bits`;
    if (stage2 !== '') return stage2;
    if (this.eats === Ats.full && usesStage2 && f.S2S === 1) return 'EATS is 1 where stage 2 stalls (S2S)';
    if (this.eats !== Ats.split || (f.Config === 7 && f.S2S === 0 && !features.ns1Ats)) return '';
    return 'EATS is 2, which wants both stages, S2S 0 and NS1ATS 0';
  }

  #illegalStage1(f: Fields, features: Features, usesStage2: boolean): string {
    if ((f.STRW & 1) !== 0 || (this.el2 && !features.hyp)) return `STRW ${f.STRW} is no stream world of this SMMU`;
    if (this.stallDisabled && features.stallModel !== 0)
      return `S1STALLD is 1, but STALL_MODEL is ${features.stallModel}`;
    if (features.ssidSize !== 0 && features.ssidSize < f.S1CDMax)
      return `S1CDMax ${f.S1CDMax} exceeds SSIDSIZE ${features.ssidSize}`;
    if (this.fmt !== 0 && !features.cd2l) return `S1Fmt ${f.S1Fmt} has two levels, but CD2L is 0`;
    // Under nesting the pointer is an IPA, and stage 2 says what is wrong with it.
    const isBeyond = !usesStage2 && (this.ptrHi & highBitsFrom(features.outputBits)) !== 0;
    return isBeyond ? `S1ContextPtr lies beyond ${features.outputBits} bits` : '';
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
