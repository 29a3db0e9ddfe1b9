import { join } from 'node:path';
import type { ExtensionContext } from 'vscode';
import { LanguageClient, TransportKind } from 'vscode-languageclient/node';
import { start, type VsvaApi } from './start.ts';

/** Desktop and remote: the server is a Node process. */
export function activate(context: ExtensionContext): VsvaApi {
  const module = context.asAbsolutePath(join('dist', 'server.cjs'));
  return start(
    context,
    'node',
    (options) => new LanguageClient('vsva', 'vsva', { module, transport: TransportKind.ipc }, options),
  );
}
