/// <reference lib="webworker" />
import { type ExtensionContext, Uri } from 'vscode';
import { LanguageClient } from 'vscode-languageclient/browser';
import { start, type VsvaApi } from './start.ts';

/** Browser: the server is a worker. */
export function activate(context: ExtensionContext): VsvaApi {
  const worker = new Worker(Uri.joinPath(context.extensionUri, 'dist/web/server.js').toString(true));
  return start(context, 'web', (options) => new LanguageClient('vsva', 'vsva', worker, options));
}
