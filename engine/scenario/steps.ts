import { errnoName } from '../base/errno.ts';
import { count, hexGrouped } from '../base/text.ts';
import { type CallResult, FailPoints } from '../host/check.ts';
import { isProblem, type Problem } from '../host/kernel.ts';
import { getUint, putUint, type Struct, walkFields } from '../uapi/index.ts';
import { dma, isCached } from './dma.ts';
import { fits, isNoValue, type NoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import type { Expr } from './expr.ts';
import { invalidate } from './invalidate.ts';
import type {
  AssertStep,
  HostStep,
  LifecycleStep,
  Payload,
  ReadStep,
  ReuseStep,
  Step,
  SubmitStep,
  WriteStep,
} from './program.ts';
import type { Detail } from './result.ts';
import { type Buffer, rightsOf, type Session, stageOf, u64 } from './session.ts';

const PAGE = 0x1000n;

export const problem = (message: string): Happened => ({ outcome: 'problem', detail: {}, problem: message });
export const plain = (detail: Detail = {}): Happened => ({ outcome: 'ok', detail });
const noValue = (value: NoValue): Happened => problem(value.message);

/** Carries out one step and says what happened, without judging it. */
export function runStep(session: Session, step: Step): Happened {
  switch (step.kind) {
    case 'submit':
      return submit(session, step);
    case 'dma':
      return dma(session, step);
    case 'map':
      return editTable(session, step.table.text, (guest) => session.map(guest, step.mapping));
    case 'unmap':
    case 'protect':
      return editRange(session, step);
    case 'host':
      return host(session, step);
    case 'reuse':
      return reuse(session, step);
    case 'write':
      return write(session, step);
    case 'read':
      return read(session, step);
    case 'invalidate':
      return invalidate(session, step);
    case 'attach':
    case 'detach':
    case 'reset':
    case 'exit':
      return lifecycle(session, step);
    case 'let': {
      const value = session.evaluate(step.value);
      if (isNoValue(value)) return noValue(value);
      session.bind(step.name, { value });
      return plain(typeof value === 'bigint' ? { value } : {});
    }
    case 'note':
      return plain({ notes: [step.text] });
    case 'assert':
      return assertion(session, step);
    default:
      return problem(`${step.kind} is not available yet for ${session.file.generation.id}`);
  }
}

function submit(session: Session, step: SubmitStep): Happened {
  const numbers = session.numbers({ mapped: step.mapped, failNth: step.failNth });
  if ('problem' in numbers) return problem(numbers.problem);
  const fail = new FailPoints(Number(numbers.failNth ?? 0n));
  const payload = payloadOf(session, step.payload);
  let argument: bigint;
  let command: bigint | undefined;
  let fields: ReturnType<Session['bufferFields']> | undefined;
  let buffer: Buffer | undefined;
  if (payload) {
    const placed = session.place(payload, numbers.mapped === undefined ? undefined : Number(numbers.mapped));
    if ('problem' in placed) return problem(placed.problem);
    argument = placed.address;
    buffer = placed;
    fields = session.bufferFields(placed);
    const kind =
      session.file.generation.kinds.get(payload.node.word.text) ??
      [...session.file.generation.kinds.values()].find((k) => k.struct === payload.node.struct?.text);
    const named =
      kind?.ioctl ??
      [...session.file.generation.ioctls.values()].find(
        (i) => i.struct !== undefined && i.struct === placed.struct?.name,
      )?.name;
    command = named === undefined ? undefined : BigInt(session.file.generation.ioctls.get(named)!.number);
  } else {
    const value = session.integer(step.payload);
    if (isNoValue(value)) return noValue(value);
    argument = value;
  }
  if (step.to) {
    const to = session.integer(step.to);
    if (isNoValue(to)) return noValue(to);
    command = to;
  }
  if (command === undefined)
    return problem(
      payload
        ? `no ioctl takes a ${payload.node.word.text} by itself: put it into a nesting_op, or name one with "to IOCTL"`
        : 'a plain argument needs "to IOCTL"',
    );
  if (step.on && !session.machine.config.devices.some((d) => d.name === step.on!.text))
    return problem(`the machine has no device ${step.on.text}`);

  const unmodelled = ['VFIO_IOMMU_MAP_DMA', 'VFIO_IOMMU_UNMAP_DMA'].find(
    (name) => BigInt(session.file.generation.ioctls.get(name)?.number ?? -1) === command,
  );
  if (unmodelled)
    return problem(`${unmodelled} is not modelled: the VMM edits the second stage with "host map" and "host unmap"`);

  const before = buffer && session.machine.user.peek(buffer.address, buffer.size);
  const result = session.machine.kernel.ioctl(Number(command & 0xffff_ffffn), argument, fail);
  if (fail.reached < fail.nth)
    return problem(`fail_nth ${fail.nth} lies beyond the last fallible point: the call passed ${fail.reached}`);
  const happened = fromCall(session, result);
  if (buffer?.struct && before) {
    const written = fieldsWritten(buffer.struct, before, session.machine.user.peek(buffer.address, buffer.size));
    if (written) happened.detail.fields = written;
  }
  session.bind(step.as, { value: BigInt.asUintN(64, BigInt(result.returned)), ...(fields ? { member: fields } : {}) });
  return happened;
}

/** Turns what a call did into an outcome, and notes the commands it made the kernel send. */
function fromCall(session: Session, result: CallResult | Problem): Happened {
  const issued = session.machine.driver.takeIssued();
  for (const words of issued) session.noteInvalidation(words);
  if (isProblem(result)) return problem(result.problem);
  const errno = result.returned < 0 ? errnoName(-result.returned) : undefined;
  const reason = result.refusal?.check.id ?? result.skip?.id;
  const detail: Detail = {
    returns: BigInt(result.returned),
    ...(result.refusal ? { refusal: result.refusal } : {}),
    ...(reason ? { reason } : {}),
    ...(result.hidden ? { hidden: result.hidden } : {}),
    ...(result.skip ? { skip: result.skip } : {}),
    ...(issued.length > 0 ? { issued } : {}),
    ...(result.notes.length > 0 ? { notes: result.notes } : {}),
  };
  return { outcome: errno ?? 'ok', detail };
}

const COMPARISONS: ReadonlySet<string> = new Set(['==', '!=', '<', '<=', '>', '>=']);

/** What a failed assertion compared. */
function whyNot(session: Session, expr: Expr): string {
  if (expr.kind === 'binary' && COMPARISONS.has(expr.op)) {
    const [left, right] = [session.evaluate(expr.left), session.evaluate(expr.right)];
    if (typeof left === 'bigint' && typeof right === 'bigint')
      return `${hexGrouped(left)} ${expr.op} ${hexGrouped(right)} does not hold`;
  }
  return 'the expression is 0';
}

/** Integer fields that the call changed, by their paths. */
function fieldsWritten(struct: Struct, before: Uint8Array, after: Uint8Array): Record<string, bigint> | undefined {
  const fields: Record<string, bigint> = {};
  for (const { field, offset, path } of walkFields(struct)) {
    if (field.kind !== 'uint') continue;
    const value = getUint(after, offset, field.size);
    if (value !== getUint(before, offset, field.size)) fields[path] = value;
  }
  return Object.keys(fields).length > 0 ? fields : undefined;
}

/** The payload that an expression names or spells out; undefined when it is a plain value. */
function payloadOf(session: Session, expr: SubmitStep['payload']): { node: Payload; file: string } | undefined {
  if (expr.kind === 'payload') return { node: expr.payload, file: session.file.file };
  if (expr.kind !== 'name' || session.names.locals.has(expr.name)) return undefined;
  return session.names.payload(expr.name);
}

function editTable(
  session: Session,
  name: string,
  edit: (guest: NonNullable<ReturnType<Session['tables']['get']>>) => string | undefined,
): Happened {
  const guest = session.useTable(name);
  if (!guest) return problem(`no page table is called ${name}`);
  const wrong = edit(guest);
  return wrong === undefined ? plain() : problem(wrong);
}

function editRange(session: Session, step: Extract<Step, { kind: 'unmap' | 'protect' }>): Happened {
  const numbers = session.numbers({ from: step.from, size: step.size });
  if ('problem' in numbers) return problem(numbers.problem);
  let changed = 0;
  const happened = editTable(session, step.table.text, (guest) => {
    const found = guest.table.find(numbers.from!);
    // Without a size a step means the page that is mapped there.
    const leaf = found?.leaf ? 1n << BigInt(guest.format.granuleLg2 + guest.format.bitsPerLevel * found.level) : PAGE;
    const from = numbers.size === undefined ? numbers.from! & ~(leaf - 1n) : numbers.from!;
    const size = numbers.size ?? leaf;
    const result =
      step.kind === 'unmap'
        ? guest.table.unmap(from, size)
        : guest.table.protect(from, size, rightsOf(step.perms.text, stageOf(guest.decl.format.text)));
    if (!result.ok) return result.problem;
    changed = result.changed;
    return undefined;
  });
  if (happened.problem === undefined && changed === 0 && step.kind === 'unmap')
    return plain({ notes: ['nothing was mapped there'] });
  return happened;
}

function host(session: Session, step: HostStep): Happened {
  const numbers = session.numbers({ gpa: step.gpa, size: step.size, to: step.to });
  if ('problem' in numbers) return problem(numbers.problem);
  const { gpa, size = PAGE, to } = numbers as { gpa: bigint; size?: bigint; to?: bigint };
  const { kernel } = session.machine;
  if (step.op === 'unmap') return fromCall(session, kernel.hostUnmap(gpa, size));
  if (step.op === 'protect') {
    const rights = rightsOf(step.perms?.text, 2);
    return fromCall(session, kernel.hostProtect(gpa, size, rights.read, rights.write));
  }
  const result = kernel.hostMap(gpa, to!, size);
  if (!isProblem(result)) session.machine.move(gpa, to!, size);
  return fromCall(session, result);
}

function reuse(session: Session, step: ReuseStep): Happened {
  const numbers = session.numbers({ at: step.at, size: step.size });
  if ('problem' in numbers) return problem(numbers.problem);
  const { at, size = PAGE } = numbers as { at: bigint; size?: bigint };
  const last = at + size;
  for (let page = at; page < last; page = (page & ~(PAGE - 1n)) + PAGE) {
    const from = step.space === 'hpa' ? page : session.machine.hpaOf(page);
    if (from === undefined) return problem(`GPA ${hexGrouped(page)} is not RAM`);
    const end = (page & ~(PAGE - 1n)) + PAGE;
    session.reused.push({ from, to: from + ((end < last ? end : last) - page) });
  }
  return plain();
}

function write(session: Session, step: WriteStep): Happened {
  const at = session.integer(step.at);
  if (isNoValue(at)) return noValue(at);
  const value = session.evaluate(step.value);
  if (isNoValue(value)) return noValue(value);
  const width = step.width ?? 8;
  const words = typeof value === 'bigint' ? [value] : Array.isArray(value) ? value : undefined;
  let bytes: Uint8Array;
  if (value instanceof Uint8Array) bytes = value;
  else if (words?.every((w) => typeof w === 'bigint')) {
    const wide = words.find((w) => !fits(w as bigint, width * 8));
    if (wide !== undefined) return problem(`${hexGrouped(wide as bigint)} does not fit ${width * 8} bits`);
    bytes = new Uint8Array(words.length * width);
    for (const [i, w] of words.entries()) putUint(bytes, i * width, width, w as bigint);
  } else return problem('a number, a list of numbers or bytes are wanted');
  const { machine } = session;
  if (step.space === 'hpa') machine.mem.write(at, bytes);
  else if (step.space === 'gpa') {
    if (!machine.writeGuest(at, bytes)) return problem(`GPA ${hexGrouped(at)} is not RAM`);
  } else if (!machine.user.copyTo(at, bytes)) return problem(`user address ${hexGrouped(at)} is not mapped`);
  return plain();
}

function read(session: Session, step: ReadStep): Happened {
  const at = session.integer(step.at);
  if (isNoValue(at)) return noValue(at);
  const width = step.width ?? 8;
  const { machine } = session;
  const bytes =
    step.space === 'hpa'
      ? machine.mem.read(at, width)
      : step.space === 'gpa'
        ? machine.readGuest(at, width)
        : machine.user.copyFrom(at, width);
  if (!bytes) return problem(`${step.space} ${hexGrouped(at)} is not ${step.space === 'gpa' ? 'RAM' : 'mapped'}`);
  const value = u64(bytes, width);
  session.bind(step.as, { value });
  return plain({ value });
}

function lifecycle(session: Session, step: LifecycleStep): Happened {
  const { kernel, config } = session.machine;
  const name = step.device?.text;
  if (name !== undefined && !config.devices.some((d) => d.name === name))
    return problem(`the machine has no device ${name}`);
  if (step.to) return problem('a VFIO container is not named: write attach DEV');
  if (step.pasid)
    return problem('a PASID is bound with a nesting_op in this generation: write attach DEV or detach DEV');
  const numbers = session.numbers({ failNth: step.failNth });
  if ('problem' in numbers) return problem(numbers.problem);
  const fail = new FailPoints(Number(numbers.failNth ?? 0n));
  const result =
    step.kind === 'exit'
      ? kernel.exit()
      : step.kind === 'attach'
        ? kernel.attach(name!, fail)
        : step.kind === 'detach'
          ? kernel.detach(name!)
          : kernel.reset(name!);
  if (fail.reached < fail.nth)
    return problem(`fail_nth ${fail.nth} lies beyond the last fallible point: the call passed ${fail.reached}`);
  session.bind(step.as, { value: BigInt.asUintN(64, BigInt(result.returned)) });
  return fromCall(session, result);
}

function assertion(session: Session, step: AssertStep): Happened {
  const claim = step.assertion;
  if (claim.kind === 'mock') return problem('the kernel mock is not available yet for this generation');
  if (claim.kind === 'expr') {
    const value = session.evaluate(claim.value);
    if (isNoValue(value)) return noValue(value);
    return value === 0n ? problem(whyNot(session, claim.value)) : plain(typeof value === 'bigint' ? { value } : {});
  }
  if (claim.kind === 'faults') {
    const wanted = session.integer(claim.count);
    if (isNoValue(wanted)) return noValue(wanted);
    const found = session.faultsLogged();
    return wanted === BigInt(found) ? plain() : problem(`expected ${count(wanted, 'fault')}, ${found} logged`);
  }
  const device = session.machine.config.devices.find((d) => d.name === claim.device.text);
  if (!device) return problem(`the machine has no device ${claim.device.text}`);
  const pasid = claim.pasid ? session.integer(claim.pasid) : undefined;
  if (pasid !== undefined && isNoValue(pasid)) return noValue(pasid);
  if (claim.kind === 'bound') {
    if (claim.to) return problem('"to" names an iommufd object, which this generation does not have');
    const bound = session.machine.kernel.isBound(device.name, pasid === undefined ? undefined : Number(pasid));
    const what =
      pasid === undefined
        ? `${device.name} is ${bound ? '' : 'not '}attached`
        : `PASID ${pasid} is ${bound ? '' : 'not '}bound on ${device.name}`;
    return bound === claim.want ? plain() : problem(what);
  }
  const at = session.integer(claim.at);
  if (isNoValue(at)) return noValue(at);
  const cached = isCached(session, device, pasid === undefined ? undefined : Number(pasid), at, claim.devtlb);
  return cached === claim.want
    ? plain()
    : problem(`${hexGrouped(at)} is ${cached ? '' : 'not '}cached${claim.devtlb ? ' in the device TLB' : ''}`);
}
