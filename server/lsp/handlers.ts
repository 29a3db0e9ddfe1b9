import {
  type CancellationToken,
  CodeActionKind,
  type CodeLens,
  CompletionItemKind,
  CompletionTriggerKind,
  type Connection,
  DocumentDiagnosticReportKind,
  DocumentHighlightKind,
  FoldingRangeKind,
  type FullDocumentDiagnosticReport,
  InsertTextFormat,
  LSPErrorCodes,
  type CompletionItem as LspCompletion,
  type Location as LspLocation,
  type DocumentSymbol as LspSymbol,
  MarkupKind,
  MessageType,
  type Position,
  ResponseError,
  type ServerCapabilities,
  ShowMessageNotification,
  type SymbolInformation,
  SymbolKind,
  type TextEdit,
  type WorkspaceEdit,
} from 'vscode-languageserver';
import { codeActions } from '../features/code-actions.ts';
import { type CompletionItem, type CompletionKind, complete, completionDoc } from '../features/completion.ts';
import { pastePayload } from '../features/decode-paste.ts';
import { definitionOf } from '../features/definition.ts';
import { EDITOR_FORMATS, exportAt } from '../features/export-payloads.ts';
import type { Edit } from '../features/fixes/edits.ts';
import { foldingRanges } from '../features/folding.ts';
import { hover } from '../features/hover.ts';
import { layoutOfPayload } from '../features/layout-text.ts';
import { lenses } from '../features/lenses.ts';
import { isBlankBefore, lineOf } from '../features/lines.ts';
import type { Location } from '../features/names-at.ts';
import { documentHighlights, referencesTo } from '../features/references.ts';
import { SEMANTIC_MODIFIERS, SEMANTIC_TYPES } from '../features/semantic-tokens.ts';
import { type DocumentSymbol, documentSymbols, type SymbolKind as OurSymbolKind } from '../features/symbols.ts';
import {
  CANCEL,
  type CancelParams,
  COMPAT,
  DECODE,
  type DecodeAnswer,
  type DecodeParams,
  EXPORT,
  type ExportParams,
  LAYOUT,
  type PositionParams,
  RUN,
  type RunParams,
  type RunSummary,
  type TextAnswer,
  WALK,
} from '../protocol.ts';
import type { Snapshot } from '../world/snapshot.ts';
import { canonicalUri } from '../world/uri.ts';
import type { Client } from './client.ts';
import { CompatTitles, NOWHERE, payloadLenses } from './compat-lenses.ts';
import { toOffset, toRange } from './convert.ts';
import { type Server, snapshotOf } from './server.ts';
import { TokenAnswers } from './token-answers.ts';

/** What we announce and how we answer, side by side. */
interface Feature {
  readonly capability?: Partial<ServerCapabilities> | ((client: Client) => Partial<ServerCapabilities>);
  register(connection: Connection, answer: Answer): void;
}

/**
 * Wraps a handler: an exception in it is logged and answered with `empty`, a request that was cancelled is not worked on,
 * and nothing is asked of a server that is not initialized.
 */
export type Answer = <P, R>(
  name: string,
  empty: R,
  handler: (server: Server, params: P, token: CancellationToken) => R | Promise<R>,
) => (params: P, token: CancellationToken) => Promise<R | ResponseError<never>>;

/** The same for requests about a position or a document that is open; others are answered with `empty`. */
type About<P, R> = (snapshot: Snapshot, server: Server, params: P, token: CancellationToken) => R | Promise<R>;

const about =
  <P extends { readonly textDocument: { readonly uri: string } }, R>(empty: R, handler: About<P, R>) =>
  (server: Server, params: P, token: CancellationToken): R | Promise<R> => {
    const snapshot = snapshotOf(server, params.textDocument.uri);
    return snapshot ? handler(snapshot, server, params, token) : empty;
  };

const offsetIn = ({ lines }: Snapshot, position: Position, { client }: Server): number =>
  toOffset(lines, position, client.encoding);

const locations = (found: readonly Location[], snapshot: Snapshot, { client, style }: Server): LspLocation[] =>
  found.map((l) => ({ uri: style.uriOf(l.file), range: toRange(snapshot.linesOf(l.file), l, client.encoding) }));

const tokens = new TokenAnswers();

