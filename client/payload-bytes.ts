import { env, Position, type TextEditor, window } from 'vscode';
import type { BaseLanguageClient } from 'vscode-languageclient';
import {
  DECODE,
  type DecodeAnswer,
  type DecodeParams,
  EXPORT,
  type ExportParams,
  type TextAnswer,
} from '../server/protocol.ts';

const NO_EDITOR = 'Open a .vsva file first.';

/** Puts the payload under the cursor on the clipboard. */
export async function copyPayload(
  client: BaseLanguageClient,
  editor: TextEditor | undefined,
  as: ExportParams['as'],
): Promise<void> {
  if (!editor) return tell(NO_EDITOR);
  const { line, character } = editor.selection.active;
  const params: ExportParams = { uri: editor.document.uri.toString(), line, character, as };
  const answer = await client.sendRequest<TextAnswer>(EXPORT, params);
  if ('problem' in answer) return tell(answer.problem);
  await env.clipboard.writeText(answer.text);
  window.setStatusBarMessage(`vsva: copied ${answer.title} as ${as === 'c' ? 'C' : as}`, 4000);
}

/** Inserts the payload that the clipboard's hex is, behind the declaration of the cursor; asks for a struct where several fit. */
export async function pastePayload(client: BaseLanguageClient, editor: TextEditor | undefined): Promise<void> {
  if (!editor) return tell(NO_EDITOR);
  const { line, character } = editor.selection.active;
  const hex = await env.clipboard.readText();
  const params: DecodeParams = { uri: editor.document.uri.toString(), line, character, hex };
  let answer = await client.sendRequest<DecodeAnswer>(DECODE, params);
  if ('choose' in answer) {
    const items = answer.choose.map(({ struct, detail }) => ({ label: struct, detail }));
    const chosen = await window.showQuickPick(items, {
      title: 'Paste Hex as Payload',
      placeHolder: answer.problem,
      matchOnDetail: true,
    });
    if (!chosen) return;
    answer = await client.sendRequest<DecodeAnswer>(DECODE, { ...params, struct: chosen.label });
  }
  if (!('text' in answer)) return tell(answer.problem);
  const { text } = answer;
  const at = new Position(answer.line, 0);
  // Behind the last line there is none to insert at: the text then begins one.
  const inFile = answer.line < editor.document.lineCount;
  await editor.edit((edit) => edit.insert(at, inFile ? text : `\n${text}`));
}

const tell = (problem: string): void => void window.showInformationMessage(`vsva: ${problem}`);
