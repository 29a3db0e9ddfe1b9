import { nearest } from '../../engine/base/text.ts';
import type { Tokens } from './scanner.ts';
import { T } from './scanner.ts';
import type { Name, Problem } from './syntax.ts';
import { RESERVED, STEP_OPTIONS } from './words.ts';

/** How deep brackets, braces and prefix operators may nest: far above any real file, far below the stack. */
export const MAX_NESTING = 100;
/** A file with more problems is no scenario file; the last problem says so and covers the rest. */
const MAX_PROBLEMS = 200;

const shorten = (text: string): string => (text.length <= 40 ? text : `${text.slice(0, 40)}…`);

/** 1 for the tokens that, at the end of a line, carry their statement on. */
const CARRIES = new Uint8Array(64);
for (let kind: number = T.Tilde; kind <= T.OrOr; kind++) CARRIES[kind] = 1;
for (const kind of [T.Comma, T.Assign, T.Range, T.Arrow, T.Not]) CARRIES[kind] = 1;

export const reserved: ReadonlySet<string> = new Set(RESERVED);
export const stepWords: ReadonlySet<string> = new Set(Object.keys(STEP_OPTIONS));

/**
 * The state of one parse: a place in the tokens and what was found wrong. The parse functions take it first.
 *
 * A syntax problem sets `broken`: the statement's further complaints are consequences and are not recorded, until its
 * block has skipped to the next statement. Parse functions go on and fill in missing names, so they need no error path.
 */
export class Cursor {
  readonly text: string;
  readonly tokens: Tokens;
  readonly kinds: Uint8Array;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly fresh: Uint8Array;
  readonly problems: Problem[] = [];
  pos = 0;
  /** The first token of the statement: it stands on a new line and yet belongs to it. */
  first = 0;
  broken = false;
  /** Open `(` and `[`: inside them line ends do not count. */
  brackets = 0;
  /** Set where a `{` behind a name opens the statement's block and not an inline payload. */
  bracesEnd = false;
  /** Set inside a scenario, where a line that begins with a step word ends an unclosed payload. */
  inScenario = false;
  /** Set inside a machine, whose items look like payloads: `device dev0 { .. }`. */
  inMachine = false;
  /** Levels of the last expression's tree, as its evaluators will recurse. */
  height = 0;
  #nesting = 0;
  /** The token before which an unclosed block was noticed: the blocks around it are not reported again. */
  #unclosedAt = -1;
  /** The statement whose broken list has no end in sight, so that the lists around it need not search. */
  endlessList = -1;
  /** For each `{` the token of its `}`, or -1; made when recovery first needs it. */
  closers: Int32Array | undefined;

  constructor(text: string, tokens: Tokens) {
    this.text = text;
    this.tokens = tokens;
    this.kinds = tokens.kinds;
    this.starts = tokens.starts;
    this.ends = tokens.ends;
    this.fresh = tokens.fresh;
  }

  get kind(): number {
    return this.kinds[this.pos]!;
  }
  is(kind: number): boolean {
    return this.kinds[this.pos] === kind;
  }
  get start(): number {
    return this.starts[this.pos]!;
  }
  /** Where the token before this one ended: the end of whatever was parsed last. */
  get prevEnd(): number {
    return this.pos === 0 ? 0 : this.ends[this.pos - 1]!;
  }
  /** Where something is missing that was due here: behind the last token of the statement. */
  get gap(): number {
    return this.pos === this.first ? this.start : this.prevEnd;
  }
  /** The source text of a token. */
  word(pos = this.pos): string {
    return this.text.slice(this.starts[pos]!, this.ends[pos]!);
  }
  advance(): void {
    if (this.kinds[this.pos] !== T.End) this.pos++;
  }

  /** Whether this token still belongs to the statement: its line, its brackets or the token before it carry it on. */
  get continues(): boolean {
    const { pos } = this;
    if (this.fresh[pos] === 0 || pos === this.first) return true;
    if (this.kinds[pos] === T.End || this.isHead(pos)) return false;
    return this.brackets > 0 || CARRIES[this.kinds[pos - 1]!] === 1;
  }
  /**
   * Whether a line begins with a reserved word in its meaning, and so with a declaration: not as a field name, nor `let`,
   * which is a step too. No statement goes on there, whatever it still lacks.
   */
  isHead(pos: number): boolean {
    const { kinds, fresh } = this;
    if (fresh[pos] === 0 || kinds[pos] !== T.Word) return false;
    const next = fresh[pos + 1] === 1 ? T.End : kinds[pos + 1]!;
    if (next !== T.Word && next !== T.String && next !== T.OpenString && next !== T.LBrace) return false;
    const word = this.word(pos);
    if (!reserved.has(word) || word === 'let') return false;
    if (next === T.LBrace) return word === 'machine';
    return word !== 'struct' || kinds[pos + 3] === T.LBrace || kinds[pos + 3] === T.Assign;
  }
  /** Whether the statement goes on with a token of this kind. */
  sees(kind: number): boolean {
    return this.kinds[this.pos] === kind && this.continues;
  }
  /** Whether the statement goes on with this word. */
  seesWord(word: string): boolean {
    return this.sees(T.Word) && this.isWord(this.pos, word);
  }
  isWord(pos: number, word: string): boolean {
    const start = this.starts[pos]!;
    return this.ends[pos]! - start === word.length && this.text.startsWith(word, start);
  }
  /** Whether the token behind this one is of this kind and on the same line. */
  nextIs(kind: number): boolean {
    return this.kinds[this.pos] !== T.End && this.kinds[this.pos + 1] === kind && this.fresh[this.pos + 1] === 0;
  }
  /** Whether the statement ends here. */
  get atEnd(): boolean {
    const kind = this.kind;
    return !this.continues || kind === T.RBrace || kind === T.Semicolon || kind === T.Comma;
  }

