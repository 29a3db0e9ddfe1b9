import { type Format, type FormatLimits, WIDEST_LIMITS } from '../../pagetable/index.ts';
import type { HardwareConfig } from '../model.ts';
import { Features } from './features.ts';
import { stage2Format } from './formats.ts';

/** What the unit's registers say about page-table entries. */
export function limitsOf({ idr }: HardwareConfig): FormatLimits {
  return { ...WIDEST_LIMITS, haw: new Features(idr).outputBits };
}

/** Fields of an STE, and the format they stand for. */
export interface HostStageTwo {
  readonly format: Format;
  readonly fields: { readonly S2T0SZ: number; readonly S2SL0: number; readonly S2TG: number; readonly S2PS: number };
}

/** Start levels by granule for 48 bits or fewer: the level a kernel starts at, without joined tables where it can. */
const GRANULES = [
  { granule: 12, tg: 0, perLevel: 9 },
  { granule: 16, tg: 1, perLevel: 13 },
  { granule: 14, tg: 2, perLevel: 11 },
] as const;
/** S2SL0 by granule and start level. */
const SL0: Readonly<Record<number, readonly number[]>> = { 12: [2, 1, 0], 14: [3, 2, 1, 0], 16: [3, 2, 1, 0] };

/** The second stage that a hypervisor maps RAM with: the smallest granule there is, and all addresses up to 48 bits. */
export function hostStageTwo({ idr }: HardwareConfig): HostStageTwo {
  const features = new Features(idr);
  const { granule, tg, perLevel } = GRANULES.find((each) => features.hasGranule(each.granule)) ?? GRANULES[0];
  const inputBits = Math.min(features.intermediateBits, 48);
  const single = 4 - Math.ceil((inputBits - granule) / perLevel);
  // 48 bits of 16K would start with a table of two entries at level 0, which takes DS: two tables at level 1 are joined.
  const startLevel = granule === 14 ? Math.max(1, single) : single;
  const S2PS = [32, 36, 40, 42, 44, 48].findIndex((bits) => Math.min(features.outputBits, 48) <= bits);
  return {
    format: stage2Format(granule, inputBits, false, startLevel),
    fields: { S2T0SZ: 64 - inputBits, S2SL0: SL0[granule]![startLevel]!, S2TG: tg, S2PS },
  };
}
