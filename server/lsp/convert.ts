import { type Diagnostic as LspDiagnostic, DiagnosticSeverity, type DiagnosticRelatedInformation, type Range } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { Diagnostic, Severity } from '../language/diagnostic.ts';
import type { Span } from '../language/syntax.ts';

const SEVERITY: Readonly<Record<Severity, DiagnosticSeverity>> = {
  error: DiagnosticSeverity.Error,
  warning: DiagnosticSeverity.Warning,
  information: DiagnosticSeverity.Information,
  hint: DiagnosticSeverity.Hint,
};

/** Offsets to lines and columns of one text. */
export class Lines {
  readonly #document: TextDocument;
  constructor(text: string) {
    this.#document = TextDocument.create('', 'vsva', 0, text);
  }
  range({ start, end }: Span): Range {
    return { start: this.#document.positionAt(start), end: this.#document.positionAt(end) };
  }
}

/** A finding as LSP has it; `linesOf` and `uriOf` answer for the files that related places lie in. */
export function toLspDiagnostic(diagnostic: Diagnostic, linesOf: (file: string) => Lines, uriOf: (file: string) => string): LspDiagnostic {
  const { file, code, severity, message, errno, decidedAt, related } = diagnostic;
  const relatedInformation: DiagnosticRelatedInformation[] = (related ?? []).map((r) => ({ location: { uri: uriOf(r.file), range: linesOf(r.file).range(r) }, message: r.message }));
  return {
    range: linesOf(file).range(diagnostic),
    severity: SEVERITY[severity],
    source: 'vsva',
    code,
    message: [message, errno ? `${errno}${decidedAt ? ` (${decidedAt})` : ''}` : ''].filter(Boolean).join('\n'),
    ...(relatedInformation.length > 0 ? { relatedInformation } : {}),
  };
}
