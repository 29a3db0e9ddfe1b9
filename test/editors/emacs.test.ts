/** The configuration of docs/editors.md in a real Emacs with Eglot and without a screen, where there is one. */
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lineOf, versionOf, Workplace } from './workplace.ts';

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), 'emacs.el');
const PACKAGES = "(require 'package) (package-initialize)";
const emacs = versionOf('emacs', 'emacs-nox elpa-eglot');
const hasEglot =
  emacs !== undefined && spawnSync('emacs', ['--batch', '--eval', `(progn ${PACKAGES} (require 'eglot))`]).status === 0;
if (emacs && !hasEglot)
  console.warn('Emacs has no Eglot: its tests are skipped. apt-get install -y elpa-eglot brings it.');

interface Seen {
  readonly mode: string;
  readonly diagnostics: readonly { readonly line: number; readonly text: string; readonly about: string }[];
  readonly completion: readonly string[];
  readonly replaces: string;
  readonly hover: string;
  readonly actions: readonly string[];
  readonly text: string;
  readonly definition: { readonly file: string; readonly line: string };
  readonly problem?: string;
}

describe.skipIf(!hasEglot)(`in ${emacs ?? 'Emacs'} with Eglot`, () => {
  let place: Workplace;
  let seen: Seen;

  beforeAll(() => {
    place = new Workplace('emacs');
    const config = place.configuration('elisp');
    const args = ['--batch', '--eval', `(progn ${PACKAGES})`, '-l', config, '-l', SCRIPT];
    const { run, ...rest } = place.run<Seen>('emacs', args);
    seen = rest.seen;
    expect(seen.problem).toBeUndefined();
    expect(run.status).toBe(0);
  });

  afterAll(() => place?.remove());

  test('a failure of a run is a diagnostic on its words, with the places that belong to it', () => {
    expect(seen.mode).toBe('vsva-mode');
    const { line, text, about } = seen.diagnostics[0]!;
    expect([seen.diagnostics.length, line, about]).toEqual([1, lineOf('expect fault'), 'expect fault SFS.2']);
    expect(text).toContain(`line ${lineOf('unmap gpt')}: edited here`);
  });

  test('completion offers outcomes and replaces the right letters, behind letters of several bytes', () => {
    expect(seen.completion).toEqual(expect.arrayContaining(['ok', 'hidden', 'EINVAL']));
    expect(seen.replaces).toBe('ok');
  });

  test('a hover tells the result and the walk', () => {
    expect(seen.hover).toContain('HPA 0x1_4000_0000 · 24 refs · miss');
    expect(seen.hover).toContain('PML4E');
  });

  test('a code action adds the missing invalidation, and the file holds', () => {
    expect(seen.actions.some((title) => title.includes('before this access'))).toBe(true);
    expect(seen.text).toMatch(/unmap gpt buffer\n {2}submit \w+\n {2}dma read .* expect fault SFS\.2/);
  });

  test('a definition in an included file', () => {
    expect(seen.definition).toMatchObject({ file: 'guest.vsva', line: expect.stringMatching(/^nesting_op bind /) });
  });
});
