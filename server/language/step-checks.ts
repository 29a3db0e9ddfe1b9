import {
  type BitTrouble,
  bitValues,
  checksOf,
  ERRNO,
  fits,
  GENERATIONS,
  ioctlNumbered,
  ioctlOf,
  isErrno,
  modelById,
  type NoValue,
  nearest,
  recordOf,
  recordsOf,
  registerInfo,
  type ScenarioFile,
  skipsOf,
  tooManyWords,
  type Value,
  whyNotModelled,
  whyNotWritable,
  wordsOfCommand,
} from '../../engine/index.ts';
import type {
  AssertStep,
  CommandStep,
  Expr,
  InjectStep,
  InvalidateStep,
  Name,
  Outcome,
  Span,
  Step,
  SubmitStep,
  WriteRegStep,
} from './syntax.ts';

type MockAssertion = Extract<AssertStep['assertion'], { kind: 'mock' }>;
type Report = (at: Span, code: string, message: string, fix?: string) => void;
/** The value of an expression, if it is known before a run. */
type ConstantOf = (expr: Expr) => bigint | undefined;

/**
 * What is wrong with the words and constant numbers of a step, as far as that can be told before a run.
 * @param valueNow what an expression stands for by here
 */
export function checkStepWords(
  step: Step,
  file: ScenarioFile,
  valueNow: (expr: Expr) => Value | NoValue,
  found: (trouble: BitTrouble) => void,
): void {
  const constantOf: ConstantOf = (expr) => {
    const value = valueNow(expr);
    return typeof value === 'bigint' ? value : undefined;
  };
  const report: Report = ({ start, end }, code, message, fix) => {
    found({ start, end, code, message, ...(fix === undefined ? {} : { fix }) });
  };
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
      checkIommu(step.iommu, report);
      checkInvalidate(step, file, valueNow, report, found);
      break;
    case 'command':
      checkIommu(step.iommu, report);
      checkCommand(step, file, report);
      break;
    case 'write-reg':
      checkIommu(step.register.object, report);
      checkWriteReg(step, file, constantOf, report);
      break;
    case 'inject':
      checkInject(step, file, report);
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
    case 'error': {
      const errors = modelById(file.machine.model)?.hardware?.commandErrors;
      if (errors && !errors.includes(outcome.name)) unknown('a command error of this model', outcome.name, errors);
      break;
    }
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

function checkIommu(iommu: Name, report: Report): void {
  if (iommu.text !== '' && iommu.text !== 'iommu0')
    report(iommu, 'unknown-name', `the machine has no IOMMU ${iommu.text}; it has iommu0`, 'iommu0');
}

function checkInvalidate(
  { command, fields }: InvalidateStep,
  { machine }: ScenarioFile,
  valueNow: (expr: Expr) => Value | NoValue,
  report: Report,
  found: (trouble: BitTrouble) => void,
): void {
  const { model } = machine;
  const known = modelById(model)?.hardware?.commands ?? [];
  const layout = known.find((each) => each.name === command.text);
  if (layout) {
    for (const trouble of bitValues(layout, fields, valueNow, layout.fixed).troubles) found(trouble);
    return;
  }
  if (command.text === '') return;
  const near = nearest(
    command.text,
    known.map((each) => each.name),
  );
  const more = near ? `; did you mean ${near}?` : known.length === 0 ? ', as it takes none here' : '';
  report(command, 'unknown-name', `iommu ${model} has no command ${command.text}${more}`, near);
}

function checkCommand({ words }: CommandStep, { machine }: ScenarioFile, report: Report): void {
  const hardware = modelById(machine.model)?.hardware;
  const most = hardware ? wordsOfCommand(hardware) : undefined;
  if (words.kind === 'list' && most !== undefined && most < words.items.length)
    report(words.items[most]!, 'too-many-words', tooManyWords(words.items.length, most));
}

function checkWriteReg(
  { register: { path }, value }: WriteRegStep,
  { machine }: ScenarioFile,
  constantOf: ConstantOf,
  report: Report,
): void {
  const name = path.map((p) => p.text).join('.');
  if (name === '') return;
  const at = { start: path[0]!.start, end: path.at(-1)!.end };
  const why = whyNotWritable(name, machine);
  if (why) {
    report(at, why.code, why.message, why.fix);
    return;
  }
  const width = registerInfo(name, machine)?.width ?? 64;
  const written = constantOf(value);
  if (written !== undefined && !fits(written, width))
    report(value, 'value-too-wide', `0x${written.toString(16)} does not fit ${name}, which has ${width} bits`);
}

/** On bare hardware a device sends records of the hardware, and nothing that a kernel would make of them. */
function checkInject({ payload: given }: InjectStep, { machine, payloads }: ScenarioFile, report: Report): void {
  if (!machine.bare) return;
  const payload =
    given.kind === 'payload' ? given.payload : given.kind === 'name' ? payloads.get(given.name)?.node : undefined;
  if (payload ? recordOf(payload, machine) : given.kind === 'name' && given.name === '') return;
  // An inline payload of an unknown kind is reported as that.
  if (given.kind === 'payload') return;
  const known = recordsOf(machine).map((record) => record.name);
  report(given, 'not-a-record', `a device sends a record of the hardware: ${known.join(', ') || 'this one has none'}`);
}
