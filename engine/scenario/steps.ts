import { assertion } from './assertion.ts';
import { dma } from './dma.ts';
import { isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { noValue, plain, problem } from './happened.ts';
import { invalidate } from './invalidate.ts';
import { lifecycle } from './lifecycle.ts';
import { host, read, reuse, write } from './memory-steps.ts';
import type { Step } from './program.ts';
import { fd, inject, respond } from './queue-steps.ts';
import { command, writeReg } from './raw-steps.ts';
import type { Session } from './session.ts';
import { submit } from './submit.ts';
import { editRange, mapTable } from './table-steps.ts';
import { counted } from './thrift.ts';

/** Carries out one step and says what happened, without judging it. */
export function runStep(session: Session, step: Step): Happened {
  return MAY_INVALIDATE.has(step.kind)
    ? counted(session, step, () => carryOut(session, step))
    : carryOut(session, step);
}

const MAY_INVALIDATE: ReadonlySet<Step['kind']> = new Set(['submit', 'invalidate', 'command']);

function carryOut(session: Session, step: Step): Happened {
  switch (step.kind) {
    case 'submit':
      return submit(session, step);
    case 'dma':
      return dma(session, step);
    case 'map':
      return mapTable(session, step);
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
    case 'write-reg':
      return writeReg(session, step);
    case 'command':
      return command(session, step);
    case 'attach':
    case 'replace':
    case 'detach':
    case 'unbind':
    case 'reset':
    case 'exit':
      return lifecycle(session, step);
    case 'fd':
      return fd(session, step);
    case 'inject':
      return inject(session, step);
    case 'respond':
      return respond(session, step);
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
