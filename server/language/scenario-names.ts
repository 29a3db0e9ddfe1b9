import {
  encodePayload,
  evaluate,
  type Image,
  isNoValue,
  modelById,
  Names,
  type NoValue,
  nearest,
  type ScenarioFile,
  type Value,
} from '../../engine/index.ts';
import type { Diagnostic } from './diagnostic.ts';
import { checkStepWords } from './step-checks.ts';
import {
  type Expr,
  type Name,
  type NameExpr,
  type ScenarioDecl,
  type Span,
  type Step,
  type Visitor,
  visitStep,
} from './syntax.ts';

/** Every step of a scenario, those inside loops and lanes included, in source order. */
export function* stepsOf(steps: readonly Step[]): Generator<Step> {
  for (const step of steps) {
    yield step;
    if (step.kind === 'for') yield* stepsOf(step.steps);
    if (step.kind === 'parallel') for (const lane of step.lanes) yield* stepsOf(lane);
  }
}

/** The name a step binds, if it binds one. */
export function boundBy(step: Step): Name | undefined {
  if (step.kind === 'let') return step.name;
  return 'as' in step ? step.as : undefined;
}

/** Names that a scenario binds with `as`, `let` and `for`. */
export function namesBoundIn(scenario: ScenarioDecl): Set<string> {
  const names = new Set<string>();
  addNamesBoundIn(scenario, names);
  return names;
}

function addNamesBoundIn(scenario: ScenarioDecl, names: Set<string>): void {
  if (scenario.loop) names.add(scenario.loop.name.text);
  for (const step of stepsOf(scenario.steps)) {
    const bound = boundBy(step);
    if (bound) names.add(bound.text);
    if (step.kind === 'for') names.add(step.name.text);
  }
}

/** Names that any scenario of the file binds. */
export function namesBoundInAll(scenarios: readonly ScenarioDecl[]): Set<string> {
  const names = new Set<string>();
  for (const scenario of scenarios) addNamesBoundIn(scenario, names);
  return names;
}

/** Step kinds that not every generation has. */
const PLANNED: ReadonlySet<Step['kind']> = new Set(['parallel', 'respond', 'inject', 'fd', 'replace', 'unbind']);

/** Of those, what an iommufd has. */
const IOMMUFD_STEPS: ReadonlySet<Step['kind']> = new Set(['inject', 'fd', 'replace', 'unbind']);

/** And what a generation has that reports page requests and takes their answers by calls inside the kernel. */
const REQUEST_STEPS: ReadonlySet<Step['kind']> = new Set(['inject', 'respond']);

/** What only a kernel can do. */
const KERNEL_STEPS: ReadonlySet<Step['kind']> = new Set([
  'submit',
  'host',
  'respond',
  'fd',
  'attach',
  'replace',
  'detach',
  'unbind',
  'exit',
]);

/** What only hardware can do that commands reach. */
const HARDWARE_STEPS: ReadonlySet<Step['kind']> = new Set(['write-reg', 'command']);

const isBare = ({ id }: { readonly id: string }): boolean => id === 'bare';

/** Whether a step is read and cannot run in this generation. */
export const isPlanned = (kind: Step['kind'], { generation }: Pick<ScenarioFile, 'generation'>): boolean =>
  isBare(generation)
    ? kind === 'parallel' || KERNEL_STEPS.has(kind)
    : PLANNED.has(kind) &&
      !(IOMMUFD_STEPS.has(kind) && generation.ioctls.has('IOMMU_IOAS_ALLOC')) &&
      !(REQUEST_STEPS.has(kind) && generation.calls.has('page_response'));

/** How a step's kind is written. */
const stepText = (kind: Step['kind']): string =>
  kind === 'fd' ? 'read fd and write fd' : kind === 'write-reg' ? 'write reg' : kind;

