import { type CodeLens, commands, Position, Selection, type Uri, window, workspace } from 'vscode';
import { matches, same, suite, until } from './check.ts';
import { api, at, closeAll, diagnosticsOf, drawnAt, lineOf, open, openText, replace, withSetting } from './editor.ts';

const SCENARIO = `uapi vfio-2020-07

scenario "one access" {
  dma read dev0 at 0x1000
  dma read dev0 at 0x1000
}

scenario "another" {
  dma read dev0 at 0x2000
}
`;
/** What covers the page of the sample's buffer, as a hardware command. */
const FLUSH = 'invalidate iommu0 p_iotlb_inv { G = pasid, DID = 2, PASID = pasid }';
const current = (d: { current: boolean }): boolean => d.current;

suite('live results', {
  'stand at the end of each line, with a sign and words': async () => {
    const { document } = await openText(SCENARIO);
    const first = await drawnAt(document, 3, current);
    same(first.text, '✓ HPA 0x1_0000_1000 · 4 refs · miss');
    same((await drawnAt(document, 4, current)).text, '✓ HPA 0x1_0000_1000 · hit IOTLB');
    const { status } = await api();
    await until('the total', () => status(document.uri.toString()).text === '$(pass) vsva: 2 passed');
    await closeAll();
  },
  'go stale with the first edit and come back': async () => {
    const editor = await openText(SCENARIO);
    const { document } = editor;
    const uri = document.uri.toString();
    await drawnAt(document, 8, current);
    const { drawn, status } = await api();
    const seen: string[] = [];
    // What is drawn in the very moment of the edit, before the server can have answered.
    const watch = workspace.onDidChangeTextDocument((event) => {
      if (event.document === document && event.contentChanges.length > 0)
        seen.push(...drawn(uri).map((d) => d.text), status(uri).text);
    });
    await editor.edit((edit) => edit.insert(new Position(2, 0), '// a line more\n'));
    watch.dispose();
    same(
      seen.filter((text) => !/\(stale\)$/.test(text) && !/running/.test(text)),
      [],
      'shown as current after an edit',
    );
    same(0 < seen.length, true);
    same((await drawnAt(document, 9, current)).text, '✓ HPA 0x1_0000_2000 · 4 refs · miss');
    await closeAll();
  },
  'a failure is an entry among the problems, with related places': async () => {
    const editor = await open('missing-invalidation.vsva');
    const { document } = editor;
    const line = lineOf(document, 'buffer expect fault');
    const failed = await drawnAt(document, line, (d) => d.failed && d.current);
    matches(failed.text, /^✗ STALE: edited line \d+, cached line \d+/);
    same(failed.kind, 'failed');
    const problem = await until('the failure', () => diagnosticsOf(document).find((d) => d.range.start.line === line));
    same(2 <= (problem.relatedInformation ?? []).length, true, 'related places');
    const { status } = await api();
    same(status(document.uri.toString()).text, '$(error) vsva: 1 failed');
    await withSetting('diagnostics.results', false, async () => {
      await until('no entry', () => diagnosticsOf(document).length === 0);
      same((await drawnAt(document, line, () => true)).failed, true);
    });
    await until('the entry again', () => 0 < diagnosticsOf(document).length);
    await replace(editor, 'unmap gpt buffer\n', `unmap gpt buffer\n  ${FLUSH}\n`);
    await drawnAt(document, line + 1, (d) => d.kind === 'fault' && d.current);
    await until('no failure', () => diagnosticsOf(document).length === 0);
    await until('the total', () => status(document.uri.toString()).text === '$(pass) vsva: 1 passed');
    await closeAll();
  },
  'wait for the command when live runs are off': async () => {
    await withSetting('run.live', 'off', async () => {
      const { document } = await openText(SCENARIO);
      const { drawn, status } = await api();
      await until('diagnostics or nothing', async () => (await lenses(document)).length >= 3);
      same(drawn(document.uri.toString()), []);
      matches(status(document.uri.toString()).text, /not run/);
      await commands.executeCommand('vsva.runAll');
      await drawnAt(document, 8, current);
    });
    await closeAll();
  },
  'each kind has a switch, and so have all of them': async () => {
    const { document } = await open('kinds.vsva');
    const { drawn } = await api();
    const shown = () => drawn(document.uri.toString());
    await drawnAt(document, lineOf(document, 'scenario "a mistake"'), current);
    const before = await until('current results', () => shown().every(current) && shown());
    const kinds = ['ok', 'fault', 'errno', 'hidden', 'stale', 'failed', 'note'];
    same([...new Set(before.map((d) => d.kind))].toSorted(), kinds.toSorted(), 'kinds');
    for (const kind of kinds) {
      const others = before.filter((d) => d.kind !== kind).length;
      await withSetting(`results.${kind}`, false, async () => {
        await until(`all but ${kind}`, () => shown().length === others && shown().every((d) => d.kind !== kind));
      });
      await until('results again', () => shown().length === before.length);
    }
    for (const name of ['results.enabled', 'hints.enabled']) {
      await withSetting(name, false, async () => {
        await until(`nothing with ${name} off`, () => shown().length === 0);
      });
      await until('results again', () => shown().length === before.length);
    }
    await closeAll();
  },
  'wait for saving when they are to': async () => {
    await withSetting('run.live', 'onSave', async () => {
      const editor = await openText(SCENARIO);
      const { document } = editor;
      await commands.executeCommand('vsva.runAll');
      await drawnAt(document, 8, current);
      await replace(editor, '0x2000', '0x3000');
      const { text } = await drawnAt(document, 8, (d) => !d.current);
      matches(text, /0x1_0000_2000 .*\(stale\)$/);
      await document.save();
      matches((await drawnAt(document, 8, current)).text, /0x1_0000_3000/);
    });
    await closeAll();
  },
  'follow an included file': async () => {
    const { document } = await open('includes.vsva');
    same((await drawnAt(document, 4, current)).text, '✓ ok · returned 0x1');
    const guest = await open('shared/guest.vsva');
    await replace(guest, 'max = 100', 'max = 0');
    matches((await drawnAt(document, 4, (d) => d.failed && d.current)).text, /^✗ /);
    await closeAll();
  },
  'a file with an error still runs its intact scenarios': async () => {
    const { document } = await openText(SCENARIO.replace('dma read dev0 at 0x2000', 'dma read nowhere at 0x2000'));
    same((await drawnAt(document, 3, current)).text, '✓ HPA 0x1_0000_1000 · 4 refs · miss');
    matches((await drawnAt(document, 7, current)).text, /^· skipped: /);
    await closeAll();
  },
});

