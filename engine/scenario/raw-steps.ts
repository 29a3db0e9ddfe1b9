import { hexGrouped } from '../base/text.ts';
import { decode, encode } from '../models/bit-layout.ts';
import type { Hardware } from '../models/model.ts';
import { fits, isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import { noValue, problem } from './happened.ts';
import { issue, outcomeDetail } from './invalidate.ts';
import type { CommandStep, InjectStep, WriteRegStep } from './program.ts';
import { recordOf, sourceField, wordsOf } from './records.ts';
import { registerInfo, whyNotWritable } from './registers.ts';
import type { Session } from './session.ts';
import { payloadOf } from './submit.ts';

/** The hardware behind a step that names an IOMMU, or what is wrong with the name. */
export function hardwareOf(
  { machine }: Session,
  iommu: { readonly text: string },
): Hardware | { readonly problem: string } {
  if (iommu.text !== 'iommu0') return { problem: `the machine has no IOMMU ${iommu.text}; it has iommu0` };
  return machine.hardware ?? { problem: `iommu ${machine.config.model} has no hardware here` };
}

/** `write reg iommu0.NAME = V`: software writes a register of the unit. */
export function writeReg(session: Session, { register, value: expr }: WriteRegStep): Happened {
  const hardware = hardwareOf(session, register.object);
  if ('problem' in hardware) return problem(hardware.problem);
  const name = register.path.map((p) => p.text).join('.');
  const value = session.integer(expr);
  if (isNoValue(value)) return noValue(value);
  const why = whyNotWritable(name, session.machine.config);
  if (why) return problem(why.message);
  const info = registerInfo(name, session.machine.config);
  if (info && !fits(value, info.width)) return problem(`${hexGrouped(value)} does not fit ${name}, ${info.width} bits`);
  const outcome = session.machine.unit.writeRegister(name, BigInt.asUintN(info?.width ?? 64, value));
  if (!outcome) return problem(`iommu0 has no register ${name}`);
  return { outcome: 'ok', detail: { value, ...outcomeDetail(outcome) } };
}

/** `command iommu0 [words]`: a raw entry for the queue, which then runs. */
export function command(session: Session, step: CommandStep): Happened {
  const hardware = hardwareOf(session, step.iommu);
  if ('problem' in hardware) return problem(hardware.problem);
  const words = session.evaluate(step.words);
  if (isNoValue(words)) return noValue(words);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'bigint'))
    return problem('a command is a list of 64-bit words');
  const most = wordsOfCommand(hardware);
  return most < words.length ? problem(tooManyWords(words.length, most)) : issue(session, words as bigint[]);
}

/** 64-bit words of the widest command. */
export const wordsOfCommand = ({ commands }: Pick<Hardware, 'commands'>): number =>
  Math.max(...commands.map((c) => c.bits / 64), 0);

export const tooManyWords = (given: number, most: number): string =>
  `${given} words are more than a command has: ${most} of 64 bits`;

/** `inject DEV RECORD` on bare hardware: the device sends it, and the unit does with it what it does by itself. */
export function injectRecord(session: Session, step: InjectStep): Happened {
  const { machine } = session;
  const device = machine.config.devices.find((d) => d.name === step.device.text);
  if (!device) return problem(`the machine has no device ${step.device.text}`);
  if (!machine.hasHardware) return problem(`iommu ${machine.config.model} has no hardware here`);
  const payload = payloadOf(session, step.payload);
  const record = payload && recordOf(payload.node, machine.config);
  if (!record) return problem('inject wants a record of the hardware, such as page_req_dsc');
  const placed = session.place(payload, undefined);
  if ('problem' in placed) return problem(placed.problem);
  let words = wordsOf(machine.user.peek(placed.address, placed.size));
  const source = sourceField(record);
  const fields = decode(record, words);
  if (source !== undefined && fields[source] === 0n) words = encode(record, { ...fields, [source]: device.sid });
  const outcome = machine.unit.inject(record.name, words);
  if (!outcome) return problem(`iommu ${machine.config.model} takes no ${record.name}`);
  session.bind(step.as, { value: 0n });
  return { outcome: 'ok', detail: { event: outcome.record ?? words, ...outcomeDetail(outcome) } };
}
