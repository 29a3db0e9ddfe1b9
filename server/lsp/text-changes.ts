import type { TextDocumentContentChangeEvent } from 'vscode-languageserver';
import { indexLines, type Lines } from '../features/lines.ts';
import { type Encoding, toOffset } from './convert.ts';

/** The text after the changes of one notification, each of which counts on those before it. Throws when one is malformed. */
export function changedText(
  before: Lines,
  changes: readonly TextDocumentContentChangeEvent[],
  encoding: Encoding,
): string {
  let lines: Lines | undefined = before;
  let { text } = before;
  for (const change of changes) {
    if (typeof change.text !== 'string') throw new Error('a change has no text');
    if (!('range' in change) || !change.range) text = change.text;
    else {
      lines ??= indexLines(text);
      const start = toOffset(lines, change.range.start, encoding);
      const end = Math.max(start, toOffset(lines, change.range.end, encoding));
      text = text.slice(0, start) + change.text + text.slice(end);
    }
    lines = undefined;
  }
  return text;
}
