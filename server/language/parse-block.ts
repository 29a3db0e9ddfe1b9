import type { Cursor } from './cursor.ts';
import { atDeclaration, atStep, findBlock, recover } from './recovery.ts';
import { T } from './scanner.ts';
import type { Span } from './syntax.ts';

/** What a block is made of, for messages and for where its items end. */
export interface BlockShape<Item> {
  /** Reads one item; undefined where it makes no sense. An item without a token is dropped; the block recovers. */
  readonly item: (p: Cursor) => Item | undefined;
  readonly noun: string;
  /** Whether a payload's block can stand open above a step. */
  readonly endsAtStep: boolean;
}

/**
 * Reads `{ .. }`: items separated by newline, `,` or `;`, where an item's own closing `}` ends it too. A broken item
 * costs its line. The `{` may stand on the next line, as C programmers put it.
 */
export function parseBlock<Item>(p: Cursor, shape: BlockShape<Item>, items: Item[]): Span {
  if (p.broken) findBlock(p);
  if (!p.is(T.LBrace)) {
    p.expected('`{`');
    return { start: p.prevEnd, end: p.prevEnd };
  }
  if (!p.enter()) return { start: p.prevEnd, end: p.prevEnd };
  const { brackets, bracesEnd, pos: open } = p;
  const start = p.start;
  let height = 0;
  p.brackets = 0;
  p.bracesEnd = false;
  p.advance();
  for (;;) {
    while (p.is(T.Comma) || p.is(T.Semicolon)) p.advance();
    if (p.is(T.RBrace)) {
      p.advance();
      break;
    }
    if (p.is(T.End) || atDeclaration(p) || (shape.endsAtStep && atStep(p))) {
      p.unclosed(open);
      break;
    }
    const from = p.pos;
    p.first = from;
    p.height = 0;
    const item = shape.item(p);
    if (item !== undefined && p.pos !== from) items.push(item);
    height = Math.max(height, p.height);
    if (!p.broken && !p.atEnd && p.kinds[p.pos - 1] !== T.RBrace) {
      p.expected(`the end of the ${shape.noun}`);
    }
    if (p.broken || p.pos === from) recover(p, from, shape.noun !== 'step');
  }
  p.leave();
  p.height = height + 1;
  p.brackets = brackets;
  p.bracesEnd = bracesEnd;
  return { start, end: p.prevEnd };
}
