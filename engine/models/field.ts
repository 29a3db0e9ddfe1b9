import type { BitField } from './bit-layout.ts';

/** A field of a structure, or of a word of 64 bits. */
export const field = (name: string, lo: number, width: number, doc: string): BitField => ({ name, lo, width, doc });

/** A field of the 64-bit word `word` of a structure. @param needs capability without which it is reserved */
export const inWord = (
  word: number,
  name: string,
  lo: number,
  width: number,
  doc: string,
  needs?: string,
): BitField => ({ ...field(name, 64 * word + lo, width, doc), ...(needs === undefined ? {} : { needs }) });
