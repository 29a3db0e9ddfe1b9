import type { Resolved } from '../language/resolve.ts';
import type { Span } from '../language/syntax.ts';
import { type Location, type Occurrence, occurrenceAt, occurrencesLike } from './names-at.ts';

/** Every place that names the same thing as the name at an offset, in this file and those it includes. */
export function referencesTo(
  resolved: Resolved,
  offset: number,
  { declarations = true }: { readonly declarations?: boolean } = {},
): readonly Location[] {
  const at = occurrenceAt(resolved, offset);
  if (!at) return [];
  return occurrencesLike(resolved, at)
    .filter(({ role }) => declarations || role !== 'declaration')
    .map(({ file, start, end }) => ({ file, start, end }));
}

export interface Highlight extends Span {
  /** A declaration counts as `write`, and so does an edit of a page table. */
  readonly kind: 'read' | 'write';
}

/** The same within this file. */
export function documentHighlights(resolved: Resolved, offset: number): readonly Highlight[] {
  const at = occurrenceAt(resolved, offset);
  if (!at) return [];
  return occurrencesLike(resolved, at)
    .filter(({ file }) => file === resolved.file)
    .map(({ start, end, role }) => ({ start, end, kind: kindOf(role) }));
}

const kindOf = (role: Occurrence['role']): Highlight['kind'] => (role === 'read' ? 'read' : 'write');
