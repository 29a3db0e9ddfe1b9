import { commands, extensions, window, workspace } from 'vscode';
import { matches, same, suite } from './check.ts';
import { api, closeAll, extension, fileUri, open } from './editor.ts';

suite('activation', {
  'stays asleep until a .vsva file is there': async () => {
    await window.showTextDocument(await workspace.openTextDocument(fileUri('notes.txt')));
    same(extension().isActive, false);
  },
  'wakes up with one': async () => {
    const { document } = await open('missing-invalidation.vsva');
    same(document.languageId, 'vsva');
    await api();
    same(extension().isActive, true);
    await closeAll();
  },
  'runs in the host and from the place it should': async () => {
    const { host } = await api();
    same(host, extension().extensionUri.scheme === 'file' ? 'node' : 'web');
    const installedIn = globalThis.process?.env?.VSVA_INSTALLED_IN;
    if (installedIn) same(extension().extensionUri.path.startsWith(installedIn), true, extension().extensionUri.path);
  },
  'knows its commands and opens nothing by itself': async () => {
    const known = new Set(await commands.getCommands(true));
    const named = (
      extensions.getExtension('vsva.vsva')!.packageJSON as { contributes: { commands: { command: string }[] } }
    ).contributes.commands;
    same(
      named.map((c) => c.command).filter((c) => !known.has(c)),
      [],
    );
    same(
      window.visibleTextEditors.map((e) => e.document.uri.toString()),
      [],
    );
  },
  'ships the sample that the walkthrough opens': async () => {
    await commands.executeCommand('vsva.openSample');
    const { document } = window.activeTextEditor!;
    same([document.languageId, document.isUntitled], ['vsva', true]);
    matches(document.getText(), /submit bind/);
    await closeAll();
  },
});