/** Why a step cannot run here, with the id of the finding; undefined where it can. */
function whyNotHere(step: Step, file: ScenarioFile): { readonly code: string; readonly message: string } | undefined {
  const { generation, machine } = file;
  const what = stepText(step.kind);
  const is = step.kind === 'fd' ? 'are' : 'is';
  if (isBare(generation) && KERNEL_STEPS.has(step.kind)) {
    const instead =
      step.kind === 'host' ? '; fill the tables with write hpa, or with a pagetable' : ' to be asked for anything';
    return { code: 'needs-kernel', message: `${what} ${is} a kernel's, and uapi bare has none${instead}` };
  }
  if (isPlanned(step.kind, file)) {
    const message =
      step.kind === 'respond' && generation.ioctls.has('IOMMU_IOAS_ALLOC')
        ? `respond calls inside the kernel; a page request of ${generation.id} is answered with write fd`
        : `${what} ${is} not available yet for ${generation.id}`;
    return { code: 'not-available', message };
  }
  if (HARDWARE_STEPS.has(step.kind) && !modelById(machine.model)?.hardware)
    return { code: 'not-available', message: `${what} needs hardware, and iommu ${machine.model} has none here` };
  return undefined;
}

/**
 * What is wrong with a scenario's names and values before it runs. `lasting` is the file's static scope, in which every
 * name that some scenario binds (`boundInFile`) is known later; here only those are that this scenario has bound by a step.
 */
export function checkScenario(
  scenario: ScenarioDecl,
  file: ScenarioFile,
  lasting: Names,
  boundInFile: ReadonlySet<string>,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  const error = ({ start, end }: Span, code: string, message: string, fix?: string, where = file.file): void => {
    found.push({ file: where, start, end, code, severity: 'error', message, ...(fix === undefined ? {} : { fix }) });
  };
  const bound = new Set<string>(scenario.loop ? [scenario.loop.name.text] : []);
  const names = new Names(file, undefined, bound);
  // A declaration that is wrong by itself has its error; at a use the same text would speak of a name that is not there.
  const isToldThere = ({ through }: { readonly through?: string }): boolean =>
    through !== undefined && lasting.isWrong(through);
  let current: Step | undefined;
  let whole: Span = { start: -1, end: -1 };
  // Looks at whole expressions only: a walk meets them before their parts.
  const visitor: Visitor = {
    expr: (expr) => {
      if (whole.start <= expr.start && expr.end <= whole.end) return;
      whole = expr;
      checkExpr(current!, expr);
    },
  };
  const valueNow = (expr: Expr): Value | NoValue => evaluate(expr, names.scope());
  const check = (steps: readonly Step[]): void => {
    for (const step of steps) checkStep(step);
  };

  const checkStep = (step: Step): void => {
    const why = whyNotHere(step, file);
    if (why) {
      const { start } = step;
      const length = step.kind === 'write-reg' || step.kind === 'fd' ? 5 : step.kind.length;
      error({ start, end: start + length }, why.code, why.message);
      return;
    }
    current = step;
    visitStep(step.kind === 'for' ? { ...step, steps: [] } : step, visitor);
    checkReferences(step, file, error);
    checkStepWords(step, file, valueNow, (trouble) => {
      if (!isToldThere(trouble)) error(trouble, trouble.code, trouble.message, trouble.fix);
    });
    if (step.kind === 'for') {
      bound.add(step.name.text);
      check(step.steps);
    }
    const name = boundBy(step);
    if (name) bound.add(name.text);
  };

  const checkExpr = (step: Step, expr: Expr): void => {
    // `devcache DEV` names a device, which is no value.
    if (step.kind === 'assert' && step.assertion.kind === 'mock' && step.assertion.what === 'devcache')
      if (step.assertion.object === expr) return;
    // `to NAME` may name a call inside the kernel, which is no value either.
    if (step.kind === 'submit' && step.to === expr && expr.kind === 'name' && file.generation.calls.has(expr.name))
      return;
    // A payload may stand where its struct can be submitted or embedded; elsewhere its name is a mistake.
    const payload =
      expr.kind === 'payload'
        ? { node: expr.payload, file: file.file }
        : expr.kind === 'name' && !bound.has(expr.name)
          ? file.payloads.get(expr.name)
          : undefined;
    if (
      payload &&
      (step.kind === 'submit' || step.kind === 'respond' || step.kind === 'inject') &&
      step.payload === expr
    ) {
      const known = encodePayload(payload, lasting);
      const { troubles } = isSettled(known, bound) ? known : encodePayload(payload, names);
      for (const trouble of troubles) {
        if (isToldThere(trouble)) continue;
        if (expr.kind === 'payload') error(trouble, trouble.code, trouble.message, trouble.fix, trouble.file);
        // Elsewhere the name may be known: this scenario has not bound it by here.
        else if (
          trouble.code === 'unknown-name' &&
          (boundInFile.has(trouble.message.split(' ')[0]!) || file.included.has(trouble.file))
        )
          error(
            expr,
            'name-not-bound-yet',
            `${expr.kind === 'name' ? expr.name : 'the payload'} needs a name that this scenario has not bound by here: ${trouble.message}`,
          );
      }
      return;
    }
    // Fields of a command have words of their own, which its check knows.
    if (step.kind === 'invalidate' && step.fields.some((init) => init.value === expr)) return;
    const value = evaluate(expr, names.scope());
    if (isNoValue(value) && value.noValue === 'mistake' && !isToldThere(value))
      error((value as NoValue).at, (value as NoValue).code, (value as NoValue).message, (value as NoValue).fix);
  };

  if (scenario.loop) {
    const outside = new Names(file);
    const values =
      'list' in scenario.loop.values
        ? [scenario.loop.values.list]
        : [scenario.loop.values.from, scenario.loop.values.to];
    for (const expr of values) {
      const value = evaluate(expr, outside.scope());
      if (isNoValue(value) && !isToldThere(value)) error(value.at, value.code, value.message, value.fix);
    }
  }
  check(scenario.steps);
  return found;
}

