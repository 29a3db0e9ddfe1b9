import type { Resolved } from '../language/resolve.ts';
import { type Comment, scan, T } from '../language/scanner.ts';
import type { Span } from '../language/syntax.ts';

export interface Fold extends Span {
  readonly kind: 'block' | 'comment' | 'imports';
}

/**
 * What can be folded: the first line of a span stays, its other lines go. A block's last line is the one above its
 * closing bracket, so that the bracket stays too. Read from the tokens, so broken text folds as far as it has brackets.
 */
export function foldingRanges({ sources }: Resolved): readonly Fold[] {
  const { text, program } = sources[0]!;
  const { kinds, starts, ends, fresh, count, comments } = scan(text);
  const folds: Fold[] = [];
  const open: number[] = [];
  for (let i = 0; i < count; i++) {
    const kind = kinds[i];
    if (kind === T.LBrace || kind === T.LBracket) open.push(i);
    else if (kind === T.RBrace || kind === T.RBracket) {
      const from = open.pop();
      if (from === undefined) continue;
      const last = fresh[i] === 1 ? lineEndBefore(text, starts[i]!) : ends[i]!;
      add(folds, text, { start: starts[from]!, end: last, kind: 'block' });
    }
  }
  for (const run of commentRuns(comments, text)) add(folds, text, { ...run, kind: 'comment' });
  const includes = program.declarations.filter((d) => d.kind === 'include');
  if (1 < includes.length) add(folds, text, { start: includes[0]!.start, end: includes.at(-1)!.end, kind: 'imports' });
  return folds.sort((a, b) => a.start - b.start);
}

/** Only what spans lines can be folded. */
function add(folds: Fold[], text: string, fold: Fold): void {
  if (/[\r\n]/.test(text.slice(fold.start, fold.end))) folds.push(fold);
}

function lineEndBefore(text: string, offset: number): number {
  let i = offset;
  while (0 < i && !isNewline(text.charCodeAt(i - 1))) i--;
  if (0 < i) i -= text.charCodeAt(i - 1) === 10 && text.charCodeAt(i - 2) === 13 ? 2 : 1;
  return i;
}

const isNewline = (c: number): boolean => c === 10 || c === 13;

/** Block comments, and line comments that follow one another on lines of their own. */
function* commentRuns(comments: readonly Comment[], text: string): Iterable<Span> {
  for (let i = 0; i < comments.length; i++) {
    const first = comments[i]!;
    let last = first;
    while (first.leading && first.kind !== 'block') {
      const next = comments[i + 1];
      if (!next?.leading || next.kind !== first.kind || next.token !== first.token) break;
      if (1 < lineBreaks(text.slice(last.end, next.start))) break;
      last = next;
      i++;
    }
    yield { start: first.start, end: last.end };
  }
}

const lineBreaks = (text: string): number => text.match(/\r\n|\r|\n/g)?.length ?? 0;
