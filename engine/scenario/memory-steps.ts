import { ERRNO } from '../base/errno.ts';
import { hexGrouped } from '../base/text.ts';
import { isProblem } from '../host/kernel.ts';
import { putUint } from '../uapi/index.ts';
import { fits, isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { fromCall, noValue, plain, problem } from './happened.ts';
import type { HostStep, ReadStep, ReuseStep, WriteStep } from './program.ts';
import { rightsOf, type Session, u64 } from './session.ts';

const PAGE = 0x1000n;

/** `host map|unmap|protect`: the VMM edits the second stage through the kernel. */
export function host(session: Session, step: HostStep): Happened {
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

/** `reuse`: the memory goes to a new owner. */
export function reuse(session: Session, step: ReuseStep): Happened {
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

/** What the process gets for touching an address that it has not mapped. */
const badAddress = (at: bigint): Happened => ({
  outcome: 'EFAULT',
  detail: { returns: -BigInt(ERRNO.EFAULT.code), notes: [`user address ${hexGrouped(at)} is not mapped`] },
});

export function write(session: Session, step: WriteStep): Happened {
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
  } else if (!machine.user.copyTo(at, bytes)) return badAddress(at);
  return plain();
}

export function read(session: Session, step: ReadStep): Happened {
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
  if (!bytes) return step.space === 'gpa' ? problem(`GPA ${hexGrouped(at)} is not RAM`) : badAddress(at);
  const value = u64(bytes, width);
  session.bind(step.as, { value });
  return plain({ value });
}
