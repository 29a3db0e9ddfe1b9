import {
  type CodeAction,
  type CompletionList,
  commands,
  DiagnosticSeverity,
  type Hover,
  MarkdownString,
  workspace,
} from 'vscode';
import { matches, same, suite, until } from './check.ts';
import { at, closeAll, diagnosticsOf, drawnAt, lineOf, open, openText } from './editor.ts';

const hoverText = (hovers: readonly Hover[] | undefined): string =>
  (hovers ?? [])
    .flatMap((h) => h.contents)
    .map((c) => (c instanceof MarkdownString ? c.value : typeof c === 'string' ? c : c.value))
    .join('\n');

suite('language', {
  'hover tells what a field is': async () => {
    const { document } = await open('missing-invalidation.vsva');
    const text = await until('a hover', async () => {
      const found = await commands.executeCommand<Hover[]>(
        'vscode.executeHoverProvider',
        document.uri,
        at(document, 'addr_width', 2),
      );
      return hoverText(found) || undefined;
    });
    matches(text, /addr_width/);
    await closeAll();
  },
  'completion offers the constants that a field takes': async () => {
    const { document } = await openText('uapi vfio-2020-07\nbind_data b {\n  format = \n}\n');
    const labels = await until('completions', async () => {
      const list = await commands.executeCommand<CompletionList>(
        'vscode.executeCompletionItemProvider',
        document.uri,
        at(document, 'format = ', 9),
      );
      const sorted = list.items.toSorted((x, y) => ((x.sortText ?? '') < (y.sortText ?? '') ? -1 : 1));
      const all = sorted.map((i) => (typeof i.label === 'string' ? i.label : i.label.label));
      return all.includes('IOMMU_PASID_FORMAT_INTEL_VTD') && all;
    });
    // The rest of an expression follows behind.
    same(labels[0], 'IOMMU_PASID_FORMAT_INTEL_VTD');
    await closeAll();
  },
  'a code action mends a finding': async () => {
    const { document } = await open('findings.vsva');
    const found = await until('a finding', () =>
      diagnosticsOf(document).find((d) => document.getText(d.range) === '8'),
    );
    const actions = await until('actions', async () => {
      const all = await commands.executeCommand<CodeAction[]>(
        'vscode.executeCodeActionProvider',
        document.uri,
        found.range,
        undefined,
        10,
      );
      return all.some((a) => a.edit) && all;
    });
    const action = actions.find((a) => a.edit && /sizeof/.test(a.title)) ?? actions.find((a) => a.edit)!;
    same(await workspace.applyEdit(action.edit!), true);
    matches(document.lineAt(lineOf(document, 'argsz')).text, /argsz = sizeof/);
    await until('no warning', () => diagnosticsOf(document).every((d) => d.severity !== DiagnosticSeverity.Warning));
    await closeAll();
  },
  'a code action adds the missing invalidation': async () => {
    const { document } = await open('missing-invalidation.vsva');
    const line = lineOf(document, 'buffer expect fault');
    await drawnAt(document, line, (d) => d.failed && d.current);
    const action = await until('the action', async () => {
      const range = document.lineAt(line).range;
      const all = await commands.executeCommand<CodeAction[]>(
        'vscode.executeCodeActionProvider',
        document.uri,
        range,
        undefined,
        20,
      );
      return all.find((a) => /^Flush the page before this access/.test(a.title) && a.edit);
    });
    same(await workspace.applyEdit(action.edit!), true);
    await drawnAt(document, lineOf(document, 'buffer expect fault'), (d) => d.kind === 'fault' && d.current);
    await closeAll();
  },
});
