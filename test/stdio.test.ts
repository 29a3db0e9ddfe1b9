/**
 * The built command line as any editor starts it, `vsva lsp --stdio`, under a client that can next to nothing; its process,
 * and the bytes between the two.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BuiltServer, URI } from './stdio-built.ts';
import { decoded, frame, offsetOf, positionOf, type Range, sliceOf } from './stdio-client.ts';

const others: ChildProcess[] = [];

let server: BuiltServer;

beforeAll(() => {
  server = new BuiltServer();
});
afterEach(() => {
  for (const other of others.splice(0)) other.kill('SIGKILL');
  expect(server.disconnect()).toEqual([]);
});
afterAll(() => server?.remove());

const PASSES = 'uapi vfio-2020-07\nscenario "s" {\n  expect 1 == 1\n}\n';
const FAILS = PASSES.replace('1 == 1', '1 == 2');

describe('a client that can nothing', () => {
  test('is sent diagnostics of the file, of what it includes, and what a run found', async () => {
    writeFileSync(join(server.folder, 'part.vsva'), 'let page =\n');
    const main = server.uriOf('main.vsva');
    const client = await server.opened(
      'uapi vfio-2020-07\ninclude "part.vsva"\nscenario "s" { expect 1 == 2 }\n',
      {},
      main,
    );
    const own = await client.diagnostics(main, (codes) => codes.includes('expectation'));
    expect(own.diagnostics.map((d) => [d.code, d.range.start.line, d.source])).toEqual([
      ['expectation', 2, 'vsva run'],
    ]);
    const part = await client.diagnostics(server.uriOf('part.vsva'), (codes) => codes.length > 0);
    expect(part.diagnostics[0]).toMatchObject({ severity: 1, source: 'vsva' });
    expect(part.version).toBeUndefined();
    // Without related places the message tells them; what the client cannot take is not sent.
    expect(own.diagnostics[0]).not.toHaveProperty('relatedInformation');
    const from = client.heard.length;
    client.notify('textDocument/didClose', { textDocument: { uri: main } });
    await client.diagnostics(main, (codes) => codes.length === 0, from);
    await client.diagnostics(server.uriOf('part.vsva'), (codes) => codes.length === 0, from);
  });

  test('is offered what it can use, and all of it answers', async () => {
    const client = server.connect();
    const { capabilities } = await client.initialize();
    expect(capabilities).toMatchObject({ positionEncoding: 'utf-16', textDocumentSync: { openClose: true } });
    // It neither pulls, nor takes actions with edits, nor shows hints.
    for (const missing of ['diagnosticProvider', 'codeActionProvider', 'inlayHintProvider'])
      expect(capabilities).not.toHaveProperty(missing);
    const file = '02-missing-invalidation.vsva';
    const text = readFileSync(join(server.folder, file), 'utf8');
    const uri = server.uriOf(file);
    client.open(uri, text);
    await client.results(uri);
    const document = { textDocument: { uri } };
    const at = (part: string, plus = 0) => ({ ...document, position: positionOf(text, part, 'utf-16', plus) });
    expect((await client.ask('textDocument/hover', at('dma read'))).contents.value).toContain('PML4E');
    const items = await client.ask('textDocument/completion', at('expect hpa', 'expect '.length));
    const item = items.find((i: { label: string }) => i.label === 'stale');
    expect((await client.ask('completionItem/resolve', item)).documentation.value).toContain('translation');
    const [definition] = await client.ask('textDocument/definition', at('flush_page', 1));
    expect(definition.uri).toBe(server.uriOf('include/guest.vsva'));
    const guest = readFileSync(join(server.folder, 'include/guest.vsva'), 'utf8');
    expect(sliceOf(guest, definition.range, 'utf-16')).toBe('flush_page');
    const uses = await client.ask('textDocument/references', {
      ...at('flush_page', 1),
      context: { includeDeclaration: true },
    });
    const place = (u: { uri: string; range: Range }) => sliceOf(u.uri === uri ? text : guest, u.range, 'utf-16');
    expect(new Set(uses.map(place))).toEqual(new Set(['flush_page']));
    expect(new Set(uses.map((u: { uri: string }) => u.uri)).size).toBe(2);
    expect((await client.ask('textDocument/documentHighlight', at('flush_page', 1))).length).toBe(4);
    const symbols = await client.ask('textDocument/documentSymbol', document);
    expect(symbols[0]).toHaveProperty('location');
    expect((await client.ask('textDocument/foldingRange', document)).length).toBeGreaterThan(4);
    expect((await client.ask('textDocument/semanticTokens/full', document)).data.length % 5).toBe(0);
    const lenses = await client.ask('textDocument/codeLens', document);
    expect(lenses[0].command.title).toBe('Run all · 5 passed');
    await client.ask('workspace/executeCommand', lenses[1].command);
    const { params } = await client.hear('what came of the run', (m) => m.method === 'window/showMessage');
    expect(params).toMatchObject({ type: 3, message: '1 passed, 0 failed, 0 skipped' });
  });

  test('with inlay hints it is shown each outcome at the end of its line, unless it draws them itself', async () => {
    const hints = { textDocument: { inlayHint: {} } };
    const client = server.connect();
    expect((await client.initialize(hints)).capabilities.inlayHintProvider).toBe(true);
    const text = `${FAILS.replace('1 == 2', '1 == 2 // ü𝕏')}`;
    client.open(URI, text);
    await client.results(URI);
    const range = { start: { line: 0, character: 0 }, end: { line: 9, character: 0 } };
    const [hint] = await client.ask('textDocument/inlayHint', { textDocument: { uri: URI }, range });
    expect(hint.label).toMatch(/^FAIL failed: /);
    expect(text.slice(0, offsetOf(text, hint.position, 'utf-16'))).toMatch(/\/\/ ü𝕏$/);
    const itself = await server.connect().initialize(hints, { initializationOptions: { drawsResults: true } });
    expect(itself.capabilities).not.toHaveProperty('inlayHintProvider');
  });
});

describe('the process', () => {
  test('ends with 0 behind shutdown and exit, with 1 behind exit alone', async () => {
    const polite = server.connect();
    await polite.initialize();
    expect(await polite.ask('shutdown')).toBeNull();
    polite.notify('exit');
    expect(await polite.exit).toBe(0);
    expect(polite.errors).toBe('');
    const rude = server.connect();
    await rude.initialize();
    rude.notify('exit');
    expect(await rude.exit).toBe(1);
  });

  test('after a shutdown requests are refused, and exit still ends it', async () => {
    const client = await server.opened(PASSES);
    await client.ask('shutdown');
    const { error } = await client.call('textDocument/hover', {
      textDocument: { uri: URI },
      position: { line: 0, character: 1 },
    });
    expect(error?.code).toBe(-32600);
    client.notify('exit');
    expect(await client.exit).toBe(0);
  });

  test('ends when its client is gone, though its pipes stay open', async () => {
    const parent = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    others.push(parent);
    const client = server.connect();
    await client.ask('initialize', { processId: parent.pid, rootUri: null, capabilities: {} });
    parent.kill('SIGKILL');
    expect(await client.exit).toBe(1);
  });

  test('ends when its input does', async () => {
    const client = server.connect();
    await client.initialize();
    client.process.stdin.end();
    expect(await client.exit).toBe(1);
  });
});

describe('frames', () => {
  test('are put together from single bytes, and taken apart when they come in one piece', async () => {
    const client = server.connect();
    const text = PASSES.replace('"s"', '"ü𝕏"');
    const textDocument = { uri: URI, languageId: 'vsva', version: 1, text };
    const initialize = frame({
      jsonrpc: '2.0',
      id: 'first',
      method: 'initialize',
      params: { processId: null, capabilities: {} },
    });
    for (const byte of initialize) client.write(Buffer.from([byte]));
    await client.hear('the answer', (m) => m.id === 'first');
    client.write(
      Buffer.concat([
        frame({ jsonrpc: '2.0', method: 'initialized', params: {} }),
        frame({ jsonrpc: '2.0', method: 'textDocument/didOpen', params: { textDocument } }),
        frame({ jsonrpc: '2.0', id: 7, method: 'textDocument/documentSymbol', params: { textDocument } }),
      ]),
    );
    const { result } = await client.hear('symbols', (m) => m.id === 7);
    expect(result.map((s: { name: string }) => s.name)).toContain('ü𝕏');
  });

  test('may have other headers, in any letters, and no body', async () => {
    const client = server.connect();
    await client.initialize();
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', id: 9, method: 'shutdown' }));
    client.write(`Content-Type: application/vscode-jsonrpc; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n`);
    client.write(body);
    expect((await client.hear('the answer', (m) => m.id === 9)).result).toBeNull();
  });

  test('of a megabyte and more are whole', async () => {
    const client = await server.opened(`${PASSES}// ${'ü𝕏'.repeat(150_000)}\n`);
    const { data } = await client.ask('textDocument/semanticTokens/full', { textDocument: { uri: URI } });
    expect(decoded(data).at(-1)!.length).toBe('// '.length + 3 * 150_000);
  });
});
