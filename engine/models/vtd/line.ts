import { CONTEXT_FIRST, CONTEXT_LAST, Context, PASID_FIRST, PASID_LAST, PasidEntry } from '../../cache/config-cache.ts';
import type { VtdCaps } from './caps.ts';

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
  /** The line comes from legacy tables: it is used, and its faults are named, in that mode only. */
  LEGACY: 8192,
  /** FPD of the directory or PASID entry alone, without that of the context entry. */
  OWN_FPD: 16384,
  /** Caching mode: the line says that the entry, or the way to it, faults. It has nothing else but the code and FPD. */
  FAULTS: 32768,
} as const;
const FROM_CONTEXT = Flag.DTE | Flag.PASIDE | Flag.PRE | Flag.RID_PRIV;

/** Flags that a PASID line takes over from its context line. */
export const fromContext = (context: number): number => context & FROM_CONTEXT;

/** Gives a line the rights and FPD of a context entry that was read later than the PASID entry. */
export const withContext = (flags: number, context: number): number =>
  (flags & ~(FROM_CONTEXT | Flag.FPD)) | (context & (FROM_CONTEXT | Flag.FPD)) | (flags & Flag.OWN_FPD ? Flag.FPD : 0);

/** The first stage as part of a line's shape. */
export const firstShape = (fiveLevels: boolean, nxe: boolean): number => (nxe ? 1 : 0) | (fiveLevels ? 2 : 0);
/** The second stage as part of a line's shape. @param width AW of the entry, 1 to 3 */
export const secondShape = (caps: VtdCaps, width: number, ssade: boolean): number =>
  ((ssade ? 1 : 0) | ((width - 1) << 1) | (Math.min(caps.MGAW + 1, 30 + 9 * width) << 4)) << 4;
/** The first-stage format a line wants: bit 0 NXE, bit 1 five levels. */
export const shapeFormat1 = (shape: number): number => shape & 3;
/** The second-stage format a line wants: bit 0 SSADE, bits 2:1 levels less three. */
export const shapeFormat2 = (shape: number): number => (shape >> 4) & 7;
/** Bits of a second-stage input address: min(MGAW, AGAW). */
export const shapeInputBits = (shape: number): number => (shape >> 8) & 63;

/** The fault that a context line stands for, or 0. */
export const contextLineFault = (lines: Int32Array, at: number): number =>
  (lines[at + Context.Flags]! & Flag.FAULTS) === 0 ? 0 : lines[at + Context.DirLo]!;
/** The same of a PASID line. */
export const pasidLineFault = (lines: Int32Array, at: number): number =>
  (lines[at + PasidEntry.Flags]! & Flag.FAULTS) === 0 ? 0 : lines[at + PasidEntry.FsLo]!;

/** Everything of a PASID line that decides a translation, as one int; FPD and the context's flags do not. */
export function fingerprint(line: Int32Array): number {
  let sum = line[PasidEntry.Flags]! & ~(Flag.FPD | Flag.OWN_FPD | FROM_CONTEXT);
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
