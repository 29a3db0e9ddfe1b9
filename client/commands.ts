import {
  commands,
  type Disposable,
  type ExtensionContext,
  Position,
  Range,
  Selection,
  type TextEditor,
  TextEditorRevealType,
  Uri,
  ViewColumn,
  window,
  workspace,
} from 'vscode';
import type { BaseLanguageClient } from 'vscode-languageclient';
import {
  CANCEL,
  type CancelParams,
  COMPAT,
  LAYOUT,
  RUN,
  type RunParams,
  type RunSummary,
  WALK,
} from '../server/protocol.ts';
import { copyPayload, pastePayload } from './payload-bytes.ts';
import { scenarioAt } from './scenario-at.ts';
import type { TextDocuments } from './text-documents.ts';

export interface CommandHost {
  readonly context: ExtensionContext;
  readonly client: BaseLanguageClient;
  readonly texts: TextDocuments;
  readonly restart: () => Promise<void>;
}

/** The editor that a command without a URI means. From the walkthrough it is the one that stands beside it. */
const editorInSight = (): TextEditor | undefined =>
  [window.activeTextEditor, ...window.visibleTextEditors].find((e) => e?.document.languageId === 'vsva');

/** The commands of package.json. Lenses call them with a URI and more, people without. */
export function registerCommands({ context, client, texts, restart }: CommandHost): Disposable[] {
  /** Asks the server because somebody wants to know, who is told when that fails. */
  const asked = async <T>(question: () => Promise<T>): Promise<T | undefined> => {
    try {
      await client.start();
      return await question();
    } catch (error) {
      client.error('a command failed', error);
      // When the server ends meanwhile, the status bar tells it.
      if (client.isRunning())
        void window.showErrorMessage(`vsva: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  };
  const run = (params: RunParams): Promise<RunSummary | undefined> =>
    asked(() => client.sendRequest<RunSummary>(RUN, params));
  const target = (uri: unknown): string | undefined => {
    if (typeof uri === 'string') return uri;
    if (uri instanceof Uri) return uri.toString();
    return editorInSight()?.document.uri.toString();
  };
  const showText = async (method: string, uri: unknown, line: unknown): Promise<void> => {
    const editor = editorInSight();
    if (!editor) {
      void window.showInformationMessage('Open a .vsva file beside this and put the cursor into a step first.');
      return;
    }
    const { active } = editor.selection;
    const of = typeof uri === 'string' ? Uri.parse(uri) : editor.document.uri;
    await asked(() => texts.show(method, of, typeof line === 'number' ? active.with(line, 0) : active));
  };

  const COMMANDS: Readonly<Record<string, (...args: unknown[]) => unknown>> = {
    'vsva.runScenario': (uri, scenario) => {
      const of = target(uri);
      const editor = editorInSight();
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
    'vsva.cancelRun': async (uri) => {
      const of = target(uri);
      if (client.isRunning()) await client.sendNotification(CANCEL, (of ? { uri: of } : {}) satisfies CancelParams);
    },
    'vsva.openSample': async () => {
      const file = Uri.joinPath(context.extensionUri, 'samples', 'missing-invalidation.vsva');
      const content = new TextDecoder().decode(await workspace.fs.readFile(file));
      // A copy of one's own, to be changed at will; what is read beside it, as the walkthrough, stays in sight.
      const reads = window.activeTextEditor === undefined && window.tabGroups.activeTabGroup.activeTab !== undefined;
      const viewColumn = reads ? ViewColumn.Beside : ViewColumn.Active;
      const editor = await window.showTextDocument(await workspace.openTextDocument({ language: 'vsva', content }), {
        viewColumn,
      });
      // The line that fails, where the results and the quick fix are.
      const failing = content.split('\n').findLastIndex((line) => line.includes('expect fault'));
      const at = new Position(failing, content.split('\n')[failing]?.indexOf('expect') ?? 0);
      editor.selection = new Selection(at, at);
      editor.revealRange(new Range(at, at), TextEditorRevealType.InCenter);
    },
    'vsva.showWalk': (uri, line) => showText(WALK, uri, line),
    'vsva.showLayout': (uri, line) => showText(LAYOUT, uri, line),
    'vsva.compareGenerations': (uri, line) => showText(COMPAT, uri, line),
    'vsva.copyAsC': () => asked(() => copyPayload(client, editorInSight(), 'c')),
    'vsva.copyAsHex': () => asked(() => copyPayload(client, editorInSight(), 'hex')),
    'vsva.pasteHex': () => asked(() => pastePayload(client, editorInSight())),
    'vsva.restartServer': restart,
    'vsva.showOutput': () => client.outputChannel.show(true),
  };
  return Object.entries(COMMANDS).map(([name, handler]) => commands.registerCommand(name, handler));
}
