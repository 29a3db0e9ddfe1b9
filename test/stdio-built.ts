/** The command line, built for one test file, and the plain clients that are connected to it. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { StdioClient } from './stdio-client.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

export const URI = 'file:///scenario.vsva';
/** A client that takes code actions with edits. */
export const LITERAL = {
  textDocument: { codeAction: { codeActionLiteralSupport: { codeActionKind: { valueSet: [''] } } } },
};

export class BuiltServer {
  readonly #built: string;
  readonly #clients: StdioClient[] = [];
  /** A copy of the examples. */
  readonly folder: string;

  /** A build of its own: other tests may be building at the same time. */
  constructor() {
    mkdirSync(join(ROOT, 'dist'), { recursive: true });
    this.#built = mkdtempSync(join(ROOT, 'dist', 'test-stdio-'));
    const build = [join(ROOT, 'scripts/build.mjs'), '--out', this.#built];
    const { status, stderr } = spawnSync(process.execPath, build, { encoding: 'utf8' });
    if (status !== 0 || stderr !== '') throw new Error(`the build failed: ${stderr}`);
    this.folder = join(this.#built, 'files');
    cpSync(join(ROOT, 'examples'), this.folder, { recursive: true });
  }

  connect(): StdioClient {
    const client = new StdioClient([join(this.#built, 'cli.js'), 'lsp', '--stdio']);
    this.#clients.push(client);
    return client;
  }

  async opened(text: string, capabilities: object = {}, uri = URI): Promise<StdioClient> {
    const client = this.connect();
    await client.initialize(capabilities);
    client.open(uri, text);
    return client;
  }

  uriOf(name: string): string {
    return pathToFileURL(join(this.folder, name)).href;
  }

  /** Ends all clients, and answers what servers asked of them: nothing, as none of them ever said that it can be asked. */
  disconnect(): readonly unknown[] {
    const all = this.#clients.splice(0);
    for (const client of all) client.kill();
    return all.flatMap((client) => client.asked);
  }

  remove(): void {
    rmSync(this.#built, { recursive: true, force: true });
  }
}
