import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checksOf, GENERATIONS, RUNNABLE_GENERATION_IDS, skipsOf } from '../engine/index.ts';
import { referenceMarkdown } from '../server/features/reference.ts';
import { RULES } from '../server/language/rules/index.ts';

const text = referenceMarkdown();
const headings = [...text.matchAll(/^#+ (.*)$/gm)].map((m) => m[1]!);

describe('REFERENCE.md', () => {
  test('is what the tables say; npm run docs renews it', () => {
    const file = fileURLToPath(new URL('../REFERENCE.md', import.meta.url));
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  test('has a heading for every rule, so that the link of a finding leads somewhere', () => {
    for (const rule of RULES) expect(headings.filter((h) => h === rule.id)).toEqual([rule.id]);
  });

  test('links only to headings that exist', () => {
    const anchors = new Set(
      headings.map((h) =>
        h
          .toLowerCase()
          .replace(/[^\w\s-]/g, '')
          .replace(/\s/g, '-'),
      ),
    );
    const broken = [...text.matchAll(/\]\(#([^)]*)\)/g)].map((m) => m[1]!).filter((a) => !anchors.has(a));
    expect(broken).toEqual([]);
  });

  test('names every struct, constant, ioctl and check', () => {
    for (const generation of GENERATIONS) {
      for (const name of generation.structs.keys()) expect(headings).toContain(`struct ${name}`);
      for (const name of [...generation.constants.keys(), ...generation.ioctls.keys()])
        expect(text).toContain(`\`${name}\``);
    }
    for (const id of RUNNABLE_GENERATION_IDS)
      for (const check of [...checksOf(id), ...skipsOf(id)]) expect(text).toContain(check.doc.replaceAll('|', '\\|'));
  });

  test('every row of a table has as many cells as its head', () => {
    const cells = (line: string): number => line.replaceAll('\\|', '').split('|').length;
    let width = 0;
    for (const line of text.split('\n')) {
      if (!line.startsWith('| ')) width = 0;
      else if (width === 0) width = cells(line);
      else expect(cells(line), line).toBe(width);
    }
  });
});
