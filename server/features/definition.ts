import type { Resolved } from '../language/resolve.ts';
import { type Location, occurrenceAt } from './names-at.ts';

/**
 * Where the name at an offset is declared, perhaps in an included file: a `let`, payload, table, device or group, the step
 * that binds a result, the file of an `include`. More than one place where a payload names what several scenarios bind.
 */
export function definitionOf(resolved: Resolved, offset: number): readonly Location[] {
  const at = occurrenceAt(resolved, offset);
  return at?.named.flatMap(({ declarations }) => declarations) ?? [];
}
