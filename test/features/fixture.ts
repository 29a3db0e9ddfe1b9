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
