/** A scripted LSP client over stdio: sends what it is told, keeps what it hears. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { InitializeResult, PublishDiagnosticsParams } from 'vscode-languageserver';
import {
  createProtocolConnection,
  type MessageConnection,
  type ProtocolConnection,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { RESULTS, type ResultsParams } from '../server/protocol.ts';

export interface Heard {
  readonly method: string;
  readonly params: unknown;
  /** Milliseconds since the client began. */
  readonly at: number;
}

export class LspClient {
  readonly process: ChildProcessWithoutNullStreams;
  readonly connection: ProtocolConnection;
  /** Notifications and requests of the server, in order. */
  readonly heard: Heard[] = [];
  /** What the server wrote to stderr. */
  errors = '';
  readonly exit: Promise<number | null>;
  readonly #waiting = new Set<() => void>();

  constructor(command: readonly string[], answers: Readonly<Record<string, (params: unknown) => unknown>> = {}) {
    this.process = spawn(process.execPath, [...command], { stdio: 'pipe' });
    this.process.stderr.on('data', (data) => {
      this.errors += data;
    });
    this.process.stdin.on('error', () => undefined);
    this.exit = new Promise((resolve) => {
      this.process.on('exit', resolve);
    });
    this.connection = createProtocolConnection(
      new StreamMessageReader(this.process.stdout),
      new StreamMessageWriter(this.process.stdin),
    );
    const hear = (method: string, params: unknown): void => {
      this.heard.push({ method, params, at: performance.now() });
      for (const look of this.#waiting) look();
    };
    const connection = this.connection as unknown as MessageConnection;
    connection.onNotification((method, params) => hear(method, params));
    connection.onRequest((method, params) => {
      hear(method, params);
      return answers[method]?.(params) ?? null;
    });
    this.connection.listen();
  }

  async initialize(capabilities: object = {}, initializationOptions?: object): Promise<InitializeResult> {
    const params = { processId: process.pid, rootUri: null, capabilities, initializationOptions };
    const answer = await this.connection.sendRequest<InitializeResult>('initialize', params);
    this.notify('initialized', {});
    return answer;
  }

  ask<R>(method: string, params?: unknown): Promise<R> {
    return this.connection.sendRequest<R>(method, params);
  }

  notify(method: string, params?: unknown): void {
    this.connection.sendNotification(method, params).catch(() => undefined);
  }

  open(uri: string, text: string, version = 1): void {
    this.notify('textDocument/didOpen', { textDocument: { uri, languageId: 'vsva', version, text } });
  }

  /** Replaces the whole text. */
  change(uri: string, version: number, text: string): void {
    this.notify('textDocument/didChange', { textDocument: { uri, version }, contentChanges: [{ text }] });
  }

  /** Waits until something has been heard, also if it was before now; `from` skips what was heard earlier. */
  hear<T>(method: string, accept: (params: T) => boolean = () => true, from = 0): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        const tail = this.heard.slice(-5).map((h) => `${h.method} ${JSON.stringify(h.params).slice(0, 300)}`);
        reject(new Error(`${method} was not heard; last were\n${tail.join('\n')}\n${this.errors}`));
      }, 10_000);
      const look = (): void => {
        const found = this.heard.slice(from).find((h) => h.method === method && accept(h.params as T));
        if (!found) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found.params as T);
      };
      this.#waiting.add(look);
      look();
    });
  }

  diagnostics(
    uri: string,
    accept: (codes: readonly unknown[]) => boolean,
    from = 0,
  ): Promise<PublishDiagnosticsParams> {
    return this.hear<PublishDiagnosticsParams>(
      'textDocument/publishDiagnostics',
      (p) => p.uri === uri && accept(p.diagnostics.map((d) => d.code)),
      from,
    );
  }

  results(uri: string, version: number, from = 0): Promise<ResultsParams> {
    return this.hear<ResultsParams>(RESULTS, (r) => r.uri === uri && r.version === version && r.done, from);
  }

  /** Shuts the server down as editors do. */
  async stop(): Promise<number | null> {
    await this.ask('shutdown');
    this.notify('exit');
    return this.exit;
  }

  kill(): void {
    this.connection.dispose();
    this.process.kill('SIGKILL');
  }
}
