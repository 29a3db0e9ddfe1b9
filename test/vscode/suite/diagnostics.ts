import { DiagnosticSeverity, languages } from 'vscode';
import { matches, same, suite, until } from './check.ts';
import { closeAll, diagnosticsOf, fileUri, open, openText, replace, withSetting } from './editor.ts';

suite('diagnostics', {
  'a mistake is found, and gone when it is mended': async () => {
    const editor = await open('findings.vsva');
    const { document } = editor;
    const [found] = await until('a finding', () => {
      const all = diagnosticsOf(document).filter(
        (d) => d.code === 'argsz-too-small' || (d.code as { value?: string })?.value === 'argsz-too-small',
      );
      return 0 < all.length && all;
    });
    same(document.getText(found!.range), '8');
    same(found!.source, 'vsva');
    matches(found!.message, /EINVAL/);
    await replace(editor, 'argsz = 8', 'argsz = sizeof');
    await until('no finding', () => diagnosticsOf(document).every((d) => d.severity !== DiagnosticSeverity.Warning));
    await closeAll();
  },
  'what an include lacks is found where it is missing': async () => {
    const { document } = await openText('uapi vfio-2020-07\ninclude "nowhere.vsva"\n');
    await until('a finding', () => diagnosticsOf(document).some((d) => /nowhere/.test(d.message)));
    await closeAll();
  },
  'hints have a switch': async () => {
    const hints = () =>
      languages.getDiagnostics(fileUri('findings.vsva')).filter((d) => d.severity >= DiagnosticSeverity.Information);
    await open('findings.vsva');
    await until('a hint', () => 0 < hints().length);
    await withSetting('diagnostics.hints', false, async () => {
      await until('no hint', () => hints().length === 0);
    });
    await until('the hint again', () => 0 < hints().length);
    await closeAll();
  },
});
