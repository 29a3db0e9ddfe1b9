import type { Position, SemanticTokens, SemanticTokensDelta, SemanticTokensEdit } from 'vscode-languageserver';
import { type Lines, lineOf } from '../features/lines.ts';
import { SEMANTIC_MODIFIERS, SEMANTIC_TYPES, type SemanticToken, semanticTokens } from '../features/semantic-tokens.ts';
import type { Snapshot } from '../world/snapshot.ts';
import { type Encoding, toOffset, width } from './convert.ts';

const TYPES = new Map<string, number>(SEMANTIC_TYPES.map((type, i) => [type, i]));
const MODIFIERS = new Map<string, number>(SEMANTIC_MODIFIERS.map((modifier, i) => [modifier, 1 << i]));

/** Documents whose last answer is kept, so that the next one can be a difference. */
const KEPT = 50;

/** Semantic tokens in the protocol's numbers, whole or as the difference from the last answer. */
export class TokenAnswers {
  readonly #last = new Map<string, { readonly id: string; readonly data: number[] }>();
  #ids = 0;

  whole(snapshot: Snapshot, encoding: Encoding): SemanticTokens {
    const data = encode(semanticTokens(snapshot.resolved), snapshot.lines, encoding);
    return { resultId: this.#keep(snapshot.file, data), data };
  }

  since(previous: string, snapshot: Snapshot, encoding: Encoding): SemanticTokens | SemanticTokensDelta {
    const last = this.#last.get(snapshot.file);
    const { resultId, data } = this.whole(snapshot, encoding);
    if (last?.id !== previous) return { resultId: resultId!, data };
    return { resultId: resultId!, edits: difference(last.data, data) };
  }

  between(from: Position, to: Position, snapshot: Snapshot, encoding: Encoding): SemanticTokens {
    const start = toOffset(snapshot.lines, from, encoding);
    const end = toOffset(snapshot.lines, to, encoding);
    const some = semanticTokens(snapshot.resolved).filter((t) => start < t.end && t.start < end);
    return { data: encode(some, snapshot.lines, encoding) };
  }

  #keep(file: string, data: number[]): string {
    const id = String(++this.#ids);
    this.#last.delete(file);
    this.#last.set(file, { id, data });
    if (KEPT < this.#last.size) this.#last.delete(this.#last.keys().next().value!);
    return id;
  }
}

function encode(found: readonly SemanticToken[], lines: Lines, encoding: Encoding): number[] {
  const data: number[] = [];
  let [line, character] = [0, 0];
  for (const { start, end, type, modifiers } of found) {
    const at = lineOf(lines, start) - 1;
    const column = width(lines.text, lines.starts[at]!, start, encoding);
    const bits = modifiers.reduce((all, m) => all | MODIFIERS.get(m)!, 0);
    data.push(
      at - line,
      at === line ? column - character : column,
      width(lines.text, start, end, encoding),
      TYPES.get(type)!,
      bits,
    );
    [line, character] = [at, column];
  }
  return data;
}

/** What lies between the numbers that both begin with and those that both end with, as one edit. */
function difference(before: readonly number[], after: readonly number[]): SemanticTokensEdit[] {
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before[start] === after[start]) start++;
  if (start === before.length && start === after.length) return [];
  let tail = 0;
  while (tail < most - start && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return [{ start, deleteCount: before.length - start - tail, data: after.slice(start, after.length - tail) }];
}
