import { ERRNO } from '../base/errno.ts';
import type { Name } from '../base/span.ts';
import { FailPoints } from '../host/check.ts';
import { isProblem } from '../host/kernel.ts';
import { isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { fieldOf } from './file.ts';
import { fromCall, noValue, problem } from './happened.ts';
import type { FdStep, InjectStep, RespondStep } from './program.ts';
import { injectRecord } from './raw-steps.ts';
import type { Buffer, Session } from './session.ts';
import { payloadOf } from './submit.ts';

/** `read fd E into NAME [size N]`, `write fd E from NAME [size N]`: read(2) and write(2) on a queue. */
export function fd(session: Session, step: FdStep): Happened {
  const { happened, buffer } = transfer(session, step);
  keep(session, step.as, happened, buffer);
  return happened;
}

/** What a step did, and the buffer that it did it to. */
interface Done {
  readonly happened: Happened;
  readonly buffer?: Buffer;
}

/** Binds what the call returned; the fields of the name stay those that the buffer has now. */
function keep(session: Session, as: Name | undefined, { detail }: Happened, buffer?: Buffer): void {
  if (!as || detail.returns === undefined) return;
  const bytes = buffer && session.machine.user.peek(buffer.address, buffer.size);
  const struct = buffer?.struct;
  session.bind(as, {
    value: BigInt.asUintN(64, detail.returns),
    ...(struct && bytes ? { member: (path) => fieldOf(struct, bytes, path) } : {}),
  });
}

function transfer(session: Session, step: FdStep): Done {
  const numbers = session.numbers({ fd: step.fd, size: step.size });
  if ('problem' in numbers) return { happened: problem(numbers.problem) };
  const declared = session.names.payload(step.buffer.text);
  if (!declared) return { happened: problem(`no payload is called ${step.buffer.text}`) };
  const { kernel, user } = session.machine;
  const fail = new FailPoints();
  if (step.op === 'write') {
    // What `write user` or a read put there stays, unless the payload's own values have changed since.
    const placed = session.refreshed(declared);
    if ('problem' in placed) return { happened: problem(placed.problem) };
    const size = Number(numbers.size ?? BigInt(placed.size));
    const bytes = user.copyFrom(placed.address, size);
    const result = bytes
      ? kernel.writeFd(numbers.fd!, bytes, fail)
      : { returned: -ERRNO.EFAULT.code, notes: [`${step.buffer.text} cannot be read`] };
    return { happened: fromCall(session, result), buffer: placed };
  }
  const placed = session.bufferOf(declared);
  if ('problem' in placed) return { happened: problem(placed.problem) };
  const size = Number(numbers.size ?? BigInt(placed.size));
  const read = kernel.readFd(numbers.fd!, size, fail);
  if (isProblem(read)) return { happened: problem(read.problem) };
  if (read.bytes && !user.copyTo(placed.address, read.bytes)) {
    read.restore?.();
    const result = { returned: -ERRNO.EFAULT.code, notes: [`${step.buffer.text} cannot be written`] };
    return { happened: fromCall(session, result), buffer: placed };
  }
  return { happened: fromCall(session, read.result), buffer: placed };
}

/** `inject DEV PAYLOAD`: the device raises a fault, a page request or an event with these fields. */
export function inject(session: Session, step: InjectStep): Happened {
  if (!session.machine.hasKernel) return injectRecord(session, step);
  const { kernel, user, config } = session.machine;
  if (!config.devices.some((d) => d.name === step.device.text))
    return problem(`the machine has no device ${step.device.text}`);
  const payload = payloadOf(session, step.payload);
  if (!payload) return problem('inject wants a payload');
  const placed = session.place(payload, undefined);
  if ('problem' in placed) return problem(placed.problem);
  const bytes = user.peek(placed.address, placed.size);
  const happened = fromCall(session, kernel.inject(step.device.text, { struct: placed.struct?.name, bytes }));
  keep(session, step.as, happened, placed);
  return happened;
}

/** `respond PAYLOAD`: answers a page request. */
export function respond(session: Session, step: RespondStep): Happened {
  const payload = payloadOf(session, step.payload);
  const placed = payload && session.place(payload, undefined);
  if (placed && 'problem' in placed) return problem(placed.problem);
  const argument = placed ? placed.address : session.integer(step.payload);
  if (isNoValue(argument)) return noValue(argument);
  const happened = fromCall(session, session.machine.kernel.respond(argument, new FailPoints()));
  keep(session, step.as, happened, placed);
  return happened;
}
