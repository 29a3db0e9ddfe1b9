import {
  CHECKS,
  descriptorByName,
  descriptorField,
  ERRNO,
  isErrno,
  modelById,
  nearest,
  type ScenarioFile,
  SKIPS,
} from '../../engine/index.ts';
import type { Expr, Outcome, Span, Step } from './syntax.ts';

type Report = (at: Span, code: string, message: string) => void;
/** The value of an expression, if it is known before a run. */
type ConstantOf = (expr: Expr) => bigint | undefined;

const REASONS = new Set([...Object.values(CHECKS), ...Object.values(SKIPS)].map((check) => check.id));
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
    case 'attach':
      if (step.failNth && constantOf(step.failNth) === 0n)
        report(step.failNth, 'fail-nth-zero', 'fallible points count from 1: fail_nth 0 would fail none');
      break;
    case 'invalidate':
      checkInvalidate(step, file, report);
      break;
    case 'assert':
      if (step.assertion.kind === 'mock')
        report(step, 'not-available', `expect ${step.assertion.what} is not available yet for ${file.generation.id}`);
      break;
  }
}

function checkOutcome(outcome: Outcome, file: ScenarioFile, report: Report): void {
  const unknown = (what: string, name: string, known: Iterable<string>): void => {
    const near = nearest(name, known);
    report(outcome, 'unknown-name', `${name} is not ${what}${near ? `; did you mean ${near}?` : ''}`);
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
      if (!REASONS.has(outcome.rule)) unknown('a check of this generation', outcome.rule, REASONS);
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
