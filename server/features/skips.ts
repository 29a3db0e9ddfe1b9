import type { Diagnostic } from '../language/diagnostic.ts';
import type { Resolved } from '../language/resolve.ts';
import type { Declaration, ScenarioDecl } from '../language/syntax.ts';
import { namesUsedIn } from '../language/used-names.ts';

/** A declaration that an error makes unusable, and that error. */
interface Broken {
  readonly error: Diagnostic;
  /** Its name, where the error is not in the scenario itself. */
  readonly name?: string;
}

/** Why a scenario cannot be run as it is meant; undefined for one that is intact. */
export type SkipReason = (scenario: ScenarioDecl) => Broken | undefined;

/**
 * Finds the scenarios that an error concerns: one in the scenario, in a declaration that it uses, at first or second
 * hand, or in the `uapi` and `machine` that every scenario runs on. All others run.
 */
export function findSkips({ file, sources }: Resolved, diagnostics: readonly Diagnostic[]): SkipReason {
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length === 0) return () => undefined;

  const brokenScenarios = new Map<ScenarioDecl, Diagnostic>();
  const brokenNames = new Map<string, Diagnostic>();
  let common: Broken | undefined;
  const declared = new Map<string, Declaration[]>();
  for (const source of sources) {
    const { declarations } = source.program;
    for (const declaration of declarations) {
      const name = nameOf(declaration);
      if (name !== undefined) declared.set(name, [...(declared.get(name) ?? []), declaration]);
    }
    for (const error of errors.filter((e) => e.file === source.file)) {
      const declaration = declarationAt(declarations, error, source.text);
      const name = declaration && nameOf(declaration);
      if (!declaration) common ??= error.code === 'uapi-missing' ? { error } : undefined;
      else if (declaration.kind === 'uapi' || declaration.kind === 'machine')
        common ??= { error, name: declaration.kind };
      else if (declaration.kind === 'scenario') {
        if (source.file === file && !brokenScenarios.has(declaration)) brokenScenarios.set(declaration, error);
      } else if (name !== undefined && !brokenNames.has(name)) brokenNames.set(name, error);
    }
  }

  return (scenario) => {
    const own = brokenScenarios.get(scenario);
    if (own) return { error: own };
    if (common) return common;
    if (brokenNames.size === 0) return undefined;
    const used = new Set(namesUsedIn({ kind: 'scenario', ...scenario }));
    for (const name of used) {
      const error = brokenNames.get(name);
      if (error) return { error, name };
      // A set's iteration reaches what is added on the way, so this follows uses at any hand.
      for (const declaration of declared.get(name) ?? []) for (const more of namesUsedIn(declaration)) used.add(more);
    }
    return undefined;
  };
}

function nameOf(declaration: Declaration): string | undefined {
  switch (declaration.kind) {
    case 'let':
    case 'payload':
    case 'pagetable':
      return declaration.name?.text || undefined;
    default:
      return undefined;
  }
}

/** The declaration around a finding, or the one that the finding's line ends: `let a = 1 oops`. */
function declarationAt(
  declarations: readonly Declaration[],
  { start }: Diagnostic,
  text: string,
): Declaration | undefined {
  let [low, high] = [0, declarations.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (declarations[middle]!.start <= start) low = middle + 1;
    else high = middle;
  }
  const before = declarations[low - 1];
  if (!before) return undefined;
  return start <= before.end || !/[\r\n]/.test(text.slice(before.end, start)) ? before : undefined;
}
