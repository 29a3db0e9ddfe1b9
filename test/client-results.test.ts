import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type LineEdit, shiftLine } from '../client/line-shift.ts';
import { LiveResults, shownLines } from '../client/live-results.ts';
import type { ResultsParams } from '../server/protocol.ts';

const URI = 'file:///a.vsva';

/** A replacement as an editor makes it, in lines and columns. */
interface Replacement {
  readonly start: readonly [line: number, column: number];
  readonly end: readonly [line: number, column: number];
  readonly text: string;
}

function apply(lines: readonly string[], { start, end, text }: Replacement): { lines: string[]; edit: LineEdit } {
  const before = lines[start[0]]!.slice(0, start[1]);
  const changed = (before + text + lines[end[0]]!.slice(end[1])).split('\n');
  return {
    lines: [...lines.slice(0, start[0]), ...changed, ...lines.slice(end[0] + 1)],
    edit: {
      start: start[0],
      end: end[0],
      added: text.split('\n').length - 1,
      fromIndent: before.trim() === '',
      insertion: start[0] === end[0] && start[1] === end[1],
    },
  };
}

/** Results as the server would send them: each line says what it was made of. */
const resultsOf = (lines: readonly string[], version: number, done = true): ResultsParams => ({
  uri: URI,
  version,
  done,
  scenarios: [
    {
      name: 'all',
      line: 0,
      status: 'passed',
      message: '',
      lines: lines.map((text, line) => ({ line, text, kind: 'ok', failed: false, afterFailure: false, hover: '' })),
    },
  ],
});

/** What is wrong with what is shown of a text. */
function wrong(results: LiveResults, lines: readonly string[], version: number): string[] {
  const shown = results.of(URI);
  return (shown ? shownLines(shown) : []).flatMap((l) => {
    if (lines.length <= l.line || l.line < 0) return [`${l.text} stands behind the end`];
    if (!l.current) return [];
    if (shown!.version !== version)
      return [`${l.text} is of version ${shown!.version} and shown as current in ${version}`];
    return lines[l.line] === l.text ? [] : [`${l.text} stands at ${lines[l.line]}`];
  });
}

const replacement = (lines: readonly string[], random: () => number): Replacement => {
  const place = (from: number): [number, number] => {
    const line = from + Math.floor(random() * Math.min(4, lines.length - from));
    return [line, Math.floor(random() * (lines[line]!.length + 1))];
  };
  const start = place(Math.floor(random() * lines.length));
  const other = random() < 0.5 ? start : place(start[0]);
  const [first, last] = other[0] === start[0] && other[1] < start[1] ? [other, start] : [start, other];
  const texts = ['', 'x', '\n', 'y\nz', '\n\n', '  '];
  return { start: first, end: last, text: texts[Math.floor(random() * texts.length)]! };
};

describe('results and edits', () => {
  test('10,000 random edits show nothing as current that is of another text', () => {
    let seed = 20_260_721;
    const random = (): number => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return seed / 2 ** 32;
    };
    const results = new LiveResults();
    let lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    const texts = new Map([[1, lines]]);
    let version = 1;
    const found: string[] = [];
    let current = 0;
    let outdated = 0;
    for (let i = 0; i < 10_000; i++) {
      const { lines: next, edit } = apply(lines, replacement(lines, random));
      lines = next.length < 5 ? [...next] : next;
      texts.set(++version, lines);
      results.edited(URI, version, [edit]);
      found.push(...wrong(results, lines, version));
      // Answers come late, in parts, and sometimes never.
      if (random() < 0.4) {
        const of = Math.max(1, version - Math.floor(random() * 3));
        results.receive(resultsOf(texts.get(of)!, of, random() < 0.7), version);
        found.push(...wrong(results, lines, version));
      }
      for (const l of shownLines(results.of(URI) ?? { version: 0, running: false, scenarios: [] }))
        if (l.current) current++;
        else outdated++;
      if (found.length > 0) break;
    }
    expect(found).toEqual([]);
    expect(Math.min(current, outdated)).toBeGreaterThan(10_000);
  });

  test('a line that no edit touches is found again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1, maxLength: 8 }), (seeds) => {
        let lines = Array.from({ length: 20 }, (_, i) => `<${i}>`);
        let at: (number | undefined)[] = lines.map((_, i) => i);
        for (const seed of seeds) {
          let state = seed;
          const random = (): number => {
            state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
            return state / 2 ** 32;
          };
          const { lines: next, edit } = apply(lines, replacement(lines, random));
          at = at.map((line) => (line === undefined ? line : shiftLine(line, edit)));
          lines = next;
        }
        for (const [i, line] of at.entries()) {
          const intact = lines.flatMap((text, j) => (text.trim() === `<${i}>` ? [j] : []));
          if (intact.length === 1 && line !== undefined) expect(intact).toContain(line);
        }
      }),
      { seed: 20200728 },
    );
  });

  test('a late answer finds its lines, greyed', () => {
    const results = new LiveResults();
    results.edited(URI, 2, [{ start: 1, end: 1, added: 1, fromIndent: true, insertion: true }]);
    expect(results.receive(resultsOf(['a', 'b'], 1), 2)).toBe(true);
    expect(shownLines(results.of(URI)!).map(({ line, text, current }) => [line, text, current])).toEqual([
      [0, 'a', false],
      [2, 'b', false],
    ]);
  });

  test('while a run goes on, what it has not reached stays in sight as outdated', () => {
    const results = new LiveResults();
    const one = resultsOf(['a'], 1);
    const two = {
      ...one.scenarios[0]!,
      name: 'two',
      line: 5,
      lines: [{ ...one.scenarios[0]!.lines[0]!, line: 6, text: 'b' }],
    };
    results.receive({ ...one, scenarios: [...one.scenarios, two] }, 1);
    results.edited(URI, 2, [{ start: 9, end: 9, added: 0, fromIndent: true, insertion: true }]);
    results.receive({ ...one, version: 2, done: false }, 2);
    expect(results.of(URI)!.running).toBe(true);
    expect(shownLines(results.of(URI)!).map(({ text, current }) => [text, current])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    results.receive({ ...one, version: 2 }, 2);
    expect(shownLines(results.of(URI)!).map((l) => l.text)).toEqual(['a']);
  });

  test('a change of line ends alone outdates nothing', () => {
    const results = new LiveResults();
    results.receive(resultsOf(['a'], 1), 1);
    results.edited(URI, 2, []);
    expect(shownLines(results.of(URI)!).every((l) => l.current)).toBe(true);
    expect(results.receive(resultsOf(['a'], 1), 2)).toBe(true);
    expect(shownLines(results.of(URI)!).every((l) => l.current)).toBe(true);
  });
});
