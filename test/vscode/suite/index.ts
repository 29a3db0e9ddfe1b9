import { env, UIKind } from 'vscode';
import { runAll } from './check.ts';
import { closeAll, extension } from './editor.ts';
import './activation.ts';
import './diagnostics.ts';
import './results.ts';
import './language.ts';
import './includes.ts';
import './crash.ts';

/** What VS Code calls inside the extension host. */
export async function run(): Promise<void> {
  const host = extension().extensionUri.scheme === 'file' ? 'node host' : 'web host';
  await runAll(`${host}, ${env.uiKind === UIKind.Web ? 'web' : 'desktop'} workbench`, closeAll);
}
