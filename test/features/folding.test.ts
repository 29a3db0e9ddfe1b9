import { describe, expect, test } from 'vitest';
import { foldingRanges } from '../../server/features/folding.ts';
import { resolveText, UNFINISHED } from './fixture.ts';

describe('folding', () => {
  const folded = (text: string): string[] =>
    foldingRanges(resolveText(text)).map(({ start, end, kind }) => `${kind} ${JSON.stringify(text.slice(start, end))}`);

  test('blocks end above their brace, so that it stays', () => {
    expect(folded('bind_data b {\n  argsz = 8\n  x {\n    y = 1\n  }\n}\n')).toEqual([
      'block "{\\n  argsz = 8\\n  x {\\n    y = 1\\n  }"',
      'block "{\\n    y = 1"',
    ]);
    expect(folded('bind_data b {\r\n  argsz = 8\r\n}\r\n')).toEqual(['block "{\\r\\n  argsz = 8"']);
    expect(folded('bind_data b { argsz = 8 }\n')).toEqual([]);
    expect(folded('bind_data b {\n}\n')).toEqual([]);
  });

  test('comments and includes', () => {
    expect(folded('// a\n// b\n\n// c\n/// d\n/// e\nlet a = 1\n/* x\n y */\n')).toEqual([
      'comment "// a\\n// b"',
      'comment "/// d\\n/// e"',
      'comment "/* x\\n y */"',
    ]);
    expect(folded('include "a"\ninclude "b"\n')).toEqual(['imports "include \\"a\\"\\ninclude \\"b\\""']);
  });

  test('broken text folds as far as it has brackets', () => {
    expect(folded('scenario "s" {\n  for i in 0..4 {\n    note "n"\n  }\n')).toEqual(['block "{\\n    note \\"n\\""']);
    for (const text of UNFINISHED) foldingRanges(resolveText(text));
  });
});
