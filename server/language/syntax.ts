/** The syntax tree as the language's features see it: the engine's own types, the parser's problems, and a walk. */
import type { Name, Span } from '../../engine/base/span.ts';
import type { Expr } from '../../engine/scenario/expr.ts';
import type {
  Assertion,
  Declaration,
  FieldInit,
  LoopValues,
  MachineItem,
  Mapping,
  Outcome,
  Payload,
  Program,
  Step,
} from '../../engine/scenario/program.ts';

export type { Name, Span } from '../../engine/base/span.ts';
export type * from '../../engine/scenario/expr.ts';
export type * from '../../engine/scenario/program.ts';

/** Something the text should not say. `fix`, where there is one, is what to write in the span's place. */
export interface Problem extends Span {
  /** Kebab-case: `expected-token`, `unclosed-block`, ... */
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
}

/** Whether a name stands for one that the author has not written; its problem is already reported. */
export const isMissing = (name: Name): boolean => name.text === '';

/** An expression that the author has not written: a name without text. */
export const missingExpr = (at: number): Expr => ({ kind: 'name', name: '', start: at, end: at });

export const isMissingExpr = (expr: Expr): boolean => expr.kind === 'name' && expr.name === '';

/** What a walk calls, each before the children of its node. All are optional. */
export interface Visitor {
  declaration?(declaration: Declaration): void;
  payload?(payload: Payload): void;
  field?(field: FieldInit): void;
  machineItem?(item: MachineItem): void;
  mapping?(mapping: Mapping): void;
  step?(step: Step): void;
  outcome?(outcome: Outcome): void;
  assertion?(assertion: Assertion): void;
  expr?(expr: Expr): void;
}

/** Walks a whole file in source order. */
export function visit(program: Program, visitor: Visitor): void {
  for (const declaration of program.declarations) visitDeclaration(declaration, visitor);
}

export function visitDeclaration(declaration: Declaration, visitor: Visitor): void {
  visitor.declaration?.(declaration);
  switch (declaration.kind) {
    case 'let':
      visitExpr(declaration.value, visitor);
      break;
    case 'machine':
      for (const item of declaration.items) {
        visitor.machineItem?.(item);
        for (const setting of item.settings) visitExpr(setting.value, visitor);
        if (item.ram) visitExprs([item.ram.gpa, item.ram.size, item.ram.hpa, item.ram.page], visitor);
      }
      break;
    case 'payload':
      visitPayload(declaration, visitor);
      break;
    case 'pagetable':
      visitExpr(declaration.root, visitor);
      for (const mapping of declaration.mappings) visitMapping(mapping, visitor);
      break;
    case 'evolve':
      visitExpr(declaration.version, visitor);
      for (const { count } of declaration.fields) if (count) visitExpr(count, visitor);
      break;
    case 'scenario':
      if (declaration.loop) visitValues(declaration.loop.values, visitor);
      visitSteps(declaration.steps, visitor);
      break;
  }
}

export function visitPayload(payload: Payload, visitor: Visitor): void {
  visitor.payload?.(payload);
  visitExprs([payload.bytes, payload.size, payload.mapped], visitor);
  visitFields(payload.fields, visitor);
  for (const element of payload.elements ?? []) visitFields(element, visitor);
}

export function visitFields(fields: readonly FieldInit[], visitor: Visitor): void {
  for (const field of fields) {
    visitor.field?.(field);
    if (field.value) visitExpr(field.value, visitor);
    if (field.fields) visitFields(field.fields, visitor);
  }
}

export function visitSteps(steps: readonly Step[], visitor: Visitor): void {
  for (const step of steps) visitStep(step, visitor);
}

