import { languages } from 'vscode';
import { until } from './check.ts';
import { extension, fileUri, open } from './editor.ts';

/** What VS Code notes of its own start, and of the extensions': names, and milliseconds since the epoch. */
interface Marks {
  getMarks(): readonly { readonly name: string; readonly startTime: number }[];
}

/**
 * Not a test: what a fresh window makes people wait. Opens its first `.vsva` file, a broken one, and prints one line for
 * each figure, `figure NAME: N ms`. How long the activation took is what VS Code itself has noted.
 */
export async function run(): Promise<void> {
  if (extension().isActive) throw new Error('the window is not cold: the extension is active already');
  let shown: number | undefined;
  const uri = fileUri('findings.vsva');
  const listener = languages.onDidChangeDiagnostics(() => {
    if (languages.getDiagnostics(uri).length > 0) shown ??= performance.now();
  });
  const opened = performance.now();
  await open('findings.vsva');
  const took = (await until('the first diagnostics', () => shown)) - opened;
  listener.dispose();
  const loaded = between('willLoadExtensionCode', 'didLoadExtensionCode');
  const called = between('willActivateExtension', 'didActivateExtension');
  print('loading the client', loaded);
  print('activate()', called);
  print('first diagnostics in a cold window', took);
}

/** Milliseconds between two of VS Code's marks for this extension. */
function between(from: string, to: string): number {
  const marks = (globalThis as { MonacoPerformanceMarks?: Marks }).MonacoPerformanceMarks?.getMarks() ?? [];
  const at = (name: string): number => {
    const found = marks.find((mark) => mark.name === `code/extHost/${name}/${extension().id}`);
    if (!found) throw new Error(`this VS Code has not noted ${name}`);
    return found.startTime;
  };
  return at(to) - at(from);
}

const print = (name: string, ms: number): void => console.log(`figure ${name}: ${ms.toFixed(1)} ms`);
