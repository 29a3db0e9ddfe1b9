import { workspace } from 'vscode';
import { matches, same, suite, until } from './check.ts';
import { api, closeAll, diagnosticsOf, drawnAt, fileUri, open, openText } from './editor.ts';

const write = (name: string, text: string): Thenable<void> =>
  workspace.fs.writeFile(fileUri(name), new TextEncoder().encode(text));

const textWith = (include: string): string =>
  `uapi vfio-2020-07\ninclude "${include}"\nscenario "reads" {\n  expect page == 4096\n}\n`;

suite('included files that are not open', {
  'appear, change and vanish, and results follow': async () => {
    // Not a name that anything but this include speaks of.
    const name = `late-${Date.now()}.inc`;
    const { document } = await openText(textWith(name));
    const codes = () => diagnosticsOf(document).map((d) => (d.code as { value?: unknown })?.value ?? d.code);
    await until('an unreadable include', () => codes().includes('include-unreadable'));
    await write(name, 'let page = 1\n');
    await until('a readable include', () => !codes().includes('include-unreadable'));
    matches((await drawnAt(document, 3, (d) => d.failed && d.current)).text, /^✗ /);
    await write(name, 'let page = 4096\n');
    same((await drawnAt(document, 3, (d) => !d.failed && d.current)).kind, 'ok');
    await workspace.fs.delete(fileUri(name));
    await until('an unreadable include', () => codes().includes('include-unreadable'));
    const { drawn } = await api();
    await until('no result of it as current', () =>
      drawn(document.uri.toString()).every((d) => !d.current || d.kind !== 'ok'),
    );
    await closeAll();
  },
  'are read from where the workspace lies, disk or not': async () => {
    const { document } = await open('includes.vsva');
    same((await drawnAt(document, 4, (d) => d.current)).text, '✓ ok · returned 0x1');
    await closeAll();
  },
});
