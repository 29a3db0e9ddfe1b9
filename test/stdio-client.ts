/**
 * The plainest language client there is: its own framing, no library, and only what the first editors with LSP did. It
 * answers every request of the server with "method not found", so a server that needs an answer is found out.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface Message {
  readonly jsonrpc?: string;
  readonly id?: number | string | null;
  readonly method?: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a server sends is looked at by expectations only.
  readonly params?: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  readonly result?: any;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface Position {
  readonly line: number;
  readonly character: number;
}

export interface Range {
  readonly start: Position;
  readonly end: Position;
}

export interface TextEdit {
  readonly range: Range;
  readonly newText: string;
}

const METHOD_NOT_FOUND = -32601;
const PATIENCE = 20_000;

/** A message as it goes over the wire, in bytes. */
export function frame(message: object | string): Buffer {
  const body = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message), 'utf8');
  return Buffer.concat([Buffer.from(`Content-Length: ${body.length}\r\n\r\n`, 'ascii'), body]);
}

export class StdioClient {
  readonly process: ChildProcessWithoutNullStreams;
  /** Everything the server sent, in order. */
  readonly heard: Message[] = [];
  /** What it asked for; nothing, if it heeds the client's capabilities. */
  readonly asked: Message[] = [];
  readonly exit: Promise<number | null>;
  errors = '';
  #unread = Buffer.alloc(0);
  #ids = 0;
  readonly #looks = new Set<() => void>();

  /** Starts `node ...command`. */
  constructor(command: readonly string[]) {
    this.process = spawn(process.execPath, [...command], { stdio: 'pipe' });
    this.process.stdin.on('error', () => undefined);
    this.process.stderr.on('data', (data) => {
      this.errors += data;
    });
    this.process.stdout.on('data', (data: Buffer) => this.#take(data));
    this.exit = new Promise((resolve) => {
      this.process.on('exit', resolve);
    });
  }

  #take(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    for (;;) {
      const head = this.#unread.indexOf('\r\n\r\n');
      if (head < 0) break;
      const length = Number(/^Content-Length: (\d+)$/im.exec(this.#unread.toString('ascii', 0, head))?.[1]);
      if (!Number.isInteger(length)) throw new Error(`not a header: ${this.#unread.toString('ascii', 0, head)}`);
      if (this.#unread.length < head + 4 + length) break;
      const body = this.#unread.toString('utf8', head + 4, head + 4 + length);
      this.#unread = this.#unread.subarray(head + 4 + length);
      const message = JSON.parse(body) as Message;
      this.heard.push(message);
      if (message.method !== undefined && message.id !== undefined) {
        this.asked.push(message);
        const { id, method } = message;
        this.send({ jsonrpc: '2.0', id, error: { code: METHOD_NOT_FOUND, message: `unknown: ${method}` } });
      }
    }
    for (const look of this.#looks) look();
  }

  write(bytes: Buffer | string): void {
    this.process.stdin.write(bytes);
  }

  send(message: object): void {
    this.write(frame(message));
  }

  /** The first message that fits, also one that came before; `from` leaves out what was heard earlier. */
  hear(what: string, accept: (message: Message) => boolean, from = 0): Promise<Message> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#looks.delete(look);
      };
      const timer = setTimeout(() => {
        done();
        const last = this.heard.slice(-5).map((m) => JSON.stringify(m).slice(0, 300));
        reject(new Error(`${what} was not heard; last were\n${last.join('\n')}\n${this.errors}`));
      }, PATIENCE);
      const look = (): void => {
        const found = this.heard.slice(from).find(accept);
        if (!found) return;
        done();
        resolve(found);
      };
      this.#looks.add(look);
      look();
    });
  }

  notify(method: string, params?: object): void {
    this.send({ jsonrpc: '2.0', method, params });
  }

  /** The answer, result or error. */
  async call(method: string, params?: object | null): Promise<Message> {
    const id = ++this.#ids;
    this.send({ jsonrpc: '2.0', id, method, params });
    return this.hear(`the answer to ${method}`, (m) => m.method === undefined && m.id === id);
  }

  // biome-ignore lint/suspicious/noExplicitAny: as above.
  async ask(method: string, params?: object | null): Promise<any> {
    const { result, error } = await this.call(method, params);
    if (error) throw new Error(`${method}: ${error.code} ${error.message}`);
    return result;
  }

  async initialize(capabilities: object = {}, more: object = {}) {
    const result = await this.ask('initialize', { processId: process.pid, rootUri: null, capabilities, ...more });
    this.notify('initialized', {});
    return result;
  }

  open(uri: string, text: string, version = 1): void {
    this.notify('textDocument/didOpen', { textDocument: { uri, languageId: 'vsva', version, text } });
  }

  change(uri: string, version: number, ...contentChanges: readonly ({ text: string; range?: Range } | object)[]): void {
    this.notify('textDocument/didChange', { textDocument: { uri, version }, contentChanges });
  }

  /** The first diagnostics of a file that fit. */
  async diagnostics(uri: string, accept: (codes: readonly string[]) => boolean = () => true, from = 0) {
    const { params } = await this.hear(
      `diagnostics of ${uri}`,
      (m) =>
        m.method === 'textDocument/publishDiagnostics' &&
        m.params.uri === uri &&
        accept(m.params.diagnostics.map((d: { code: string }) => d.code)),
      from,
    );
    return params as { diagnostics: Diagnostic[]; version?: number };
  }

  /** The results of a version, once they are complete. */
  async results(uri: string, version = 1) {
    const { params } = await this.hear(
      `results of version ${version}`,
      (m) => m.method === 'vsva/results' && m.params.uri === uri && m.params.version === version && m.params.done,
    );
    return params;
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }
}

