import {
  type DecorationOptions,
  type Disposable,
  MarkdownString,
  OverviewRulerLane,
  type TextEditor,
  ThemeColor,
  window,
} from 'vscode';
import type { LineOutcome } from '../server/protocol.ts';
import { type Shown, type ShownLine, shownLines } from './live-results.ts';
import { isOn } from './settings.ts';

type Kind = LineOutcome['kind'];

/** Every outcome is told by a sign and by words, so that the colour is never all there is. */
const SIGNS: Readonly<Record<Kind, string>> = {
  ok: '✓',
  fault: '⊘',
  errno: '⊖',
  hidden: '◐',
  stale: '↻',
  failed: '✗',
  note: '·',
};

/** Longer texts are cut; the hover has them whole. */
const WIDEST = 100;
/** In long files only so many lines around the visible ones are drawn. */
const MARGIN = 200;

/** What stands behind one line. */
export interface Drawn {
  readonly line: number;
  readonly text: string;
  readonly kind: Kind;
  readonly failed: boolean;
  readonly current: boolean;
  readonly hover: string;
}

/** One text per line: where several outcomes share a line, a failed one speaks for all. */
export function drawn(shown: Shown, wants: (kind: Kind) => boolean): Drawn[] {
  const byLine = new Map<number, ShownLine[]>();
  for (const line of shownLines(shown)) {
    const others = byLine.get(line.line);
    if (others) others.push(line);
    else byLine.set(line.line, [line]);
  }
  return [...byLine].flatMap(([line, outcomes]) => {
    const first = outcomes.find((o) => o.failed) ?? outcomes[0]!;
    const kind = first.failed ? 'failed' : first.kind;
    if (!wants(kind)) return [];
    const current = outcomes.every((o) => o.current);
    const words = [
      first.text,
      ...(1 < outcomes.length ? [`(+${outcomes.length - 1} more)`] : []),
      ...(first.afterFailure ? ['(after a failure)'] : []),
    ].join(' ');
    const cut = words.length <= WIDEST ? words : `${words.slice(0, WIDEST - 1)}…`;
    const hover = outcomes.map((o) => o.hover || o.text).join('\n\n---\n\n');
    const text = `${SIGNS[kind]} ${cut}${current ? '' : ' (stale)'}`;
    return [{ line, text, kind, failed: first.failed, current, hover }];
  });
}

/** Draws results at the ends of lines, and a mark in the overview ruler for each line that failed. */
export class ResultDecorations implements Disposable {
  readonly #texts = window.createTextEditorDecorationType({});
  readonly #marks = window.createTextEditorDecorationType({
    overviewRulerColor: new ThemeColor('vsva.result.failed'),
    overviewRulerLane: OverviewRulerLane.Left,
  });

  draw(editor: TextEditor, shown: Shown | undefined): void {
    const { document, visibleRanges } = editor;
    const all =
      shown && isOn('results.enabled', document) ? drawn(shown, (kind) => isOn(`results.${kind}`, document)) : [];
    const lines = all.filter(({ line }) => line < document.lineCount);
    const first = Math.min(...visibleRanges.map((r) => r.start.line)) - MARGIN;
    const last = Math.max(...visibleRanges.map((r) => r.end.line)) + MARGIN;
    editor.setDecorations(
      this.#texts,
      lines
        .filter(({ line }) => visibleRanges.length === 0 || (first <= line && line <= last))
        .map((each) => this.#option(editor, each)),
    );
    editor.setDecorations(
      this.#marks,
      (isOn('results.overviewRuler', document) ? lines : [])
        .filter((each) => each.failed && each.current)
        .map(({ line }) => document.lineAt(line).range),
    );
  }

  dispose(): void {
    this.#texts.dispose();
    this.#marks.dispose();
  }

  #option({ document }: TextEditor, { line, text, kind, current, hover }: Drawn): DecorationOptions {
    const { end } = document.lineAt(line).range;
    const note = current ? '' : '*(stale: something has changed since this ran)*\n\n';
    return {
      range: document.validateRange(document.lineAt(line).range.with(end, end)),
      hoverMessage: new MarkdownString(note + hover),
      renderOptions: {
        after: {
          contentText: text,
          color: new ThemeColor(current ? `vsva.result.${kind}` : 'vsva.result.outdated'),
          margin: '0 0 0 3ch',
          ...(current ? {} : { fontStyle: 'italic' }),
        },
      },
    };
  }
}
