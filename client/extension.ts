import type { ExtensionContext } from 'vscode';
import type { VsvaApi } from './start.ts';

/**
 * The extension in one script: desktop and browser load the same file, in which both hosts lie and one wakes up, so that
 * the package carries the language client once.
 */
export async function activate(context: ExtensionContext): Promise<VsvaApi> {
  const host = 'WorkerGlobalScope' in globalThis ? await import('./web.ts') : await import('./desktop.ts');
  return host.activate(context);
}
