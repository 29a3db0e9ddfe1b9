import { type CodeLens, type Diagnostic, DiagnosticSeverity, Uri } from 'vscode';
import { type Middleware, vsdiag } from 'vscode-languageclient';
import { RUN_SOURCE } from '../server/protocol.ts';
import { isOn, showsFailures } from './settings.ts';

/** Leaves out what is switched off. */
function wanted(uri: Uri, all: readonly Diagnostic[]): Diagnostic[] {
  const hints = isOn('diagnostics.hints', uri);
  const failures = showsFailures(uri);
  return all.filter(
    ({ severity, source }) =>
      (hints || severity < DiagnosticSeverity.Information) && (failures || source !== RUN_SOURCE),
  );
}

/** What a lens without a command yet will be is told by that: those of payloads are worked out when they come into sight. */
const wantedLens = ({ command }: CodeLens, uri: Uri): boolean =>
  isOn(
    command === undefined ? 'lens.compat' : command.command === 'vsva.runAll' ? 'lens.runAll' : 'lens.runScenario',
    uri,
  );

/** What the server answers, as far as the settings want it. */
export const FILTERED: Middleware = {
  handleDiagnostics: (uri, diagnostics, next) => next(uri, wanted(uri, diagnostics)),
  provideDiagnostics: async (document, previous, token, next) => {
    const report = await next(document, previous, token);
    if (report?.kind !== vsdiag.DocumentDiagnosticReportKind.full) return report;
    const uri = document instanceof Uri ? document : document.uri;
    return { ...report, items: wanted(uri, report.items) };
  },
  provideCodeLenses: async (document, token, next) => {
    if (!isOn('lens.enabled', document)) return [];
    return (await next(document, token))?.filter((lens) => wantedLens(lens, document.uri));
  },
};
