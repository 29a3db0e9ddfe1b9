/** What a payload is to the kernel: which operation of VFIO_IOMMU_NESTING_OP carries it, and by which submits. */
import { decodeCaps, type VtdCaps } from '../../engine/models/vtd/caps.ts';
import type { Related } from './diagnostic.ts';
import { operationOf as nestingOperation } from './rules/nesting-operation.ts';
import type { FieldView, Finding, PayloadView, RuleContext, Use } from './rules/rule.ts';

export type Operation = 'bind' | 'unbind' | 'flush';

const WORDS: Readonly<Record<string, Operation>> = {
  VFIO_IOMMU_NESTING_OP_BIND_PGTBL: 'bind',
  VFIO_IOMMU_NESTING_OP_UNBIND_PGTBL: 'unbind',
  VFIO_IOMMU_NESTING_OP_CACHE_INVLD: 'flush',
};

/** The operation a nesting_op asks for; undefined when it is no nesting_op or its flags name none that is known. */
export function operationOf(view: PayloadView | undefined, context: RuleContext): Operation | undefined {
  return view && WORDS[nestingOperation(view, context)?.name ?? ''];
}

/** The view of what a submit hands over: a declared payload or one in place. */
export function submitted({ step }: Pick<Use, 'step'>, context: RuleContext): PayloadView | undefined {
  if (step.payload.kind === 'payload') return context.viewOf(step.payload.payload);
  const declared = step.payload.kind === 'name' ? context.file.payloads.get(step.payload.name) : undefined;
  return declared && context.viewOf(declared.node);
}

/** Whether the payload only lends its fields to others: those show what is wrong with it. */
export const isOnlyBase = (view: PayloadView, context: RuleContext): boolean =>
  view.uses.length === 0 &&
  view.carriers.length === 0 &&
  view.payload.name !== undefined &&
  basesOf(context).has(view.payload.name.text);

const basesOf = oncePerFile(({ payloads }) => new Set(payloads.map((view) => view.payload.base?.text)));

export const isNestingContainer = (context: RuleContext): boolean =>
  BigInt(context.machine.containerType) === context.constant('VFIO_TYPE1_NESTING_IOMMU');

/**
 * A prediction about the payload as `operation` carries it, once for every submit that does so: it is silent where all
 * of these expect it, whatever other submits of the payload expect. A payload that nothing carries yet is judged as if
 * it were carried. Nothing is predicted where the container turns the call away before anybody reads the payload.
 */
export function* predict(
  view: PayloadView,
  operation: Operation,
  context: RuleContext,
  finding: Finding,
): Iterable<Finding> {
  if (!isNestingContainer(context) || isOnlyBase(view, context)) return;
  if (view.carriers.length > 0 && !view.carriers.some((carrier) => operationOf(carrier, context) === operation)) return;
  const uses = view.uses.filter((use) => operationOf(submitted(use, context), context) === operation);
  if (uses.length === 0) yield finding;
  for (const use of uses) yield { ...finding, use };
}

/** Whether the payload gives the field itself, rather than its base. */
export const isOwn = (view: PayloadView, field: FieldView): boolean =>
  field.file === view.file && view.payload.start <= field.expr.start && field.expr.end <= view.payload.end;

export const capsOf = oncePerFile(({ machine }): VtdCaps => decodeCaps(machine.cap, machine.ecap, machine.haw));

/** What many payloads or scenarios ask of the whole file is worked out once. */
export function oncePerFile<T>(work: (context: RuleContext) => T): (context: RuleContext) => T {
  const known = new WeakMap<RuleContext, { readonly result: T }>();
  return (context) => {
    const entry = known.get(context) ?? { result: work(context) };
    known.set(context, entry);
    return entry.result;
  };
}

/** The place in `machine` that says so: the setting of that key, or the item's first word. */
export function machineLine(
  { resolved }: RuleContext,
  item: { readonly word: string; readonly name?: string },
  key: string,
  message: string,
): readonly Related[] {
  const { machineDecl } = resolved;
  const found = machineDecl?.node.items.find(
    (i) => i.word.text === item.word && (item.name === undefined || i.name?.text === item.name),
  );
  if (!machineDecl || !found) return [];
  const at = found.settings.find((s) => s.key.text === key) ?? found.word;
  return [{ file: machineDecl.file, start: at.start, end: at.end, message }];
}
