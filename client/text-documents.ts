import {
  type Disposable,
  EventEmitter,
  type Position,
  type TextDocumentContentProvider,
  Uri,
  ViewColumn,
  window,
  workspace,
} from 'vscode';
import type { PositionParams, TextAnswer } from '../server/protocol.ts';
import { type LineEdit, shiftThrough } from './line-shift.ts';

export const TEXT_SCHEME = 'vsva-text';

/** Asks the server for a text. */
export type Ask = (method: string, params: PositionParams) => Promise<TextAnswer>;

interface Source {
  readonly method: string;
  readonly params: PositionParams;
  readonly text: string;
}

/** Read-only texts that the server writes: walks and layouts. An open one follows the results of its file. */
export class TextDocuments implements TextDocumentContentProvider, Disposable {
  readonly #sources = new Map<string, Source>();
  readonly #changed = new EventEmitter<Uri>();
  readonly #ask: Ask;
  readonly #disposables: readonly Disposable[];
  readonly onDidChange = this.#changed.event;

  constructor(ask: Ask) {
    this.#ask = ask;
    this.#disposables = [
      workspace.registerTextDocumentContentProvider(TEXT_SCHEME, this),
      workspace.onDidCloseTextDocument(({ uri }) => this.#sources.delete(uri.toString())),
      this.#changed,
    ];
  }

  provideTextDocumentContent(uri: Uri): string {
    return this.#sources.get(uri.toString())?.text ?? 'This text is gone. Ask for it again from its .vsva file.\n';
  }

  /** Opens a text beside the file, or says why there is none. */
  async show(method: string, of: Uri, position: Position): Promise<void> {
    const params: PositionParams = { uri: of.toString(), line: position.line, character: position.character };
    const answer = await this.#ask(method, params);
    if ('problem' in answer) {
      void window.showInformationMessage(answer.problem);
      return;
    }
    const path = `/${answer.title.replaceAll(/[\\/]/g, '∕')}`;
    const uri = Uri.from({ scheme: TEXT_SCHEME, path, query: `${method}&${params.uri}` });
    this.#sources.set(uri.toString(), { method, params, text: answer.text });
    this.#changed.fire(uri);
    const document = await workspace.openTextDocument(uri);
    // Beside the file it belongs to, wherever the command came from: over the file, it would take its place.
    const column = window.visibleTextEditors.find((e) => e.document.uri.toString() === params.uri)?.viewColumn;
    const viewColumn = column === undefined ? ViewColumn.Beside : column + 1;
    await window.showTextDocument(document, { viewColumn, preserveFocus: true, preview: true });
  }

  /** The lines that the texts belong to move with their file. */
  edited(uri: string, edits: readonly LineEdit[]): void {
    for (const [key, source] of this.#sources) {
      if (source.params.uri !== uri) continue;
      const line = shiftThrough({ line: source.params.line }, edits)?.line;
      if (line !== undefined) this.#sources.set(key, { ...source, params: { ...source.params, line } });
    }
  }

  /** New results are there: what is open is asked for again. */
  async refresh(uri: string): Promise<void> {
    for (const [key, source] of this.#sources) {
      if (source.params.uri !== uri) continue;
      const answer = await this.#ask(source.method, source.params).catch((error: unknown) => ({
        problem: String(error),
      }));
      const text = 'problem' in answer ? `${answer.problem}\n` : answer.text;
      const present = this.#sources.get(key);
      if (!present || present.text === text) continue;
      this.#sources.set(key, { ...present, text });
      this.#changed.fire(Uri.parse(key));
    }
  }

  dispose(): void {
    for (const each of this.#disposables) each.dispose();
  }
}
