/**
 * The language server in one script: a browser loads it into a worker, and Node through `main.ts`. Both hosts are in it,
 * of which one wakes up, so that the extension carries the engine and the language once.
 */

/** Given by `main.ts`: the file that starts a thread like this process. */
declare const main: string | undefined;

if (typeof main === 'string') {
  const file = main;
  void import('./host-node.ts').then((host) => host.start(file));
} else void import('./host-web.ts').then((host) => host.start());