/**
 * Whether a payload looks the same to a scenario that has bound these names as it does to the file as a whole: it waits
 * for nothing, or each field that waits is just one of the names. Saves encoding it once more.
 */
function isSettled({ later, entries, embedded }: Image, bound: ReadonlySet<string>): boolean {
  if (later.length === 0) return true;
  for (const { at } of later) if (!('name' in at && bound.has((at as NameExpr).name))) return false;
  for (const { value, expr, field } of entries)
    if (value === undefined && expr.kind !== 'name' && !(field.kind === 'flex' && embedded)) return false;
  return embedded ? isSettled(embedded, bound) : entries.length > 0;
}

/** Devices and tables that a step names. */
function checkReferences(
  step: Step,
  file: ScenarioFile,
  error: (at: Span, code: string, message: string, fix?: string) => void,
): void {
  const devices = file.machine.devices.map((d) => d.name);
  const device =
    'device' in step
      ? step.device
      : step.kind === 'submit'
        ? step.on
        : step.kind === 'assert' && 'device' in step.assertion
          ? step.assertion.device
          : undefined;
  if (device && device.text !== '' && !devices.includes(device.text)) {
    const near = nearest(device.text, devices);
    error(
      device,
      'unknown-device',
      `the machine has no device ${device.text}${near ? `; did you mean ${near}?` : `; it has ${devices.join(', ')}`}`,
      near,
    );
  }
  if (
    (step.kind === 'map' || step.kind === 'unmap' || step.kind === 'protect') &&
    step.table.text !== '' &&
    !file.tables.has(step.table.text)
  ) {
    const near = nearest(step.table.text, file.tables.keys());
    error(
      step.table,
      'unknown-table',
      `no page table is called ${step.table.text}${near ? `; did you mean ${near}?` : ''}`,
      near,
    );
  }
}
