import { FailPoints } from '../host/check.ts';
import { isProblem } from '../host/kernel.ts';
import { getUint, type Struct, walkFields } from '../uapi/index.ts';
import { isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { fieldOf } from './file.ts';
import { fromCall, noValue, problem } from './happened.ts';
import { ioctlNumbered, ioctlOf, whyNotModelled } from './ioctl-of.ts';
import type { Payload, SubmitStep } from './program.ts';
import type { Buffer, Session } from './session.ts';

/** What a submit calls: an ioctl by its command word, or a function inside the kernel by its name. */
type Callee = { readonly ioctl: number } | { readonly call: string };

/** `submit P [to IOCTL] [on DEV]`: the call of the payload's kind, on its bytes in user memory. */
export function submit(session: Session, step: SubmitStep): Happened {
  const numbers = session.numbers({ mapped: step.mapped, failNth: step.failNth });
  if ('problem' in numbers) return problem(numbers.problem);
  const { machine } = session;
  if (step.on && !machine.config.devices.some((d) => d.name === step.on!.text))
    return problem(`the machine has no device ${step.on.text}`);
  const payload = payloadOf(session, step.payload);
  const placed = payload && session.place(payload, numbers.mapped === undefined ? undefined : Number(numbers.mapped));
  if (placed && 'problem' in placed) return problem(placed.problem);
  const argument = placed ? placed.address : session.integer(step.payload);
  if (isNoValue(argument)) return noValue(argument);
  const callee = calleeOf(session, step, payload?.node, placed);
  if ('problem' in callee) return problem(callee.problem);
  const unmodelled = 'ioctl' in callee && whyNotModelled(ioctlNumbered(BigInt(callee.ioctl), session.file.generation));
  if (unmodelled) return problem(unmodelled);

  const fail = new FailPoints(Number(numbers.failNth ?? 0n));
  const before = placed && machine.user.peek(placed.address, placed.size);
  const result =
    'call' in callee
      ? machine.kernel.call(callee.call, argument, step.on?.text, fail)
      : machine.kernel.ioctl(callee.ioctl, argument, fail, step.on?.text);
  if (isProblem(result)) return fromCall(session, result);
  if (fail.reached < fail.nth)
    return problem(`fail_nth ${fail.nth} lies beyond the last fallible point: the call passed ${fail.reached}`);
  const happened = fromCall(session, result);
  const after = placed && machine.user.peek(placed.address, placed.size);
  const written = placed?.struct && before && after && fieldsWritten(placed.struct, before, after);
  if (written) happened.detail.fields = written;
  // The name keeps what this call wrote, whatever a later call does to the same buffer.
  const struct = placed?.struct;
  session.bind(step.as, {
    value: BigInt.asUintN(64, BigInt(result.returned)),
    ...(struct && after ? { member: (path) => fieldOf(struct, after, path) } : {}),
  });
  return happened;
}

function calleeOf(
  session: Session,
  step: SubmitStep,
  payload: Payload | undefined,
  placed: Buffer | undefined,
): Callee | { readonly problem: string } {
  const { generation } = session.file;
  if (step.to) {
    if (step.to.kind === 'name' && generation.calls.has(step.to.name)) return { call: step.to.name };
    const to = session.integer(step.to);
    return isNoValue(to) ? { problem: to.message } : { ioctl: Number(to & 0xffff_ffffn) };
  }
  if (!payload) return { problem: 'a plain argument needs "to IOCTL"' };
  const { struct } = placed!;
  const ioctl = ioctlOf(payload, generation);
  if (ioctl) return { ioctl: ioctl.number };
  const calls = [...generation.calls.values()].filter((c) => c.struct === struct?.name).map((c) => c.name);
  const how = generation.kinds.has('nesting_op')
    ? 'put it into a nesting_op, or name one with "to IOCTL"'
    : 0 < calls.length
      ? `name the call: "to ${calls.join('" or "to ')}"`
      : 'name one with "to IOCTL"';
  return { problem: `no ioctl takes a ${payload.word.text} by itself: ${how}` };
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
export function payloadOf(session: Session, expr: SubmitStep['payload']): { node: Payload; file: string } | undefined {
  if (expr.kind === 'payload') return { node: expr.payload, file: session.file.file };
  if (expr.kind !== 'name' || session.names.locals.has(expr.name)) return undefined;
  return session.names.payload(expr.name);
}
