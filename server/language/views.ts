import { type Declared, encodePayload, isNoStruct, Names, type ScenarioFile, structOf } from '../../engine/index.ts';
import type { Resolved } from './resolve.ts';
import type { FieldView, PayloadView, Use } from './rules/rule.ts';
import { namesBoundIn, stepsOf } from './scenario-names.ts';
import { type Expr, type Payload, visitPayload } from './syntax.ts';

export interface Views {
  readonly all: readonly PayloadView[];
  readonly of: ReadonlyMap<Payload, PayloadView>;
}

type Building = { -readonly [K in keyof PayloadView]: PayloadView[K] } & { uses: Use[]; carriers: PayloadView[] };

/** Makes a view of every payload of the files, inline ones included, and links those that carry one another. */
export function buildViews(resolved: Resolved, file: ScenarioFile): Views {
  const bound = new Set(file.scenarios.flatMap((s) => [...namesBoundIn(s)]));
  const names = new Names(file, undefined, bound);
  const of = new Map<Payload, Building>();
  const add = (declared: Declared<Payload>): void => {
    const view = viewOf(declared, names);
    if (view) of.set(declared.node, view);
    visitPayload(declared.node, {
      expr: (expr) => {
        if (expr.kind === 'payload' && expr.payload !== declared.node) add({ node: expr.payload, file: declared.file });
      },
    });
  };
  for (const declared of file.payloads.values()) add(declared);
  const submits = file.scenarios.flatMap((scenario) =>
    [...stepsOf(scenario.steps)].flatMap((step) => (step.kind === 'submit' ? [{ scenario, step }] : [])),
  );
  for (const { step } of submits)
    if (step.payload.kind === 'payload') add({ node: step.payload.payload, file: resolved.file });

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
  return { all: [...of.values()], of };
}

function viewOf(declared: Declared<Payload>, names: Names): Building | undefined {
  const struct = structOf(declared.node, names.generation);
  if (!struct || isNoStruct(struct)) return undefined;
  const image = encodePayload(declared, names);
  const fields = new Map<string, FieldView>();
  for (const { path, field, offset, nameSpan, expr, value, file } of image.entries) {
    fields.delete(path);
    fields.set(path, { path, field, offset, nameSpan, expr, value, file });
  }
  const kind = [...names.generation.kinds.values()].find((k) => k.struct === struct.name)?.kind;
  return {
    payload: declared.node,
    file: declared.file,
    kind,
    struct,
    image,
    fields,
    title: declared.node.name ?? declared.node.word,
    uses: [],
    data: undefined,
    carriers: [],
  };
}
