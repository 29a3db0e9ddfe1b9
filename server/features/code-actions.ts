import type { Diagnostic } from '../language/diagnostic.ts';
import type { Resolved } from '../language/resolve.ts';
import type { Span } from '../language/syntax.ts';
import { failureCode } from './failure.ts';
import type { Edit } from './fixes/edits.ts';
import { type Fix, fixContext } from './fixes/fix.ts';
import { FIXERS } from './fixes/index.ts';
import { generation, suggestion } from './fixes/names.ts';
import { actualOutcome, failedSteps, missingInvalidation } from './fixes/results.ts';
import type { ScenarioReport } from './run-file.ts';

export interface CodeAction {
  readonly title: string;
  readonly kind: 'quickfix';
  /** Findings that the action mends. */
  readonly diagnosticCodes: readonly string[];
  readonly edits: readonly Edit[];
  /** The way that is nearly always meant. */
  readonly isPreferred?: boolean;
}

/**
 * What can be done about the findings in a range, and about the steps that failed there in the results of this text.
 * Findings of other files are left to those files.
 */
export function codeActions(
  resolved: Resolved,
  range: Span,
  diagnostics: readonly Diagnostic[],
  results: readonly ScenarioReport[] = [],
): readonly CodeAction[] {
  const touches = ({ start, end }: Span): boolean => start <= range.end && range.start <= end;
  const actions = new Map<string, CodeAction>();
  const add = (codes: readonly string[], fixes: Iterable<Fix>): void => {
    for (const { title, edits, isPreferred } of fixes) {
      // One mistake may be found by several rules, which all want the same.
      const key = JSON.stringify([title, edits]);
      const diagnosticCodes = [...new Set([...(actions.get(key)?.diagnosticCodes ?? []), ...codes])];
      actions.set(key, { title, kind: 'quickfix', diagnosticCodes, edits, ...(isPreferred ? { isPreferred } : {}) });
    }
  };
  for (const diagnostic of diagnostics)
    if (diagnostic.file === resolved.file && touches(diagnostic)) add([diagnostic.code], fixesOf(resolved, diagnostic));
  for (const failed of failedSteps(resolved, results)) {
    if (!touches(failed.step)) continue;
    add(['stale'], missingInvalidation(resolved, failed));
    add([failureCode(failed.runs.find((r) => r.status === 'failed')!)], actualOutcome(resolved, failed));
  }
  return [...actions.values()];
}

function* fixesOf(resolved: Resolved, diagnostic: Diagnostic): Iterable<Fix> {
  if (diagnostic.code === 'uapi-missing') yield* generation(diagnostic, resolved);
  yield* suggestion(diagnostic);
  const fixer = FIXERS[diagnostic.code];
  const context = fixer && fixContext(resolved);
  if (context) yield* fixer(diagnostic, context);
}
