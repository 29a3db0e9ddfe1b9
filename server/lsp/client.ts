import type { ClientCapabilities, InitializeParams } from 'vscode-languageserver';
import { chooseEncoding, type Encoding } from './convert.ts';

/** What the client can do, as far as it changes what the server does. */
export interface Client {
  readonly encoding: Encoding;
  /** Asks for diagnostics; others are sent them. */
  readonly pullsDiagnostics: boolean;
  readonly refreshesDiagnostics: boolean;
  readonly refreshesLenses: boolean;
  readonly refreshesInlayHints: boolean;
  readonly showsRelated: boolean;
  readonly showsTags: boolean;
  readonly nestsSymbols: boolean;
  /** Takes code actions with edits; others would want commands. */
  readonly literalActions: boolean;
  readonly versionedEdits: boolean;
  readonly snippets: boolean;
  /** Answers workspace/configuration; others say all in initializationOptions and notifications. */
  readonly answersConfiguration: boolean;
  readonly registersConfiguration: boolean;
  readonly registersWatchers: boolean;
  /** Watches files below a folder of its own, outside of the workspace too. */
  readonly watchesFolders: boolean;
  /** Has no commands of its own: lenses are answered by the server. */
  readonly needsCommands: boolean;
  /** Shows results as inlay hints: it does not draw those of the notification itself. */
  readonly wantsInlayHints: boolean;
  /** Reads files for the server that are not on its disk. */
  readonly readsFiles: boolean;
}

export function clientOf(params: InitializeParams): Client {
  const capabilities: ClientCapabilities = params.capabilities ?? {};
  const { textDocument, workspace, general } = capabilities;
  const options = (params.initializationOptions ?? {}) as {
    readonly inlayHints?: unknown;
    readonly drawsResults?: unknown;
    readonly readFiles?: unknown;
  };
  const shown = textDocument?.diagnostic ?? textDocument?.publishDiagnostics;
  return {
    encoding: chooseEncoding(general?.positionEncodings),
    pullsDiagnostics: textDocument?.diagnostic !== undefined,
    refreshesDiagnostics: workspace?.diagnostics?.refreshSupport === true,
    refreshesLenses: workspace?.codeLens?.refreshSupport === true,
    refreshesInlayHints: workspace?.inlayHint?.refreshSupport === true,
    showsRelated: (shown?.relatedInformation ?? textDocument?.publishDiagnostics?.relatedInformation) === true,
    showsTags: (shown?.tagSupport ?? textDocument?.publishDiagnostics?.tagSupport) !== undefined,
    nestsSymbols: textDocument?.documentSymbol?.hierarchicalDocumentSymbolSupport === true,
    literalActions: textDocument?.codeAction?.codeActionLiteralSupport !== undefined,
    versionedEdits: workspace?.workspaceEdit?.documentChanges === true,
    snippets: textDocument?.completion?.completionItem?.snippetSupport === true,
    answersConfiguration: workspace?.configuration === true,
    registersConfiguration: workspace?.didChangeConfiguration?.dynamicRegistration === true,
    registersWatchers: workspace?.didChangeWatchedFiles?.dynamicRegistration === true,
    watchesFolders:
      workspace?.didChangeWatchedFiles?.dynamicRegistration === true &&
      workspace.didChangeWatchedFiles.relativePatternSupport === true,
    needsCommands: workspace?.executeCommand?.dynamicRegistration !== true,
    wantsInlayHints:
      typeof options.inlayHints === 'boolean'
        ? options.inlayHints
        : textDocument?.inlayHint !== undefined && options.drawsResults !== true,
    readsFiles: options.readFiles === true,
  };
}
