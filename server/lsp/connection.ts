import { type Connection, TextDocumentSyncKind, TextDocuments } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { analyse } from '../language/analyse.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import { type FileHost, resolve } from '../language/resolve.ts';
import { Lines, toLspDiagnostic } from './convert.ts';

/** What a server needs from the process it lives in: files are named by URI. */
export type ServerHost = FileHost;

/** Serves diagnostics for open files and what they include. Open texts win over those on disk. */
export function serve(connection: Connection, host: ServerHost): void {
  const documents = new TextDocuments(TextDocument);
  /** Files that a document's last check reported on, so that findings vanish where they are mended. */
  const reported = new Map<string, Set<string>>();
  const open: FileHost = {
    resolve: (from, path) => host.resolve(from, path),
    read: (file) => documents.get(file)?.getText() ?? host.read(file),
  };

  connection.onInitialize(() => ({
    capabilities: { textDocumentSync: TextDocumentSyncKind.Incremental },
    serverInfo: { name: 'vsva' },
  }));

  const check = (document: TextDocument): void => {
    const resolved = resolve(document.uri, document.getText(), open);
    const texts = new Map(resolved.sources.map((s) => [s.file, new Lines(s.text)]));
    const linesOf = (file: string): Lines => texts.get(file) ?? new Lines('');
    const byFile = new Map<string, Diagnostic[]>([[document.uri, []]]);
    for (const d of analyse(resolved)) byFile.set(d.file, [...(byFile.get(d.file) ?? []), d]);
    for (const gone of reported.get(document.uri) ?? []) if (!byFile.has(gone)) byFile.set(gone, []);
    reported.set(document.uri, new Set([...byFile].filter(([, found]) => found.length > 0).map(([file]) => file)));
    for (const [file, found] of byFile) {
      // An included file that is open reports for itself.
      if (file !== document.uri && documents.get(file)) continue;
      void connection.sendDiagnostics({ uri: file, diagnostics: found.map((d) => toLspDiagnostic(d, linesOf, (f) => f)) });
    }
  };

  documents.onDidChangeContent(({ document }) => {
    try {
      check(document);
    } catch (error) {
      connection.console.error(`checking ${document.uri} failed: ${error instanceof Error ? error.stack : String(error)}`);
    }
  });
  documents.onDidClose(({ document }) => {
    for (const file of new Set([document.uri, ...(reported.get(document.uri) ?? [])])) void connection.sendDiagnostics({ uri: file, diagnostics: [] });
    reported.delete(document.uri);
  });
  documents.listen(connection);
  connection.listen();
}
