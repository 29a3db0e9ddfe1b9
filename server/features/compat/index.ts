import type { Resolved } from '../../language/resolve.ts';
import { isKnown, placeAt } from '../hover-context.ts';
import { payloadAround } from '../layout-text.ts';
import { compatOf, compatSummary } from './table.ts';
import { compatText } from './text.ts';

export { type CompatTable, compatKey, compatOf, compatSummary, isComparable } from './table.ts';
export { compatJson, compatText, compatTexts } from './text.ts';

/**
 * The table of the payload at an offset as a text to read, for the payload whose declaration, name or use stands there.
 * @param summary only the line that counts who accepts, as the title
 */
export function compatAt(
  resolved: Resolved,
  offset: number,
  summary = false,
): { readonly title: string; readonly text: string } | { readonly problem: string } {
  const place = placeAt(resolved, offset);
  if (place && !isKnown(place)) return { problem: 'the file names no generation that can be asked' };
  const declared = place && payloadAround(place);
  if (!place || !declared) return { problem: 'no payload stands here; put the cursor on one, or on the name of one' };
  const table = compatOf(resolved, declared, summary ? 'counted' : 'all');
  if ('problem' in table) return table;
  return summary
    ? { title: compatSummary(table), text: '' }
    : { title: `${table.payload} in all generations`, text: compatText(table) };
}
