import { T } from '../language/scanner.ts';
import { offerFields } from './completion-members.ts';
import type { Offers, Wanted } from './completion-offers.ts';

const PREFIX: ReadonlySet<number> = new Set([T.Minus, T.Tilde, T.Not, T.Plus]);
const isBinary = (kind: number): boolean =>
  (T.Plus <= kind && kind <= T.OrOr) || kind === T.Equal || kind === T.NotEqual;

/** Reads the tokens of a statement up to the cursor, as the parser would, and offers what is due where they end. */
export class Reader {
  readonly offers: Offers;
  #i: number;
  readonly #to: number;

  constructor(offers: Offers) {
    this.offers = offers;
    this.#i = offers.place.from;
    this.#to = offers.place.to;
  }

  /** Whether the cursor stands here. */
  get end(): boolean {
    return this.#to <= this.#i;
  }

  get kind(): number {
    return this.end ? T.End : this.offers.place.tokens.kinds[this.#i]!;
  }

  get word(): string {
    const { text, tokens } = this.offers.place;
    return this.kind === T.Word ? text.slice(tokens.starts[this.#i]!, tokens.ends[this.#i]!) : '';
  }

  next(): void {
    this.#i++;
  }

  take(kind: number): boolean {
    if (this.kind !== kind) return false;
    this.#i++;
    return true;
  }

  takeWord(word: string): boolean {
    if (this.word !== word) return false;
    this.#i++;
    return true;
  }

  /** Passes a single-word id such as `x86-64`. */
  id(): void {
    const { starts, ends } = this.offers.place.tokens;
    this.next();
    while ((this.kind === T.Minus || this.kind === T.Dot) && starts[this.#i] === ends[this.#i - 1]) {
      this.next();
      this.next();
    }
  }

  /** Passes an expression. True when the cursor stands in it, and what is due there is offered. */
  expression(wanted: Wanted = {}, due: () => void = () => this.offers.expression(wanted)): boolean {
    for (;;) {
      while (PREFIX.has(this.kind)) this.next();
      if (this.take(T.And)) {
        if (this.end) {
          if (this.offers.place.path.length > 0) this.offers.members(this.offers.place.path);
          else if (wanted.targets) this.offers.addresses(wanted.targets);
          else this.offers.payloads(() => true, 0);
          return true;
        }
      }
      if (this.end) {
        due();
        return true;
      }
      if (this.#operand(due)) return true;
      if (!isBinary(this.kind)) return false;
      this.next();
    }
  }

  /** Passes one operand; true when the cursor stands in it. */
  #operand(due: () => void): boolean {
    const { kind, word } = this;
    if (kind === T.LParen || kind === T.LBracket) return this.#bracket(due, '');
    this.next();
    if (kind !== T.Word) return false;
    const { generation } = this.offers;
    if (word === 'struct') {
      if (this.end) {
        this.offers.structs();
        return true;
      }
      const struct = generation.structs.get(this.word);
      this.next();
      return this.#inline(struct?.name);
    }
    if (this.kind === T.LParen) return this.#bracket(due, word);
    while (this.kind === T.Dot || this.kind === T.LBracket) {
      if (this.take(T.Dot)) this.next();
      else if (this.#bracket(due, '')) return true;
    }
    const kindOf = generation.kinds.get(word);
    return kindOf ? this.#inline(kindOf.struct) : false;
  }

  /** `= BASE` and the fields of an inline payload, behind its kind. */
  #inline(struct: string | undefined): boolean {
    if (this.take(T.Assign)) {
      if (this.end) {
        this.offers.payloads((s) => s !== undefined && s.name === struct, 0);
        return true;
      }
      this.next();
    }
    if (this.kind === T.LBrace) this.#skip();
    return false;
  }

  /** Passes `(..)` or `[..]`; true when the cursor stands inside. */
  #bracket(due: () => void, callee: string): boolean {
    const from = this.#i;
    if (this.#skip()) return false;
    this.#i = from + 1;
    if (callee === 'sizeof') this.#sizeof();
    else if (callee === 'ARRAY_SIZE') this.#arrays();
    else if (callee === 'offsetof' || callee === 'offsetofend') this.#offsetof();
    else
      do {
        if (this.expression({}, due)) break;
      } while (this.take(T.Comma) || this.take(T.Semicolon));
    return true;
  }

  #sizeof(): void {
    if (this.take(T.Star)) this.#arrays();
    else if (this.takeWord('struct')) {
      if (this.end) this.offers.structs();
    } else if (this.end) {
      this.offers.keywords(['struct'], 'expression', { rank: 0 });
      this.offers.payloads(() => true, 1);
    }
  }

  #arrays(): void {
    if (this.end) this.offers.payloads((_, { elements }) => elements !== undefined, 1);
  }

  #offsetof(): void {
    if (this.end) this.offers.keywords(['struct'], 'expression', { rank: 0 });
    this.takeWord('struct');
    if (this.end) {
      this.offers.structs();
      return;
    }
    const struct = this.offers.generation.structs.get(this.word);
    this.next();
    if (this.take(T.Comma) && this.end) offerFields(this.offers, struct, this.offers.place.path);
  }

  /** Passes a bracketed group; false when it does not end in front of the cursor. */
  #skip(): boolean {
    let depth = 0;
    for (; !this.end; this.next()) {
      const { kind } = this;
      if (kind === T.LBrace || kind === T.LParen || kind === T.LBracket) depth++;
      else if (kind === T.RBrace || kind === T.RParen || kind === T.RBracket) depth--;
      if (depth === 0) {
        this.next();
        return true;
      }
    }
    return false;
  }
}
