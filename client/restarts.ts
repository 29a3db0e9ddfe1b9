import {
  CloseAction,
  type CloseHandlerResult,
  ErrorAction,
  type ErrorHandler,
  type ErrorHandlerResult,
} from 'vscode-languageclient';

/** A server that ends this often within that time, in milliseconds, is not started again by itself. */
const MOST = 5;
const WITHIN = 3 * 60_000;
/** Broken messages in a row after which the connection is given up. */
const MOST_ERRORS = 3;

/**
 * Starts the server again when it ends uncalled for, until that happens too often. What it says goes to the output and to
 * the status bar, never to a notification.
 */
export class Restarts implements ErrorHandler {
  readonly #now: () => number;
  #ends: number[] = [];

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How often the server ended by itself lately. */
  get count(): number {
    return this.#ends.length;
  }

  /** Somebody starts it by hand: what was, is forgotten. */
  reset(): void {
    this.#ends = [];
  }

  error(_error: Error, _message: unknown, count: number | undefined): ErrorHandlerResult {
    const action = (count ?? MOST_ERRORS) < MOST_ERRORS ? ErrorAction.Continue : ErrorAction.Shutdown;
    return { action, handled: true };
  }

  closed(): CloseHandlerResult {
    const now = this.#now();
    this.#ends = [...this.#ends.filter((end) => now - end < WITHIN), now];
    const { count } = this;
    if (count < MOST)
      return {
        action: CloseAction.Restart,
        message: `the language server ended by itself and is started again (${count} of ${MOST - 1} times)`,
        handled: true,
      };
    return {
      action: CloseAction.DoNotRestart,
      message: `the language server ended ${count} times within ${WITHIN / 60_000} minutes and is not started again; the command Restart Server does`,
      handled: true,
    };
  }
}
