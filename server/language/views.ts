import { type Declared, encodePayload, isNoStruct, Names, type ScenarioFile, structOf } from '../../engine/index.ts';
import type { Resolved } from './resolve.ts';
import type { FieldView, PayloadView, Use } from './rules/rule.ts';
import { namesBoundInAll, stepsOf } from './scenario-names.ts';
import type { Expr, FieldInit, Payload } from './syntax.ts';

export interface Views {
  readonly all: readonly PayloadView[];
  readonly of: ReadonlyMap<Payload, PayloadView>;
}

type Building = { -readonly [K in keyof PayloadView]: PayloadView[K] } & { uses: Use[]; carriers: PayloadView[] };

/**
 * Makes a view of every payload of the files, inline ones included, and links those that carry one another. `names` is
 * a static scope of the file, whose images are used again.
 */
export function buildViews(
  resolved: Resolved,
  file: ScenarioFile,
  names: Names = Names.lasting(file, namesBoundInAll(file.scenarios)),
): Views {
  const of = new Map<Payload, Building>();
  const kinds = new Map([...file.generation.kinds.values()].reverse().map((k) => [k.struct, k.kind]));
  const add = (declared: Declared<Payload>): void => {
    const { node, file: where } = declared;
    const view = viewOf(declared, names, kinds);
    if (view) of.set(node, view);
    addInline(node.fields, where);
    if (node.elements) for (const element of node.elements) addInline(element, where);
  };
  const addInline = (fields: readonly FieldInit[], where: string): void => {
    for (const { value, fields: inner } of fields) {
      if (value?.kind === 'payload') add({ node: value.payload, file: where });
      if (inner) addInline(inner, where);
    }
  };
  for (const declared of file.payloads.values()) add(declared);
  const submits: Use[] = [];
  for (const scenario of file.scenarios)
    for (const step of stepsOf(scenario.steps)) {
      if (step.kind !== 'submit') continue;
      submits.push({ scenario, step });
      if (step.payload.kind === 'payload') add({ node: step.payload.payload, file: resolved.file });
    }

  const target = (expr: Expr): Building | undefined => {
    if (expr.kind === 'payload') return of.get(expr.payload);
    const declared = expr.kind === 'name' ? file.payloads.get(expr.name) : undefined;
    return declared && of.get(declared.node);
  };
  for (const view of of.values()) {
    const embedded = view.image.embedded && of.get(view.image.embedded.payload);
    if (embedded) {
      view.data = embedded;
      embedded.carriers.push(view);
    }
  }
  for (const use of submits) {
    for (
      let view = target(use.step.payload), depth = 0;
      view && depth < 16;
      view = view.data as Building | undefined, depth++
    )
      view.uses.push(use);
  }
  for (const view of of.values()) {
    const base = view.payload.base && file.payloads.get(view.payload.base.text);
    const lender = base && of.get(base.node);
    if (lender && lender.uses.length === 0 && lender.carriers.length === 0) lender.lends = true;
  }
  return { all: [...of.values()], of };
}

function viewOf(declared: Declared<Payload>, names: Names, kinds: ReadonlyMap<string, string>): Building | undefined {
  const struct = structOf(declared.node, names.generation);
  if (!struct || isNoStruct(struct)) return undefined;
  const image = encodePayload(declared, names);
  const fields = new Map<string, FieldView>();
  for (const entry of image.entries) {
    // Fields stand in the order in which they were given last.
    if (fields.has(entry.path)) fields.delete(entry.path);
    fields.set(entry.path, entry);
  }
  return {
    payload: declared.node,
    file: declared.file,
    kind: kinds.get(struct.name),
    struct,
    image,
    fields,
    title: declared.node.name ?? declared.node.word,
    uses: [],
    data: undefined,
    lends: false,
    carriers: [],
  };
}
