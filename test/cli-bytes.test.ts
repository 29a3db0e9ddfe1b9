/** `vsva decode`, `vsva export` and the requests of the editor, from the outside: bytes in, bytes out. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DECODE, type DecodeAnswer, EXPORT, type TextAnswer } from '../server/protocol.ts';
import { LspClient } from './lsp-client.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** A build of its own: other tests may be building at the same time. */
let built = '';
beforeAll(() => {
  mkdirSync(join(ROOT, 'dist'), { recursive: true });
  built = mkdtempSync(join(ROOT, 'dist', 'test-bytes-'));
  const build = [join(ROOT, 'scripts/build.mjs'), '--out', built];
  const { status, stderr } = spawnSync(process.execPath, build, { encoding: 'utf8' });
  expect([status, stderr]).toEqual([0, '']);
}, 60_000);
afterAll(() => rmSync(built, { recursive: true, force: true }));

function vsva(args: readonly string[], input: string | Buffer = ''): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(built, 'cli.js'), ...args], {
    cwd: built,
    input,
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}
const write = (name: string, content: string | Buffer): string => {
  writeFileSync(join(built, name), content);
  return name;
};

const ALLOC = `uapi vfio-2020-07

pasid_request decoded {
  argsz = sizeof
  flags = VFIO_IOMMU_FLAG_ALLOC_PASID
  range {
    min = 1
    max = 100
  }
}
`;
const HEX = '10000000010000000100000064000000';