const lenses = async (document: { uri: Uri }): Promise<CodeLens[]> =>
  (await commands.executeCommand<CodeLens[] | undefined>('vscode.executeCodeLensProvider', document.uri, 100)) ?? [];

suite('code lenses', {
  'run what they stand above': async () => {
    await withSetting('run.live', 'off', async () => {
      const { document } = await openText(SCENARIO);
      const { drawn } = await api();
      const titles = async () =>
        (await lenses(document)).map((l) => `${l.range.start.line}: ${l.command?.title ?? ''}`);
      const shown = await until('three lenses', async () => {
        const all = await titles();
        return all.length === 3 && all;
      });
      matches(shown.join('\n'), /0: .*Run all/i);
      matches(shown.join('\n'), /7: .*Run scenario/i);
      const lens = (await lenses(document)).find((l) => l.range.start.line === 7)!;
      await commands.executeCommand(lens.command!.command, ...(lens.command!.arguments ?? []));
      await drawnAt(document, 8, current);
      same(
        drawn(document.uri.toString()).filter((d) => d.current && d.line < 7),
        [],
        'the other scenario',
      );
    });
    await closeAll();
  },
  'keep their number while typing, and have switches': async () => {
    const editor = await openText(SCENARIO);
    const { document } = editor;
    await until('three lenses', async () => (await lenses(document)).length === 3);
    await replace(editor, 'dma read dev0 at 0x2000', 'dma read dev0 at 0x2000 expect nonse');
    same((await lenses(document)).length, 3);
    for (const [name, left] of [
      ['lens.enabled', 0],
      ['lens.runAll', 2],
      ['lens.runScenario', 1],
    ] as const) {
      await withSetting(name, false, async () => {
        await until(`${left} lenses`, async () => (await lenses(document)).length === left);
      });
      await until('lenses again', async () => (await lenses(document)).length === 3);
    }
    await closeAll();
  },
});

suite('read-only texts', {
  'Show Walk opens the walk of the access at the cursor, at most 72 columns wide': async () => {
    const editor = await openText(SCENARIO);
    await drawnAt(editor.document, 8, current);
    const at4 = at(editor.document, 'dma read');
    editor.selection = new Selection(at4, at4);
    await commands.executeCommand('vsva.showWalk');
    const text = await shownText();
    matches(text, /0x1_0000_1000/);
    same(
      text.split('\n').filter((line) => 72 < line.length),
      [],
      'lines wider than 72 columns',
    );
    await closeAll();
  },
  'Show Layout opens the bytes of a payload': async () => {
    const editor = await open('missing-invalidation.vsva');
    const place = at(editor.document, 'alloc {');
    editor.selection = new Selection(place, place);
    await commands.executeCommand('vsva.showLayout');
    matches(await shownText(), /argsz/);
    await closeAll();
  },
});

const shownText = (): Promise<string> =>
  until('a read-only text', () =>
    window.visibleTextEditors.find((e) => e.document.uri.scheme === 'vsva-text')?.document.getText(),
  );

suite('server', {
  'is restarted, and results come back': async () => {
    const { document } = await openText(SCENARIO);
    await drawnAt(document, 8, current);
    await commands.executeCommand('vsva.restartServer');
    await drawnAt(document, 8, current);
    await closeAll();
  },
  'cancels what runs too long, and answers meanwhile': async () => {
    const loop =
      'uapi vfio-2020-07\nscenario "long" {\n  for i in 0..1_000_000_000_000 {\n    dma read dev0 at 0x1000\n  }\n}\n';
    // Were it not cancelled, it would run for days.
    await withSetting('run.maxSteps', Number.MAX_SAFE_INTEGER, async () => {
      const { document } = await openText(loop);
      const { status, drawn } = await api();
      const uri = document.uri.toString();
      await until('a run', () => /running/.test(status(uri).text));
      same((await lenses(document)).length, 2, 'lenses while it runs');
      const began = Date.now();
      await commands.executeCommand('vsva.cancelRun');
      await until('the end of the run', () => !/running/.test(status(uri).text));
      same(Date.now() - began < 1000, true, `cancelled after ${Date.now() - began} ms`);
      same(
        drawn(uri).some((d) => /cancelled/.test(d.text)),
        true,
        JSON.stringify(drawn(uri)),
      );
    });
    await closeAll();
  },
});
