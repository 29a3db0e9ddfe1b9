import {
  checksOf,
  descriptorByName,
  descriptorField,
  ERRNO,
  GENERATIONS,
  ioctlNumbered,
  ioctlOf,
  isErrno,
  modelById,
  nearest,
  type ScenarioFile,
  skipsOf,
  whyNotModelled,
} from '../../engine/index.ts';
import type { AssertStep, Expr, Outcome, Span, Step, SubmitStep } from './syntax.ts';

type MockAssertion = Extract<AssertStep['assertion'], { kind: 'mock' }>;
type Report = (at: Span, code: string, message: string, fix?: string) => void;
/** The value of an expression, if it is known before a run. */
type ConstantOf = (expr: Expr) => bigint | undefined;

const COMMAND_ERRORS = ['IQE'];

/** What is wrong with the words and constant numbers of a step, as far as that can be told before a run. */
export function checkStepWords(step: Step, file: ScenarioFile, constantOf: ConstantOf, report: Report): void {
  for (const group of step.expect?.groups ?? []) for (const outcome of group) checkOutcome(outcome, file, report);
  switch (step.kind) {
    case 'dma': {
      const device = file.machine.devices.find((d) => d.name === step.device.text);
      if (step.ats && device && !device.ats)
        report(step.device, 'device-without-ats', `${device.name} has no ATS; say ats = 1 in its machine declaration`);
      const pasid = step.pasid && constantOf(step.pasid);
      if (step.pasid && pasid !== undefined && 0xf_ffffn < pasid)
        report(step.pasid, 'value-too-wide', `a PASID has 20 bits, which 0x${pasid.toString(16)} does not fit`);
      break;
    }
    case 'submit':
      checkModelled(step, file, constantOf, report);
      checkFailNth(step, constantOf, report);
      break;
    case 'attach':
      checkFailNth(step, constantOf, report);
      break;
    case 'invalidate':
      checkInvalidate(step, file, report);
      break;
    case 'assert':
      if (step.assertion.kind === 'mock') checkMock(step, step.assertion, file, report);
      break;
  }
}

/** The words of the kernel's mock: only its machine has them. */
function checkMock(at: Span, { what, object }: MockAssertion, { machine }: ScenarioFile, report: Report): void {
  if (machine.model !== 'selftest')
    report(at, 'not-available', `expect ${what} looks into the kernel's mock; say "iommu selftest { }" in the machine`);
  else if (what === 'devcache' && !(object.kind === 'name' && machine.devices.some((d) => d.name === object.name)))
    report(object, 'unknown-device', 'devcache wants the name of a device');
}

function checkFailNth({ failNth }: { readonly failNth?: Expr }, constantOf: ConstantOf, report: Report): void {
  if (failNth && constantOf(failNth) === 0n)
    report(failNth, 'fail-nth-zero', 'fallible points count from 1: fail_nth 0 would fail none');
}

/** A call that is known by its number only cannot run, whatever its payload holds. */
function checkModelled(
  { to, payload: given }: SubmitStep,
  { generation, payloads }: ScenarioFile,
  constantOf: ConstantOf,
  report: Report,
): void {
  const command = to && constantOf(to);
  const payload =
    given.kind === 'payload' ? given.payload : given.kind === 'name' ? payloads.get(given.name)?.node : undefined;
  const ioctl = to
    ? command !== undefined && ioctlNumbered(command, generation)
    : payload && ioctlOf(payload, generation);
  const why = ioctl ? whyNotModelled(ioctl) : undefined;
  if (why !== undefined) report(to ?? given, 'not-modelled', why);
}

function checkOutcome(outcome: Outcome, file: ScenarioFile, report: Report): void {
  const unknown = (what: string, name: string, known: Iterable<string>): void => {
    const near = nearest(name, known);
    // The outcome is drawn with the word in front of the name.
    const fix = near && (outcome.kind === 'errno' ? near : `${outcome.kind} ${near}`);
    report(outcome, 'unknown-name', `${name} is not ${what}${near ? `; did you mean ${near}?` : ''}`, fix);
  };
  switch (outcome.kind) {
    case 'errno':
      if (!isErrno(outcome.name)) unknown('an errno of these calls', outcome.name, Object.keys(ERRNO));
      break;
    case 'hidden':
      if (outcome.errno !== undefined && outcome.errno !== 'skipped' && !isErrno(outcome.errno))
        unknown('an errno of these calls', outcome.errno, Object.keys(ERRNO));
      break;
    case 'fault': {
      const faults = modelById(file.machine.model)?.faults ?? [];
      if (outcome.name !== undefined && outcome.name !== 'abort' && !faults.includes(outcome.name))
        unknown('a fault of this model', outcome.name, faults);
      break;
    }
    case 'reason':
      checkReason(outcome.rule, file, unknown);
      break;
    case 'error':
      if (!COMMAND_ERRORS.includes(outcome.name))
        unknown('a command error of this model', outcome.name, COMMAND_ERRORS);
      break;
    case 'stall':
      report(outcome, 'not-available', `stall is not available yet for ${file.generation.id}`);
      break;
  }
}

/** A reason has to be a check that the kernel of this generation has on this machine. */
function checkReason(
  id: string,
  { generation, machine }: ScenarioFile,
  unknown: (what: string, name: string, known: Iterable<string>) => void,
): void {
  const { model } = machine;
  const reasons = new Set([...checksOf(generation.id, model), ...skipsOf(generation.id, model)].map((c) => c.id));
  // Of a generation that does not run nothing is known, so nothing is wrong.
  if (reasons.size === 0 || reasons.has(id)) return;
  const elsewhere = GENERATIONS.find(({ id: other }) => checksOf(other).some((c) => c.id === id));
  const where = elsewhere?.id === generation.id ? 'another iommu' : elsewhere?.id;
  if (where === undefined) unknown('a check of this generation', id, reasons);
  else unknown(`a check of ${generation.id} on ${model}, but of ${where}`, id, []);
}

function checkInvalidate(step: Extract<Step, { kind: 'invalidate' }>, file: ScenarioFile, report: Report): void {
  if (step.iommu.text !== '' && step.iommu.text !== 'iommu0')
    report(step.iommu, 'unknown-name', `the machine has no IOMMU ${step.iommu.text}; it has iommu0`);
  const descriptor = descriptorByName(step.command.text);
  if (!descriptor) {
    const commands = modelById(file.machine.model)?.commands ?? [];
    const near = nearest(step.command.text, commands);
    if (step.command.text !== '')
      report(
        step.command,
        'unknown-name',
        `VT-d has no invalidation ${step.command.text}${near ? `; did you mean ${near}?` : ''}`,
        near,
      );
    return;
  }
  for (const { path } of step.fields) {
    const name = path.map((p) => p.text).join('.');
    if (name !== '' && !descriptorField(descriptor, name))
      report(
        { start: path[0]!.start, end: path.at(-1)!.end },
        'unknown-field',
        `${descriptor.name} has no field ${name}; it has ${descriptor.fields.map((f) => f.name).join(', ')}`,
      );
  }
}
