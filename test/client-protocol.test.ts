/** What our client and the built server agree on beyond LSP, over stdio. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { READ, RESULTS, type ReadAnswer, type ReadParams, type ResultsParams } from '../server/protocol.ts';
import { LspClient } from './lsp-client.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const URI = 'vscode-vfs://github/owner/repo/main.vsva';
const PART = 'vscode-vfs://github/owner/repo/parts/one.inc';
const MAIN = 'uapi vfio-2020-07\ninclude "parts/one.inc"\nscenario "reads" {\n  expect page == 4096\n}\n';
const LOOP = 'uapi vfio-2020-07\nscenario "long" {\n  for i in 0..100 {\n    dma read dev0 at 0x1000\n  }\n}\n';

let built = '';
const clients: LspClient[] = [];

beforeAll(() => {
  built = mkdtempSync(join(tmpdir(), 'vsva-protocol-'));
  const { stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/build.mjs'), '--out', built], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
});
afterEach(() => {
  for (const client of clients.splice(0)) client.kill();
});
afterAll(() => rmSync(built, { recursive: true, force: true }));

function connect(answers: Readonly<Record<string, (params: unknown) => unknown>> = {}): LspClient {
  const client = new LspClient([join(built, 'server.cjs'), '--stdio'], answers);
  clients.push(client);
  return client;
}

const state = (wanted: string) => (r: ResultsParams) => r.done && r.scenarios[0]?.status === wanted;

describe('includes without a disk', () => {
  test('a file appears, changes and vanishes: the client is told what to watch, and results follow', async () => {
    let answer: ReadAnswer = { problem: 'no such file' };
    const asked: string[] = [];
    const client = connect({
      [READ]: (params) => {
        asked.push((params as ReadParams).uri);
        return answer;
      },
    });
    const watches = { dynamicRegistration: true, relativePatternSupport: true };
    await client.initialize({ workspace: { didChangeWatchedFiles: watches } }, { readFiles: true });
    client.open(URI, MAIN);
    await client.hear<ResultsParams>(RESULTS, state('skipped'));
    const { registrations } = await client.hear<{ registrations: { registerOptions: unknown }[] }>(
      'client/registerCapability',
      (r) => JSON.stringify(r).includes('one.inc'),
    );
    expect(registrations.map((r) => r.registerOptions)).toEqual([
      { watchers: [{ globPattern: { baseUri: 'vscode-vfs://github/owner/repo/parts', pattern: 'one.inc' } }] },
    ]);
    const change = async (next: ReadAnswer, type: number, wanted: string): Promise<void> => {
      answer = next;
      const from = client.heard.length;
      client.notify('workspace/didChangeWatchedFiles', { changes: [{ uri: PART, type }] });
      await client.hear<ResultsParams>(RESULTS, state(wanted), from);
    };
    await change({ text: 'let page = 4096\n' }, 1, 'passed');
    await change({ text: 'let page = 1\n' }, 2, 'failed');
    await change({ problem: 'no such file' }, 3, 'skipped');
    expect(new Set(asked)).toEqual(new Set([PART]));
  });

  test('a client that cannot watch folders is not asked to', async () => {
    const client = connect({ [READ]: () => ({ text: 'let page = 4096\n' }) });
    await client.initialize(
      { workspace: { didChangeWatchedFiles: { dynamicRegistration: true } } },
      { readFiles: true },
    );
    client.open(URI, MAIN);
    await client.hear<ResultsParams>(RESULTS, state('passed'));
    expect(client.heard.filter((h) => JSON.stringify(h.params).includes('baseUri'))).toEqual([]);
  });
});

describe('settings', () => {
  test('another step budget runs open files again at once', async () => {
    const client = connect();
    await client.initialize({}, { run: { maxSteps: 10 } });
    client.open(URI, LOOP);
    await client.hear<ResultsParams>(RESULTS, state('failed'));
    for (const [maxSteps, wanted] of [
      [1000, 'passed'],
      [20, 'failed'],
    ] as const) {
      const from = client.heard.length;
      client.notify('workspace/didChangeConfiguration', { settings: { vsva: { run: { maxSteps } } } });
      await client.hear<ResultsParams>(RESULTS, state(wanted), from);
    }
  });
});
