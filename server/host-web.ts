import type { BrowserMessageReader } from 'vscode-languageserver/browser';
import { serve } from './lsp/connection.ts';
import type { FromWorker, ToWorker } from './world/jobs.ts';
import type { SpawnWorker } from './world/runner.ts';
import { serveJobs } from './world/worker.ts';

/** Put in place by the build. */
declare const VSVA_VERSION: string;

/** What is used of the browser; nothing else in the server knows it. */
interface WebWorker {
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: { readonly message?: string }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}
interface Scope {
  readonly name: string;
  readonly location: { readonly href: string };
  readonly Worker?: new (url: string, options: { readonly name: string }) => WebWorker;
  onmessage: WebWorker['onmessage'];
  postMessage(message: unknown): void;
}
const scope = globalThis as unknown as Scope;

/** The name by which a worker knows that it is there to run scenarios. */
const RUNS_SCENARIOS = 'vsva runs scenarios';

/**
 * Starts this very script once more. Its address may be a `blob:` that the editor made, next to which there is no other
 * file; that is why the worker has no script of its own. A browser without workers in workers runs scenarios in between.
 */
const spawn: SpawnWorker = (heard, ended) => {
  if (!scope.Worker) return inBetween(heard);
  const worker = new scope.Worker(scope.location.href, { name: RUNS_SCENARIOS });
  worker.onmessage = ({ data }) => heard(data as FromWorker);
  worker.onerror = ({ message }) => {
    worker.terminate();
    ended(message ?? 'it could not be loaded');
  };
  return { post: (message) => worker.postMessage(message), terminate: () => worker.terminate() };
};

const inBetween: (heard: (message: FromWorker) => void) => ReturnType<SpawnWorker> = (heard) => {
  let isOver = false;
  const work = serveJobs((message) => {
    if (!isOver) heard(message);
  });
  return {
    post: (message) => void setTimeout(() => work(message), 0),
    terminate: () => {
      isOver = true;
    },
  };
};

/** What either host starts: the language server, and what runs scenarios for it. */
export const HALVES = { serve, serveJobs };

/** In a worker the language server, in a worker of that one what runs scenarios for it. */
export async function start(): Promise<void> {
  if (scope.name === RUNS_SCENARIOS) {
    const heard = serveJobs((message) => scope.postMessage(message));
    scope.onmessage = ({ data }) => heard(data as ToWorker);
  } else {
    const library = await import('vscode-languageserver/browser');
    const ends = scope as unknown as ConstructorParameters<typeof BrowserMessageReader>[0];
    const reader = new library.BrowserMessageReader(ends);
    const connection = library.createConnection(reader, new library.BrowserMessageWriter(ends));
    serve(connection, { read: () => undefined, spawn, version: VSVA_VERSION });
  }
}
