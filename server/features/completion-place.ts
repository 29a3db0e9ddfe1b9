import { type Generation, locate, type Struct } from '../../engine/index.ts';
import { T, type Tokens } from '../language/scanner.ts';
import type { Span } from '../language/syntax.ts';
import { RESERVED, STEP_OPTIONS } from '../language/words.ts';
import { newestOf } from './members.ts';

/** What the statements of a block are. */
export type Block =
  | { readonly kind: 'quirks' | 'machine' | 'evolve' | 'steps' | 'lanes' | 'values' | 'other' }
  /** `{ key = value }` behind `container`, `iommu MODEL`, `device NAME`; `name` is the second word. */
  | { readonly kind: 'settings'; readonly item: string; readonly name: string }
  | { readonly kind: 'mappings'; readonly format: string }
  | { readonly kind: 'elements'; readonly struct: Struct | undefined }
  | FieldsBlock
  /** Fields of a hardware command or record, which are bits of it. */
  | { readonly kind: 'bits'; readonly owner: string };

/** Fields of the payload of struct `whole` whose braces open at token `root`; `struct` is the member at `path` in it. */
export interface FieldsBlock {
  readonly kind: 'fields';
  readonly whole: Struct | undefined;
  readonly root: number;
  readonly path: readonly string[];
  readonly struct: Struct | undefined;
}

/**
 * Where a cursor stands, read from the tokens alone: the text around a cursor is broken most of the time, and the tokens
 * of a line say what is due behind them whatever the lines below say.
 */
export interface CursorPlace {
  readonly text: string;
  readonly tokens: Tokens;
  readonly offset: number;
  /** What a choice replaces: the word around the cursor, or nothing between words. */
  readonly replace: Span;
  /** Names in front of the word, joined to it by dots. */
  readonly path: readonly string[];
  /** The tokens of the statement in front of all this: from the first to before the last. */
  readonly from: number;
  readonly to: number;
  /** Blocks around the cursor, outermost first. */
  readonly blocks: readonly Block[];
  /** Tokens from the replaced word to the end of the line. */
  readonly rest: readonly string[];
  /** `=` or `{` follows, so that only a name is to be written. */
  readonly isFollowed: boolean;
}

/** The place of a cursor; undefined inside comments, strings and numbers. */
export function cursorPlace(
  text: string,
  tokens: Tokens,
  offset: number,
  generation: Generation,
  { ids }: { readonly ids: boolean },
): CursorPlace | undefined {
  if (isOpaque(tokens, offset)) return undefined;
  const replace = runAround(text, offset, ids ? /[\w.-]/ : /\w/);
  if (!ids && /\d/.test(text[replace.start] ?? '') && replace.start < replace.end) return undefined;
  const { start, path } = ids ? { start: replace.start, path: [] } : pathBefore(text, replace.start);
  const to = firstFrom(tokens, start);
  const opens = openBraces(text, tokens, to);
  const blocks: Block[] = [];
  let from = 0;
  for (const open of opens) {
    const head = statementStart(text, tokens, from, open, open, blocks.at(-1));
    blocks.push(classify(text, tokens, head, open, blocks.at(-1), generation));
    from = open + 1;
  }
  const next = firstFrom(tokens, replace.end);
  return {
    text,
    tokens,
    offset,
    replace,
    path,
    from: statementStart(text, tokens, from, to, start, blocks.at(-1)),
    to,
    blocks,
    rest: restOfLine(text, tokens, firstFrom(tokens, replace.start), offset),
    isFollowed: tokens.fresh[next] === 0 && (tokens.kinds[next] === T.Assign || tokens.kinds[next] === T.LBrace),
  };
}

/** Whether the word around an offset has dots or dashes in it, as single-word ids do. */
export function isIdLike(text: string, offset: number): boolean {
  const { start, end } = runAround(text, offset, /[\w.-]/);
  return /[.-]/.test(text.slice(start, end));
}

/** Whether the cursor stands in a comment or a string, where nothing is offered. */
function isOpaque({ comments, kinds, starts, ends, count }: Tokens, offset: number): boolean {
  for (const { start, end, kind } of comments)
    if (start < offset && (offset < end || (offset === end && kind !== 'block'))) return true;
  for (let i = 0; i < count && starts[i]! < offset; i++)
    if ((kinds[i] === T.String && offset < ends[i]!) || (kinds[i] === T.OpenString && offset <= ends[i]!)) return true;
  return false;
}

function runAround(text: string, offset: number, part: RegExp): Span {
  let [start, end] = [offset, offset];
  while (0 < start && part.test(text[start - 1]!)) start--;
  while (end < text.length && part.test(text[end]!)) end++;
  return { start, end };
}