export const FEATURES: readonly Feature[] = [
  {
    capability: { hoverProvider: true },
    register: (connection, answer) =>
      connection.onHover(
        answer(
          'hover',
          null,
          about(null, (snapshot, server, { position }) => {
            const found = hover(
              snapshot.resolved,
              offsetIn(snapshot, position, server),
              server.live.reportsOf(snapshot),
            );
            return (
              found && {
                contents: { kind: MarkupKind.Markdown, value: found.markdown },
                range: toRange(snapshot.lines, found.span, server.client.encoding),
              }
            );
          }),
        ),
      ),
  },
  {
    // An id such as `SFS.2` goes on behind a dot, a field's constants are due behind `=`, devices behind a blank. Not
    // behind `{`: whoever opens a block goes on with Enter, which would take the first offer.
    capability: {
      completionProvider: { resolveProvider: true, triggerCharacters: ['.', '=', ' ', ',', '|', '&'] },
    },
    register: (connection, answer) => {
      connection.onCompletion(
        answer(
          'completion',
          null,
          about(null, (snapshot, server, { position, context }) => {
            const offset = offsetIn(snapshot, position, server);
            // Whoever indents a line has not asked for anything yet.
            if (
              context?.triggerKind === CompletionTriggerKind.TriggerCharacter &&
              isBlankBefore(snapshot.lines, offset)
            )
              return [];
            return complete(snapshot.resolved, offset).map((i) => toCompletion(i, snapshot, server));
          }),
        ),
      );
      connection.onCompletionResolve(
        answer('documentation', { label: '' }, (_server, item: LspCompletion) => {
          const value = typeof item.data === 'string' ? completionDoc(item.data) : '';
          return value ? { ...item, documentation: { kind: MarkupKind.Markdown, value } } : item;
        }),
      );
    },
  },
  {
    capability: { definitionProvider: true },
    register: (connection, answer) =>
      connection.onDefinition(
        answer(
          'definition',
          null,
          about(null, (snapshot, server, { position }) =>
            locations(definitionOf(snapshot.resolved, offsetIn(snapshot, position, server)), snapshot, server),
          ),
        ),
      ),
  },
  {
    capability: { referencesProvider: true },
    register: (connection, answer) =>
      connection.onReferences(
        answer(
          'references',
          null,
          about(null, (snapshot, server, { position, context }) => {
            const options = { declarations: context?.includeDeclaration !== false };
            const found = referencesTo(snapshot.resolved, offsetIn(snapshot, position, server), options);
            return locations(found, snapshot, server);
          }),
        ),
      ),
  },
  {
    capability: { documentHighlightProvider: true },
    register: (connection, answer) =>
      connection.onDocumentHighlight(
        answer(
          'highlights',
          null,
          about(null, (snapshot, server, { position }) =>
            documentHighlights(snapshot.resolved, offsetIn(snapshot, position, server)).map((h) => ({
              range: toRange(snapshot.lines, h, server.client.encoding),
              kind: h.kind === 'write' ? DocumentHighlightKind.Write : DocumentHighlightKind.Read,
            })),
          ),
        ),
      ),
  },
  {
    capability: { documentSymbolProvider: true },
    register: (connection, answer) =>
      connection.onDocumentSymbol(
        answer(
          'symbols',
          null,
          about<{ textDocument: { uri: string } }, LspSymbol[] | SymbolInformation[] | null>(
            null,
            (snapshot, server) => {
              const found = documentSymbols(snapshot.resolved);
              return server.client.nestsSymbols
                ? found.map((s) => nestedSymbol(s, snapshot, server))
                : found.flatMap((s) => flatSymbols(s, snapshot, server));
            },
          ),
        ),
      ),
  },
  {
    capability: { foldingRangeProvider: true },
    register: (connection, answer) =>
      connection.onFoldingRanges(
        answer(
          'folding',
          null,
          about(null, ({ resolved, lines }) =>
            foldingRanges(resolved).map(({ start, end, kind }) => ({
              startLine: lineOf(lines, start) - 1,
              endLine: lineOf(lines, end) - 1,
              ...(kind === 'comment' ? { kind: FoldingRangeKind.Comment } : {}),
              ...(kind === 'imports' ? { kind: FoldingRangeKind.Imports } : {}),
            })),
          ),
        ),
      ),
  },
  {
    capability: {
      semanticTokensProvider: {
        legend: { tokenTypes: [...SEMANTIC_TYPES], tokenModifiers: [...SEMANTIC_MODIFIERS] },
        full: { delta: true },
        range: true,
      },
    },
    register: (connection, answer) => {
      const { semanticTokens } = connection.languages;
      semanticTokens.on(
        answer(
          'tokens',
          { data: [] },
          about({ data: [] }, (s, { client }) => tokens.whole(s, client.encoding)),
        ),
      );
      semanticTokens.onDelta(
        answer(
          'token changes',
          { data: [] },
          about({ data: [] }, (s, { client }, { previousResultId }) =>
            tokens.since(previousResultId, s, client.encoding),
          ),
        ),
      );
      semanticTokens.onRange(
        answer(
          'tokens of a range',
          { data: [] },
          about({ data: [] }, (s, { client }, { range }) => tokens.between(range.start, range.end, s, client.encoding)),
        ),
      );
    },
  },
  {
    capability: (client) =>
      client.literalActions ? { codeActionProvider: { codeActionKinds: [CodeActionKind.QuickFix] } } : {},
    register: (connection, answer) =>
      connection.onCodeAction(
        answer(
          'code actions',
          null,
          about(null, (snapshot, server, { range, context }) => {
            const { lines, resolved } = snapshot;
            const { encoding } = server.client;
            const span = { start: toOffset(lines, range.start, encoding), end: toOffset(lines, range.end, encoding) };
            const wanted = context?.only;
            if (wanted && !wanted.some((kind) => kind === '' || kind === CodeActionKind.QuickFix)) return [];
            const results = server.live.reportsOf(snapshot);
            return codeActions(resolved, span, snapshot.diagnostics, results).map(
              ({ title, diagnosticCodes, edits, isPreferred }) => ({
                title,
                kind: CodeActionKind.QuickFix,
                diagnostics: (context?.diagnostics ?? []).filter((d) => diagnosticCodes.includes(String(d.code))),
                edit: workspaceEdit(edits, snapshot, server),
                ...(isPreferred ? { isPreferred } : {}),
              }),
            );
          }),
        ),
      ),
  },
  {
    capability: (client) => ({ codeLensProvider: client.needsCommands ? {} : { resolveProvider: true } }),
    register: (connection, answer) => {
      connection.onCodeLens(
        answer(
          'lenses',
          null,
          about(null, (snapshot, server) => [
            ...lenses(snapshot.resolved, server.live.reportsOf(snapshot)).map(({ span, title, command, args }) => ({
              range: toRange(snapshot.lines, span, server.client.encoding),
              command: {
                // Only VS Code draws icons for `$(name)`, and drops plain spaces beside them.
                title: server.client.needsCommands
                  ? title.replace(/\$\([a-z-]+\) ?/g, '')
                  : title.replace(/(?<=\$\([a-z-]+\)) | (?=\$\()/g, '\u00a0'),
                command,
                arguments: [snapshot.uri, ...args.slice(1)],
              },
            })),
            // They are worked out one by one when they come into sight.
            ...(server.client.needsCommands ? [] : payloadLenses(snapshot, server.client.encoding)),
          ]),
        ),
      );
      const titles = new CompatTitles();
      connection.onCodeLensResolve(
        answer('lens', { range: NOWHERE }, (server, lens: CodeLens) => titles.resolve(lens, server)),
      );
    },
  },
  {
    // Clients that have no command of that name ask the server; the others must not be told of it twice.
    capability: (client) =>
      client.needsCommands ? { executeCommandProvider: { commands: ['vsva.runScenario', 'vsva.runAll'] } } : {},
    register: (connection, answer) =>
      connection.onExecuteCommand(
        answer('command', null, async (server, { command, arguments: args = [] }, token) => {
          const [uri, scenario] = args as unknown[];
          const snapshot = snapshotOf(server, uri);
          if (!snapshot) return null;
          const one = command === 'vsva.runScenario' && typeof scenario === 'string' ? scenario : undefined;
          const { passed, failed, skipped, cancelled } = await server.live.run(snapshot, one, (cancel) =>
            token.onCancellationRequested(cancel),
          );
          const text = `${passed} passed, ${failed} failed, ${skipped} skipped${cancelled ? ' (cancelled)' : ''}`;
          const type = failed > 0 ? MessageType.Warning : MessageType.Info;
          void server.connection.sendNotification(ShowMessageNotification.type, { type, message: text });
          return null;
        }),
      ),
  },
  {
    capability: (client) => (client.wantsInlayHints ? { inlayHintProvider: true } : {}),
    register: (connection, answer) =>
      connection.languages.inlayHint.on(
        answer(
          'inlay hints',
          null,
          about(null, (snapshot, server, { range }) =>
            server.live.outcomesOf(snapshot).flatMap(({ lines }) =>
              lines
                .filter(({ line }) => range.start.line <= line && line <= range.end.line)
                .map(({ line, text, failed, hover: tooltip }) => ({
                  position: toRange(snapshot.lines, endOfLine(snapshot, line), server.client.encoding).end,
                  label: `${failed ? 'FAIL ' : ''}${text}`,
                  paddingLeft: true,
                  ...(tooltip ? { tooltip: { kind: MarkupKind.Markdown, value: tooltip } } : {}),
                })),
            ),
          ),
        ),
      ),
  },
  {
    capability: (client) =>
      client.pullsDiagnostics
        ? { diagnosticProvider: { identifier: 'vsva', interFileDependencies: true, workspaceDiagnostics: false } }
        : {},
    register: (connection, answer) => {
      const empty: FullDocumentDiagnosticReport = { kind: DocumentDiagnosticReportKind.Full, items: [] };
      connection.languages.diagnostics.on(
        answer(
          'diagnostics',
          empty,
          about(empty, (snapshot, { diagnostics }) => ({
            kind: DocumentDiagnosticReportKind.Full,
            items: diagnostics.of(snapshot),
          })),
        ),
      );
    },
  },
  {
    register: (connection, answer) => {
      connection.onRequest<RunSummary, never>(
        RUN,
        answer('run', { passed: 0, failed: 0, skipped: 0, cancelled: true }, (server, params: RunParams, token) => {
          const snapshot = snapshotOf(server, params?.uri);
          if (!snapshot) throw new ResponseError(LSPErrorCodes.RequestFailed, 'the document is not open');
          return server.live.run(snapshot, params.scenario, (cancel) => token.onCancellationRequested(cancel));
        }),
      );
      const cancel = answer('cancel', null, ({ live }, params: CancelParams | undefined) => {
        live.cancel(typeof params?.uri === 'string' ? canonicalUri(params.uri) : undefined);
        return null;
      });
      connection.onRequest(CANCEL, cancel);
      connection.onNotification(CANCEL, (params: CancelParams) => void cancel(params, NEVER));
    },
  },
  {
    register: (connection, answer) => {
      const unknown: TextAnswer = { problem: 'the document is not open' };
      const failed: TextAnswer = { problem: 'this failed; the output of vsva says more' };
      connection.onRequest<TextAnswer, never>(
        WALK,
        answer('walk', failed, (server, { uri, line }: PositionParams) => {
          const snapshot = snapshotOf(server, uri);
          return snapshot ? server.live.walk(snapshot, line + 1) : unknown;
        }),
      );
      connection.onRequest<TextAnswer, never>(
        LAYOUT,
        answer('layout', failed, (server, { uri, line, character }: PositionParams) => {
          const snapshot = snapshotOf(server, uri);
          return snapshot
            ? layoutOfPayload(snapshot.resolved, offsetIn(snapshot, { line, character }, server))
            : unknown;
        }),
      );
      connection.onRequest<TextAnswer, never>(
        COMPAT,
        answer('compat', failed, (server, { uri, line, character }: PositionParams) => {
          const snapshot = snapshotOf(server, uri);
          return snapshot
            ? server.live.compat(snapshot, offsetIn(snapshot, { line, character }, server), false)
            : unknown;
        }),
      );
      connection.onRequest<TextAnswer, never>(
        EXPORT,
        answer('export', failed, (server, { uri, line, character, as }: ExportParams) => {
          const snapshot = snapshotOf(server, uri);
          if (!snapshot) return unknown;
          const format = EDITOR_FORMATS.find((name) => name === as);
          if (!format) return { problem: `${as} is no format; there are ${EDITOR_FORMATS.join(', ')}` };
          const offset = offsetIn(snapshot, { line, character }, server);
          return exportAt(snapshot.resolved, offset, { format, headers: false });
        }),
      );
      connection.onRequest<DecodeAnswer, never>(
        DECODE,
        answer<DecodeParams, DecodeAnswer>('decode', failed, (server, { uri, line, character, hex, struct }) => {
          const snapshot = snapshotOf(server, uri);
          if (!snapshot) return unknown;
          const offset = offsetIn(snapshot, { line, character }, server);
          return pastePayload(snapshot.resolved, `${hex}`, struct, offset);
        }),
      );
    },
  },
];

const NEVER: CancellationToken = {
  isCancellationRequested: false,
  onCancellationRequested: () => ({ dispose: () => undefined }),
};

export function capabilitiesFor(client: Client): ServerCapabilities {
  const parts = FEATURES.map(({ capability }) => (typeof capability === 'function' ? capability(client) : capability));
  return Object.assign({}, ...parts);
}

function endOfLine({ lines }: Snapshot, line: number): { readonly start: number; readonly end: number } {
  const start = lines.starts[line] ?? lines.text.length;
  const end =
    start + lines.text.slice(start, lines.starts[line + 1] ?? lines.text.length).replace(/[\r\n]+$/, '').length;
  return { start, end };
}

/** With the versions that the edits are meant for, where the client looks at them. */
function workspaceEdit(edits: readonly Edit[], snapshot: Snapshot, { client, style, world }: Server): WorkspaceEdit {
  const byFile = new Map<string, TextEdit[]>();
  for (const { file, newText, ...span } of edits) {
    const edit = { range: toRange(snapshot.linesOf(file), span, client.encoding), newText };
    byFile.set(file, [...(byFile.get(file) ?? []), edit]);
  }
  return client.versionedEdits
    ? {
        documentChanges: [...byFile].map(([file, own]) => ({
          textDocument: { uri: style.uriOf(file), version: world.get(file)?.version ?? null },
          edits: own,
        })),
      }
    : { changes: Object.fromEntries([...byFile].map(([file, own]) => [style.uriOf(file), own])) };
}

const COMPLETIONS: Readonly<Record<CompletionKind, CompletionItemKind>> = {
  keyword: CompletionItemKind.Keyword,
  struct: CompletionItemKind.Struct,
  field: CompletionItemKind.Field,
  constant: CompletionItemKind.EnumMember,
  ioctl: CompletionItemKind.Function,
  errno: CompletionItemKind.EnumMember,
  let: CompletionItemKind.Constant,
  payload: CompletionItemKind.Class,
  table: CompletionItemKind.Module,
  device: CompletionItemKind.Interface,
  result: CompletionItemKind.Variable,
  setting: CompletionItemKind.Property,
  format: CompletionItemKind.TypeParameter,
  generation: CompletionItemKind.Module,
  fault: CompletionItemKind.Event,
  rule: CompletionItemKind.Event,
  command: CompletionItemKind.Method,
  value: CompletionItemKind.Value,
};

function toCompletion(item: CompletionItem, { lines }: Snapshot, { client }: Server): LspCompletion {
  const { label, kind, detail, insertText, isSnippet, sortText, replace, docKey } = item;
  const newText = isSnippet && !client.snippets ? plain(insertText) : insertText;
  return {
    label,
    kind: COMPLETIONS[kind],
    ...(detail ? { detail } : {}),
    sortText,
    insertTextFormat: isSnippet && client.snippets ? InsertTextFormat.Snippet : InsertTextFormat.PlainText,
    textEdit: { range: toRange(lines, replace, client.encoding), newText },
    ...(docKey === undefined ? {} : { data: docKey }),
  };
}

/** A snippet with its examples in place of what there is to fill in. */
const plain = (snippet: string): string =>
  snippet
    .replace(/\$(?:\d+|\{\d+(?::([^{}]*))?\})/g, (_, example?: string) => example ?? '')
    .replace(/\\([$}\\])/g, '$1');

