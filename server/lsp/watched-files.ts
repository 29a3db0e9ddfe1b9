import { type Connection, DidChangeWatchedFilesNotification, type FileSystemWatcher } from 'vscode-languageserver';
import { baseName } from '../world/uri.ts';

/** More files than anybody includes; what comes after is noticed at the next change of the text. */
const MOST = 1000;

/**
 * Has the client watch the very files that documents include, wherever they lie and whatever they are called, present or
 * not. A watcher of `.vsva` files in the workspace alone sees neither a file outside of it nor one of another name.
 */
export class WatchedFiles {
  readonly #connection: Connection | undefined;
  readonly #log: (text: string) => void;
  readonly #known = new Set<string>();
  #waiting: string[] = [];

  /** Without a connection, for clients that cannot watch folders, it does nothing. */
  constructor(connection: Connection | undefined, log: (text: string) => void) {
    this.#connection = connection;
    this.#log = log;
  }

  /** A document has asked for this file, by URI. Those of one go are registered in one go. */
  add(file: string): void {
    if (!this.#connection || this.#known.has(file) || MOST <= this.#known.size) return;
    this.#known.add(file);
    this.#waiting.push(file);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#register());
  }

  #register(): void {
    const watchers = this.#waiting.flatMap(watcherOf);
    this.#waiting = [];
    if (watchers.length === 0) return;
    this.#connection!.client.register(DidChangeWatchedFilesNotification.type, { watchers }).catch((error: unknown) =>
      this.#log(`watching included files: ${error instanceof Error ? error.message : String(error)}`),
    );
  }
}

function watcherOf(file: string): FileSystemWatcher[] {
  // The folder of a file at the root is the root.
  const [, root, folder] = /^([a-z][a-z0-9+.-]*:(?:\/\/[^/]*)?\/)((?:.*(?=\/))?)\/?[^/]+$/i.exec(file) ?? [];
  if (root === undefined) return [];
  // A character that means something in a glob stands for itself as a class of one.
  const pattern = baseName(file).replace(/[[\]{}*?]/g, '[$&]');
  return [{ globPattern: { baseUri: `${root}${folder}`, pattern } }];
}