describe('vsva decode', () => {
  const decode = ['decode', '--uapi', 'vfio-2020-07'];
  test.each([
    ['hex in one argument', [...decode, HEX], ''],
    ['hex in many', [...decode, '10000000', '01000000', '01000000', '64000000'], ''],
    ['stdin', [...decode, '-'], `${HEX.match(/../g)!.join(' ')}\n`],
    ['a struct by name', [...decode, '--struct', 'vfio_iommu_type1_pasid_request', HEX], ''],
    ['a struct by kind', [...decode, '--struct', 'pasid_request', HEX], ''],
  ])('%s', (_what, args, input) => expect(vsva(args, input)).toEqual({ code: 0, out: ALLOC, err: '' }));

  test('a binary file, and a file with a dump', () => {
    expect(vsva([...decode, write('a.bin', Buffer.from(HEX, 'hex'))]).out).toBe(ALLOC);
    const dump = '00000000: 1000 0000 0100 0000 0100 0000 6400 0000  ............d...\n';
    expect(vsva([...decode, write('a.txt', dump)]).out).toBe(ALLOC);
  });
  test('what it prints checks without errors and exports to the same hex', () => {
    write('decoded.vsva', vsva([...decode, `${HEX}cafe`]).out);
    expect(vsva(['check', 'decoded.vsva']).code).toBe(0);
    const out = vsva(['export', '--as', 'hex', 'decoded.vsva']).out;
    expect(out.replaceAll(/^#.*|\s/gm, '')).toBe(`${HEX}cafe`);
  });
  test.each([
    ['no generation', ['decode', HEX], 'vsva: decode needs --uapi ID; there are vfio-2018-02, '],
    [
      'no generation, but an ioctl',
      ['decode', 'ioctl(3, 0x3b77, "\\0")'],
      'vsva: decode needs --uapi ID; the ioctl is VFIO_IOMMU_NESTING_OP in vfio-2020-07 and ',
    ],
    ['no input', decode, 'vsva: decode needs hex, a file or -'],
    ['no hex', [...decode, 'hello'], 'vsva: "hello" is not hex'],
    ['an unknown struct', [...decode, '--struct', 'pasid_reqest', HEX], 'did you mean pasid_request?'],
    ['a trace without bytes', [...decode, 'ioctl(3, 0x3b77, 0x7ffe)'], 'takes a vfio_iommu_type1_nesting_op'],
    ['a bad name', [...decode, '--name', 'a b', HEX], '--name a b is no name'],
    ['two structs fit', [...decode, '0000000000000000'], 'say which it is with --struct'],
  ])('%s is a mistake in usage', (_what, args, message) => {
    const { code, out, err } = vsva(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });
  test('a trace that was cut is told', () => {
    const { code, err } = vsva([...decode, 'ioctl(3, 0x3b76, "\\20\\0\\0\\0"...) = 0']);
    expect([code, err]).toEqual([0, 'vsva: the trace shows only the first bytes of the payload\n']);
  });
});

describe('vsva export', () => {
  test('a payload by name from stdin', () => {
    expect(vsva(['export', '--as', 'hex', '-#decoded'], ALLOC).out).toBe(`${HEX.match(/../g)!.join(' ')}\n`);
    expect(vsva(['export', '-'], ALLOC).out).toContain('const struct vfio_iommu_type1_pasid_request decoded = {');
    expect(vsva(['export', '--as', 'rust', '-'], ALLOC).out).toContain(
      'pub const DECODED: vfio_iommu_type1_pasid_request',
    );
  });
  test('a scenario by its title', () => {
    write('s.vsva', `${ALLOC}scenario "one # two" { submit decoded as pasid }\n`);
    expect(vsva(['export', 's.vsva#one # two']).out).toContain('pasid = (__u64)vsva_call(');
  });
  test.each([
    ['another format', ['export', '--as', 'syzlang', 's.vsva'], '--as syzlang does not exist; there are c, hex, rust'],
    ['headers without C', ['export', '--as', 'hex', '--headers', 's.vsva'], '--headers is for --as c'],
    ['an unknown name', ['export', '-#nobody'], 'there is no payload or scenario "nobody"; it has decoded'],
    ['no file', ['export', 'gone.vsva'], 'gone.vsva cannot be read: no such file'],
    ['two files', ['export', 'a.vsva', 'b.vsva'], 'export takes one FILE or FILE#NAME, and not b.vsva as well'],
  ])('%s is a mistake in usage', (_what, args, message) => {
    const { code, out, err } = vsva(args, ALLOC);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
  });
  test('a file with errors is not exported', () => {
    const { code, out, err } = vsva(['export', '-'], 'uapi vfio-2020-07\nlet a = nope\nraw r size 1\n');
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('nope is not known');
  });
});

describe.each([
  ['desktop', 'server.cjs'],
  ['command line', 'cli.js'],
])('the language server of the %s', (_where, script) => {
  const URI = 'file:///bytes.vsva';
  test('copies the payload at a position, and makes hex one', async () => {
    const client = new LspClient([join(built, script), ...(script === 'cli.js' ? ['lsp'] : []), '--stdio']);
    try {
      await client.initialize();
      client.open(URI, ALLOC);
      const at = { uri: URI, line: 3, character: 4 };
      const c = await client.ask<TextAnswer>(EXPORT, { ...at, as: 'c' });
      expect(c).toMatchObject({ title: 'decoded', text: expect.stringContaining('.argsz = sizeof(decoded),') });
      const hex = await client.ask<TextAnswer>(EXPORT, { ...at, as: 'hex' });
      expect(hex).toMatchObject({ text: `${HEX.match(/../g)!.join(' ')}\n` });
      expect(await client.ask(EXPORT, { ...at, line: 0, as: 'c' })).toHaveProperty('problem');
      expect(await client.ask(EXPORT, { ...at, as: 'perl' })).toEqual({
        problem: 'perl is no format; there are c, hex',
      });
      const pasted = await client.ask<DecodeAnswer>(DECODE, { ...at, hex: HEX });
      expect(pasted).toMatchObject({ line: 10, text: expect.stringContaining('pasid_request pasted {') });
      expect(await client.ask(DECODE, { ...at, hex: '00'.repeat(8) })).toHaveProperty('choose');
      expect(await client.ask(DECODE, { ...at, uri: 'file:///closed.vsva', hex: HEX })).toEqual({
        problem: 'the document is not open',
      });
      for (const method of [EXPORT, DECODE]) await client.ask(method, null).catch(() => undefined);
      expect(await client.ask<TextAnswer>(EXPORT, { ...at, as: 'hex' })).toEqual(hex);
    } finally {
      client.kill();
    }
  }, 30_000);
});
