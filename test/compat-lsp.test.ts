/** The table of generations and the lens above each payload, from the built server. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CodeLens } from 'vscode-languageserver';
import { RUNNABLE_GENERATION_IDS } from '../engine/index.ts';
import { COMPAT, type TextAnswer } from '../server/protocol.ts';
import { LspClient } from './lsp-client.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const URI = 'file:///scenario.vsva';
const TEXT = `uapi vfio-2020-07
bind_data b { argsz = sizeof, version = 1, format = 1, addr_width = 48, gpgd = 0x1000_0000, hpasid = 7 }
raw r size 4
nesting_op op { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_BIND_PGTBL, data = b }
scenario "s" { submit op expect any }
`;
/** A client with commands of its own, as VS Code is. */
const EDITOR = { workspace: { executeCommand: { dynamicRegistration: true } } };
const OF = RUNNABLE_GENERATION_IDS.length;

let built = '';
let client: LspClient;

beforeAll(async () => {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  built = mkdtempSync(join(ROOT, 'dist', 'test-compat-'));
  const build = [join(ROOT, 'scripts/build.mjs'), '--out', built];
  const { status, stderr } = spawnSync(process.execPath, build, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
  writeFileSync(join(built, 'b.vsva'), TEXT);
  client = new LspClient([join(built, 'server.cjs'), '--stdio']);
  await client.initialize(EDITOR);
}, 60_000);

afterAll(() => {
  client.kill();
  rmSync(built, { recursive: true, force: true });
});

const lenses = async (): Promise<CodeLens[]> =>
  (await client.ask<CodeLens[]>('textDocument/codeLens', { textDocument: { uri: URI } })).filter((l) => !l.command);
const titleOf = async (lens: CodeLens): Promise<string | undefined> =>
  (await client.ask<CodeLens>('codeLens/resolve', lens)).command?.title;

describe('on the command line', () => {
  const compat = (...args: string[]): { code: number | null; out: string; err: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(built, 'cli.js'), 'compat', ...args], {
      encoding: 'utf8',
      cwd: built,
      input: TEXT,
    });
    return { code: status, out: stdout, err: stderr };
  };

  test('one payload as JSON, rows in the order of the generations', () => {
    const { code, out, err } = compat('b.vsva#b', '--format', 'json');
    expect([code, err]).toEqual([0, '']);
    const { payloads } = JSON.parse(out) as { payloads: { payload: string; rows: { generation: string }[] }[] };
    expect(payloads.map((p) => p.payload)).toEqual(['b']);
    expect([...new Set(payloads[0]!.rows.map((row) => row.generation))]).toEqual(RUNNABLE_GENERATION_IDS);
  });

  test('all payloads of a file, leaving out what asks for nothing', () => {
    const { code, out } = compat('-');
    expect(code).toBe(0);
    // What a call carries and the call itself have one table between them.
    expect(out.match(/^\w.*: struct .*$/gm)?.map((line) => line.split(':')[0])).toEqual(['b, which op carries']);
  });

  test('2 for a payload that is not there, 1 for one that cannot be asked about', () => {
    expect(compat('b.vsva#bb')).toEqual({
      code: 2,
      out: '',
      err: 'vsva: b.vsva has no payload bb; did you mean b?\n',
    });
    const raw = compat('b.vsva#r');
    expect([raw.code, raw.err]).toEqual([1, 'vsva: b.vsva#r: r has no struct, so nothing says what it asks for\n']);
  });
});

describe('in the editor', () => {
  test('each payload that asks for something has a lens, as many while its value is typed', async () => {
    client.open(URI, TEXT);
    const found = await lenses();
    expect(found.map((l) => l.range.start.line)).toEqual([1, 3]);
    const title = await titleOf(found[0]!);
    expect(title).toMatch(new RegExp(`^72 bytes · \\d+ of ${OF} generations accept$`));
    // What a head carries is what the line is about.
    expect(await titleOf(found[1]!)).toBe(title);

    client.change(URI, 2, TEXT.replace('addr_width = 48', 'addr_width = 39'));
    const [changed] = await lenses();
    expect(await titleOf(changed!)).toBe(`72 bytes · 0 of ${OF} generations accept`);

    client.change(URI, 3, TEXT.replace('addr_width = 48', 'addr_width = '));
    const broken = await lenses();
    expect(broken.length).toBe(2);
    client.change(URI, 4, TEXT.replace('addr_width = 48', 'addr_width = nonsense'));
    expect(await titleOf((await lenses())[0]!)).toMatch(/^not compared: it has an error$/);
  });

  test('a call of iommufd has one too, which follows the ids that it names', async () => {
    const alloc = (fields: string): string => `uapi iommufd-7.2
struct iommu_fault_alloc queue { size = sizeof }
struct iommu_hwpt_alloc plain { size = sizeof, dev_id = dev0.id, pt_id = ioas.id }
struct iommu_hwpt_alloc p { size = sizeof, dev_id = dev0.id, ${fields} }
scenario "s" { submit p expect any }
`;
    const last = async (): Promise<string | undefined> => titleOf((await lenses()).at(-1)!);
    // Queues came with 6.12; the kernels before know 40 bytes of the struct and find more behind them.
    client.change(URI, 10, alloc('pt_id = ioas.id, flags = IOMMU_HWPT_FAULT_ID_VALID, fault_id = queue.out_fault_id'));
    expect((await lenses()).map((l) => l.range.start.line)).toEqual([1, 2, 3]);
    expect(await last()).toBe(`48 bytes · 4 of ${OF} generations accept`);
    client.change(URI, 11, alloc('pt_id = ioas.id'));
    expect(await last()).toBe(`48 bytes · 6 of ${OF} generations accept`);
    client.change(URI, 12, alloc('pt_id = plain.out_hwpt_id'));
    expect(await last()).toBe(`48 bytes · 0 of ${OF} generations accept`);
    client.change(URI, 13, TEXT);
  });

  test('the table is a text to read, or says why there is none', async () => {
    client.change(URI, 14, TEXT);
    const answer = await client.ask<TextAnswer>(COMPAT, { uri: URI, line: 1, character: 3 });
    if ('problem' in answer) throw new Error(answer.problem);
    expect(answer.title).toBe('b in all generations');
    for (const id of RUNNABLE_GENERATION_IDS) expect(answer.text).toMatch(new RegExp(`^${id} `, 'm'));
    const none = await client.ask<TextAnswer>(COMPAT, { uri: URI, line: 0, character: 0 });
    expect(none).toEqual({ problem: 'no payload stands here; put the cursor on one, or on the name of one' });
    const raw = await client.ask<TextAnswer>(COMPAT, { uri: URI, line: 2, character: 5 });
    expect(raw).toEqual({ problem: 'r has no struct, so nothing says what it asks for' });
  });
});
