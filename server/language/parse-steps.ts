import type { AssertStep, ForStep, LoopValues, ParallelStep, Step } from '../../engine/scenario/program.ts';
import type { Cursor } from './cursor.ts';
import { stepWords } from './cursor.ts';
import { readString } from './literals.ts';
import { ACTIONS, NOWHERE } from './parse-actions.ts';
import type { BlockShape } from './parse-block.ts';
import { parseBlock } from './parse-block.ts';
import { parseAssertion, parseExpectation } from './parse-expect.ts';
import { parseExpr, parseHeadExpr } from './parse-expr.ts';
import type { Draft } from './parse-payload.ts';
import { T } from './scanner.ts';
import type { Span } from './syntax.ts';
import type { StepWord } from './words.ts';
import { STEP_OPTIONS } from './words.ts';

/** `{ steps }` of a scenario, a loop or a lane. */
export function parseSteps(p: Cursor, steps: Step[]): Span {
  const outer = p.inScenario;
  p.inScenario = true;
  const span = parseBlock(p, { item: (q) => parseStep(q, steps), noun: 'step', endsAtStep: false }, steps);
  p.inScenario = outer;
  return span;
}

/** Reads one step; of `expect A, B` alone, which is as many steps, all but the last go to `steps` by themselves. */
function parseStep(p: Cursor, steps: Step[]): Step | undefined {
  const start = p.start;
  const word = stepWord(p);
  if (word === undefined) return undefined;
  const known = p.problems.length;
  const guessed = !p.isWord(p.pos, word);
  p.advance();
  const step = word === 'expect' ? parseAssertions(p, start, steps) : parseKnownStep(p, word, start);
  // What follows a misspelt word may have been meant for another: only the word is reported.
  if (guessed && p.broken) p.problems.length = known;
  return step;
}

function parseAssertions(p: Cursor, start: number, steps: Step[]): Step {
  let from = start;
  for (;;) {
    const assertion = parseAssertion(p);
    if (!p.broken && !p.atEnd) p.expected('the end of the assertion');
    // Behind a trailing comma there may be nothing at all.
    const at = Math.min(from, p.prevEnd);
    const step = closed<AssertStep>(p, { kind: 'assert', assertion, head: NOWHERE, start: at, end: 0 });
    if (p.broken || !p.take(T.Comma)) return step;
    steps.push(step);
    from = p.start;
  }
}

function parseKnownStep(p: Cursor, word: Exclude<StepWord, 'expect'>, start: number): Step {
  switch (word) {
    case 'for':
      return parseFor(p, start);
    case 'parallel':
      return parseParallel(p, start);
    case 'let': {
      const name = p.name('a name');
      p.expect(T.Assign, '`=`');
      const value = parseExpr(p);
      return closed(p, { kind: 'let', name, value, head: NOWHERE, start, end: 0 });
    }
    case 'note':
      return closed(p, { kind: 'note', text: readNote(p), head: NOWHERE, start, end: 0 });
  }
  const step = ACTIONS[word](p, start);
  step.head = { start, end: p.prevEnd };
  if (!p.broken && p.continues) {
    const expect = parseExpectation(p);
    if (expect) step.expect = expect;
    else if (!p.atEnd) p.expected('`expect` or the end of the step', ['expect', ...STEP_OPTIONS[word]]);
  }
  step.end = p.prevEnd;
  return step;
}

/** The step word that stands here, or the one that was meant; a misspelt step is reported and read all the same. */
function stepWord(p: Cursor): StepWord | undefined {
  if (!p.is(T.Word)) {
    p.expected('a step');
    return undefined;
  }
  const word = p.word();
  if (stepWords.has(word)) return word as StepWord;
  const near = p.nextIs(T.Assign) ? undefined : p.guess(word, stepWords);
  if (near === undefined) {
    p.fail('unknown-statement', `\`${word}\` is no step; a step begins with submit, dma, map, unmap, expect, ...`);
    return undefined;
  }
  p.note('unknown-statement', `\`${word}\` is no step; did you mean \`${near}\`?`, p.start, p.ends[p.pos], near);
  return near as StepWord;
}

function closed<Node extends Step>(p: Cursor, step: Draft<Node>): Draft<Node> {
  step.end = p.prevEnd;
  step.head = { start: step.start, end: p.prevEnd };
  return step;
}

function readNote(p: Cursor): string {
  if (!p.sees(T.String)) {
    p.expected('a string');
    return '';
  }
  const text = readString(p);
  p.advance();
  return text;
}

function parseFor(p: Cursor, start: number): Step {
  const { name, values } = parseLoop(p);
  const steps: Step[] = [];
  parseSteps(p, steps);
  return closed<ForStep>(p, { kind: 'for', name, values, steps, head: NOWHERE, start, end: 0 });
}

/** `X in [..]` or `X in A..B`, behind `for`. */
export function parseLoop(p: Cursor): { name: ForStep['name']; values: LoopValues } {
  const name = p.name('a name');
  p.expectWord('in');
  const from = parseHeadExpr(p);
  const values = p.take(T.Range) ? { from, to: parseHeadExpr(p) } : { list: from };
  return { name, values };
}

function parseParallel(p: Cursor, start: number): Step {
  const lanes: (readonly Step[])[] = [];
  parseBlock(p, LANE, lanes);
  return closed<ParallelStep>(p, { kind: 'parallel', lanes, head: NOWHERE, start, end: 0 });
}

const LANE: BlockShape<readonly Step[]> = {
  item(p) {
    if (!p.isWord(p.pos, 'lane')) {
      p.expected('`lane`', ['lane']);
      return undefined;
    }
    p.advance();
    const steps: Step[] = [];
    parseSteps(p, steps);
    return steps;
  },
  noun: 'lane',
  endsAtStep: false,
};
