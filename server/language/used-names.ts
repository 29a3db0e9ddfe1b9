import { oncePerFile } from './nesting-uses.ts';
import type { Declaration, Expr, Step, Visitor } from './syntax.ts';
import { visitDeclaration, visitStep } from './syntax.ts';

/** Every name that a declaration refers to, wherever it is declared. */
export function namesUsedIn(declaration: Declaration): ReadonlySet<string> {
  const known = used.get(declaration);
  if (known) return known;
  const names = new Set<string>();
  visitDeclaration(declaration, collector(names));
  used.set(declaration, names);
  return names;
}

/** Takes the names of a declaration from another of the same text. */
export const rememberNames = (declaration: Declaration, names: ReadonlySet<string>): void => {
  used.set(declaration, names);
};

/** Declarations do not change, and several rules ask. */
const used = new WeakMap<Declaration, ReadonlySet<string>>();

/** Every name that a declaration of these files other than a scenario refers to. */
export const namesUsedByDeclarations = oncePerFile(({ resolved }): ReadonlySet<string> => {
  const declarations = resolved.sources.flatMap(({ program }) => program.declarations);
  return new Set(declarations.flatMap((d) => (d.kind === 'scenario' ? [] : [...namesUsedIn(d)])));
});

/** Every name that a step refers to, the steps inside it included. */
export function namesUsedInStep(step: Step): Set<string> {
  const names = new Set<string>();
  visitStep(step, collector(names));
  return names;
}

function collector(names: Set<string>): Visitor {
  return {
    payload: ({ base }) => {
      if (base) names.add(base.text);
    },
    expr: (expr) => {
      const name = referredTo(expr);
      if (name !== undefined) names.add(name);
    },
    step: (step) => {
      if (step.kind === 'map' || step.kind === 'unmap' || step.kind === 'protect') names.add(step.table.text);
      else if (step.kind === 'fd') names.add(step.buffer.text);
      else if (step.kind === 'write-reg') names.add(step.register.object.text);
    },
    outcome: (outcome) => {
      // `NAME.field == V`, or a name alone; a field of the payload itself is no reference, but does no harm here.
      if (outcome.kind === 'field') names.add(outcome.path[0]!.text);
    },
  };
}

function referredTo(expr: Expr): string | undefined {
  switch (expr.kind) {
    case 'name':
      return expr.name;
    case 'member':
      return expr.object.text;
    case 'address-of':
      return expr.name.text;
    case 'sizeof':
      return expr.name?.text;
    default:
      return undefined;
  }
}
