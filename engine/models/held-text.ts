import { hexGrouped, sizeText } from '../base/text.ts';
import type { PscLine, StructureCache } from '../cache/psc.ts';
import type { HeldLines } from './unit.ts';

/** How models tell what their caches hold. */

/** `0x7f00_0000_0000 (4K) to 0x1_4000_0000`. */
export const pageText = ({ page, size, hpa }: { page: bigint; size: bigint; hpa: bigint }): string =>
  `${hexGrouped(page)} (${sizeText(size)}) to ${hexGrouped(hpa & ~(size - 1n))}`;

/** `rw`, or `nothing`. @param allowed to read, to write, to execute */
export const lettersOf = (...allowed: readonly boolean[]): string =>
  ['r', 'w', 'x'].filter((_, i) => allowed[i]).join('') || 'nothing';

/** `page 0x7f00_0000_0000 (4K)`, the page of an address. @param lg2 of its size; 0 where it is not known, for 4K */
export function pageTag(address: bigint, lg2: number): string {
  const size = 1n << BigInt(lg2 || 12);
  return `page ${hexGrouped(address & ~(size - 1n))} (${sizeText(size)})`;
}

export const covers = (line: { readonly page: bigint; readonly size: bigint }, address: bigint): boolean =>
  line.page <= address && address < line.page + line.size;

/**
 * Lines of a paging-structure cache on the way to an address.
 * @param space address space whose lines count; -1 for lines without one
 */
export const tableLines = (
  cache: StructureCache,
  { domain, space, address }: { readonly domain?: number; readonly space: number; readonly address: bigint },
  tag: (line: PscLine) => string,
): HeldLines['lines'] =>
  cache
    .list()
    .filter(
      (line) =>
        (domain === undefined || line.did === domain) &&
        line.pasid === space &&
        covers({ page: line.prefix, size: line.size }, address),
    )
    .map((line) => ({ text: `${tag(line)}, table at ${hexGrouped(line.table)}`, filledAt: line.filledAt }));