export function visitStep(step: Step, visitor: Visitor): void {
  visitor.step?.(step);
  switch (step.kind) {
    case 'map':
      visitMapping(step.mapping, visitor);
      break;
    case 'invalidate':
      visitFields(step.fields, visitor);
      break;
    case 'for':
      visitValues(step.values, visitor);
      visitSteps(step.steps, visitor);
      break;
    case 'parallel':
      for (const lane of step.lanes) visitSteps(lane, visitor);
      break;
    case 'assert':
      visitAssertion(step.assertion, visitor);
      break;
    default:
      visitExprs(stepExprs(step), visitor);
  }
  for (const group of step.expect?.groups ?? []) for (const outcome of group) visitOutcome(outcome, visitor);
}

type PlainStep = Exclude<Step, { kind: 'map' | 'invalidate' | 'for' | 'parallel' | 'assert' }>;

function stepExprs(step: PlainStep): readonly (Expr | undefined)[] {
  switch (step.kind) {
    case 'submit':
      return [step.payload, step.to, step.mapped, step.failNth];
    case 'dma':
      return [step.pasid, step.at, step.size, step.value];
    case 'unmap':
    case 'protect':
      return [step.from, step.size];
    case 'host':
      return [step.gpa, step.size, step.to];
    case 'reuse':
      return [step.at, step.size];
    case 'write':
      return [step.at, step.value];
    case 'read':
      return [step.at];
    case 'write-reg':
    case 'let':
      return [step.value];
    case 'command':
      return [step.words];
    case 'respond':
    case 'inject':
      return [step.payload];
    case 'fd':
      return [step.fd, step.size];
    case 'note':
      return [];
    default:
      return [step.to, step.pasid, step.failNth];
  }
}

function visitAssertion(assertion: Assertion, visitor: Visitor): void {
  visitor.assertion?.(assertion);
  switch (assertion.kind) {
    case 'cached':
      visitExprs([assertion.pasid, assertion.at], visitor);
      break;
    case 'bound':
      visitExprs([assertion.pasid, assertion.to], visitor);
      break;
    case 'faults':
      visitExpr(assertion.count, visitor);
      break;
    case 'mock':
      visitExprs([assertion.object, assertion.words], visitor);
      break;
    default:
      visitExpr(assertion.value, visitor);
  }
}

function visitOutcome(outcome: Outcome, visitor: Visitor): void {
  visitor.outcome?.(outcome);
  if ('value' in outcome) visitExpr(outcome.value, visitor);
  else if ('words' in outcome) visitExpr(outcome.words, visitor);
  else if ('commands' in outcome) visitExpr(outcome.commands, visitor);
  else if ('code' in outcome && outcome.code) visitExpr(outcome.code, visitor);
}

function visitMapping(mapping: Mapping, visitor: Visitor): void {
  visitor.mapping?.(mapping);
  visitExprs([mapping.from, mapping.size, mapping.to, mapping.page], visitor);
}

const visitValues = (values: LoopValues, visitor: Visitor): void =>
  visitExprs('list' in values ? [values.list] : [values.from, values.to], visitor);

function visitExprs(exprs: readonly (Expr | undefined)[], visitor: Visitor): void {
  for (const expr of exprs) if (expr) visitExpr(expr, visitor);
}

export function visitExpr(expr: Expr, visitor: Visitor): void {
  visitor.expr?.(expr);
  switch (expr.kind) {
    case 'member':
    case 'address-of':
      visitExprs([...(expr.indices?.values() ?? [])], visitor);
      break;
    case 'unary':
    case 'cast':
      visitExpr(expr.operand, visitor);
      break;
    case 'binary':
      visitExpr(expr.left, visitor);
      visitExpr(expr.right, visitor);
      break;
    case 'list':
      for (const [i, item] of expr.items.entries()) {
        const place = expr.places?.get(i);
        if (place) visitExpr(place, visitor);
        visitExpr(item, visitor);
      }
      break;
    case 'repeat':
      visitExprs([expr.item, expr.count], visitor);
      break;
    case 'payload':
      visitPayload(expr.payload, visitor);
      break;
  }
}