const SYMBOLS: Readonly<Record<OurSymbolKind, SymbolKind>> = {
  generation: SymbolKind.Module,
  include: SymbolKind.File,
  let: SymbolKind.Constant,
  machine: SymbolKind.Object,
  item: SymbolKind.Object,
  setting: SymbolKind.Property,
  payload: SymbolKind.Struct,
  field: SymbolKind.Field,
  table: SymbolKind.Array,
  struct: SymbolKind.Struct,
  scenario: SymbolKind.Function,
};

function nestedSymbol(symbol: DocumentSymbol, snapshot: Snapshot, server: Server): LspSymbol {
  const { name, detail, kind, span, selection, children } = symbol;
  const { encoding } = server.client;
  return {
    // A client may refuse a name of blanks, and a selection that reaches out of its range.
    name: name.trim() || kind,
    detail,
    kind: SYMBOLS[kind],
    range: toRange(snapshot.lines, span, encoding),
    selectionRange: toRange(
      snapshot.lines,
      {
        start: Math.min(Math.max(selection.start, span.start), span.end),
        end: Math.min(Math.max(selection.end, span.start), span.end),
      },
      encoding,
    ),
    children: children.map((child) => nestedSymbol(child, snapshot, server)),
  };
}

/** Declarations only: a list of all fields would hide them. */
function flatSymbols({ name, kind, span }: DocumentSymbol, snapshot: Snapshot, server: Server): SymbolInformation[] {
  const range = toRange(snapshot.lines, span, server.client.encoding);
  return [{ name: name.trim() || kind, kind: SYMBOLS[kind], location: { uri: snapshot.uri, range } }];
}
