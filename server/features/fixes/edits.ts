import { locate } from '../../../engine/index.ts';
import type { PayloadView } from '../../language/rules/rule.ts';
import type { FieldInit, Span } from '../../language/syntax.ts';
import type { FixContext } from './fix.ts';

/** New text in the place of a span; an empty span inserts. */
export interface Edit extends Span {
  readonly file: string;
  readonly newText: string;
}

export const replace = (file: string, { start, end }: Span, newText: string): Edit => ({ file, start, end, newText });

/** The text with edits of one file applied; those that insert at one place keep their order. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let changed = text;
  for (const { start, end, newText } of edits.toReversed().sort((a, b) => b.start - a.start))
    changed = changed.slice(0, start) + newText + changed.slice(end);
  return changed;
}

/** Gives a field of the payload this value: where the payload gives it already, else in the struct's order. */
export function setField(view: PayloadView, path: string, value: string, { text: textOf }: FixContext): Edit {
  const own = find(view.payload.fields, path);
  if (own?.value) return replace(view.file, own.value, value);
  const text = textOf(view.file);
  const offset = offsetIn(view, path);
  const { init, rest } = holder(view.payload.fields, path);
  const body = init?.body ?? view.payload.body;
  const siblings = init?.fields ?? view.payload.fields;
  const prefix = init ? path.slice(0, path.length - rest.length) : '';
  const before = siblings.findLast((s) => offsetIn(view, prefix + nameOf(s)) <= offset);
  return insertField(view.file, text, body, siblings, before, `${rest} = ${value}`);
}

/** A field of the payload or below one, by its whole path. */
function find(fields: readonly FieldInit[], path: string): FieldInit | undefined {
  for (const init of fields.toReversed()) {
    const name = nameOf(init);
    if (name === path) return init;
    const inner =
      init.fields && path.startsWith(`${name}.`) ? find(init.fields, path.slice(name.length + 1)) : undefined;
    if (inner) return inner;
  }
  return undefined;
}

/** The innermost `a { .. }` that the path leads into, and the rest of the path in it. */
function holder(fields: readonly FieldInit[], path: string): { readonly init?: FieldInit; readonly rest: string } {
  for (const init of fields) {
    const name = nameOf(init);
    if (!init.fields || !init.body || !path.startsWith(`${name}.`)) continue;
    const inner = holder(init.fields, path.slice(name.length + 1));
    return inner.init ? inner : { init, rest: inner.rest };
  }
  return { rest: path };
}

const nameOf = ({ path }: FieldInit): string => path.map((name) => name.text).join('.');

function offsetIn({ struct }: PayloadView, path: string): number {
  const found = locate(struct, path.split('.'));
  return 'missing' in found ? Number.MAX_SAFE_INTEGER : found.offset;
}

/** Puts a field behind `before`, or in front of all; in the shape that the block has. */
function insertField(
  file: string,
  text: string,
  body: Span,
  siblings: readonly FieldInit[],
  before: FieldInit | undefined,
  field: string,
): Edit {
  if (body.start === body.end || text[body.start] !== '{')
    return replace(file, { start: body.end, end: body.end }, ` { ${field} }`);
  const [first] = siblings;
  if (!first) {
    const isOpen = /[\r\n]/.test(text.slice(body.start, body.end));
    const indent = indentAt(text, body.start);
    return replace(file, body, isOpen ? `{\n${indent}  ${field}\n${indent}}` : `{ ${field} }`);
  }
  if (!before) {
    const ownLine = isFirstOnLine(text, first.start);
    const between = ownLine ? `\n${indentAt(text, first.start)}` : ', ';
    return replace(file, { start: first.start, end: first.start }, `${field}${between}`);
  }
  const next = siblings[siblings.indexOf(before) + 1];
  const end = next?.start ?? body.end - 1;
  const lineEnd = before.end + text.slice(before.end).search(/\r?\n|$/);
  // Fields that share a line go on sharing it.
  if (end <= lineEnd || !isFirstOnLine(text, before.start))
    return replace(file, { start: before.end, end: before.end }, `, ${field}`);
  const comma = /^\s*,/.test(text.slice(before.end, lineEnd)) ? ',' : '';
  return replace(
    file,
    { start: lineEnd, end: lineEnd },
    `\n${indentAt(text, before.start)}${aligned(text, before, field)}${comma}`,
  );
}

/** Where the neighbour's `=` stands in a column of its own, the new one joins it. */
function aligned(text: string, { path, start }: FieldInit, field: string): string {
  const names = text.slice(start, path.at(-1)!.end);
  const gap = /^( *)=(?!=)/.exec(text.slice(start + names.length))?.[1] ?? ' ';
  if (gap.length < 2) return field;
  const [name, value] = field.split(' = ', 2);
  return `${name!.padEnd(names.length + gap.length - 1)} = ${value}`;
}

/** Takes a field out, with its line where it has one for itself. */
export function removeField(file: string, text: string, init: Span): Edit {
  const line = wholeLines(text, init, /^[ \t]*[,;]?[ \t]*(?:\/\/[^\r\n]*)?$/);
  if (line) return replace(file, line, '');
  const behind = /^\s*[,;]\s*/.exec(text.slice(init.end));
  if (behind) return replace(file, { start: init.start, end: init.end + behind[0].length }, '');
  const ahead = /\s*[,;]\s*$/.exec(text.slice(0, init.start));
  if (ahead) return replace(file, { start: init.start - ahead[0].length, end: init.end }, '');
  const space = /^[ \t]+/.exec(text.slice(init.end))?.[0].length ?? 0;
  return replace(file, { start: init.start, end: init.end + space }, '');
}

/** Takes a step or declaration out, with its lines, the comment that documents it and one of the blank lines around. */
export function removeLines(file: string, text: string, node: Span): Edit {
  const line = wholeLines(text, node, /^[ \t]*;?[ \t]*(?:\/\/[^\r\n]*)?$/);
  if (!line) return replace(file, node, '');
  let { start, end } = line;
  for (;;) {
    const above = /(?:^|\n)([ \t]*\/\/\/[^\r\n]*\r?\n)$/.exec(text.slice(0, start));
    if (!above) break;
    start -= above[1]!.length;
  }
  const isBlankAbove = /(?:^|\n)[ \t]*\r?\n$/.test(text.slice(0, start)) || start === 0;
  const blankBelow = /^[ \t]*\r?\n/.exec(text.slice(end));
  if (isBlankAbove && blankBelow) end += blankBelow[0].length;
  return replace(file, { start, end }, '');
}

/** The lines of a span, if nothing else stands on them; `tail` is what may follow on the last one. */
function wholeLines(text: string, { start, end }: Span, tail: RegExp): Span | undefined {
  const lineStart = lineStartAt(text, start);
  const rest = /^[^\r\n]*/.exec(text.slice(end))![0];
  if (!isFirstOnLine(text, start) || !tail.test(rest)) return undefined;
  const newline = /^\r?\n?/.exec(text.slice(end + rest.length))![0];
  return { start: lineStart, end: end + rest.length + newline.length };
}

export const lineStartAt = (text: string, offset: number): number => text.lastIndexOf('\n', offset - 1) + 1;

const isFirstOnLine = (text: string, offset: number): boolean =>
  text.slice(lineStartAt(text, offset), offset).trim() === '';

/** The blanks at the start of an offset's line. */
export const indentAt = (text: string, offset: number): string =>
  /^[ \t]*/.exec(text.slice(lineStartAt(text, offset), offset))![0];
