/** One replacement in a text, in lines from 0. */
export interface LineEdit {
  readonly start: number;
  readonly end: number;
  /** Line breaks that came in. */
  readonly added: number;
  /** Nothing but blanks stands before the replaced range on its first line. */
  readonly fromIndent: boolean;
  /** Nothing was taken away. */
  readonly insertion: boolean;
}

/** Where a line lies after an edit; undefined when it was deleted. */
export function shiftLine(line: number, { start, end, added, fromIndent, insertion }: LineEdit): number | undefined {
  if (line < start) return line;
  if (end < line) return line + added - (end - start);
  if (line === start) {
    if (insertion && fromIndent) return line + added;
    return start < end && fromIndent && added === 0 ? undefined : line;
  }
  return line === end ? start + added : undefined;
}
