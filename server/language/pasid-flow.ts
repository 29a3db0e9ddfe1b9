/**
 * What becomes of PASIDs in a scenario, worked out without running it: allocated, bound, unbound, freed, step by step.
 * It follows straight lines only and stops where it is no longer sure; rules say nothing about what lies behind.
 */
import { encodePayload, evaluate, type Image, isNoValue, Names } from '../../engine/index.ts';
import { isNestingContainer, type Operation, oncePerFile, operationOf, submitted } from './nesting-uses.ts';
import { requestOf } from './pasid-requests.ts';
import type { FieldView, PayloadView, RuleContext } from './rules/rule.ts';
import { boundBy, namesBoundIn, stepsOf } from './scenario-names.ts';
import type { Expr, LetStep, ScenarioDecl, Step, SubmitStep } from './syntax.ts';

/** How far a PASID is; `maybe` where the scenario itself leaves it open. */
export type PasidState = 'never allocated' | 'allocated' | 'bound' | 'unbound' | 'freed' | 'maybe';

/** A bind or unbind that the scenario submits, with what is known of its PASID before it. */
export interface PasidEvent {
  readonly step: SubmitStep;
  readonly operation: Extract<Operation, 'bind' | 'unbind'>;
  readonly state: PasidState;
  /** As a message names it: `PASID 7`, or `PASID pasid` when only a run knows the number. */
  readonly pasid: string;
  readonly value: bigint | undefined;
  /** The field that says so, if the payload gives one. */
  readonly field: FieldView | undefined;
  /** The step that brought it into this state. */
  readonly since: Step | undefined;
}

/** The binds and unbinds of a scenario up to the point where it is no longer clear what happens. */
export function pasidEvents(scenario: ScenarioDecl, context: RuleContext): readonly PasidEvent[] {
  if (!isNestingContainer(context)) return [];
  const flows = flowsOf(context);
  const events = flows.get(scenario) ?? new Flow(scenario, context).run();
  flows.set(scenario, events);
  return events;
}

/** Three rules ask; each scenario is followed once. */
const flowsOf = oncePerFile(() => new Map<ScenarioDecl, readonly PasidEvent[]>());

/** Whether a step says that it fails with this errno, that it succeeds, or something that leaves room for both. */
function claimOf(step: SubmitStep): { readonly succeeds: boolean; readonly errnos: readonly string[] | 'any' } {
  const groups = step.expect?.groups ?? [];
  const errnos = groups.flatMap((group) =>
    group.flatMap((o) =>
      o.kind === 'errno' ? [o.name] : o.kind === 'hidden' ? [o.errno ?? '*'] : o.kind === 'reason' ? ['*'] : [],
    ),
  );
  if (errnos.includes('*') || groups.some((group) => group.some((o) => o.kind === 'any')))
    return { succeeds: false, errnos: 'any' };
  const plain = step.failNth === undefined && step.mapped === undefined;
  return { succeeds: plain && errnos.length === 0, errnos };
}

/** Whether the step leaves room for a failure with this errno: it says nothing of failing, or names this one. */
export function mayFailWith(step: SubmitStep, errno: string): boolean {
  const { succeeds, errnos } = claimOf(step);
  return succeeds || errnos === 'any' || errnos.includes(errno);
}

interface Known {
  readonly state: PasidState;
  readonly since: Step | undefined;
}

/** Calls that neither hand out nor bind PASIDs. */
const HARMLESS = ['VFIO_GET_API_VERSION', 'VFIO_CHECK_EXTENSION', 'VFIO_IOMMU_GET_INFO'];
const QUOTA = 1000;

class Flow {
  readonly #scenario: ScenarioDecl;
  readonly #context: RuleContext;
  readonly #names: Names;
  /** By number in decimal, or by the name that stands for an unknown number. */
  readonly #pasids = new Map<string, Known>();
  readonly #events: PasidEvent[] = [];
  /** Whether every PASID that was handed out is known by its number. */
  #exact = true;

  constructor(scenario: ScenarioDecl, context: RuleContext) {
    this.#scenario = scenario;
    this.#context = context;
    this.#names = new Names(context.file, undefined, namesBoundIn(scenario));
  }

  run(): readonly PasidEvent[] {
    for (const step of this.#scenario.steps) if (!this.#step(step)) break;
    return this.#events;
  }

  /** False where it is no longer clear what happens. */
  #step(step: Step): boolean {
    switch (step.kind) {
      case 'submit':
        return this.#submit(step);
      case 'for':
        return [...stepsOf(step.steps)].every((inner) => HARMLESS_STEPS.has(inner.kind));
      default:
        if (!HARMLESS_STEPS.has(step.kind)) return false;
        this.#forget(step);
        if (step.kind === 'let') this.#let(step);
        return true;
    }
  }

  #submit(step: SubmitStep): boolean {
    if (step.to) return step.to.kind === 'name' && HARMLESS.includes(step.to.name);
    const view = submitted({ step }, this.#context);
    if (!view) return false;
    if (view.struct.name === 'vfio_iommu_type1_pasid_request') return this.#request(step, view);
    const operation = operationOf(view, this.#context);
    const clear = operation === 'bind' || operation === 'unbind' ? this.#carry(step, operation, view.data) : true;
    this.#forget(step);
    return clear && (operation !== undefined || view.struct.name === 'vfio_iommu_type1_info');
  }

  #let(step: LetStep): void {
    const value = evaluate(step.value, this.#names.scope());
    if (!isNoValue(value)) this.#names.locals.set(step.name.text, { value });
  }

  /** A name that is bound anew no longer stands for the PASID it stood for. */
  #forget(step: Step): void {
    const name = boundBy(step);
    if (!name) return;
    this.#pasids.delete(keyOf(undefined, name.text));
    this.#names.locals.delete(name.text);
  }

