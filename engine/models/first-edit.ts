import type { PhysMem } from '../memory/phys-mem.ts';
import type { Culprit, WalkStep } from './unit.ts';

/** The first word along a walk that was edited after a time: configuration first, as the walk goes. */
export function firstEdit(mem: PhysMem, steps: readonly WalkStep[], sinceTime: number): Culprit | undefined {
  for (const step of steps) {
    for (let i = 0; i < step.qwords.length; i++) {
      const address = step.address + BigInt(8 * i);
      const editedAt = mem.firstEditAfter(address, sinceTime);
      if (editedAt !== 0) return { step, address, editedAt };
    }
  }
  return undefined;
}
