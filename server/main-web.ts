/**
 * The language server in one script: a browser loads it into a worker, and Node through `main.ts`. Both hosts are in it,
 * of which one wakes up, so that the extension carries the engine and the language once.
 */
import { HALVES, start } from './host-web.ts';

/** Given by `main.ts`: the file that starts a thread like this process. */
declare const main: string | undefined;

// Only what belongs to one host is imported when it is wanted. The bundler makes functions of such modules and of all that
// they import, which are parsed once to be found and once more to be run: for the engine that is 20 ms of a start.
if (typeof main === 'string') {
  const file = main;
  void import('./host-node.ts').then((host) => host.start(file, HALVES));
} else void start();
