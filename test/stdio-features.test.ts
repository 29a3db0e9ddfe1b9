/** What the features say over stdio: hovers of all examples, completion, lenses, code actions, tokens. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { scan, T } from '../server/language/scanner.ts';
import { GUEST } from './run-text.ts';
import { BuiltServer, LITERAL, URI } from './stdio-built.ts';
import { edited, positionOf, type Range, sliceOf, type TextEdit } from './stdio-client.ts';

let server: BuiltServer;

beforeAll(() => {
  server = new BuiltServer();
});
afterEach(() => {
  expect(server.disconnect()).toEqual([]);
});
afterAll(() => server?.remove());

describe('what every editor is told', () => {
  test('a hover on every word and number of every example', async () => {
    const client = server.connect();
    await client.initialize();
    const names = readdirSync(server.folder, { recursive: true, encoding: 'utf8' }).filter((f) =>
      /^(\d|include.*vsva)/.test(f),
    );
    expect(names.length).toBeGreaterThan(15);
    const silent: string[] = [];
    for (const name of names) {
      const [uri, text] = [server.uriOf(name), readFileSync(join(server.folder, name), 'utf8')];
      client.open(uri, text);
      const { scenarios } = await client.results(uri);
      const { kinds, starts, ends, count } = scan(text);
      const lines = text.split('\n');
      for (let i = 0; i < count; i++) {
        if (kinds[i] !== T.Word && kinds[i] !== T.Number) continue;
        const line = text.slice(0, starts[i]).split('\n').length - 1;
        const position = { line, character: starts[i]! - lines.slice(0, line).join('\n').length - (line ? 1 : 0) };
        const found = await client.ask('textDocument/hover', { textDocument: { uri }, position });
        if (!found?.contents.value || !sliceOf(text, found.range, 'utf-16').includes(text.slice(starts[i], ends[i])))
          silent.push(`${name}:${line + 1}:${position.character + 1} ${lines[line]}`);
      }
      // Each line that has a result tells it at its first word.
      for (const { line, text: outcome } of scenarios.flatMap(
        (s: { lines: { line: number; text: string }[] }) => s.lines,
      )) {
        const position = { line, character: lines[line]!.search(/\S/) };
        const { contents } = await client.ask('textDocument/hover', { textDocument: { uri }, position });
        expect(contents.value, `${name}:${line + 1} ${outcome}`).toMatch(/^\*\*(Passed|Failed)\*\*|^Ran \d+ times/);
      }
      client.notify('textDocument/didClose', { textDocument: { uri } });
    }
    expect(silent).toEqual([]);
  });

  test('a word says what it means where it stands', async () => {
    const text = `uapi vfio-2020-07
scenario "s" {
  dma read dev0 at 0x1000
  host unmap gpa 0x1000
  let size = sizeof(struct iommu_gpasid_bind_data)
  expect size == 72
}
`;
    const client = await server.opened(text);
    const of = async (part: string, plus: number) =>
      (
        await client.ask('textDocument/hover', {
          textDocument: { uri: URI },
          position: positionOf(text, part, 'utf-16', plus),
        })
      ).contents.value;
    expect(await of('dma read', 4)).toContain('The device reads');
    expect(await of('host unmap', 5)).toContain('the kernel flushes it');
    expect(await of('sizeof(struct', 7)).toContain('A struct of the generation');
  });

  const labels = async (fixture: string): Promise<string[]> => {
    const text = fixture.replace('|', '');
    const client = await server.opened(text);
    const position = positionOf(fixture, '|', 'utf-16');
    const items: { label: string; sortText: string }[] = await client.ask('textDocument/completion', {
      textDocument: { uri: URI },
      position,
    });
    client.kill();
    return items.sort((a, b) => (a.sortText < b.sortText ? -1 : 1)).map((i) => i.label);
  };
  const U = `uapi vfio-2020-07\n${GUEST}\n`;

  test('fields that are not set yet, and no constant of another field', async () => {
    const fields = await labels(`${U}bind_data x { argsz = sizeof, version = 1\n  |\n}\n`);
    expect(fields).toContain('format');
    expect(fields).not.toContain('argsz');
    expect(fields).not.toContain('version');
    const constants = (all: readonly string[]) =>
      all.filter((l) => /^V?F?IO_?[A-Z]*MMU_/.test(l) || l.startsWith('IOMMU_'));
    expect(constants(await labels(`${U}bind_data x { format = | }\n`))).toEqual(['IOMMU_PASID_FORMAT_INTEL_VTD']);
    expect(constants(await labels(`${U}cache_invalidate_info x { granularity = | }\n`))).toEqual([
      'IOMMU_INV_GRANU_DOMAIN',
      'IOMMU_INV_GRANU_PASID',
      'IOMMU_INV_GRANU_ADDR',
    ]);
    expect(constants(await labels(`${U}bind_data x { gpgd = | }\n`))).toEqual([]);
  });

  test('the payload that the operation reads comes first', async () => {
    const data = (op: string) =>
      labels(`${U}nesting_op x { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_${op}, data = | }\n`);
    expect((await data('BIND_PGTBL'))[0]).toBe('guest');
    expect((await data('CACHE_INVLD'))[0]).toBe('page');
  });

  test('lenses in the same number while anything is typed, also while the text is broken', async () => {
    const head = 'uapi vfio-2020-07\nscenario "one" {\n  note "n"\n}\n';
    const tail = '\nscenario "two" {\n  note "n"\n}\n';
    const client = await server.opened(head + tail);
    let version = 1;
    const counts = async (typed: string): Promise<number> => {
      client.change(URI, ++version, { text: head + typed + tail });
      return (await client.ask('textDocument/codeLens', { textDocument: { uri: URI } })).length;
    };
    for (const typed of [
      'bind_data x { argsz = sizeof, vendor.vtd = { flags',
      'let a = (1 + [2, ',
      'machine { device dev0 { ats',
      'pagetable t x86-64 at 0 { 0x1000 -> ',
      'uapi vfio-2020-07 { bind_error_lost = ',
      'nesting_op x = ',
      'bind_data x { .',
      'let a = sizeof(struct ',
      'let a = &',
    ])
      for (let i = 0; i <= typed.length; i++) expect(await counts(typed.slice(0, i)), typed.slice(0, i)).toBe(3);
    const scenario = 'scenario "th';
    for (let i = 'scenario'.length; i <= scenario.length; i++) {
      // From its first word on a scenario has a lens of its own, and the others keep theirs.
      expect(await counts(scenario.slice(0, i)), scenario.slice(0, i)).toBe(4);
    }
  });

  test('actions for findings of many rules, after which the finding is gone', async () => {
    const client = server.connect();
    await client.initialize(LITERAL);
    const payload = (fields: string, kind = 'bind_data') => `${U}${kind} x { ${fields} }\n`;
    const bind =
      'argsz = sizeof, version = IOMMU_GPASID_BIND_VERSION_1, format = IOMMU_PASID_FORMAT_INTEL_VTD, addr_width = 48';
    const flush = 'argsz = sizeof, version = IOMMU_CACHE_INVALIDATE_INFO_VERSION_1, cache = IOMMU_CACHE_INV_TYPE_IOTLB';
    const addr = 'granularity = IOMMU_INV_GRANU_ADDR, granu.addr_info';
    const TEXTS: Readonly<Record<string, string>> = {
      'version-wrong': payload(bind.replace('version = IOMMU_GPASID_BIND_VERSION_1, ', '')),
      'argsz-too-small': payload(bind.replace('sizeof', '8')),
      'argsz-larger': payload(bind.replace('sizeof', '4096')),
      'prefer-sizeof': payload(bind.replace('sizeof', '72')),
      'prefer-constant': payload(bind.replace('IOMMU_PASID_FORMAT_INTEL_VTD', '1')),
      'padding-not-zero': payload(
        `${flush}, granularity = IOMMU_INV_GRANU_DOMAIN, padding = bytes "01"`,
        'cache_invalidate_info',
      ),
      'format-unsupported': payload(bind.replace('IOMMU_PASID_FORMAT_INTEL_VTD', '2')),
      'duplicate-field': payload(`${bind}, addr_width = 48`),
      'unknown-flag-bits': payload(`${bind}, flags = 0x80`),
      'cache-empty': payload(
        `${flush.replace('cache = IOMMU_CACHE_INV_TYPE_IOTLB', 'cache = 0')}, ${addr} = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 0, granule_size = 4K, nb_granules = 1 }`,
        'cache_invalidate_info',
      ),
      'union-member-mismatch': payload(
        `${flush}, granularity = IOMMU_INV_GRANU_PASID, granu.addr_info = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 0, granule_size = 4K, nb_granules = 1 }`,
        'cache_invalidate_info',
      ),
      'invalidation-without-pasid': payload(
        `${flush}, ${addr} = { addr = 0, granule_size = 4K, nb_granules = 1 }`,
        'cache_invalidate_info',
      ),
      'range-not-power-of-two': payload(
        `${flush}, ${addr} = { flags = IOMMU_INV_ADDR_FLAGS_PASID, pasid = 1, addr = 0, granule_size = 4K, nb_granules = 3 }`,
        'cache_invalidate_info',
      ),
      'unknown-op': payload('argsz = sizeof, flags = 9, data = guest', 'nesting_op'),
      'op-data-mismatch': payload(
        'argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = guest',
        'nesting_op',
      ),
      'unused-name': `${U}scenario "s" { let nobody = 1 }\n`,
    };
    const unmended: string[] = [];
    for (const [code, text] of Object.entries(TEXTS)) {
      const uri = `file:///${code}.vsva`;
      client.open(uri, text);
      const { diagnostics } = await client.diagnostics(uri, (codes) => codes.includes(code));
      const finding = diagnostics.find((d) => d.code === code)!;
      const actions: { title: string; edit: { changes: Record<string, TextEdit[]> }; diagnostics: unknown[] }[] =
        await client.ask('textDocument/codeAction', {
          textDocument: { uri },
          range: finding.range,
          context: { diagnostics: [finding] },
        });
      const own = actions.find((a) => a.diagnostics.length > 0);
      if (!own) {
        unmended.push(`${code}: ${finding.message}`);
        continue;
      }
      client.change(uri, 2, { text: edited(text, own.edit.changes[uri]!, 'utf-16') });
      const after = await client.hear(
        `${code} mended`,
        (m) => m.method === 'textDocument/publishDiagnostics' && m.params.uri === uri && m.params.version === 2,
      );
      const codes = after.params.diagnostics.map((d: { code: string; range: Range }) => d.code);
      expect(codes.filter((c: string) => c === code).length, `${code}: ${own.title}`).toBeLessThan(
        diagnostics.filter((d) => d.code === code).length,
      );
    }
    expect(unmended).toEqual([]);
  });

  test('a delta of tokens makes the old ones the new ones, through twenty edits', async () => {
    const text = readFileSync(join(server.folder, '15-device-tlb.vsva'), 'utf8');
    const uri = server.uriOf('15-device-tlb.vsva');
    const client = await server.opened(text, {}, uri);
    const document = { textDocument: { uri } };
    let { data, resultId } = await client.ask('textDocument/semanticTokens/full', document);
    let now = text;
    for (let i = 0; i < 20; i++) {
      const at = Math.floor((now.length * (i + 1)) / 22);
      now = i % 3 === 0 ? now.slice(0, at) + now.slice(at + 7) : `${now.slice(0, at)}\n ü𝕏 pasid ${now.slice(at)}`;
      client.change(uri, i + 2, { text: now });
      const delta = await client.ask('textDocument/semanticTokens/full/delta', {
        ...document,
        previousResultId: resultId,
      });
      for (const { start, deleteCount, data: added = [] } of delta.edits)
        data = data.toSpliced(start, deleteCount, ...added);
      resultId = delta.resultId;
      const whole = await client.ask('textDocument/semanticTokens/full', document);
      expect(data).toEqual(whole.data);
      resultId = whole.resultId;
    }
  });
});
