import {
  commands,
  type Diagnostic,
  DiagnosticSeverity,
  type Disposable,
  type ExtensionContext,
  type TextDocument,
  type TextDocumentChangeEvent,
  type TextEditor,
  Uri,
  window,
  workspace,
} from 'vscode';
import {
  type BaseLanguageClient,
  CodeLensRequest,
  DocumentDiagnosticRequest,
  type LanguageClientOptions,
  RevealOutputChannelOn,
  State,
  vsdiag,
} from 'vscode-languageclient';
import {
  CANCEL,
  type CancelParams,
  LAYOUT,
  RESULTS,
  type ResultsParams,
  RUN,
  type RunParams,
  type RunSummary,
  type TextAnswer,
  WALK,
} from '../server/protocol.ts';
import { type Drawn, drawn, ResultDecorations } from './decorations.ts';
import type { LineEdit } from './line-shift.ts';
import { LiveResults } from './live-results.ts';
import { scenarioAt } from './scenario-at.ts';
import { isOn, runSettings, showsHints, showsKind } from './settings.ts';
import { type Status, StatusBar, statusOf } from './status-bar.ts';
import { TextDocuments } from './text-documents.ts';

/** What `activate` returns: enough to see from outside what a document shows. */
export interface VsvaApi {
  /** Settled when the server runs, or could not be started. */
  readonly ready: Promise<void>;
  readonly host: 'node' | 'web';
  /** What stands at the ends of a document's lines. */
  drawn(uri: string): readonly Drawn[];
  /** What the status bar says of a document. */
  status(uri: string): Status;
}

const SELECTOR = [{ language: 'vsva' }];

/** Server to client: the text of a file. */
const READ = 'vsva/read';

