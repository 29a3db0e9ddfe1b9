/** How the parser finds its feet: where a statement that lacks its end must have ended, and how a broken one is skipped. */
import type { Cursor } from './cursor.ts';
import { stepWords } from './cursor.ts';
import { T } from './scanner.ts';

/** Whether this line begins a declaration, so that a block still open above it lacks its `}`. */
export function atDeclaration(p: Cursor): boolean {
  const { pos, kinds, fresh } = p;
  if (fresh[pos] === 0 || kinds[pos] !== T.Word || fresh[pos + 1] === 1) return false;
  if (p.isHead(pos)) return true;
  if (p.inMachine || kinds[pos + 1] !== T.Word || fresh[pos + 2] === 1) return false;
  if (kinds[pos + 2] !== T.LBrace && kinds[pos + 2] !== T.Assign) return false;
  const word = p.word();
  return !stepWords.has(word) && p.guess(word, stepWords) === undefined;
}

/** Token kinds that begin what a step is about; behind a field's name none of them can stand. */
const STEP_OBJECT: readonly number[] = [T.Word, T.Number, T.String, T.And, T.LParen, T.LBracket];

/** Whether this line begins a step, so that a payload still open above it lacks its `}`. */
export function atStep(p: Cursor): boolean {
  const { pos, kinds, fresh } = p;
  if (!p.inScenario || fresh[pos] === 0 || kinds[pos] !== T.Word || fresh[pos + 1] === 1) return false;
  return STEP_OBJECT.includes(kinds[pos + 1]!) && stepWords.has(p.word());
}

/**
 * Whether a new line begins with what cannot be an operand: a field, step or declaration. So in `argsz =` at the end of
 * a line, whose value is still to be typed, the next line is not taken for the value.
 */
export function atNextStatement(p: Cursor): boolean {
  const { pos, kinds, fresh } = p;
  if (fresh[pos] === 0 || pos === p.first || kinds[pos] !== T.Word) return false;
  let i = pos + 1;
  while (kinds[i] === T.Dot && kinds[i + 1] === T.Word) i += 2;
  return (kinds[i] === T.Assign && fresh[i] === 0) || atStep(p) || atDeclaration(p);
}

/**
 * Skips a broken statement that began at token `from`: to the end of its line, to the `}` that closes its block, or to a
 * separator. Blocks that it opens are skipped whole. `commas` says whether a comma separates here.
 */
export function recover(p: Cursor, from: number, commas: boolean): void {
  const { kinds, fresh } = p;
  let unbalanced = p.pos;
  let open = commas ? openBrackets(p, from) : 0;
  p.broken = false;
  for (;;) {
    const kind = p.kind;
    if (kind === T.End || kind === T.RBrace || kind === T.Semicolon) return;
    if ((commas && open <= 0 && kind === T.Comma) || (fresh[p.pos] === 1 && p.pos !== from)) return;
    let next = p.pos + 1;
    if (kind === T.LBrace) {
      const close = closers(p)[p.pos]!;
      if (close >= 0) next = close + 1;
    } else if ((kind === T.LParen || kind === T.LBracket) && unbalanced <= p.pos) {
      const end = bracketEnd(p, p.pos);
      if (kinds[end] === T.RParen || kinds[end] === T.RBracket) next = end + 1;
      else unbalanced = end;
    } else if (kind === T.RParen || kind === T.RBracket) open--;
    p.pos = next;
  }
}

/** How many brackets are open between token `from` and the cursor. */
function openBrackets(p: Cursor, from: number): number {
  let open = 0;
  for (let i = from; i < p.pos; i++) {
    const kind = p.kinds[i];
    if (kind === T.LParen || kind === T.LBracket) open++;
    else if (kind === T.RParen || kind === T.RBracket) open--;
  }
  return open;
}

/** The bracket that closes the one at `open` on its line, or the first token of the next line. */
function bracketEnd(p: Cursor, open: number): number {
  let depth = 1;
  for (let i = open + 1; ; i++) {
    const kind = p.kinds[i]!;
    if (p.fresh[i] === 1) return i;
    if (kind === T.LParen || kind === T.LBracket) depth++;
    else if (kind === T.RParen || kind === T.RBracket) depth--;
    if (depth === 0) return i;
  }
}

/** For each `{` the token of its `}`, or -1. A line that begins a declaration ends whatever is open above it. */
function closers(p: Cursor): Int32Array {
  if (p.closers) return p.closers;
  const { kinds } = p;
  const found = new Int32Array(p.tokens.count).fill(-1);
  const open: number[] = [];
  for (let i = 0; i < p.tokens.count; i++) {
    if (kinds[i] === T.LBrace) open.push(i);
    else if (kinds[i] === T.RBrace) {
      const at = open.pop();
      if (at !== undefined) found[at] = i;
    } else if (open.length > 0 && p.isHead(i)) open.length = 0;
  }
  p.closers = found;
  return found;
}

/** Lists longer than this are not skipped over lines, so that recovery stays linear in hostile files. */
const MAX_SKIP = 200;

/** Skips the rest of a broken list, also over lines, unless a line begins that is no part of one. */
export function skipList(p: Cursor): void {
  if (p.endlessList === p.first) return;
  const end = listEnd(p);
  if (end < 0) p.endlessList = p.first;
  else p.pos = end;
}

function listEnd(p: Cursor): number {
  let depth = 1;
  for (let i = p.pos; i < p.pos + MAX_SKIP; i++) {
    const kind = p.kinds[i]!;
    if (kind === T.LBracket) depth++;
    else if (kind === T.RBracket) depth--;
    else if (kind === T.End || kind === T.LBrace || kind === T.RBrace || kind === T.Assign) return -1;
    else if (p.fresh[i] === 1 && kind === T.Word && p.kinds[i + 1] === T.Word) return -1;
    if (depth === 0) return i + 1;
  }
  return -1;
}

/** Behind a broken head: moves to its block, if that opens on the same line and is worth reading. */
export function findBlock(p: Cursor): void {
  const { kinds, fresh } = p;
  let i = p.pos;
  while (fresh[i] === 0 && kinds[i] !== T.LBrace && kinds[i] !== T.RBrace && kinds[i] !== T.Semicolon) i++;
  if (fresh[i] === 1 || kinds[i] !== T.LBrace) return;
  p.pos = i;
  p.broken = false;
}
