import { hexGrouped } from '../base/text.ts';
import { encode, fieldOf } from '../models/bit-layout.ts';
import type { Hardware } from '../models/model.ts';
import type { CommandAdvice } from '../models/unit.ts';
import type { Step } from './program.ts';
import type { StaleCause, StepRef, StepResult } from './result.ts';
import type { Session } from './session.ts';
import { runStep } from './steps.ts';

/** Stale steps of one scenario that are advised about; the ones behind them often have the same cause. */
const MAX_STEPS = 6;
/** Steps before the access, beyond which trying again would take too long. */
export const MAX_REPLAY = 20_000;

/** Runs the scenario again from its beginning, asking before each step whether to stop there. */
export type Replay = (beforeStep: (step: Step, run: number, session: Session) => 'stop' | undefined) => void;

/**
 * Finds the invalidation for stale accesses of a scenario that programs its hardware itself: each candidate is tried by
 * running the scenario again up to the access, with the commands in front of it. So what is said holds for this scenario,
 * and for nothing beyond it.
 */
export function adviseCommands(results: readonly StepResult[], hardware: Hardware, replay: Replay): void {
  const advised = new Set<StepResult['step']>();
  for (const { step, run, detail } of results) {
    const { staleCause: cause } = detail;
    if (!cause?.candidates || advised.has(step) || MAX_STEPS <= advised.size) continue;
    advised.add(step);
    const enough = cause.candidates.find((commands) => isFresh(replay, { step, run }, commands, hardware));
    if (enough) detail.staleCause = { ...cause, ...remedyOf(enough, hardware) };
  }
}

/** Whether the access is fresh when these commands come right before it. */
function isFresh(replay: Replay, ref: StepRef, commands: readonly CommandAdvice[], hardware: Hardware): boolean {
  let fresh = false;
  replay((step, run, session) => {
    if (step !== ref.step || run !== ref.run) return undefined;
    const taken = commands.every((c) => session.machine.unit.command(wordsOf(c, hardware)).ok);
    fresh = taken && runStep(session, step).detail.stale !== true;
    return 'stop';
  });
  return fresh;
}

function wordsOf({ name, fields }: CommandAdvice, { commands }: Hardware): bigint[] {
  const layout = commands.find((c) => c.name === name);
  if (!layout) throw new RangeError(`no command is called ${name}`);
  return encode(layout, { ...layout.fixed, ...fields });
}

/** The commands as steps, and in a few words. */
function remedyOf(
  commands: readonly CommandAdvice[],
  hardware: Hardware,
): Pick<StaleCause, 'remedy' | 'remedyStep' | 'remedyText'> {
  const steps = [
    ...commands.map((c) => stepText(c, hardware)),
    ...hardware.completion.map((c) => stepText(c, hardware)),
  ];
  const remedy = steps.join('\n');
  const remedyText = commands.map((c) => hardware.describe(wordsOf(c, hardware))).join(', then ');
  return { remedy, remedyStep: remedy, remedyText };
}

/** `invalidate iommu0 p_iotlb_inv { G = page, DID = 2, PASID = 7, ADDR = 0x7f00_0000_0000 }`; fields that are 0 are left out. */
function stepText({ name, fields }: CommandAdvice, { commands }: Hardware): string {
  const layout = commands.find((c) => c.name === name)!;
  const given = Object.entries(fields)
    .filter(([field, value]) => value !== 0n || fieldOf(layout, field)?.values)
    .map(([field, value]) => {
      const info = fieldOf(layout, field);
      const word = Object.entries(info?.values ?? {}).find(([, v]) => v === value)?.[0];
      return `${field} = ${word ?? (info?.addressLg2 === undefined ? value : hexGrouped(value))}`;
    });
  return `invalidate iommu0 ${name} { ${given.join(', ')} }`.replace('{  }', '{ }');
}
