import { FailPoints } from '../host/check.ts';
import { isProblem, type Target } from '../host/kernel.ts';
import type { Happened } from './expect.ts';
import type { Expr } from './expr.ts';
import { fromCall, problem } from './happened.ts';
import type { LifecycleStep } from './program.ts';
import type { Session } from './session.ts';

/** `attach`, `replace`, `detach`, `unbind`, `reset`, `exit`: a device's and a process's life as the in-kernel calls have it. */
export function lifecycle(session: Session, step: LifecycleStep): Happened {
  const { kernel, config } = session.machine;
  const name = step.device?.text ?? '';
  if (step.device && !config.devices.some((d) => d.name === name)) return problem(`the machine has no device ${name}`);
  const process = step.process?.text;
  if (process !== undefined && !config.processes.some((p) => p.name === process))
    return problem(`the machine has no process ${process}`);
  const target = targetOf(session, step);
  if (isProblem(target)) return problem(target.problem);
  const numbers = session.numbers({ failNth: step.failNth });
  if ('problem' in numbers) return problem(numbers.problem);
  const fail = new FailPoints(Number(numbers.failNth ?? 0n));
  const result = {
    attach: () => kernel.attach(name, target, fail),
    replace: () => kernel.replace(name, target, fail),
    detach: () => kernel.detach(name, target),
    unbind: () => kernel.unbind(name),
    reset: () => kernel.reset(name),
    exit: () => (process === undefined ? kernel.exit() : kernel.processExit(process)),
  }[step.kind]();
  if (isProblem(result)) return problem(result.problem);
  if (fail.reached < fail.nth)
    return problem(`fail_nth ${fail.nth} lies beyond the last fallible point: the call passed ${fail.reached}`);
  if (step.kind === 'exit' && process === undefined) session.hasExited = true;
  const { out } = result;
  session.bind(step.as, {
    value: BigInt.asUintN(64, BigInt(result.returned)),
    ...(out ? { member: (path) => (path.length === 1 ? out[path[0]!.text] : undefined) } : {}),
  });
  return fromCall(session, result);
}

/** The object and the PASID that a step or an assertion names. */
export function targetOf(
  session: Session,
  { to, pasid }: { readonly to?: Expr | undefined; readonly pasid?: Expr | undefined },
): Target | { readonly problem: string } {
  const numbers = session.numbers({ to, pasid });
  if ('problem' in numbers) return { problem: numbers.problem };
  return {
    ...(numbers.to === undefined ? {} : { to: numbers.to }),
    ...(numbers.pasid === undefined ? {} : { pasid: Number(numbers.pasid) }),
  };
}