  #request(step: SubmitStep, view: PayloadView): boolean {
    const request = requestOf(view);
    const image = this.#encode(view);
    this.#forget(step);
    const { succeeds, errnos } = claimOf(step);
    if (!request || image.troubles.length > 0) return false;
    if (!succeeds) {
      // What is certain to fail changes nothing; what may fail leaves both ways open.
      if (errnos !== 'any' && errnos.length > 0 && (step.expect?.groups.length ?? 0) === 1) return true;
      if (request === 'free') return false;
      this.#exact = false;
      return true;
    }
    const [min, max] = [valueAt(image, 'range.min'), valueAt(image, 'range.max')];
    if (request === 'free') return this.#free(step, min, max, image);
    const pasid = this.#exact && min !== undefined && max !== undefined ? this.#lowest(min, max) : undefined;
    if (pasid === undefined) {
      this.#exact = false;
      if (step.as) this.#pasids.set(keyOf(undefined, step.as.text), { state: 'allocated', since: step });
    } else {
      this.#pasids.set(keyOf(pasid), { state: 'allocated', since: step });
      if (step.as) this.#names.locals.set(step.as.text, { value: pasid });
    }
    return true;
  }

  /** The allocator hands out the lowest free number. */
  #lowest(min: bigint, max: bigint): bigint | undefined {
    const held = [...this.#pasids.values()].filter((known) => known.state !== 'freed').length;
    if (QUOTA <= held) return undefined;
    for (let pasid = min; pasid <= max; pasid++) {
      const known = this.#pasids.get(keyOf(pasid));
      if (known === undefined || known.state === 'freed') return pasid;
    }
    return undefined;
  }

  #free(step: SubmitStep, min: bigint | undefined, max: bigint | undefined, image: Image): boolean {
    if (min === undefined || max === undefined) {
      const [from, to] = [exprAt(image, 'range.min'), exprAt(image, 'range.max')];
      const key = from?.kind === 'name' && to?.kind === 'name' && from.name === to.name && keyOf(undefined, from.name);
      if (key && this.#pasids.has(key)) this.#pasids.set(key, { state: 'freed', since: step });
      return Boolean(key && this.#pasids.has(key));
    }
    for (const [key, known] of this.#pasids) {
      if (!/^\d/.test(key)) this.#pasids.set(key, { state: 'maybe', since: step });
      else if (min <= BigInt(key) && BigInt(key) <= max && known.state !== 'freed')
        this.#pasids.set(key, { state: 'freed', since: step });
    }
    return true;
  }

  #carry(step: SubmitStep, operation: 'bind' | 'unbind', data: PayloadView | undefined): boolean {
    if (data?.struct.name !== 'iommu_gpasid_bind_data') return false;
    const image = this.#encode(data);
    if (image.troubles.length > 0) return false;
    const given = exprAt(image, 'hpasid');
    const value = given ? valueAt(image, 'hpasid') : 0n;
    const name = value === undefined && given?.kind === 'name' ? given.name : undefined;
    if (value === undefined && name === undefined) return false;
    const key = keyOf(value, name);
    const known = this.#pasids.get(key) ?? {
      state: this.#unknownState(value),
      since: undefined,
    };
    const pasid = value === undefined ? `PASID ${name}` : `PASID ${value}`;
    this.#events.push({ step, operation, ...known, pasid, value, field: data.fields.get('hpasid') });
    const state = afterwards(known.state, operation, step);
    if (state !== known.state && known.state !== 'never allocated') this.#pasids.set(key, { state, since: step });
    return true;
  }

  /** Of a PASID that nothing here was about. Where the container hands out none, every number counts as allocated. */
  #unknownState(value: bigint | undefined): PasidState {
    if (value === undefined) return 'maybe';
    if (!this.#context.file.generation.ioctls.has('VFIO_IOMMU_PASID_REQUEST'))
      return 0n < value && value < 0x10_0000n ? 'allocated' : 'maybe';
    return this.#exact ? 'never allocated' : 'maybe';
  }

  #encode(view: PayloadView): Image {
    return encodePayload({ node: view.payload, file: view.file }, this.#names);
  }
}

function afterwards(state: PasidState, operation: 'bind' | 'unbind', step: SubmitStep): PasidState {
  const { succeeds } = claimOf(step);
  if (state === 'freed' || state === 'never allocated' || state === 'maybe') return state;
  if (operation === 'unbind') return succeeds ? 'unbound' : state === 'bound' ? 'maybe' : state;
  // The failure path of a second bind also takes the first binding away.
  if (state === 'bound') return mayFailWith(step, 'EBUSY') ? 'unbound' : 'maybe';
  return succeeds ? 'bound' : 'maybe';
}

const HARMLESS_STEPS: ReadonlySet<Step['kind']> = new Set([
  'dma',
  'map',
  'unmap',
  'protect',
  'host',
  'reuse',
  'write',
  'read',
  'invalidate',
  'reset',
  'let',
  'note',
  'assert',
]);

const keyOf = (value: bigint | undefined, name?: string): string => (value === undefined ? `name ${name}` : `${value}`);

/** The last of the entries that give the field. */
const entryAt = (image: Image, path: string) => image.entries.findLast((entry) => entry.path === path);
const exprAt = (image: Image, path: string): Expr | undefined => entryAt(image, path)?.expr;
/** A field that is not given is 0; one that only a run knows is undefined. */
function valueAt(image: Image, path: string): bigint | undefined {
  const entry = entryAt(image, path);
  return entry ? entry.value : 0n;
}
