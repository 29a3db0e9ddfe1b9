import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Anchor, type LineEdit, lineEdits, shiftThrough } from '../client/line-shift.ts';
import { LiveResults, shownLines } from '../client/live-results.ts';
import type { ResultsParams } from '../server/protocol.ts';
import { cases } from './property.ts';

const URI = 'file:///a.vsva';

/** A replacement as an editor makes it, in lines and columns. */
interface Replacement {
  readonly start: readonly [line: number, column: number];
  readonly end: readonly [line: number, column: number];
  readonly text: string;
}

/** Replaces in one event, as an editor with several cursors does. The replacements stand in order and do not overlap. */
function apply(
  lines: readonly string[],
  replacements: readonly Replacement[],
): { readonly lines: string[]; readonly edits: LineEdit[] } {
  const text = lines.join('\n');
  const offsetOf = ([line, column]: readonly [number, number]): number =>
    lines.slice(0, line).reduce((sum, l) => sum + l.length + 1, 0) + column;
  // Editors report the last place first.
  const changes = replacements.toReversed().map(({ start, end, text: replacement }) => ({
    range: { start: { line: start[0], character: start[1] }, end: { line: end[0], character: end[1] } },
    rangeOffset: offsetOf(start),
    rangeLength: offsetOf(end) - offsetOf(start),
    text: replacement,
  }));
  const changed = changes
    .reduce((t, c) => t.slice(0, c.rangeOffset) + c.text + t.slice(c.rangeOffset + c.rangeLength), text)
    .split('\n');
  const edits = lineEdits(changes, {
    positionAt: (offset) => {
      let line = 0;
      let rest = offset;
      while (rest > changed[line]!.length) rest -= changed[line++]!.length + 1;
      return { line, character: rest };
    },
    lineAt: (line) => ({ text: changed[line]! }),
  });
  return { lines: changed, edits };
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

/** Numbers from 0 to 1, the same for the same seed. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
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
    const random = generator(20_260_721);
    const results = new LiveResults();
    let lines = Array.from({ length: 30 }, (_, i) => `line ${i}`);
    const texts = new Map([[1, lines]]);
    let version = 1;
    const found: string[] = [];
    let current = 0;
    let outdated = 0;
    for (let i = 0; i < 10_000; i++) {
      const { lines: next, edits } = apply(lines, [replacement(lines, random)]);
      lines = next;
      texts.set(++version, lines);
      results.edited(URI, version, edits);
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

  const untouched = fc.property(
    fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 8 }),
    (events) => {
      // A letter for each line, so that no edit can make one line's text out of others.
      let lines = Array.from({ length: 20 }, (_, i) => String.fromCharCode(65 + i).repeat(3));
      /** Where each text that has stayed whole through all edits should lie; those that did not are out. */
      let at = new Map<string, Anchor | undefined>(lines.map((text, line) => [text, { line }]));
      for (const [seed, cursors] of events) {
        const random = generator(seed);
        const found: Replacement[] = [];
        for (let i = 0; i < cursors; i++) {
          const next = replacement(lines, random);
          const last = found.at(-1)?.end ?? [0, 0];
          if (last[0] < next.start[0] || (last[0] === next.start[0] && last[1] < next.start[1])) found.push(next);
        }
        const { lines: changed, edits } = apply(lines, found);
        lines = changed;
        at = new Map(
          [...at]
            .filter(([text]) => lines.some((line) => line.includes(text)))
            .map(([text, anchor]) => [text, anchor && shiftThrough(anchor, edits)]),
        );
        for (const [text, anchor] of at)
          expect(`${text} at ${anchor?.line}`).toBe(`${text} at ${lines.findIndex((line) => line.includes(text))}`);
      }
    },
  );

  test('a text that no edit touches is found again', () => {
    // Two cursors in one line, of which the first breaks it and the second takes away the lines behind it.
    const examples: [[number, number][]][] = [
      [
        [
          [741_529_116, 1],
          [1_860_141_722, 3],
          [0, 1],
        ],
      ],
    ];
    fc.assert(untouched, { ...cases(500), examples });
  });

  test('two lines that are joined and parted again have their own results', () => {
    const joined = apply(['<15>', '<16>'], [{ start: [0, 4], end: [1, 0], text: '  ' }]);
    expect(shiftThrough({ line: 1 }, joined.edits)).toEqual({ line: 0, column: 6 });
    const parted = apply(joined.lines, [{ start: [0, 6], end: [0, 6], text: '\n' }]);
    expect(parted.lines).toEqual(['<15>  ', '<16>']);
    const both = [0, 1].map((line) => shiftThrough({ line }, [...joined.edits, ...parted.edits]));
    expect(both).toEqual([{ line: 0 }, { line: 1 }]);
  });

  test('and so is one that is pushed down by blanks that are replaced before it', () => {
    const indented = apply(['<0>', '<1>'], [{ start: [1, 0], end: [1, 0], text: '  ' }]);
    const pushed = apply(indented.lines, [{ start: [1, 0], end: [1, 1], text: '\n\n' }]);
    expect(pushed.lines).toEqual(['<0>', '', '', ' <1>']);
    expect(shiftThrough({ line: 1 }, pushed.edits)).toEqual({ line: 3 });
  });

  test('a line that was deleted leaves no result behind, one that is written anew keeps its place', () => {
    const lines = ['a', 'b', 'c', 'd'];
    const joined = apply(lines, [{ start: [1, 1], end: [2, 1], text: '' }]);
    expect(joined.lines).toEqual(['a', 'b', 'd']);
    expect([0, 1, 2, 3].map((line) => shiftThrough({ line }, joined.edits)?.line)).toEqual([0, 1, undefined, 2]);
    const retyped = apply(lines, [{ start: [1, 0], end: [1, 1], text: 'x' }]);
    expect([0, 1, 2].map((line) => shiftThrough({ line }, retyped.edits)?.line)).toEqual([0, 1, 2]);
  });

  test('a late answer finds its lines, greyed', () => {
    const results = new LiveResults();
    results.edited(URI, 2, [
      { start: 1, end: 1, added: 1, left: [{ line: 1, column: 0, end: 9, at: 2, from: 0, text: 0, isBehind: false }] },
    ]);
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
    results.edited(URI, 2, [{ start: 9, end: 9, added: 0, left: [] }]);
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
