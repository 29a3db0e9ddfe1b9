import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { serve } from './lsp/connection.ts';
import type { FromWorker, ToWorker } from './world/jobs.ts';
import type { SpawnWorker } from './world/runner.ts';
import type { serveJobs } from './world/worker.ts';

/** Put in place by the build. */
declare const VSVA_VERSION: string;

/** A scenario's memory is sparse; one that needs more than this is a slip. What is young is kept small: nobody waits for it. */
const LIMITS = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 8 };

const spawnFrom =
  (main: string): SpawnWorker =>
  (heard, ended) => {
    const worker = new Worker(main, { resourceLimits: LIMITS, argv: [] });
    let why: string | undefined;
    worker.on('message', heard);
    worker.on('error', (error) => {
      why = error.message;
    });
    worker.on('exit', (code) => ended(why ?? `exit code ${code}`));
    // The server ends when its client does, whatever runs.
    worker.unref();
    return { post: (message) => worker.postMessage(message), terminate: () => void worker.terminate() };
  };

function readFile(uri: string): string | { readonly problem: string } | undefined {
  if (!uri.startsWith('file:')) return undefined;
  try {
    return readFileSync(fileURLToPath(uri), 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { problem: code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'it is a directory' : message };
  }
}

/** What a process and a thread do; it is the same in a browser. */
interface Halves {
  readonly serve: typeof serve;
  readonly serveJobs: typeof serveJobs;
}

/**
 * In a process the language server, in a thread of it the worker that runs scenarios for it. `main` starts either. The
 * library that speaks to a client sleeps in a worker: it would only take memory.
 */
export async function start(main: string, { serve, serveJobs }: Halves): Promise<void> {
  if (isMainThread) {
    const { createConnection, ProposedFeatures } = await import('vscode-languageserver/node');
    serve(createConnection(ProposedFeatures.all), { read: readFile, spawn: spawnFrom(main), version: VSVA_VERSION });
  } else {
    const heard = serveJobs((message: FromWorker) => parentPort!.postMessage(message));
    parentPort!.on('message', (message: ToWorker) => heard(message));
  }
}
