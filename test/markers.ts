/**
 * Marker tests: a fixture states its own problems. A comment line `// ^^^ code: message` claims a problem on the line
 * above, under exactly those columns. The markers are stripped, the rest is checked, what was found is drawn back in the
 * same notation, and the two texts are compared: a failure is a readable diff, and updating a test is pasting one side.
 *
 *     flags = 12ab
 *          // ^^^^ bad-number: ...         carets under the span, to the end of the line if it goes on below
 *     argsz =
 *          // | ...                        `|` for an empty span
 *   }
 *   //2 ^ unexpected-brace: ...            a digit gives the column where the line has no room for the slashes
 */
import { expect } from 'vitest';

export interface Found {
  readonly start: number;
  readonly end: number;
  readonly code: string;
  readonly message: string;
}

/** Checks that a fixture holds exactly the problems that `find` reports in it. */
export function checkMarkers(fixture: string, find: (source: string) => readonly Found[]): void {
  const source = fixture
    .split('\n')
    .filter((line) => !MARKER.test(line))
    .join('\n');
  expect(draw(source, find(source))).toBe(fixture);
}

const MARKER = /^\s*\/\/\d? (\^+|\|) [a-z-]+: /;

/** The source with its problems drawn below the lines on which they begin. */
export function draw(source: string, found: readonly Found[]): string {
  let start = 0;
  return source
    .split('\n')
    .flatMap((line) => {
      const end = start + line.length;
      const here = found.filter((f) => start <= f.start && f.start <= end);
      const notes = here.map((f) => note(f.start - start, Math.min(f.end, end) - f.start, f));
      start = end + 1;
      return [line, ...notes];
    })
    .join('\n');
}

function note(column: number, width: number, { code, message }: Found): string {
  const slashes = column < 3 ? `//${column}` : `${' '.repeat(column - 3)}//`;
  return `${slashes} ${width === 0 ? '|' : '^'.repeat(width)} ${code}: ${message}`;
}
