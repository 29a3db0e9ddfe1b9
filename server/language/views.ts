import {
  type Declared,
  encodePayload,
  type Image,
  isNoStruct,
  locate,
  Names,
  type ScenarioFile,
  type Struct,
  structOf,
} from '../../engine/index.ts';
import type { Resolved } from './resolve.ts';
import type { FieldView, PayloadView, RuleContext, Use } from './rules/rule.ts';
import { namesBoundInAll, stepsOf } from './scenario-names.ts';
import type { Expr, FieldInit, Payload, ScenarioDecl, Span } from './syntax.ts';

export interface Views {
  readonly all: readonly PayloadView[];
  readonly of: ReadonlyMap<Payload, PayloadView>;
  /** By the declaration they stand in: a payload with those inline in it, or what a scenario submits in place. */
  readonly within: ReadonlyMap<Payload | ScenarioDecl, readonly PayloadView[]>;
}

/** What rules, and whoever mends what they find, may look at. `names` as for `buildViews`. */
export function ruleContext(
  resolved: Resolved,
  file: ScenarioFile,
  names?: Names,
  askedForRanges: () => void = () => undefined,
): RuleContext {
  const views = buildViews(resolved, file, names);
  return {
    resolved,
    file,
    machine: file.machine,
    payloads: views.all,
    viewOf: (payload) => views.of.get(payload),
    viewsIn: (declaration) => views.within.get(declaration) ?? [],
    constant: (name) => file.generation.constants.get(name)?.value ?? 0n,
    askedForRanges,
  };
}

/**
 * Makes a view of every payload of the files, inline ones included, and links those that carry one another. `names` is
 * a static scope of the file, whose images are used again.
 */
export function buildViews(
  resolved: Resolved,
  file: ScenarioFile,
  names: Names = Names.lasting(file, namesBoundInAll(file.scenarios)),
): Views {
  const of = new Map<Payload, View>();
  const within = new Map<Payload | ScenarioDecl, View[]>();
  const kinds = new Map([...file.generation.kinds.values()].reverse().map((k) => [k.struct, k.kind]));
  const add = (declared: Declared<Payload>, owner: Payload | ScenarioDecl): void => {
    const { node, file: where } = declared;
    const struct = structOf(node, file.generation, (name) => file.payloads.get(name));
    if (struct && !isNoStruct(struct)) {
      const view = new View(declared, struct, kinds.get(struct.name), names);
      of.set(node, view);
      const known = within.get(owner);
      if (known) known.push(view);
      else within.set(owner, [view]);
    }
    addInline(node.fields, where, owner);
    if (node.elements) for (const element of node.elements) addInline(element, where, owner);
  };
  const addInline = (fields: readonly FieldInit[], where: string, owner: Payload | ScenarioDecl): void => {
    for (const { value, fields: inner } of fields) {
      if (value?.kind === 'payload') add({ node: value.payload, file: where }, owner);
      if (inner) addInline(inner, where, owner);
    }
  };
  for (const declared of file.payloads.values()) add(declared, declared.node);
  const submits: Use[] = [];
  for (const scenario of file.scenarios)
    for (const step of stepsOf(scenario.steps)) {
      if (step.kind !== 'submit') continue;
      submits.push({ scenario, step });
      if (step.payload.kind === 'payload') add({ node: step.payload.payload, file: resolved.file }, scenario);
    }

  const target = (expr: Expr): View | undefined => {
    if (expr.kind === 'payload') return of.get(expr.payload);
    const declared = expr.kind === 'name' ? file.payloads.get(expr.name) : undefined;
    return declared && of.get(declared.node);
  };
  for (const view of of.values()) {
    const data = carriedBy(view, file);
    const embedded = data && target(data);
    if (embedded) {
      view.data = embedded;
      embedded.carriers.push(view);
    }
  }
  for (const use of submits) {
    for (let view = target(use.step.payload), depth = 0; view && depth < 16; view = view.data, depth++)
      view.uses.push(use);
  }
  for (const view of of.values()) {
    const base = view.payload.base && file.payloads.get(view.payload.base.text);
    const lender = base && of.get(base.node);
    if (lender && lender.uses.length === 0 && lender.carriers.length === 0) lender.lends = true;
  }
  return { all: [...of.values()], of, within };
}

/** A view that encodes its payload when somebody asks for bytes or fields: most of a file does not change. */
class View implements PayloadView {
  readonly payload: Payload;
  readonly file: string;
  readonly kind: string | undefined;
  readonly struct: Struct;
  readonly title: Span;
  readonly uses: Use[] = [];
  readonly carriers: View[] = [];
  data: View | undefined = undefined;
  lends = false;
  readonly #names: Names;
  #image: Image | undefined;
  #fields: Map<string, FieldView> | undefined;

  constructor({ node, file }: Declared<Payload>, struct: Struct, kind: string | undefined, names: Names) {
    this.payload = node;
    this.file = file;
    this.struct = struct;
    this.kind = kind;
    this.title = node.name ?? node.word;
    this.#names = names;
  }

  get image(): Image {
    this.#image ??= encodePayload({ node: this.payload, file: this.file }, this.#names);
    return this.#image;
  }

  /** `NAME.out_id`: what the kernel writes there is known by a run only, although the payload itself holds a 0. */
  #isAnswer(expr: Expr): boolean {
    if (expr.kind === 'cast' || expr.kind === 'unary') return this.#isAnswer(expr.operand);
    if (expr.kind === 'binary') return this.#isAnswer(expr.left) || this.#isAnswer(expr.right);
    if (expr.kind !== 'member') return false;
    const declared = this.#names.payload(expr.object.text);
    const struct = declared && structOf(declared.node, this.#names.generation);
    if (!struct || isNoStruct(struct)) return false;
    const found = locate(
      struct,
      expr.path.map(({ text }) => text),
    );
    return !('missing' in found) && (found.field.out === true || found.field.inout === true);
  }

  get fields(): ReadonlyMap<string, FieldView> {
    if (this.#fields) return this.#fields;
    this.#fields = new Map();
    for (const entry of this.image.entries) {
      // Fields stand in the order in which they were given last.
      if (this.#fields.has(entry.path)) this.#fields.delete(entry.path);
      this.#fields.set(entry.path, this.#isAnswer(entry.expr) ? { ...entry, value: undefined } : entry);
    }
    return this.#fields;
  }
}

/** What stands in the flexible array of a payload, its own or that of the nearest base that gives one. */
function carriedBy({ payload, struct }: View, file: ScenarioFile): Expr | undefined {
  const flexible = flexibleOf(struct);
  if (flexible === undefined || payload.elements) return undefined;
  const seen = new Set<Payload>();
  for (let next: Payload | undefined = payload; next && !seen.has(next); ) {
    const init = next.fields.findLast(({ path }) => path.length === 1 && path[0]!.text === flexible);
    if (init) return init.value;
    seen.add(next);
    const base: Payload | undefined = next.base && file.payloads.get(next.base.text)?.node;
    next = base && structOf(base, file.generation, (name) => file.payloads.get(name)) === struct ? base : undefined;
  }
  return undefined;
}

/** The name of a struct's flexible array. */
function flexibleOf(struct: Struct): string | undefined {
  if (!flexibles.has(struct)) flexibles.set(struct, struct.fields.find((f) => f.kind === 'flex')?.name);
  return flexibles.get(struct);
}
const flexibles = new WeakMap<Struct, string | undefined>();
