import { count, hexGrouped } from '../base/text.ts';
import { isProblem, type Problem } from '../host/kernel.ts';
import { isCached } from './dma.ts';
import { isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import type { Expr } from './expr.ts';
import { noValue, plain, problem } from './happened.ts';
import { targetOf } from './lifecycle.ts';
import type { Assertion, AssertStep } from './program.ts';
import type { Session } from './session.ts';

/** `expect ...` alone: an assertion on state. */
export function assertion(session: Session, step: AssertStep): Happened {
  const claim = step.assertion;
  if (claim.kind === 'mock') return mock(session, claim);
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
  const target = targetOf(session, claim.kind === 'bound' ? claim : { pasid: claim.pasid });
  if (isProblem(target)) return problem(target.problem);
  const { pasid } = target;
  if (claim.kind === 'bound') {
    const bound = session.machine.kernel.isBound(device.name, target);
    if (isProblem(bound)) return problem(bound.problem);
    const what =
      pasid === undefined
        ? `${device.name} is ${bound ? '' : 'not '}attached`
        : `PASID ${pasid} is ${bound ? '' : 'not '}bound on ${device.name}`;
    return bound === claim.want
      ? plain()
      : problem(`${what}${target.to === undefined ? '' : ` to object ${target.to}`}`);
  }
  if (!session.machine.hasHardware) return problem(`iommu ${session.machine.config.model} has no caches to look into`);
  const at = session.integer(claim.at);
  if (isNoValue(at)) return noValue(at);
  const cached = isCached(session, device, pasid, at, claim.devtlb);
  return cached === claim.want
    ? plain()
    : problem(`${hexGrouped(at)} is ${cached ? '' : 'not '}cached${claim.devtlb ? ' in the device TLB' : ''}`);
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

/** `iotlb HWPT == [..]` and `devcache DEV == [..]`: the words of the kernel's mock. */
function mock(session: Session, claim: Extract<Assertion, { kind: 'mock' }>): Happened {
  const { kernel } = session.machine;
  const wanted = session.evaluate(claim.words);
  if (isNoValue(wanted)) return noValue(wanted);
  if (!Array.isArray(wanted)) return problem(`${claim.what} is compared with a list of words`);
  let words: readonly number[] | Problem;
  if (claim.what === 'devcache') {
    if (claim.object.kind !== 'name') return problem('devcache wants the name of a device');
    words = kernel.mockWords('devcache', claim.object.name);
  } else {
    const hwpt = session.integer(claim.object);
    if (isNoValue(hwpt)) return noValue(hwpt);
    words = kernel.mockWords('iotlb', hwpt);
  }
  if (isProblem(words)) return problem(words.problem);
  const found = words;
  const same = wanted.length === found.length && wanted.every((word, i) => word === BigInt(found[i]!));
  const text = (list: readonly unknown[]): string =>
    `[${list.map((w) => (typeof w === 'bigint' ? hexGrouped(w) : '?')).join(', ')}]`;
  return same ? plain() : problem(`expected ${claim.what} ${text(wanted)}, got ${text(found.map(BigInt))}`);
}
