import type { Connection } from 'vscode-languageserver';

/**
 * Server to client, for clients that say `readFiles: true` in their initializationOptions: the text of a file that only
 * the client can read, as in a browser. Params `{ uri }`, answer `{ text }` or `{ problem }`.
 */
export const READ = 'vsva/read';

type Text = string | { readonly problem: string };

/** Files that the client reads for the server. What was not asked for yet is missing for now and arrives later. */
export class RemoteFiles {
  readonly #connection: Connection | undefined;
  readonly #arrived: (file: string) => void;
  readonly #texts = new Map<string, Text>();

  constructor(connection: Connection | undefined, arrived: (file: string) => void) {
    this.#connection = connection;
    this.#arrived = arrived;
  }

  read(file: string): Text {
    if (!this.#connection) return { problem: 'only open files can be included here' };
    const known = this.#texts.get(file);
    if (known !== undefined) return known;
    const pending = { problem: 'it is still being read' };
    this.#texts.set(file, pending);
    const settle = (text: Text): void => {
      // Asked anew in between: that answer counts.
      if (this.#texts.get(file) !== pending) return;
      this.#texts.set(file, text);
      this.#arrived(file);
    };
    this.#connection.sendRequest<{ text?: unknown; problem?: unknown }>(READ, { uri: file }).then(
      ({ text, problem }) => settle(typeof text === 'string' ? text : { problem: String(problem ?? 'no text') }),
      (error) => settle({ problem: error instanceof Error ? error.message : String(error) }),
    );
    return pending;
  }

  forget(files: readonly string[]): void {
    for (const file of files) this.#texts.delete(file);
  }
}
