import type { Format } from '../../pagetable/format.ts';
import type { Granule } from '../../pagetable/formats/vmsa.ts';
import { vmsaStage1 } from '../../pagetable/formats/vmsa-stage1.ts';
import { vmsaStage2 } from '../../pagetable/formats/vmsa-stage2.ts';

/** log2 of the granules by STE.S2TG and CD.TG0, and by CD.TG1; undefined is reserved. */
export const TG0: readonly (Granule | undefined)[] = [12, 16, 14, undefined];
export const TG1: readonly (Granule | undefined)[] = [undefined, 14, 12, 16];

const known = new Map<number, Format>();

function kept(key: number, make: () => Format): Format {
  const found = known.get(key);
  if (found) return found;
  const format = make();
  known.set(key, format);
  return format;
}

/** @param wide whether entries hold 52-bit addresses */
export const stage1Format = (granule: Granule, inputBits: number, wide: boolean): Format =>
  kept((granule << 8) | inputBits | (wide ? 1 << 16 : 0), () =>
    vmsaStage1({ granule, inputBits, outputBits: wide ? 52 : 48 }),
  );

/** @param startLevel as Arm counts, -1 to 3 */
export const stage2Format = (granule: Granule, inputBits: number, wide: boolean, startLevel: number): Format =>
  kept((granule << 8) | inputBits | (wide ? 1 << 16 : 0) | ((startLevel + 2) << 17), () =>
    vmsaStage2({ granule, inputBits, outputBits: wide ? 52 : 48, startLevel }),
  );

/** Bytes of a start table, log2: what its address is aligned to. */
export const rootAlignLg2 = (format: Format): number => Math.max(6, format.data.topBits + 3);
