import { Context, PasidEntry } from '../../cache/config-cache.ts';
import { reservedWords } from '../bit-layout.ts';
import { Access } from '../translation.ts';
import type { VtdCaps } from './caps.ts';
import { Fault } from './faults.ts';
import { Flag, fingerprint, secondShape } from './line.ts';
import { CONTEXT_ENTRY_LEGACY, PGTT, ROOT_ENTRY_LEGACY, TT } from './structures.ts';

/** What a context line of legacy mode says in the words that scalable mode uses for the PASID directory. */
const Legacy = {
  /** The top second-stage table. */
  SsHi: Context.DirHi,
  SsLo: Context.DirLo,
  /** Shape above, translation type in the low bits. */
  How: Context.Limit,
} as const;
const TYPE_BITS = 3;

/**
 * Judges root and context entries of legacy mode (VT-d 9.1, 9.3). What a context entry says is what a PASID entry with
 * the second stage alone, or with pass-through, would say; `fillLine` gives it that form.
 */
export class LegacyEntries {
  readonly #caps: VtdCaps;
  readonly #rootReserved: Int32Array;
  readonly #contextReserved: Int32Array;
  readonly #beyondHaw: number;

  /** @param beyondHaw high-half bits at and above the host address width */
  constructor(caps: VtdCaps, beyondHaw: number) {
    this.#caps = caps;
    this.#beyondHaw = beyondHaw;
    this.#rootReserved = reservedWords(ROOT_ENTRY_LEGACY, () => true);
    this.#rootReserved[1]! |= beyondHaw;
    this.#contextReserved = reservedWords(CONTEXT_ENTRY_LEGACY, () => true);
    const domainBits = 4 + 2 * caps.ND;
    if (domainBits < 16) this.#contextReserved[2]! |= (0xffff << (domainBits + 8)) & 0xff_ff00;
  }

  root(words: Int32Array, at: number): number {
    if ((words[at]! & 1) === 0) return Fault.LRT_2;
    for (let i = 0; i < 4; i++) if ((words[at + i]! & this.#rootReserved[i]!) !== 0) return Fault.LRT_3;
    return Fault.None;
  }

  /** Decodes into a context line where the entry is sound. */
  context(words: Int32Array, at: number, line: Int32Array): number {
    const caps = this.#caps;
    const lo = words[at]!;
    const more = words[at + 2]!;
    const type = (lo >> 2) & 3;
    const passes = type === TT.passThrough;
    if ((lo & 1) === 0) return Fault.LCT_2;
    for (let i = 0; i < 4; i++) if ((words[at + i]! & this.#contextReserved[i]!) !== 0) return Fault.LCT_3;
    // A pointer that nothing uses is ignored.
    if (!passes && (words[at + 1]! & this.#beyondHaw) !== 0) return Fault.LCT_3;

    const width = more & 7;
    const did = (more >> 8) & 0xffff;
    if (width < 1 || width > 3 || ((caps.SAGAW >> width) & 1) === 0) return Fault.LCT_4;
    if (type > TT.passThrough || (passes && caps.PT === 0) || (type === TT.deviceTlb && caps.DT === 0))
      return Fault.LCT_4;
    if (did === 0 && caps.CM !== 0) return Fault.LCT_4;

    const shape = passes ? 0 : secondShape(caps, width, false);
    line[Context.Flags] = Flag.LEGACY | (lo & 2 ? Flag.FPD : 0) | (type === TT.deviceTlb ? Flag.DTE : 0);
    line[Legacy.SsHi] = passes ? 0 : words[at + 1]!;
    line[Legacy.SsLo] = passes ? 0 : lo & ~0xfff;
    line[Legacy.How] = (shape << TYPE_BITS) | (passes ? PGTT.passThrough : PGTT.secondStage);
    line[Context.RidPasid] = -1;
    line[Context.Did] = did;
    return Fault.None;
  }

  /** A legacy context line as the PASID line that translates the same. */
  fillLine(context: Int32Array, at: number, line: Int32Array): void {
    const how = context[at + Legacy.How]!;
    line[PasidEntry.Did] = context[at + Context.Did]!;
    line[PasidEntry.Pgtt] = how & ((1 << TYPE_BITS) - 1);
    line[PasidEntry.Flags] = context[at + Context.Flags]!;
    line[PasidEntry.FsHi] = 0;
    line[PasidEntry.FsLo] = 0;
    line[PasidEntry.SsHi] = context[at + Legacy.SsHi]!;
    line[PasidEntry.SsLo] = context[at + Legacy.SsLo]!;
    line[PasidEntry.Shape] = how >>> TYPE_BITS;
    line[PasidEntry.Origin] = fingerprint(line);
  }
}

/** Legacy mode has fewer reasons, and one for a second-stage entry that is not present: the right that is missing. */
export function legacyFault(fault: number, access: Access): number {
  switch (fault) {
    case Fault.SGN_4:
      return Fault.LGN_1;
    case Fault.SGN_6:
      return Fault.LGN_2;
    case Fault.SGN_7:
      return Fault.LGN_3;
    case Fault.SGN_8:
      return Fault.LGN_4;
    case Fault.SSS_2:
      return access === Access.Write ? Fault.LGN_2 : Fault.LGN_3;
    case Fault.SSS_3:
      return Fault.LSS_2;
    default:
      return fault;
  }
}
