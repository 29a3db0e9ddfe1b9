/** Where something belongs: a line from 0, and the column of its text if others' text stands before it in that line. */
export interface Anchor {
  readonly line: number;
  readonly column?: number;
}

/** What is left of a touched line between two changes. Pieces of blanks alone are not told of. */
interface Piece {
  readonly line: number;
  /** Its columns before the edit, the last one excluded. */
  readonly column: number;
  readonly end: number;
  /** Where it lies now, and the column of its first character that is not blank. */
  readonly at: number;
  readonly from: number;
  readonly text: number;
  /** Other text stands before it in its line. */
  readonly isBehind: boolean;
}

/** What happened to some neighbouring lines of a text, in lines from 0. */
export interface LineEdit {
  /** First and last line that were touched. */
  readonly start: number;
  readonly end: number;
  /** Line breaks that came in. */
  readonly added: number;
  /** In order. */
  readonly left: readonly Piece[];
}

/** Where a thing belongs after an edit; undefined when its text was deleted. */
export function shiftAnchor<A extends Anchor>(anchor: A, { start, end, added, left }: LineEdit): A | undefined {
  const { line, column } = anchor;
  if (line < start) return anchor;
  if (end < line) return { ...anchor, line: line + added - (end - start) };
  // Its text, or what is left of it.
  const piece = left.find((p) => p.line === line && (column ?? 0) < p.end);
  // Where other text took the place of a line, or the line was blank, its place is there still.
  if (!piece) return line === start && (start === end || added > 0) ? at(anchor, start) : undefined;
  const moved = column === undefined ? piece.text : Math.max(piece.text, column - piece.column + piece.from);
  return piece.isBehind || piece.text < moved ? at(anchor, piece.at, moved) : at(anchor, piece.at);
}

function at<A extends Anchor>(anchor: A, line: number, column?: number): A {
  const { column: _, ...rest } = anchor;
  return { ...rest, line, ...(column === undefined ? {} : { column }) } as A;
}

export const shiftThrough = <A extends Anchor>(anchor: A, edits: readonly LineEdit[]): A | undefined =>
  edits.reduce<A | undefined>((moved, edit) => moved && shiftAnchor(moved, edit), anchor);

/** A change as editors tell it, in UTF-16 units of the text before it. */
export interface Change {
  readonly range: { readonly start: Place; readonly end: Place };
  readonly rangeOffset: number;
  readonly rangeLength: number;
  readonly text: string;
}

/** The text after all changes. */
export interface ChangedText {
  positionAt(offset: number): Place;
  lineAt(line: number): { readonly text: string };
}
interface Place {
  readonly line: number;
  readonly character: number;
}

/** A change with the places in the new text where what it put there begins and ends. */
interface Placed extends Change {
  readonly from: Place;
  readonly to: Place;
}

/**
 * The edits of one event, the last one in the text first, so that none moves another that comes after it. The changes do
 * not overlap and all speak of the text before the event. Those that share a line are one edit: what is left of that line
 * can only be seen when all of them are made.
 */
export function lineEdits(changes: readonly Change[], text: ChangedText): LineEdit[] {
  const groups: [Placed, ...Placed[]][] = [];
  let grown = 0;
  for (const change of changes.toSorted((a, b) => a.rangeOffset - b.rangeOffset)) {
    const offset = change.rangeOffset + grown;
    const placed = { ...change, from: text.positionAt(offset), to: text.positionAt(offset + change.text.length) };
    grown += change.text.length - change.rangeLength;
    const group = groups.at(-1);
    if (group?.at(-1)?.range.end.line === change.range.start.line) group!.push(placed);
    else groups.push([placed]);
  }
  return groups.map((group) => editOf(group, text)).reverse();
}

function editOf(group: readonly [Placed, ...Placed[]], text: ChangedText): LineEdit {
  const [first] = group;
  const { start } = first.range;
  const last = group.at(-1)!;
  /** Lines above the group may have moved in the same event: pieces lie where they would if they had not. */
  const above = first.from.line - start.line;
  const piece = (line: number, column: number, end: number, place: Place, until: number | undefined): Piece[] => {
    const whole = text.lineAt(place.line).text;
    const blanks = /^\s*/.exec(whole.slice(place.character, until))![0].length;
    const isBlank = place.character + blanks === (until ?? whole.length);
    const isBehind = whole.slice(0, place.character).trim() !== '';
    const from = place.character;
    return isBlank ? [] : [{ line, column, end, at: place.line - above, from, text: from + blanks, isBehind }];
  };
  return {
    start: start.line,
    end: last.range.end.line,
    added: last.to.line - first.from.line,
    left: [
      ...piece(start.line, 0, start.character, { line: first.from.line, character: 0 }, first.from.character),
      ...group.flatMap(({ range: { end }, to }, i) => {
        const next = group[i + 1];
        return piece(end.line, end.character, next?.range.start.character ?? Infinity, to, next?.from.character);
      }),
    ],
  };
}
