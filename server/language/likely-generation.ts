import { findGeneration, RUNNABLE_GENERATION_IDS } from '../../engine/index.ts';
import type { Declaration } from './syntax.ts';
import { namesUsedIn } from './used-names.ts';

/**
 * The generations that can run, the one first that knows most of the words of a file which does not say what it
 * speaks; among equals the newest. `knows` is how many of the words that is.
 */
export function likelyGenerations(
  declarations: readonly Declaration[],
): readonly { readonly id: string; readonly knows: number }[] {
  const words = new Set<string>();
  for (const declaration of declarations) {
    for (const name of namesUsedIn(declaration)) words.add(name);
    if (declaration.kind === 'payload') words.add(declaration.struct?.text ?? declaration.word.text);
  }
  return RUNNABLE_GENERATION_IDS.map((id) => {
    const { constants, ioctls, structs, kinds } = findGeneration(id)!;
    const knows = [...words].filter((w) => constants.has(w) || ioctls.has(w) || structs.has(w) || kinds.has(w)).length;
    return { id, knows };
  })
    .reverse()
    .sort((a, b) => b.knows - a.knows);
}