/** `a.b.` in front of a word; the leading `.` of a C initialiser is no path. */
function pathBefore(text: string, start: number): { readonly start: number; readonly path: readonly string[] } {
  const match = /(?:[A-Za-z_]\w*(?:\[\d+\])?\.)+$/.exec(text.slice(Math.max(0, start - 200), start));
  if (!match) return { start, path: [] };
  return { start: start - match[0].length, path: match[0].slice(0, -1).split('.') };
}

/** The first token that begins at an offset or behind it. */
function firstFrom({ starts, count }: Tokens, offset: number): number {
  let [low, high] = [0, count - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The `{` that are open in front of a token. A line that begins a declaration closes whatever is open above it, and one
 * that begins a step closes the payloads that are open above it in its scenario, as the parser has it.
 */
function openBraces(text: string, tokens: Tokens, to: number): number[] {
  const { kinds, fresh, starts, ends } = tokens;
  const open: number[] = [];
  const ofSteps: boolean[] = [];
  let head = 0;
  for (let i = 0; i < to; i++) {
    const kind = kinds[i];
    if (fresh[i] === 1) head = i;
    if (kind === T.LBrace) {
      open.push(i);
      ofSteps.push(HOLDS_STEPS.has(text.slice(starts[head]!, ends[head]!)));
    } else if (kind === T.RBrace) {
      open.pop();
      ofSteps.pop();
    } else if (kind === T.Word && open.length > 0 && fresh[i] === 1) {
      if (isDeclaration(text, tokens, i)) open.length = 0;
      else if (!ofSteps.at(-1) && ofSteps.includes(true) && isStep(text, tokens, i))
        open.length = ofSteps.lastIndexOf(true) + 1;
      ofSteps.length = open.length;
    }
  }
  return open;
}

const HOLDS_STEPS: ReadonlySet<string> = new Set(['scenario', 'for', 'lane']);
/** Token kinds that begin what a step is about; behind a field's name none of them can stand. */
const STEP_OBJECT: readonly number[] = [T.Word, T.Number, T.String, T.And, T.LParen, T.LBracket];

const isStep = (text: string, { kinds, starts, ends, fresh }: Tokens, i: number): boolean =>
  fresh[i + 1] === 0 && STEP_OBJECT.includes(kinds[i + 1]!) && text.slice(starts[i]!, ends[i]!) in STEP_OPTIONS;

const HEADS: ReadonlySet<string> = new Set(RESERVED.filter((word) => word !== 'let' && word !== 'struct'));

function isDeclaration(text: string, { kinds, starts, ends, fresh }: Tokens, i: number): boolean {
  const next = fresh[i + 1] === 1 ? T.End : kinds[i + 1];
  if (next !== T.Word && next !== T.String && next !== T.OpenString && next !== T.LBrace) return false;
  const word = text.slice(starts[i]!, ends[i]!);
  return HEADS.has(word) && (next === T.LBrace) === (word === 'machine');
}

/** 1 for the tokens that, at the end of a line, carry their statement on. */
const CARRIES = new Uint8Array(64);
for (let kind: number = T.Tilde; kind <= T.OrOr; kind++) CARRIES[kind] = 1;
for (const kind of [T.Comma, T.Assign, T.Range, T.Arrow, T.Not]) CARRIES[kind] = 1;

/** The first token of the statement that a place belongs to: `to` is the token there, `at` its offset. */
function statementStart(
  text: string,
  tokens: Tokens,
  from: number,
  to: number,
  at: number,
  block: Block | undefined,
): number {
  const { kinds, starts, ends, fresh } = tokens;
  const commas = block !== undefined && block.kind !== 'steps' && block.kind !== 'lanes';
  let start = from;
  let depth = 0;
  for (let i = from; i <= to; i++) {
    const kind = kinds[i]!;
    const previous = i - 1;
    // A payload that is never closed above a step ends there.
    if (block?.kind === 'steps' && i < to && fresh[i] === 1 && isStep(text, tokens, i)) {
      start = i;
      depth = 0;
    }
    if (depth === 0 && start < i) {
      const breaks = i < to ? fresh[i] === 1 : isNewLine(text, ends[previous]!, at);
      const carried = CARRIES[kinds[previous]!] === 1 || text.slice(starts[previous]!, ends[previous]!) === 'or';
      const opensBlock = i < to && kind === T.LBrace;
      if (breaks && !opensBlock && (!carried || (i < to && isFieldName(tokens, i)))) start = i;
    }
    if (i === to) break;
    if (kind === T.LBrace || kind === T.LParen || kind === T.LBracket) depth++;
    else if (kind === T.RBrace || kind === T.RParen || kind === T.RBracket) depth = Math.max(0, depth - 1);
    else if (depth === 0 && (kind === T.Semicolon || (commas && kind === T.Comma))) start = i + 1;
  }
  return start;
}

const isNewLine = (text: string, from: number, to: number): boolean => /[\r\n]/.test(text.slice(from, to));

/** `name =` at the start of a line: the value that the line above still lacks is not to be found here. */
function isFieldName({ kinds, fresh }: Tokens, i: number): boolean {
  if (kinds[i] !== T.Word) return false;
  let next = i + 1;
  while (kinds[next] === T.Dot && kinds[next + 1] === T.Word) next += 2;
  return kinds[next] === T.Assign && fresh[next] === 0;
}

/** The tokens from one on to the end of its line, or of the block. */
function restOfLine(text: string, { kinds, starts, ends, fresh }: Tokens, from: number, offset: number): string[] {
  const rest: string[] = [];
  for (let i = from; kinds[i] !== T.End && kinds[i] !== T.RBrace; i++) {
    if (fresh[i] === 1 && offset <= starts[i]! && (i > from || isNewLine(text, offset, starts[i]!))) break;
    rest.push(text.slice(starts[i]!, ends[i]!));
  }
  return rest;
}

/** What the `{` at `open` holds, by the statement that it belongs to. */
function classify(
  text: string,
  tokens: Tokens,
  from: number,
  open: number,
  parent: Block | undefined,
  generation: Generation,
): Block {
  const word = (i: number): string =>
    from <= i && i < open && tokens.kinds[i] === T.Word ? text.slice(tokens.starts[i]!, tokens.ends[i]!) : '';
  const first = word(from);
  if (parent === undefined) {
    switch (first) {
      case 'uapi':
        return { kind: 'quirks' };
      case 'machine':
        return { kind: 'machine' };
      case 'scenario':
        return { kind: 'steps' };
      case 'pagetable': {
        const at = Math.max(from + 2, 0);
        let end = at;
        while (end < open && word(end) !== 'at' && word(end) !== 'space') end++;
        return { kind: 'mappings', format: text.slice(tokens.starts[at]!, tokens.ends[Math.max(at, end - 1)]!) };
      }
      case 'array': {
        const of = [from + 2, from + 3].find((i) => word(i) === 'of') ?? from + 2;
        const name = word(of + 1) === 'struct' ? word(of + 2) : word(of + 1);
        return { kind: 'elements', struct: structNamed(name, generation) };
      }
      case 'struct':
        return fieldsOf(structNamed(word(from + 1), generation), open);
      case 'evolve':
        return { kind: 'evolve' };
      default:
        if (first !== '' && generation.id === 'bare') return { kind: 'bits', owner: first };
        return first === '' ? { kind: 'other' } : fieldsOf(kindStruct(first, generation), open);
    }
  }
  switch (parent.kind) {
    case 'machine':
      return { kind: 'settings', item: first, name: word(from + 1) };
    case 'elements':
      return fieldsOf(parent.struct, open);
    case 'lanes':
      return { kind: 'steps' };
    case 'steps':
      if (first === 'for') return { kind: 'steps' };
      if (first === 'parallel') return { kind: 'lanes' };
      if (first === 'invalidate') return { kind: 'bits', owner: word(from + 2) };
      // Without a kernel a device sends records of the hardware and nothing else.
      if (first === 'inject' && generation.id === 'bare') return { kind: 'bits', owner: word(from + 2) };
      return inlinePayload(word, from, open, generation) ?? { kind: 'other' };
    case 'fields': {
      const inline = inlinePayload(word, from, open, generation);
      if (inline) return inline;
      const path = [...parent.path];
      let i = tokens.kinds[from] === T.Dot ? from + 1 : from;
      for (; word(i) !== ''; i += 2) path.push(word(i));
      const added = path.slice(parent.path.length);
      const found = parent.struct && added.length > 0 ? locate(parent.struct, added) : undefined;
      if (!found || 'missing' in found) return { kind: 'other' };
      if (!found.field.struct) return { kind: 'values' };
      return { ...parent, struct: found.field.struct, path };
    }
    default:
      return { kind: 'other' };
  }
}

const fieldsOf = (struct: Struct | undefined, open: number): Block => ({
  kind: 'fields',
  whole: struct,
  root: open,
  path: [],
  struct,
});

/** A struct in its newest version, which has every field that a payload can give. */
const structNamed = (name: string, generation: Generation): Struct | undefined => {
  const struct = generation.structs.get(name);
  return struct && newestOf(struct, generation);
};

const kindStruct = (kind: string, generation: Generation): Struct | undefined =>
  structNamed(generation.kinds.get(kind)?.struct ?? '', generation);

/** `KIND {`, `struct S {`, and before the brace `= BASE` or `mapped N`: the last one of a statement opens the brace. */
function inlinePayload(
  word: (i: number) => string,
  from: number,
  open: number,
  generation: Generation,
): Block | undefined {
  for (let i = open - 1; from <= i; i--) {
    if (word(i) === 'struct') return fieldsOf(structNamed(word(i + 1), generation), open);
    // The first word of a field or step names it and is no kind.
    if (from < i && generation.kinds.has(word(i))) return fieldsOf(kindStruct(word(i), generation), open);
  }
  return undefined;
}
