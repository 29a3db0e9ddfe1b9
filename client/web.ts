/// <reference lib="webworker" />
import { type ExtensionContext, Uri } from 'vscode';
import { BrowserMessageReader, BrowserMessageWriter, LanguageClient } from 'vscode-languageclient/browser';
import { start, type VsvaApi } from './start.ts';

/** Browser: the server is a worker, a new one for every start, so that one that hangs can be got rid of. */
export function activate(context: ExtensionContext): VsvaApi {
  const script = Uri.joinPath(context.extensionUri, 'dist/web/server.js').toString(true);
  let worker: Worker | undefined;
  const end = (): void => worker?.terminate();
  context.subscriptions.push({ dispose: end });
  return start(context, 'web', (options) => {
    // Both ends, not the worker: VS Code puts its own constructor in place of `Worker`, and `instanceof` is lost.
    const spawn = async () => {
      end();
      worker = new Worker(script);
      return { reader: new BrowserMessageReader(worker), writer: new BrowserMessageWriter(worker) };
    };
    return new LanguageClient('vsva', 'vsva', spawn, options);
  });
}
