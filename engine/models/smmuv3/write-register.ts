import type { CommandOutcome } from '../unit.ts';
import { REGISTERS } from './registers.ts';
import type { SmmuUnit } from './unit.ts';

/** Registers that let the command queue go on. */
const RUNS_QUEUE = new Set(['CR0', 'CMDQ_BASE', 'CMDQ_PROD', 'CMDQ_CONS', 'GERRORN']);

/** Software writes a register, with what follows from it. Undefined: there is no such register. */
export function writeRegister(unit: SmmuUnit, name: string, value: bigint): CommandOutcome | undefined {
  const register = REGISTERS.find((each) => each.name === name);
  if (!register) return undefined;
  if (register.access === 'ro') return { ok: false, error: 'RO', why: `${name} is read-only`, removed: [] };
  const wasEnabled = unit.registers.enabled;
  // A walk depends on the register, so lines must prove themselves again.
  if (unit.registers.write(name, value, unit.now)) unit.mem.version = (unit.mem.version + 1) | 0;
  const notes: string[] = [];
  if (wasEnabled && !unit.registers.enabled) {
    const ended = unit.stalls.clear().length;
    if (ended > 0) notes.push(`${ended} stalled accesses are aborted`);
  }
  unit.events.drain();
  const ran: CommandOutcome = RUNS_QUEUE.has(name) ? unit.processor.run() : { ok: true, removed: [] };
  return { ...ran, notes: [...notes, ...(ran.notes ?? [])] };
}
