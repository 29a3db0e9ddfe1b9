/** A place as editors count it: both from 1, columns in UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A text with the offset at which each of its lines begins. */
export interface Lines {
  readonly text: string;
  readonly starts: readonly number[];
}

/** A line ends with `\n`, `\r\n` or a lone `\r`, as the scanner and the editors have it. */
export function indexLines(text: string): Lines {
  const starts = [0];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10 || (c === 13 && text.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  return { text, starts };
}

export function placeOf({ starts, text }: Lines, offset: number): Place {
  const at = Math.max(0, Math.min(offset, text.length));
  let [low, high] = [0, starts.length];
  while (low + 1 < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= at) low = middle;
    else high = middle;
  }
  return { line: low + 1, column: at - starts[low]! + 1 };
}

export const lineOf = (lines: Lines, offset: number): number => placeOf(lines, offset).line;

/** The text of a line without its end. */
export function lineText({ starts, text }: Lines, line: number): string {
  const start = starts[line - 1] ?? text.length;
  return text.slice(start, starts[line] ?? text.length).replace(/[\r\n]+$/, '');
}

/** Whether nothing but blanks stands in front of an offset on its line. */
export const isBlankBefore = (lines: Lines, offset: number): boolean =>
  lines.text.slice(lines.starts[lineOf(lines, offset) - 1], offset).trim() === '';
