import {
  commands,
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
} from 'vscode-languageclient';
import { READ, RESULTS, type ReadAnswer, type ResultsParams, type TextAnswer } from '../server/protocol.ts';
import { registerCommands } from './commands.ts';
import { type Drawn, drawn, ResultDecorations } from './decorations.ts';
import { FILTERED } from './filters.ts';
import { lineEdits } from './line-shift.ts';
import { LiveResults } from './live-results.ts';
import { readFile } from './read-file.ts';
import { Restarts } from './restarts.ts';
import { FILTERS, isOn, runSettings } from './settings.ts';
import { type ServerState, type Status, StatusBar, statusOf, times } from './status-bar.ts';
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

/** Everything that desktop and browser have in common. `create` makes the client that fits the host. */
export function start(
  context: ExtensionContext,
  host: VsvaApi['host'],
  create: (options: LanguageClientOptions) => BaseLanguageClient,
): VsvaApi {
  const results = new LiveResults();
  const decorations = new ResultDecorations();
  const statusBar = new StatusBar();
  const restarts = new Restarts();
  let server: ServerState = { is: 'up', restarts: 0 };
  // A channel of the client's own would be gone, with all it says, after a stop.
  const output = window.createOutputChannel('vsva', { log: true });

  const client = create({
    documentSelector: SELECTOR,
    outputChannel: output,
    // Whoever wants to read what the server says opens the output; it never opens by itself.
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    // Files that are not on the server's disk are read here: virtual workspaces, and all of them in the browser.
    initializationOptions: () => ({ readFiles: true, drawsResults: true, run: runSettings() }),
    initializationFailedHandler: () => false,
    errorHandler: restarts,
    middleware: FILTERED,
  });
  // Some errors would be shown whatever is set; the status bar and the output tell all of them.
  const tell = client.error.bind(client);
  client.error = (message, data) => tell(message, data, false);
  const texts = new TextDocuments((method, params) => client.sendRequest<TextAnswer>(method, params));

  const redraw = (editor: TextEditor): void => {
    if (editor.document.languageId === 'vsva') decorations.draw(editor, results.of(editor.document.uri.toString()));
  };
  let wasRunning = false;
  const showStatus = (): void => {
    const document = window.activeTextEditor?.document;
    const shown = document && results.of(document.uri.toString());
    statusBar.show(document, shown, server);
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
    const edits = lineEdits(contentChanges, document);
    results.edited(uri, document.version, edits);
    texts.edited(uri, edits);
    redrawDocument(uri);
  };

  const closed = ({ uri }: TextDocument): void => results.closed(uri.toString());

  const launch = async (): Promise<void> => {
    try {
      await client.start();
    } catch (error) {
      server = { is: 'down', why: error instanceof Error ? error.message : String(error) };
      client.error('the language server could not be started', error);
      showStatus();
    }
  };
  const restart = async (): Promise<void> => {
    restarts.reset();
    results.interrupted();
    redrawAll();
    try {
      if (client.isRunning()) await client.stop();
    } catch (error) {
      // One that hangs does not answer; the next one takes its place all the same.
      client.error('the language server had to be killed', error);
    }
    await launch();
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
    client.onRequest<ReadAnswer, void>(READ, readFile),
    client.onDidChangeState(({ newState }) => {
      const { count } = restarts;
      if (newState === State.Running) server = { is: 'up', restarts: count };
      else if (newState === State.Starting) server = count > 0 ? { is: 'restarting' } : { is: 'up', restarts: 0 };
      else server = { is: 'down', why: count > 0 ? `it ended by itself ${times(count)}` : 'it was stopped' };
      if (newState !== State.Running) results.interrupted();
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
      if (FILTERS.some((name) => event.affectsConfiguration(name))) askAgain();
    }),
    ...registerCommands({ context, client, texts, restart }),
    // Stopping takes time, and may fail when there is nothing to stop.
    { dispose: () => void client.dispose().catch(() => undefined) },
    output,
  ];
  context.subscriptions.push(...listeners);
  showStatus();

  return {
    ready: launch(),
    host,
    drawn: (uri) => {
      const shown = results.of(uri);
      const scope = Uri.parse(uri);
      return shown && isOn('results.enabled', scope) ? drawn(shown, (kind) => isOn(`results.${kind}`, scope)) : [];
    },
    status: (uri) => statusOf(results.of(uri), server),
  };
}
