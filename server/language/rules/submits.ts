import { type Ioctl, ioctlNumbered } from '../../../engine/index.ts';
import { isOnlyBase, oncePerFile, submitted } from '../nesting-uses.ts';
import type { FieldInit, Payload } from '../syntax.ts';
import { reading } from './reading.ts';
import type { Finding, PayloadView, RuleContext, Use } from './rule.ts';

/**
 * A prediction about a payload, once for every submit that makes the kernel look at it: of the payload, of what embeds
 * it, or of what holds its address. A payload that nothing submits yet is judged as if something did.
 * @param element of an array, as a call may read a part of it only
 */
export function* predictRead(
  view: PayloadView,
  context: RuleContext,
  finding: Finding,
  element = 0,
): Iterable<Finding> {
  if (isOnlyBase(view, context) && holdersOf(context).get(view) === undefined) return;
  const uses = submitsOf(view, context, element);
  if (uses.length === 0) {
    // Submitted, but to a call that takes something else, or that reads none of it.
    if (view.uses.length === 0 && submitsOf(view, context, 'any').length === 0) yield finding;
    return;
  }
  for (const use of uses) yield { ...finding, use };
}

/**
 * The submits that make the kernel read a payload as what it is.
 * @param element of an array that it has to read; `any`: whatever it reads
 */
export function submitsOf(view: PayloadView, context: RuleContext, element: number | 'any' = 'any'): readonly Use[] {
  const all = new Set<Use>();
  const seen = new Set<PayloadView>();
  const collect = (each: PayloadView): void => {
    if (seen.has(each)) return;
    seen.add(each);
    for (const use of each.uses) if (isItsOwnCall(use, context)) all.add(use);
    for (const holder of holdersOf(context).get(each) ?? [])
      if (element === 'any' || readsElement(holder, each, element)) collect(holder);
  };
  collect(view);
  return [...all];
}

/** The ioctl that a submit names with `to`; undefined where it names none, or none of this generation. */
export function namedIoctl({ step }: Pick<Use, 'step'>, { file }: RuleContext): Ioctl | undefined {
  const { to } = step;
  if (to?.kind === 'name') return file.generation.ioctls.get(to.name);
  return to?.kind === 'int' ? ioctlNumbered(to.value, file.generation) : undefined;
}

function isItsOwnCall(use: Use, context: RuleContext): boolean {
  if (!use.step.to) return true;
  const ioctl = namedIoctl(use, context);
  const call = use.step.to.kind === 'name' ? context.file.generation.calls.get(use.step.to.name) : undefined;
  const wanted = ioctl?.struct ?? call?.struct;
  return wanted === undefined || submitted(use, context)?.struct.name === wanted;
}

/** Payloads by whose fields hold them or their address: `data_uptr = &s1`, `config = table`, own or inherited. */
const holdersOf = oncePerFile((context): ReadonlyMap<PayloadView, readonly PayloadView[]> => {
  const holders = new Map<PayloadView, PayloadView[]>();
  for (const view of context.payloads)
    for (const name of namesHeldBy(view.payload, context)) {
      const declared = context.file.payloads.get(name);
      const to = declared && context.viewOf(declared.node);
      if (to) holders.set(to, [...(holders.get(to) ?? []), view]);
    }
  return holders;
});

/** Whether the numbers beside an address lead the kernel to an element, as far as they are known. */
function readsElement(holder: PayloadView, held: PayloadView, element: number): boolean {
  // An address that serves as two things, such as the ranges and their number, leaves open what is read of it.
  const name = held.payload.name?.text;
  const addresses = [...holder.fields.values()].filter(
    ({ expr }) => expr.kind === 'address-of' && expr.name.text === name,
  );
  if (1 < addresses.length) return false;
  for (const { target } of holder.struct.fields) {
    const count = target?.count && reading(holder, target.count)?.value;
    const size = target?.element && reading(holder, target.element)?.value;
    if (typeof count === 'bigint' && count <= BigInt(element)) return false;
    if (typeof size === 'bigint' && size !== BigInt(held.struct.size)) return false;
    const length = target?.length && reading(holder, target.length)?.value;
    if (length === 0n) return false;
  }
  return true;
}

function namesHeldBy(payload: Payload, { file }: RuleContext): ReadonlySet<string> {
  const names = new Set<string>();
  const given = new Set<string>();
  const add = (fields: readonly FieldInit[], isOverridden: (field: FieldInit) => boolean): void => {
    for (const field of fields) {
      if (isOverridden(field)) continue;
      const { value, fields: inner } = field;
      if (value?.kind === 'address-of') names.add(value.name.text);
      else if (value?.kind === 'name' && file.payloads.has(value.name)) names.add(value.name);
      if (inner) add(inner, () => false);
    }
  };
  const seen = new Set<Payload>();
  for (let next: Payload | undefined = payload; next && !seen.has(next); ) {
    seen.add(next);
    // What a derived payload gives anew is no longer its base's.
    add(next.fields, ({ path }) => path.length === 1 && given.has(path[0]!.text));
    for (const { path } of next.fields) if (path.length === 1) given.add(path[0]!.text);
    for (const element of next.elements ?? []) add(element, () => false);
    next = next.base && file.payloads.get(next.base.text)?.node;
  }
  return names;
}

/** The payload whose address a field holds, where it holds that of a whole one. */
export function pointee(view: PayloadView, path: string, context: RuleContext): PayloadView | undefined {
  const expr = view.fields.get(path)?.expr;
  if (expr?.kind !== 'address-of' || (expr.path?.length ?? 0) > 0) return undefined;
  const declared = context.file.payloads.get(expr.name.text);
  return declared && context.viewOf(declared.node);
}

/** The element of an array that a field stands in: 2 of `[2].flags`, 0 of a struct that is no array. */
export const elementOf = ({ path }: { readonly path: string }): number => Number(/^\[(\d+)\]/.exec(path)?.[1] ?? 0);
