import { evaluate, IOMMUFD_CHECKS, Names } from '../../../engine/index.ts';
import { submitted } from '../nesting-uses.ts';
import { stepsOf } from '../scenario-names.ts';
import type { Expr, ForStep, ScenarioDecl, Span, Step, SubmitStep } from '../syntax.ts';
import { MADE } from './objects.ts';
import { expectsRefusal, type Finding, type RuleContext, rule } from './rule.ts';

const { hwpt, object } = IOMMUFD_CHECKS;

export default rule({
  id: 'id-not-made',
  severity: 'warning',
  errno: 'ENOENT',
  checks: [object.unknown, hwpt.parent],
  summary: 'an id is used before the call that makes it, or after its object was destroyed',
  why: 'NAME.out_hwpt_id is what lies in the payload: 0 until the call has written the id, and the old id when the object is gone. No object has the id 0, and the id of a destroyed one may be the next that is handed out.',
  examples: {
    bad: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc space { size = sizeof }
struct iommu_ioas_unmap unmap { size = sizeof, ioas_id = space.out_ioas_id, length = 4K }
struct iommu_destroy gone { size = sizeof, id = space.out_ioas_id }
scenario "too early and too late" {
  submit unmap
      // ^^^^^ unmap uses space.out_ioas_id, but this scenario has not submitted space by here
  submit space
  submit gone
  submit unmap
      // ^^^^^ unmap uses space.out_ioas_id, but that object was destroyed
}`,
      `uapi iommufd-6.8
struct iommu_ioas_alloc space { size = sizeof }
struct iommu_ioas_alloc other { size = sizeof }
struct iommu_ioas_unmap unmap { size = sizeof, ioas_id = space.out_ioas_id, length = 4K }
struct iommu_destroy gone { size = sizeof, id = other.out_ioas_id }
scenario "in a loop" {
  submit other
  for i in 0..2 {
    submit unmap
        // ^^^^^ unmap uses space.out_ioas_id, but this scenario has not submitted space by here
    submit space
    submit gone
        // ^^^^ gone uses other.out_ioas_id, but that object was destroyed
  }
}`,
    ],
    good: [
      `uapi iommufd-6.8
struct iommu_ioas_alloc space { size = sizeof }
struct iommu_destroy gone { size = sizeof, id = space.out_ioas_id }
scenario "made, then used" {
  submit space
  submit gone
  submit gone expect ENOENT
}`,
      `uapi iommufd-6.8
struct iommu_ioas_alloc space { size = sizeof }
struct iommu_destroy gone { size = sizeof, id = space.out_ioas_id }
scenario "made and destroyed in each turn" {
  for i in 0..3 {
    submit space
    submit gone
  }
}`,
    ],
  },
  *scenario(scenario, context): Iterable<Finding> {
    if (context.file.generation.ioctls.has('IOMMU_IOAS_ALLOC')) yield* new Flow(scenario, context).findings();
  },
});

/** Follows which payloads have been answered, as far as that is certain. */
class Flow {
  readonly #scenario: ScenarioDecl;
  readonly #context: RuleContext;
  /** Declared payloads whose submits may have succeeded by here, with the step that destroyed what they made. */
  readonly #made = new Map<string, Step | undefined>();

  constructor(scenario: ScenarioDecl, context: RuleContext) {
    this.#scenario = scenario;
    this.#context = context;
  }

  *findings(): Iterable<Finding> {
    const told = new Set<string>();
    for (const finding of this.#follow(this.#scenario.steps)) {
      // A loop meets the same twice.
      const key = `${finding.at.start} ${finding.message}`;
      if (!told.has(key)) yield finding;
      told.add(key);
    }
  }

  *#follow(steps: readonly Step[]): Iterable<Finding> {
    for (const step of steps) {
      if (step.kind === 'for') yield* this.#repeat(step);
      if (step.kind !== 'submit') continue;
      yield* this.#judge(step);
      this.#make(step);
      this.#destroy(step);
    }
  }

  /** Twice shows all: the second time begins with what the first one has made and destroyed. */
  *#repeat(loop: ForStep): Iterable<Finding> {
    const times = timesOf(loop, this.#context);
    if (times === 0) return;
    const before = new Map(this.#made);
    yield* this.#follow(loop.steps);
    if (times !== undefined && 1 < times) yield* this.#follow(loop.steps);
    if (times !== undefined) return;
    // Perhaps it never runs, and then what was there is there still.
    for (const [name, destroyed] of this.#made) if (destroyed && !before.get(name)) this.#made.set(name, undefined);
  }

  *#judge(step: SubmitStep): Iterable<Finding> {
    const view = submitted({ step }, this.#context);
    if (!view) return;
    const what = view.payload.name?.text ?? 'this payload';
    for (const field of view.fields.values()) {
      const used = this.#idIn(field.expr);
      if (!used || field.field.out || field.field.kind !== 'uint') continue;
      const isKnown = this.#made.has(used.name);
      const destroyed = this.#made.get(used.name);
      if (isKnown && !destroyed) continue;
      const why = destroyed
        ? 'but that object was destroyed'
        : `but this scenario has not submitted ${used.name} by here`;
      const { file } = this.#context.resolved;
      yield {
        at: step.payload,
        file,
        message: `${what} uses ${used.text}, ${why}`,
        predicts: view.struct.name === 'iommu_hwpt_alloc' && field.path === 'pt_id' ? hwpt.parent : object.unknown,
        use: { scenario: this.#scenario, step },
        ...(destroyed ? { related: [{ file, ...span(destroyed), message: 'destroyed here' }] } : {}),
      };
      return;
    }
  }

  /** The declared payload whose answer an expression reads; the result of a step is another matter. */
  #idIn(expr: Expr): { readonly name: string; readonly text: string } | undefined {
    if (expr.kind !== 'member' || expr.path.length !== 1) return undefined;
    const [name, field] = [expr.object.text, expr.path[0]!.text];
    if (!(field in MADE) || !this.#context.file.payloads.has(name) || this.#isBound(name)) return undefined;
    return { name, text: `${name}.${field}` };
  }

  #isBound = (name: string): boolean =>
    [...stepsOf(this.#scenario.steps)].some((step) => step.kind === 'submit' && step.as?.text === name);

  #make(step: Step): void {
    if (step.kind !== 'submit' || step.payload.kind !== 'name') return;
    if (mayHaveWorked(step)) this.#made.set(step.payload.name, undefined);
  }

  #destroy(step: SubmitStep): void {
    const view = submitted({ step }, this.#context);
    const id = view?.struct.name === 'iommu_destroy' ? view.fields.get('id')?.expr : undefined;
    const used = id && this.#idIn(id);
    if (used && !expectsRefusal(step) && this.#made.has(used.name)) this.#made.set(used.name, step);
  }
}

/** How often a loop runs; undefined when only a run knows. */
function timesOf({ values }: ForStep, { file }: RuleContext): number | undefined {
  const scope = new Names(file).scope();
  if ('list' in values) {
    const list = evaluate(values.list, scope);
    return Array.isArray(list) ? list.length : undefined;
  }
  const [from, to] = [evaluate(values.from, scope), evaluate(values.to, scope)];
  if (typeof from !== 'bigint' || typeof to !== 'bigint') return undefined;
  return from < to ? Number(to - from) : 0;
}

/** Only a submit that expects nothing but one errno is sure to have made nothing. */
const mayHaveWorked = ({ expect }: SubmitStep): boolean => {
  const groups = expect?.groups ?? [];
  return !(groups.length === 1 && groups[0]!.some(({ kind }) => kind === 'errno' || kind === 'reason'));
};

const span = ({ start, end }: Span): Span => ({ start, end });
