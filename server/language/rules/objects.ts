import { submitted } from '../nesting-uses.ts';
import { stepsOf } from '../scenario-names.ts';
import type { Expr, ScenarioDecl, Step } from '../syntax.ts';
import { reading } from './reading.ts';
import type { PayloadView, RuleContext } from './rule.ts';

/** What an id of an iommufd stands for. `HWPT` is a page table of which only a run knows more. */
export type ObjectKind =
  | 'IOAS'
  | 'device'
  | 'HWPT'
  | 'paging HWPT'
  | 'nesting parent'
  | 'nested HWPT'
  | 'fault queue'
  | 'vIOMMU'
  | 'vDEVICE'
  | 'vEVENTQ'
  | 'HW queue'
  | 'file descriptor';

/** What the kernel writes into each field of an answer. */
export const MADE: Readonly<Record<string, ObjectKind>> = {
  out_ioas_id: 'IOAS',
  out_devid: 'device',
  out_hwpt_id: 'HWPT',
  out_fault_id: 'fault queue',
  out_fault_fd: 'file descriptor',
  out_viommu_id: 'vIOMMU',
  out_vdevice_id: 'vDEVICE',
  out_veventq_id: 'vEVENTQ',
  out_veventq_fd: 'file descriptor',
  out_hw_queue_id: 'HW queue',
};

/** An object by the expression for its id. */
export interface NamedObject {
  readonly kind: ObjectKind;
  /** As the file spells it: `nested.out_hwpt_id`. */
  readonly text: string;
  /** What made it; undefined for what the machine begins with. */
  readonly maker: PayloadView | undefined;
}

/**
 * The object that an id stands for, by the field it comes from; undefined where that says nothing.
 * @param scenarios in which the expression is evaluated: there a name may stand for the result of a step
 */
export function objectOf(
  expr: Expr | undefined,
  scenarios: readonly ScenarioDecl[],
  context: RuleContext,
): NamedObject | undefined {
  if (expr?.kind !== 'member' || expr.path.length !== 1) return undefined;
  const [name, field] = [expr.object.text, expr.path[0]!.text];
  const text = `${name}.${field}`;
  if (field === 'id' && name === 'ioas') return { kind: 'IOAS', text, maker: undefined };
  if (field === 'id' && context.machine.devices.some((device) => device.name === name))
    return { kind: 'device', text, maker: undefined };
  const made = MADE[field];
  if (made === undefined) return undefined;
  const makers = makersOf(name, scenarios, context);
  if (makers.length === 0 || makers.some((maker) => !maker.struct.fields.some((f) => f.name === field)))
    return undefined;
  const kinds = new Set(makers.map((maker) => (made === 'HWPT' ? hwptKind(maker, context) : made)));
  return kinds.size === 1 ? { kind: [...kinds][0]!, text, maker: makers[0] } : { kind: made, text, maker: makers[0] };
}

/** What a name stands for: the payload of that name, or those of the steps that bind it. */
function makersOf(name: string, scenarios: readonly ScenarioDecl[], context: RuleContext): readonly PayloadView[] {
  const bound = scenarios.flatMap((scenario) =>
    [...stepsOf(scenario.steps)].flatMap((step) => (bindsAs(step, name) ? [submitted({ step }, context)] : [])),
  );
  if (bound.length > 0) return bound.every((view) => view !== undefined) ? bound : [];
  const declared = context.file.payloads.get(name);
  const view = declared && context.viewOf(declared.node);
  return view ? [view] : [];
}

const bindsAs = (step: Step, name: string): step is Extract<Step, { kind: 'submit' }> =>
  step.kind === 'submit' && step.as?.text === name;

function hwptKind(maker: PayloadView, context: RuleContext): ObjectKind {
  const type = reading(maker, 'data_type') ?? reading(maker, 'hwpt_type');
  const flags = reading(maker, 'flags')?.value;
  if (type?.value === undefined || flags === undefined) return 'HWPT';
  if (type.value !== 0n) return 'nested HWPT';
  const parent = context.file.generation.constants.get('IOMMU_HWPT_ALLOC_NEST_PARENT');
  // Before parents were marked, every page table of the user could be one.
  return parent === undefined || (flags & parent.value) !== 0n ? 'nesting parent' : 'paging HWPT';
}
