import { nearest } from '../base/text.ts';
import { fieldMax, fieldOf } from '../models/vtd/bit-layout.ts';
import { DESCRIPTORS, descriptorByName, encodeDescriptor } from '../models/vtd/descriptors.ts';
import { isNoValue } from './evaluate.ts';
import type { Happened } from './expect.ts';
import type { InvalidateStep } from './program.ts';
import type { Session } from './session.ts';

const problem = (message: string): Happened => ({ outcome: 'problem', detail: {}, problem: message });

/** `invalidate iommu0 NAME { fields }`: one descriptor straight into the queue; the wait follows by itself. */
export function invalidate(session: Session, step: InvalidateStep): Happened {
  if (step.iommu.text !== 'iommu0') return problem(`the machine has no IOMMU ${step.iommu.text}`);
  if (!session.machine.hasHardware)
    return problem(`iommu ${session.machine.config.model} has no hardware that takes commands`);
  const descriptor = descriptorByName(step.command.text);
  if (!descriptor) {
    const near = nearest(
      step.command.text,
      DESCRIPTORS.map((d) => d.name),
    );
    return problem(`VT-d has no invalidation ${step.command.text}${near ? `; did you mean ${near}?` : ''}`);
  }
  const values: Record<string, bigint> = {};
  for (const init of step.fields) {
    const name = init.path.map((p) => p.text).join('.');
    const field = fieldOf(descriptor, name);
    if (!field || !init.value)
      return problem(
        `${descriptor.name} has no field ${name}; it has ${descriptor.fields.map((f) => f.name).join(', ')}`,
      );
    const word = init.value.kind === 'name' ? field.values?.[init.value.name] : undefined;
    const value = word ?? session.integer(init.value);
    if (isNoValue(value))
      return problem(field.values ? `${name} is one of ${Object.keys(field.values).join(', ')}` : value.message);
    // Address fields are given as addresses; what lies below the page is cut off, as hardware ignores it.
    const fitted = field.addressLg2 === undefined ? value : value & ~((1n << BigInt(field.addressLg2)) - 1n);
    if (field.addressLg2 === undefined && fieldMax(field) < value)
      return problem(`0x${value.toString(16)} does not fit ${name}`);
    values[name] = fitted;
  }
  const words = encodeDescriptor(descriptor.name, values);
  session.noteInvalidation(words);
  const result = session.machine.unit.invalidate(words);
  if (!result.ok)
    return {
      outcome: 'ok',
      detail: { issued: [words], commandError: result.error ?? 'IQE', commandErrorText: result.why ?? '' },
    };
  const { context, pasid, iotlb, deviceTlb } = result.removed;
  const removed = [
    context && `${context} context`,
    pasid && `${pasid} PASID`,
    iotlb && `${iotlb} IOTLB`,
    deviceTlb && `${deviceTlb} device TLB`,
  ].filter(Boolean);
  return {
    outcome: 'ok',
    detail: {
      issued: [words],
      notes: [removed.length > 0 ? `removed ${removed.join(', ')} entries` : 'removed nothing'],
    },
  };
}
