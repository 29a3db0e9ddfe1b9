import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { analyse } from '../../server/language/analyse.ts';
import type { Diagnostic } from '../../server/language/diagnostic.ts';
import { type Resolved, resolve } from '../../server/language/resolve.ts';
import { filesHost } from '../run-text.ts';

export interface Cursor {
  readonly resolved: Resolved;
  readonly offset: number;
}

/** A file with its cursor written as `$0`, and the files that it includes. */
export function atCursor(text: string, files: Readonly<Record<string, string>> = {}): Cursor {
  const offset = text.indexOf('$0');
  expect(offset, 'a fixture has one cursor').toBeGreaterThanOrEqual(0);
  return { resolved: resolveText(text.replace('$0', ''), files), offset };
}

export const resolveText = (text: string, files: Readonly<Record<string, string>> = {}): Resolved =>
  resolve('test.vsva', text, filesHost(files));

export const diagnosticsOf = (text: string, files: Readonly<Record<string, string>> = {}): Diagnostic[] =>
  analyse(resolveText(text, files));

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The texts of the examples, cut off at many places as if they were being typed. */
export const UNFINISHED: readonly string[] = readdirSync(join(ROOT, 'examples'))
  .filter((name) => name.endsWith('.vsva'))
  .map((name) => readFileSync(join(ROOT, 'examples', name), 'utf8'))
  .flatMap((text) => Array.from({ length: 40 }, (_, i) => text.slice(0, (text.length * i) / 40)));

/** A text with `[ ]` around places in it, so that a failure is readable. */
export const drawn = (text: string, places: readonly { readonly start: number; readonly end: number }[]): string =>
  [...places]
    .sort((a, b) => b.start - a.start)
    .reduce((out, { start, end }) => `${out.slice(0, start)}[${out.slice(start, end)}]${out.slice(end)}`, text);

/** `$0` is the cursor, `[name]` each place that is to be found; brackets stand for nothing else in these fixtures. */
export function checkPlaces(
  fixture: string,
  find: (resolved: Resolved, offset: number) => readonly { readonly start: number; readonly end: number }[],
): void {
  const { resolved, offset } = atCursor(fixture.replace(/[[\]]/g, ''));
  expect(drawn(resolved.sources[0]!.text, find(resolved, offset))).toBe(fixture.replace('$0', ''));
}
