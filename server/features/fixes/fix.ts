import type { Struct } from '../../../engine/index.ts';
import type { Diagnostic } from '../../language/diagnostic.ts';
import type { Resolved } from '../../language/resolve.ts';
import type { FieldView, PayloadView, RuleContext } from '../../language/rules/rule.ts';
import type { Span } from '../../language/syntax.ts';
import { ruleContext } from '../../language/views.ts';
import type { Edit } from './edits.ts';

/** One way to mend a finding. */
export interface Fix {
  /** What is done, in the imperative. */
  readonly title: string;
  readonly edits: readonly Edit[];
  /** The way that is nearly always meant. */
  readonly isPreferred?: boolean;
}

/** Everything a fixer may look at. */
export interface FixContext {
  readonly resolved: Resolved;
  readonly rules: RuleContext;
  text(file: string): string;
  /** The innermost payload around a place. */
  viewAt(at: Span & { readonly file: string }): PayloadView | undefined;
}

/** Mends the findings of some codes; yields nothing where it does not know how. */
export type Fixer = (diagnostic: Diagnostic, context: FixContext) => Iterable<Fix>;

/** The context of a file; undefined while it names no generation that can run. */
export function fixContext(resolved: Resolved): FixContext | undefined {
  const known = contexts.get(resolved);
  if (known) return known;
  const { scenarioFile: file } = resolved;
  if (!file) return undefined;
  const rules = ruleContext(resolved, file);
  const made: FixContext = {
    resolved,
    rules,
    text: (name) => resolved.sources.find((source) => source.file === name)?.text ?? '',
    viewAt: ({ file: name, start }) =>
      rules.payloads
        .filter((view) => view.file === name && view.payload.start <= start && start <= view.payload.end)
        .reduce<PayloadView | undefined>(
          (best, view) => (best && best.payload.start >= view.payload.start ? best : view),
          undefined,
        ),
  };
  contexts.set(resolved, made);
  return made;
}

/** A menu asks several times of the same text. */
const contexts = new WeakMap<Resolved, FixContext>();

/** The field whose value or name a finding is drawn at. */
export const fieldAt = (view: PayloadView, { start, end }: Span): FieldView | undefined =>
  [...view.fields.values()].find(
    ({ expr, nameSpan }) =>
      (expr.start === start && expr.end === end) || (nameSpan.start === start && nameSpan.end === end),
  );

/** Constants that a field of the struct may hold. */
export const choicesOf = (struct: Struct, name: string): readonly string[] =>
  struct.fields.find((field) => field.name === name)?.oneOf ?? [];