export interface Diagnostic {
  readonly range: Range;
  readonly code: string;
  readonly message: string;
  readonly severity: number;
  readonly source: string;
}

/** What a column counts. Written apart from the server's conversion: through the encoders of Node. */
export type Encoding = 'utf-8' | 'utf-16' | 'utf-32';

const UNIT: Readonly<Record<Encoding, readonly [BufferEncoding, number]>> = {
  'utf-8': ['utf8', 1],
  'utf-16': ['utf16le', 2],
  'utf-32': ['utf8', 0],
};

const linesIn = (text: string): string[] => text.split(/(?<=\r\n|\n|\r(?!\n))/);

/** The offset in code units of a position; throws where it is outside of the text or within a letter. */
export function offsetOf(text: string, { line, character }: Position, encoding: Encoding): number {
  const lines = linesIn(text);
  if (line === lines.length && character === 0) return text.length;
  const own = lines[line];
  if (own === undefined) throw new Error(`no line ${line}`);
  const before = lines.slice(0, line).join('').length;
  return before + left(own.replace(/[\r\n]+$/, ''), character, encoding).length;
}

/** The first units of a line as text. */
function left(line: string, units: number, encoding: Encoding): string {
  const [name, size] = UNIT[encoding];
  const bytes = Buffer.from(line, name);
  const cut = size === 0 ? Array.from(line).slice(0, units).join('') : bytes.subarray(0, units * size).toString(name);
  if (unitsOf(cut, encoding) !== units || !line.startsWith(cut))
    throw new Error(`column ${units} is not between two letters of ${JSON.stringify(line)} in ${encoding}`);
  return cut;
}

export function unitsOf(text: string, encoding: Encoding): number {
  const [name, size] = UNIT[encoding];
  return size === 0 ? Array.from(text).length : Buffer.byteLength(text, name) / size;
}

export const sliceOf = (text: string, { start, end }: Range, encoding: Encoding): string =>
  text.slice(offsetOf(text, start, encoding), offsetOf(text, end, encoding));

/** The position of the first place of a part of the text. */
export function positionOf(text: string, part: string, encoding: Encoding, plus = 0): Position {
  const offset = text.indexOf(part);
  if (offset < 0) throw new Error(`${part} is not in the text`);
  const before = linesIn(text.slice(0, offset + plus));
  const last = before.at(-1)!;
  return /[\r\n]$/.test(last)
    ? { line: before.length, character: 0 }
    : { line: before.length - 1, character: unitsOf(last, encoding) };
}

/** The text after edits, which all count in the text as it was. */
export function edited(text: string, edits: readonly TextEdit[], encoding: Encoding): string {
  let result = text;
  const spans = edits.map(({ range, newText }) => ({
    start: offsetOf(text, range.start, encoding),
    end: offsetOf(text, range.end, encoding),
    newText,
  }));
  for (const { start, end, newText } of spans.sort((a, b) => b.start - a.start))
    result = result.slice(0, start) + newText + result.slice(end);
  return result;
}

/** Semantic tokens where they stand, out of the protocol's differences. */
export function decoded(data: readonly number[]): { line: number; character: number; length: number }[] {
  const tokens = [];
  let [line, character] = [0, 0];
  for (let i = 0; i < data.length; i += 5) {
    character = data[i] === 0 ? character + data[i + 1]! : data[i + 1]!;
    line += data[i]!;
    tokens.push({ line, character, length: data[i + 2]! });
  }
  return tokens;
}
