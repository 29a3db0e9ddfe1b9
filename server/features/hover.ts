import type { Resolved } from '../language/resolve.ts';
import type { Span } from '../language/syntax.ts';
import { chosenRun, explainResult, resultsAt } from './explain-result.ts';
import { isKnown, type Place, placeAt } from './hover-context.ts';
import { nameHover } from './hover-names.ts';
import { numberHover } from './hover-number.ts';
import { fieldHover } from './hover-payload.ts';
import { rawMarkdown } from './hover-raw.ts';
import { idHover, keywordHover } from './hover-words.ts';
import { indexLines } from './lines.ts';
import type { ScenarioReport } from './run-file.ts';
import { hasAccess } from './step-access.ts';
import { walkOfStep } from './walk-text.ts';

export interface Hover {
  readonly span: Span;
  readonly markdown: string;
}

/**
 * What is known of the thing at an offset of the file itself, as Markdown. With `results` of the same text the first word
 * of a step tells what the step did, and so does what begins its last line, behind which the outcome is shown. Offsets in,
 * plain data out; null where nothing is known.
 */
export function hover(resolved: Resolved, offset: number, results: readonly ScenarioReport[] = []): Hover | null {
  const place = placeAt(resolved, offset);
  if (!place) return null;
  const { start, end } = place.token;
  const span = { start, end };
  // An id such as `x86-64` or `SFS.2` is made of several tokens.
  const id = idHover(place);
  if (id) return { span: id.span ?? span, markdown: id.markdown };
  const raw = isKnown(place) ? rawMarkdown(place) : undefined;
  if (place.token.kind === 'number') return answer(joined(numberHover(place), raw), span);
  if (place.token.kind !== 'word') return answer(raw ?? resultHover(place, results), span);
  const named = isKnown(place) ? (fieldHover(place) ?? nameHover(place)) : undefined;
  if (named !== undefined) return answer(joined(named, raw), span);
  const result = resultHover(place, results);
  return answer(joined(result, keywordHover(place)), span);
}

/** Two answers about one token. */
const joined = (...parts: readonly (string | undefined)[]): string => parts.filter(Boolean).join('\n\n---\n\n');

const answer = (markdown: string | undefined, span: Span): Hover | null => (markdown ? { span, markdown } : null);

/** What the step did whose first or last line the token begins, with the walk of its access. */
function resultHover(
  { resolved, steps, declaration, token, source }: Place,
  results: readonly ScenarioReport[],
): string {
  const step = steps.at(-1);
  if (!step || declaration?.kind !== 'scenario') return '';
  if (step.start !== token.start && !beginsLastLine(step, token, source.text)) return '';
  const runs = resultsAt(results, step.start);
  const chosen = chosenRun(runs);
  if (!chosen) return '';
  const lines = indexLines(source.text);
  const choice = { scenario: chosen.scenario, run: chosen.result.run };
  const walk = hasAccess(step) ? walkOfStep(resolved, declaration, step, lines, choice) : undefined;
  return explainResult(runs, lines, walk && 'text' in walk ? walk.text : undefined);
}

/** Whether a step goes over several lines, of which the token begins the last one. */
function beginsLastLine(step: Span, token: Span, text: string): boolean {
  const before = text.slice(step.start, token.start);
  return /[\r\n][ \t]*$/.test(before) && !/[\r\n]/.test(text.slice(token.start, step.end));
}