async function readFile({ uri }: { readonly uri: string }): Promise<{ text?: string; problem?: string }> {
  try {
    return { text: new TextDecoder().decode(await workspace.fs.readFile(Uri.parse(uri))) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/** Unless they are wanted, leaves out what is neither error nor warning. */
const withoutHints = (uri: Uri, all: readonly Diagnostic[]): Diagnostic[] =>
  all.filter(({ severity }) => severity < DiagnosticSeverity.Information || showsHints(uri));

/** Everything that desktop and browser have in common. `create` makes the client that fits the host. */
export function start(
  context: ExtensionContext,
  host: VsvaApi['host'],
  create: (options: LanguageClientOptions) => BaseLanguageClient,
): VsvaApi {
  const results = new LiveResults();
  const decorations = new ResultDecorations();
  const statusBar = new StatusBar();
  let broken: string | undefined;

  const client = create({
    documentSelector: SELECTOR,
    // Whoever wants to read what the server says opens the output; it never opens by itself.
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    // Files that are not on the server's disk are read here: virtual workspaces, and all of them in the browser.
    initializationOptions: () => ({ readFiles: true, run: runSettings() }),
    initializationFailedHandler: () => false,
    middleware: {
      handleDiagnostics: (uri, diagnostics, next) => next(uri, withoutHints(uri, diagnostics)),
      provideDiagnostics: async (document, previous, token, next) => {
        const report = await next(document, previous, token);
        if (report?.kind !== vsdiag.DocumentDiagnosticReportKind.full) return report;
        const uri = document instanceof Uri ? document : document.uri;
        return { ...report, items: withoutHints(uri, report.items) };
      },
      provideCodeLenses: (document, token, next) => (isOn('lens', document) ? next(document, token) : []),
    },
  });
  const texts = new TextDocuments((method, params) => client.sendRequest<TextAnswer>(method, params));

  const redraw = (editor: TextEditor): void => {
    if (editor.document.languageId === 'vsva') decorations.draw(editor, results.of(editor.document.uri.toString()));
  };
  let wasRunning = false;
  const showStatus = (): void => {
    const document = window.activeTextEditor?.document;
    const shown = document && results.of(document.uri.toString());
    statusBar.show(document, shown, broken);
    // Menus offer to cancel while there is something to cancel.
    const running = shown?.running ?? false;
    if (running !== wasRunning) void commands.executeCommand('setContext', 'vsva.running', running);
    wasRunning = running;
  };
  const redrawAll = (): void => {
    window.visibleTextEditors.forEach(redraw);
    showStatus();
  };
  const redrawDocument = (uri: string): void => {
    for (const editor of window.visibleTextEditors) if (editor.document.uri.toString() === uri) redraw(editor);
    if (window.activeTextEditor?.document.uri.toString() === uri) showStatus();
  };

  const received = (params: ResultsParams): void => {
    // Results speak of the URI as the client sent it; documents are found by their own spelling of it.
    const uri = Uri.parse(params.uri).toString();
    const document = workspace.textDocuments.find((d) => d.uri.toString() === uri);
    if (!document || !results.receive({ ...params, uri }, document.version)) return;
    redrawDocument(uri);
    if (params.done) void texts.refresh(uri);
  };

  const edited = ({ document, contentChanges }: TextDocumentChangeEvent): void => {
    if (document.languageId !== 'vsva') return;
    const uri = document.uri.toString();
    const edits = contentChanges.map(({ range, text }): LineEdit => {
      const before = document.lineAt(Math.min(range.start.line, document.lineCount - 1)).text;
      return {
        start: range.start.line,
        end: range.end.line,
        added: text.split('\n').length - 1,
        fromIndent: before.slice(0, range.start.character).trim() === '',
        insertion: range.isEmpty,
      };
    });
    results.edited(uri, document.version, edits);
    texts.edited(uri, edits);
    redrawDocument(uri);
  };

  const closed = ({ uri }: TextDocument): void => results.closed(uri.toString());

  const run = async (params: RunParams): Promise<RunSummary> => {
    await client.start();
    return client.sendRequest<RunSummary>(RUN, params);
  };
  const target = (uri: unknown): string | undefined => {
    if (typeof uri === 'string') return uri;
    if (uri instanceof Uri) return uri.toString();
    const document = window.activeTextEditor?.document;
    return document?.languageId === 'vsva' ? document.uri.toString() : undefined;
  };
  const showText = async (method: string, uri: unknown, line: unknown): Promise<void> => {
    const editor = window.activeTextEditor;
    if (editor?.document.languageId !== 'vsva') return;
    await client.start();
    const { active } = editor.selection;
    const of = typeof uri === 'string' ? Uri.parse(uri) : editor.document.uri;
    await texts.show(method, of, typeof line === 'number' ? active.with(line, 0) : active);
  };

  const COMMANDS: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
    'vsva.runScenario': (uri, scenario) => {
      const of = target(uri);
      const editor = window.activeTextEditor;
      const title =
        typeof scenario === 'string'
          ? scenario
          : editor && scenarioAt((line) => editor.document.lineAt(line).text, editor.selection.active.line);
      return of && run(title === undefined ? { uri: of } : { uri: of, scenario: title });
    },
    'vsva.runAll': (uri) => {
      const of = target(uri);
      return of && run({ uri: of });
    },
    'vsva.cancelRun': (uri) => {
      const of = target(uri);
      return client.sendNotification(CANCEL, (of ? { uri: of } : {}) satisfies CancelParams);
    },
    'vsva.openSample': async () => {
      const file = Uri.joinPath(context.extensionUri, 'samples', 'missing-invalidation.vsva');
      const content = new TextDecoder().decode(await workspace.fs.readFile(file));
      // A copy of one's own, to be changed at will.
      await window.showTextDocument(await workspace.openTextDocument({ language: 'vsva', content }));
    },
    'vsva.showWalk': (uri, line) => showText(WALK, uri, line),
    'vsva.showLayout': (uri, line) => showText(LAYOUT, uri, line),
    'vsva.restartServer': async () => {
      results.interrupted();
      redrawAll();
      if (client.isRunning()) await client.stop();
      await launch();
    },
    'vsva.showOutput': () => client.outputChannel.show(true),
  };

  const launch = async (): Promise<void> => {
    try {
      await client.start();
    } catch (error) {
      broken = error instanceof Error ? error.message : String(error);
      client.error('the language server could not be started', error, false);
      showStatus();
    }
  };

  /** What the server answered stands as it was filtered then; it has to be asked for again. */
  const askAgain = (): void => {
    const lenses = client.getFeature(CodeLensRequest.method);
    const diagnostics = client.getFeature(DocumentDiagnosticRequest.method);
    for (const document of workspace.textDocuments) {
      lenses?.getProvider(document)?.onDidChangeCodeLensEmitter.fire();
      diagnostics?.getProvider(document)?.onDidChangeDiagnosticsEmitter.fire();
    }
  };

  const listeners: Disposable[] = [
    decorations,
    statusBar,
    texts,
    client.onNotification(RESULTS, received),
    client.onRequest(READ, readFile),
    client.onDidChangeState(({ newState }) => {
      broken = newState === State.Stopped ? 'it exited' : undefined;
      if (newState === State.Stopped) results.interrupted();
      redrawAll();
    }),
    workspace.onDidChangeTextDocument(edited),
    workspace.onDidCloseTextDocument(closed),
    window.onDidChangeVisibleTextEditors((editors) => editors.forEach(redraw)),
    window.onDidChangeTextEditorVisibleRanges(({ textEditor }) => redraw(textEditor)),
    window.onDidChangeActiveTextEditor(showStatus),
    workspace.onDidChangeConfiguration((event) => {
      if (!event.affectsConfiguration('vsva')) return;
      redrawAll();
      if (['vsva.hints', 'vsva.lens', 'vsva.diagnostics'].some((name) => event.affectsConfiguration(name))) askAgain();
    }),
    ...Object.entries(COMMANDS).map(([name, handler]) => commands.registerCommand(name, handler)),
    { dispose: () => void client.dispose() },
  ];
  context.subscriptions.push(...listeners);
  showStatus();

  return {
    ready: launch(),
    host,
    drawn: (uri) => {
      const shown = results.of(uri);
      const scope = Uri.parse(uri);
      return shown && isOn('results', scope) ? drawn(shown, (kind) => showsKind(kind, scope)) : [];
    },
    status: (uri) => statusOf(results.of(uri), broken),
  };
}
