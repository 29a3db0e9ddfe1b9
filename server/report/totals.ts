import type { Lines } from '../features/lines.ts';
import type { PlacedDiagnostic, ScenarioReport } from '../features/run-file.ts';

/** A file with what was found in it and what its scenarios did, as far as they ran. */
export interface FileReport {
  readonly file: string;
  readonly uapi: string | undefined;
  readonly diagnostics: readonly PlacedDiagnostic[];
  readonly scenarios: readonly ScenarioReport[];
  readonly sources: ReadonlyMap<string, Lines>;
}

export interface Totals {
  /** Scenarios. */
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Diagnostics. */
  readonly errors: number;
  readonly warnings: number;
}

export function totalsOf(files: readonly FileReport[]): Totals {
  const scenarios = files.flatMap((f) => f.scenarios);
  const diagnostics = files.flatMap((f) => f.diagnostics);
  const ended = (status: ScenarioReport['status']): number => scenarios.filter((s) => s.status === status).length;
  const found = (severity: PlacedDiagnostic['severity']): number =>
    diagnostics.filter((d) => d.severity === severity).length;
  return {
    passed: ended('passed'),
    failed: ended('failed'),
    skipped: ended('skipped'),
    errors: found('error'),
    warnings: found('warning'),
  };
}
