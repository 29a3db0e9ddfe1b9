import {
  commands,
  extensions,
  languages,
  type Position,
  Range,
  type TextDocument,
  type TextEditor,
  Uri,
  window,
  workspace,
} from 'vscode';
import type { Drawn } from '../../../client/decorations.ts';
import type { VsvaApi } from '../../../client/start.ts';
import { until } from './check.ts';

const ID = 'vsva.vsva';

export const extension = () => {
  const found = extensions.getExtension<VsvaApi>(ID);
  if (!found) throw new Error(`${ID} is not installed`);
  return found;
};

/** What the active extension lets be seen, once its server runs. */
export async function api(): Promise<VsvaApi> {
  const exported = await extension().activate();
  await exported.ready;
  return exported;
}

export const fileUri = (name: string): Uri => Uri.joinPath(workspace.workspaceFolders![0]!.uri, name);

export async function open(name: string): Promise<TextEditor> {
  return window.showTextDocument(await workspace.openTextDocument(fileUri(name)), { preview: false });
}

let written = 0;

/** A new file with this text. Untitled documents would get back what a backup of the last of that name holds. */
export async function openText(content: string): Promise<TextEditor> {
  const uri = fileUri(`text-${++written}.vsva`);
  await workspace.fs.writeFile(uri, new TextEncoder().encode(content));
  return window.showTextDocument(await workspace.openTextDocument(uri), { preview: false });
}

export async function closeAll(): Promise<void> {
  for (const document of workspace.textDocuments)
    if (document.isDirty) {
      await window.showTextDocument(document);
      await commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    }
  await commands.executeCommand('workbench.action.closeAllEditors');
}

/** The first place of a text; `offset` goes into it. */
export function at(document: TextDocument, text: string, offset = 0): Position {
  const found = document.getText().indexOf(text);
  if (found < 0) throw new Error(`no ${JSON.stringify(text)} in ${document.uri}`);
  return document.positionAt(found + offset);
}

export const lineOf = (document: TextDocument, text: string): number => at(document, text).line;

export async function replace(editor: TextEditor, from: string, to: string): Promise<void> {
  const start = at(editor.document, from);
  const range = new Range(start, at(editor.document, from, from.length));
  if (!(await editor.edit((edit) => edit.replace(range, to)))) throw new Error(`the edit of ${from} was refused`);
}

/** What stands at the end of a line, once it is current and passes the test. */
export async function drawnAt(document: TextDocument, line: number, wanted: (drawn: Drawn) => boolean): Promise<Drawn> {
  const { drawn } = await api();
  return until(`a result behind line ${line + 1} of ${document.uri}`, () =>
    drawn(document.uri.toString()).find((d) => d.line === line && wanted(d)),
  );
}

export const diagnosticsOf = (document: TextDocument) => languages.getDiagnostics(document.uri);

/** Changes a setting for the length of some work. */
export async function withSetting(name: string, value: unknown, work: () => Promise<void>): Promise<void> {
  const settings = workspace.getConfiguration('vsva');
  await settings.update(name, value, true);
  try {
    await work();
  } finally {
    await settings.update(name, undefined, true);
  }
}