  take(kind: number): boolean {
    if (!this.sees(kind)) return false;
    this.pos++;
    return true;
  }
  takeWord(word: string): boolean {
    if (!this.seesWord(word)) return false;
    this.pos++;
    return true;
  }
  expect(kind: number, what: string): boolean {
    if (this.take(kind)) return true;
    this.expected(what);
    return false;
  }
  expectWord(word: string): boolean {
    if (this.takeWord(word)) return true;
    this.expected(`\`${word}\``, [word]);
    return false;
  }

  /** Takes a `(` or `[`. What it returns belongs to the `closeBracket` that follows, whatever stands in between. */
  openBracket(): boolean {
    const saved = this.bracesEnd;
    this.bracesEnd = false;
    this.brackets++;
    this.advance();
    return saved;
  }
  closeBracket(saved: boolean): void {
    this.brackets--;
    this.bracesEnd = saved;
  }

  /** The name that stands here, or a missing one. */
  name(what: string): Name {
    if (!this.sees(T.Word)) return this.missingName(what);
    const text = this.word();
    if (reserved.has(text)) this.note('reserved-word', `\`${text}\` is a reserved word and cannot be a name`);
    this.pos++;
    return { text, start: this.starts[this.pos - 1]!, end: this.ends[this.pos - 1]! };
  }
  /** Any word, reserved or not: a field of a struct, a keyword kept in the tree. */
  anyWord(what: string): Name {
    if (!this.sees(T.Word)) return this.missingName(what);
    const text = this.word();
    this.pos++;
    return { text, start: this.starts[this.pos - 1]!, end: this.ends[this.pos - 1]! };
  }
  /** A single-word id such as `x86-64-la57`, `iommufd-6.12` or `SFS.2`: the tokens that touch each other. */
  id(what: string): Name {
    if (!this.sees(T.Word) && !this.sees(T.Number)) return this.missingName(what);
    const { kinds, starts, ends } = this;
    const start = this.start;
    let last = this.pos;
    for (;;) {
      const mark = kinds[last + 1]!;
      if ((mark !== T.Minus && mark !== T.Dot) || starts[last + 1] !== ends[last]) break;
      const part = kinds[last + 2]!;
      if ((part !== T.Word && part !== T.Number) || starts[last + 2] !== ends[last + 1]) break;
      last += 2;
    }
    this.pos = last + 1;
    return { text: this.text.slice(start, ends[last]!), start, end: ends[last]! };
  }
  /** The empty name behind the last token: what features and checks see where the author has not written one. */
  missingName(what: string): Name {
    this.expected(what);
    return { text: '', start: this.gap, end: this.gap };
  }

  /** The word of a list that was probably meant; not looked for once problems are no longer told apart. */
  guess(word: string, words: Iterable<string>): string | undefined {
    return this.problems.length < MAX_PROBLEMS ? nearest(word, words) : undefined;
  }

  /** Records a problem that leaves the statement's shape intact; by default on this token. */
  note(code: string, message: string, start = this.start, end = this.ends[this.pos]!, fix?: string): void {
    const { problems } = this;
    if (problems.length < MAX_PROBLEMS) {
      problems.push(fix === undefined ? { code, message, start, end } : { code, message, start, end, fix });
    } else if (problems.length === MAX_PROBLEMS) {
      const message = `more than ${MAX_PROBLEMS} syntax problems; the rest of the file is not reported`;
      problems.push({ code: 'too-many-problems', message, start, end: this.text.length });
    }
  }
  /** Records a problem behind which the statement cannot be read; only its first one counts. */
  fail(code: string, message: string, start = this.start, end = this.ends[this.pos]!, fix?: string): void {
    if (!this.broken) this.note(code, message, start, end, fix);
    this.broken = true;
  }
  /** Something else was due here, or behind the line that ended. A near miss among `words` is offered. */
  expected(what: string, words: readonly string[] = []): void {
    if (this.broken) return;
    const here = this.pos === this.first || this.fresh[this.pos] === 0;
    if (here && this.kind === T.OpenString) {
      this.fail('unterminated-string', 'this string has no closing `"` on its line');
      return;
    }
    const near = here && this.kind === T.Word ? this.guess(this.word(), words) : undefined;
    const hint = near === undefined ? '' : `; did you mean \`${near}\`?`;
    const found = here ? `\`${shorten(this.word())}\`` : `the end of the ${this.kind === T.End ? 'file' : 'line'}`;
    const message = `expected ${what}, found ${found}${hint}`;
    if (here) this.fail('expected-token', message, this.start, this.ends[this.pos], near);
    else this.fail('expected-token', message, this.starts[this.pos - 1], this.prevEnd);
  }
  /** Guards a recursion. Every `enter` that returns true has its `leave`. */
  enter(): boolean {
    if (this.#nesting < MAX_NESTING) {
      this.#nesting++;
      return true;
    }
    this.fail('too-deep', `nested more than ${MAX_NESTING} levels deep`);
    return false;
  }
  leave(): void {
    this.#nesting--;
  }

  /** Reports the block that opens at a token as never closed, unless an inner one was reported for the same reason. */
  unclosed(open: number): void {
    if (this.#unclosedAt === this.pos) return;
    this.#unclosedAt = this.pos;
    this.note('unclosed-block', 'this `{` is never closed', this.starts[open]!, this.ends[open]!);
  }
}
