/** Columns in bytes, code units and code points over stdio: every range must fall on the words that it is about. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { GUEST } from './run-text.ts';
import { BuiltServer, LITERAL, URI } from './stdio-built.ts';
import {
  decoded,
  type Encoding,
  edited,
  positionOf,
  type Range,
  type StdioClient,
  sliceOf,
  type TextEdit,
  unitsOf,
} from './stdio-client.ts';

let server: BuiltServer;

beforeAll(() => {
  server = new BuiltServer();
});
afterEach(() => {
  expect(server.disconnect()).toEqual([]);
});
afterAll(() => server?.remove());

/** Where the text has letters of one to four bytes in front of everything that is looked at, with both line ends. */
const wide = (text: string): string =>
  text.replaceAll('\n', ' /* ü𝕏€ */\r\n').replace(/(?<=\n)(?=[^\r\n]*\S)/g, '/* ü𝕏 */ ');

const CONFIGURATIONS: readonly [string, readonly string[] | undefined, Encoding][] = [
  ['utf-8', ['utf-8'], 'utf-8'],
  ['utf-16', ['utf-16'], 'utf-16'],
  ['utf-32 before utf-8', ['utf-32', 'utf-8'], 'utf-8'],
  ['no encodings', undefined, 'utf-16'],
];

test.each([
  [['utf-32'], 'utf-32'],
  [['ebcdic'], 'utf-16'],
])('of %j the server takes what it knows', async (positionEncodings, encoding) => {
  const { capabilities } = await server.connect().initialize({ general: { positionEncodings } });
  expect(capabilities.positionEncoding).toBe(encoding);
});

