import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from '../server/language/parser.ts';
import { complaints, failures, lineAt, runText } from './trace.ts';

/** The blocks marked `vsva` in a page hold; those marked `vsva fragment` are only read. */
interface Block {
  readonly line: number;
  readonly fragment: boolean;
  readonly text: string;
}

const ROOT = path.join(import.meta.dirname, '..');
const FENCE = /^```vsva( fragment)?\n([\s\S]*?)^```$/gm;

function blocksOf(page: string): Block[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(FENCE)].map((match) => ({
    line: lineAt(text, match.index),
    fragment: match[1] !== undefined,
    text: match[2]!,
  }));
}

const pages = ['docs/language.md', 'README.md'].map((name) => path.join(ROOT, name)).filter((page) => existsSync(page));

describe.each(pages)('%s', (page) => {
  const blocks = blocksOf(page);

  test.each(blocks.map((block) => [block.line, block] as const))('line %i', (_, block) => {
    if (block.fragment) {
      expect(parse(block.text).problems).toEqual([]);
      return;
    }
    const run = runText(path.join(ROOT, 'examples', 'snippet.vsva'), block.text);
    expect(complaints(run)).toEqual([]);
    expect(failures(run)).toEqual([]);
  });
});

test('the reference has snippets that run', () => {
  const blocks = blocksOf(path.join(ROOT, 'docs/language.md'));
  expect(blocks.filter((block) => !block.fragment).length).toBeGreaterThanOrEqual(8);
});
