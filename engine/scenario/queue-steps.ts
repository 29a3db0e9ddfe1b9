import { ERRNO } from '../base/errno.ts';
import { FailPoints } from '../host/check.ts';
import { isProblem } from '../host/kernel.ts';
import { isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { fromCall, noValue, problem } from './happened.ts';
import type { FdStep, InjectStep, RespondStep } from './program.ts';
import type { Session } from './session.ts';
import { payloadOf } from './submit.ts';

/** `read fd E into NAME [size N]`, `write fd E from NAME [size N]`: read(2) and write(2) on a queue. */
export function fd(session: Session, step: FdStep): Happened {
  const numbers = session.numbers({ fd: step.fd, size: step.size });
  if ('problem' in numbers) return problem(numbers.problem);
  const declared = session.names.payload(step.buffer.text);
  if (!declared) return problem(`no payload is called ${step.buffer.text}`);
  const { kernel, user } = session.machine;
  const fail = new FailPoints();
  if (step.op === 'write') {
    // What `write user` or a read put there stays, unless the payload's own values have changed since.
    const placed = session.refreshed(declared);
    if ('problem' in placed) return problem(placed.problem);
    const size = Number(numbers.size ?? BigInt(placed.size));
    const bytes = user.copyFrom(placed.address, size);
    if (!bytes)
      return fromCall(session, { returned: -ERRNO.EFAULT.code, notes: [`${step.buffer.text} cannot be read`] });
    return fromCall(session, kernel.writeFd(numbers.fd!, bytes, fail));
  }
  const placed = session.bufferOf(declared);
  if ('problem' in placed) return problem(placed.problem);
  const size = Number(numbers.size ?? BigInt(placed.size));
  const read = kernel.readFd(numbers.fd!, size, fail);
  if (isProblem(read)) return problem(read.problem);
  if (read.bytes && !user.copyTo(placed.address, read.bytes)) {
    read.restore?.();
    return fromCall(session, { returned: -ERRNO.EFAULT.code, notes: [`${step.buffer.text} cannot be written`] });
  }
  return fromCall(session, read.result);
}

/** `inject DEV PAYLOAD`: the device raises a fault, a page request or an event with these fields. */
export function inject(session: Session, step: InjectStep): Happened {
  const { kernel, user, config } = session.machine;
  if (!config.devices.some((d) => d.name === step.device.text))
    return problem(`the machine has no device ${step.device.text}`);
  const payload = payloadOf(session, step.payload);
  if (!payload) return problem('inject wants a payload');
  const placed = session.place(payload, undefined);
  if ('problem' in placed) return problem(placed.problem);
  const bytes = user.peek(placed.address, placed.size);
  return fromCall(session, kernel.inject(step.device.text, { struct: placed.struct?.name, bytes }));
}

/** `respond PAYLOAD`: answers a page request. */
export function respond(session: Session, step: RespondStep): Happened {
  const payload = payloadOf(session, step.payload);
  if (payload) {
    const placed = session.place(payload, undefined);
    if ('problem' in placed) return problem(placed.problem);
    return fromCall(session, session.machine.kernel.respond(placed.address, new FailPoints()));
  }
  const value = session.integer(step.payload);
  if (isNoValue(value)) return noValue(value);
  return fromCall(session, session.machine.kernel.respond(value, new FailPoints()));
}