describe.each(CONFIGURATIONS)('a client that offers %s', (_name, positionEncodings, encoding) => {
  const capabilities = { ...LITERAL, ...(positionEncodings ? { general: { positionEncodings } } : {}) };
  const guest = GUEST.replace('version = 1, format', 'format');
  const STALE = wide(`uapi vfio-2020-07
${guest}
scenario "ü𝕏: the page goes" {
  submit alloc as pasid
  submit bind
  dma read dev0 pasid pasid at 0x7f00_0000_0000
  unmap gpt 0x7f00_0000_0000
  dma read dev0 pasid pasid at 0x7f00_0000_0000
}
`);

  test('is answered in it, and all ranges fall on the words that they are about', async () => {
    const client = server.connect();
    expect((await client.initialize(capabilities)).capabilities.positionEncoding).toBe(encoding);
    client.open(URI, STALE);
    const document = { textDocument: { uri: URI } };
    const at = (part: string, plus = 0) => ({ ...document, position: positionOf(STALE, part, encoding, plus) });
    const slice = (range: Range): string => sliceOf(STALE, range, encoding);

    const { diagnostics } = await client.diagnostics(URI, (codes) => codes.includes('version-wrong'));
    // A version that is missing is shown at the payload's word or name, whole.
    expect(diagnostics.find((d) => d.code === 'version-wrong')!.range).toEqual({
      start: positionOf(STALE, 'guest {', encoding),
      end: positionOf(STALE, 'guest {', encoding, 'guest'.length),
    });

    for (const part of ['addr_width', '0x7f00_0000_0000', 'x86-64', 'dev0', 'IOMMU_PASID_FORMAT_INTEL_VTD'])
      expect(slice((await client.ask('textDocument/hover', at(part))).range)).toBe(part);
    const [definition] = await client.ask('textDocument/definition', at('submit bind', 'submit b'.length));
    expect(slice(definition.range)).toBe('bind');
    expect(definition.range.start.line).toBe(positionOf(STALE, 'nesting_op bind', encoding).line);

    const { data } = await client.ask('textDocument/semanticTokens/full', document);
    const words = decoded(data).map(({ line, character, length }) =>
      slice({ start: { line, character }, end: { line, character: character + length } }),
    );
    expect(words).toContain('/* ü𝕏€ */');
    expect(words).toContain('"ü𝕏: the page goes"');
    expect(words).toContain('addr_width');
    // No token begins or ends within a word.
    for (const word of words) expect(word).toMatch(/^(\/\*.*\*\/|\/\/.*|".*"|[\w.-]+)$/su);

    const items: { label: string; textEdit: TextEdit }[] = await client.ask(
      'textDocument/completion',
      at('IOMMU_PASID_FORMAT_INTEL_VTD', 'IOMMU_PASID'.length),
    );
    const format = items.find((i) => i.label === 'IOMMU_PASID_FORMAT_INTEL_VTD')!;
    expect(edited(STALE, [format.textEdit], encoding)).toBe(STALE);

    for (const lens of await client.ask('textDocument/codeLens', document))
      expect(['', 'scenario "ü𝕏: the page goes"']).toContain(slice(lens.range));
    const symbols = await client.ask('textDocument/documentSymbol', document);
    for (const { name, location } of symbols) expect(slice(location.range)).toContain(name);
  });

  test('mends the file by code actions, which are counted alike', async () => {
    const client = await server.opened(STALE, capabilities);
    const stale = await client.diagnostics(URI, (codes) => codes.includes('version-wrong'));
    const wrong = stale.diagnostics.find((d) => d.code === 'version-wrong')!;
    const [version] = await client.ask('textDocument/codeAction', {
      textDocument: { uri: URI },
      range: wrong.range,
      context: { diagnostics: [wrong] },
    });
    const text = edited(STALE, version.edit.changes[URI], encoding);
    expect(text).toMatch(/version = IOMMU_GPASID_BIND_VERSION_1/);
    // The edit comes back as a change of ranges, last one first.
    const edits: TextEdit[] = [...version.edit.changes[URI]].reverse();
    client.change(URI, 2, ...edits.map(({ range, newText }) => ({ range, text: newText })));
    const failed = await client.diagnostics(
      URI,
      (codes) => codes.includes('stale') && !codes.includes('version-wrong'),
    );
    const late = failed.diagnostics.find((d) => d.code === 'stale')!;
    expect(sliceOf(text, late.range, encoding)).toBe('dma read dev0 pasid pasid at 0x7f00_0000_0000');
    expect(late.range.start).toEqual(
      positionOf(text, 'dma read', encoding, text.lastIndexOf('dma read') - text.indexOf('dma read')),
    );
    const actions: { title: string; edit: { changes: Record<string, TextEdit[]> } }[] = await client.ask(
      'textDocument/codeAction',
      { textDocument: { uri: URI }, range: late.range, context: { diagnostics: [late] } },
    );
    const flush = actions.find(({ title }) => title.includes('before this access'))!;
    const mended = edited(text, flush.edit.changes[URI]!, encoding);
    client.change(URI, 3, { text: mended });
    const { scenarios } = await client.results(URI, 3);
    // What is left is the fault that a flushed page gives, which nobody expects yet.
    expect(scenarios[0].lines.at(-1).text).toContain('fault SFS.2');
    expect(mended.replace(/\r\n/g, '')).not.toContain('\r');
  });

  test('types letter by letter, and the server has the same text', async () => {
    const client = await server.opened('', capabilities);
    let [text, version] = ['', 1];
    const typed = 'uapi vfio-2020-07\r\n// ü𝕏€ "ü𝕏"\r\nscenario "ü𝕏" {\r\n  expect nosuch_ü == 1 // 𝕏\r\n}\r\n';
    for (const letter of typed) {
      const lines = text.split('\r\n');
      const end = { line: lines.length - 1, character: unitsOf(lines.at(-1)!, encoding) };
      // A position between \r and \n is nowhere; editors insert both at once.
      if (letter === '\r') continue;
      const insert = letter === '\n' ? '\r\n' : letter;
      client.change(URI, ++version, { range: { start: end, end }, text: insert });
      text += insert;
    }
    expect(text).toBe(typed);
    const at = version;
    const { params } = await client.hear(
      'diagnostics of the last version',
      (m) => m.method === 'textDocument/publishDiagnostics' && m.params.version === at,
    );
    const fresh = await server.opened(typed, capabilities);
    const whole = await fresh.diagnostics(URI, (codes) => codes.length > 0);
    const plain = (d: readonly { range: Range; message: string }[]) =>
      d.map(({ range, message }) => ({ range, message }));
    expect(plain(params.diagnostics)).toEqual(plain(whole.diagnostics));
    const tokens = async (c: StdioClient) =>
      (await c.ask('textDocument/semanticTokens/full', { textDocument: { uri: URI } })).data;
    expect(await tokens(client)).toEqual(await tokens(fresh));
  });
});
