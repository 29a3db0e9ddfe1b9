/** The configuration of docs/editors.md in a real Neovim without a screen, where there is one. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lineOf, versionOf, Workplace } from './workplace.ts';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'neovim.lua');
const version = versionOf('nvim', 'neovim');

interface Drawn {
  readonly line: number;
  readonly text: string;
  readonly colour: string;
}

interface Seen {
  readonly version: string;
  readonly filetype: string;
  readonly diagnostics: readonly {
    readonly line: number;
    readonly code: string;
    readonly message: string;
    readonly related: readonly { readonly message: string }[];
  }[];
  readonly results: readonly Drawn[];
  readonly hover: string;
  /** Label, and from where to where it replaces text, in UTF-16. */
  readonly completion: readonly (readonly [string, number, number])[];
  readonly actions: readonly string[];
  readonly outdated: readonly Drawn[];
  readonly mended: readonly Drawn[];
  readonly text: string;
  readonly lenses: readonly string[];
  readonly definition: { readonly file: string; readonly line: string };
  readonly clients: number;
  readonly problem?: string;
}

describe.skipIf(!version)(`in ${version ?? 'Neovim'}`, () => {
  let place: Workplace;
  let seen: Seen;

  beforeAll(() => {
    place = new Workplace('neovim');
    const load = (file: string): string[] => ['-c', `luafile ${file}`];
    const { run, ...rest } = place.run<Seen>('nvim', [
      '--headless',
      '--clean',
      '-n',
      ...load(place.configuration('lua')),
      ...load(SCRIPT),
    ]);
    seen = rest.seen;
    expect(seen.problem).toBeUndefined();
    expect([run.status, run.stdout]).toEqual([0, '']);
  });

  afterAll(() => place?.remove());

  test('a failure of a run is a diagnostic on its line', () => {
    expect(seen.filetype).toBe('vsva');
    expect(seen.diagnostics).toMatchObject([
      {
        code: 'stale',
        line: lineOf('dma read dev0 pasid pasid at buffer expect fault'),
        related: [
          { message: expect.stringMatching(/^cached here/) },
          { message: expect.stringMatching(/^edited here/) },
        ],
      },
    ]);
  });

  test('every outcome stands at the end of its line, in a colour', () => {
    const at = (line: number): Drawn | undefined => seen.results.find((r) => r.line === line);
    expect(at(lineOf('dma read'))).toMatchObject({ text: 'HPA 0x1_4000_0000 · 24 refs · miss', colour: 'Comment' });
    expect(at(lineOf('dma read dev0 pasid pasid at buffer expect fault'))).toMatchObject({
      text: `✗ STALE: edited line ${lineOf('unmap gpt')}, cached line ${lineOf('dma read')} · expected fault SFS.2`,
      colour: 'DiagnosticError',
    });
  });

  test('a hover tells the result and the walk', () => {
    expect(seen.hover).toContain('HPA 0x1_4000_0000 · 24 refs · miss');
    expect(seen.hover).toContain('PML4E');
  });

  test('completion offers outcomes, and replaces the right letters behind letters of several bytes', () => {
    const at = '  submit bind /* ü𝕏 */ expect '.length;
    expect(seen.completion).toContainEqual(['hidden', at, at + 'ok'.length]);
  });

  test('a code action adds the missing invalidation, and the file holds', () => {
    expect(seen.text).toMatch(/unmap gpt buffer\n {2}submit \w+\n {2}dma read .* expect fault SFS\.2/);
    expect(seen.actions.some((title) => title.includes('before this access'))).toBe(true);
    expect(seen.mended.at(-1)!.text).toContain('fault SFS.2');
    expect(seen.mended.filter((r) => r.colour === 'DiagnosticError')).toEqual([]);
  });

  test('what the text has outgrown is grey and marked until the new results are there', () => {
    expect(seen.outdated.length).toBeGreaterThan(0);
    for (const { text, colour } of seen.outdated)
      expect([text, colour]).toEqual([expect.stringMatching(/ \(stale\)$/), 'Comment']);
  });

  test('code lenses, a definition in an included file, and one server for all files', () => {
    expect(seen.lenses).toEqual(['Run all · passed', 'Run scenario · passed']);
    expect(seen.definition).toMatchObject({ file: 'guest.vsva', line: expect.stringMatching(/^nesting_op bind /) });
    expect(seen.clients).toBe(1);
  });
});
