import type { Connection } from 'vscode-languageserver';
import { READ, type ReadAnswer, type ReadParams } from '../protocol.ts';

type Text = string | { readonly problem: string };

/** Files that the client reads for the server. What was not asked for yet is missing for now and arrives later. */
export class RemoteFiles {
  readonly #connection: Connection | undefined;
  readonly #arrived: (file: string) => void;
  readonly #texts = new Map<string, Text>();
  /** The latest question of each file that has not been answered. */
  readonly #asked = new Map<string, symbol>();

  /** `arrived` hears of every file whose text is another one now. Without a connection there are no such files. */
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
    this.#ask(file);
    return pending;
  }

  /**
   * These files have changed, appeared or vanished. Those that were read here are read anew; until then their old text
   * stands. Answers the others.
   */
  changed(files: readonly string[]): readonly string[] {
    const mine = files.filter((file) => this.#texts.has(file));
    for (const file of mine) this.#ask(file);
    return files.filter((file) => !mine.includes(file));
  }

  #ask(file: string): void {
    const question = Symbol();
    this.#asked.set(file, question);
    const settle = (text: Text): void => {
      // Asked anew in between: that answer counts.
      if (this.#asked.get(file) !== question) return;
      this.#asked.delete(file);
      if (isSame(this.#texts.get(file), text)) return;
      this.#texts.set(file, text);
      this.#arrived(file);
    };
    this.#connection!.sendRequest<ReadAnswer | null>(READ, { uri: file } satisfies ReadParams).then(
      (answer) => settle(textOf(answer)),
      (error) => settle({ problem: error instanceof Error ? error.message : String(error) }),
    );
  }
}

/** What a client answers may be anything. */
function textOf(answer: unknown): Text {
  const { text, problem } = (answer ?? {}) as { readonly text?: unknown; readonly problem?: unknown };
  return typeof text === 'string'
    ? text
    : { problem: typeof problem === 'string' ? problem : 'the client has no text' };
}

const isSame = (a: Text | undefined, b: Text): boolean =>
  a === b || (typeof a === 'object' && typeof b === 'object' && a.problem === b.problem);
