import { isDevice, isSmmuRam, markOf, type SmmuAccess, type SmmuCase, wordOf } from './smmu-case.ts';
import type { DeviationName } from './smmu-deviations.ts';
import { featuresOf } from './smmu-model.ts';
import { EngineSmmu, type SmmuAnswer } from './smmu-side.ts';
import { architecture, type CacheUse, type Foreseen, QemuTwin } from './smmu-twin.ts';

/** Somewhere an access may end, and what lies there before it. */
export interface SmmuPlace {
  readonly at: bigint;
  readonly word: bigint;
}

/** What is known of an access before QEMU is asked. */
export interface PlannedAccess {
  readonly engine: SmmuAnswer;
  /** What QEMU is to do, by a model of it, and the deviations it meets on the way. */
  readonly foreseen: Foreseen;
  readonly met: readonly DeviationName[];
  /** What QEMU is to use of its caches, and what it would do without. */
  readonly used: CacheUse;
  readonly uncached: Foreseen;
  /** What a walk through memory comes to by the text of the architecture. */
  readonly text: Foreseen;
  /** That walk ends at a global leaf. */
  readonly global: boolean;
  readonly places: readonly SmmuPlace[];
  /** Not for QEMU: its way or its end lies among device registers, or QEMU would end itself. */
  readonly unfit: boolean;
}

/** Both models' part of a case, ready to be held against QEMU. */
export interface SmmuPlan {
  /** The case without accesses to device registers, and with marks where accesses may end. */
  readonly made: SmmuCase;
  /** By step; undefined where the step is no access, or no command. */
  readonly accesses: readonly (PlannedAccess | undefined)[];
  /** CMDQ_CONS.ERR of engine and model. */
  readonly errors: readonly (readonly [number, number] | undefined)[];
}

/** Runs the models to leave out what is not for QEMU, to see where accesses go, and again with those places marked. */
export function planSmmu(asMade: SmmuCase, ids: Readonly<Record<string, number>>): SmmuPlan {
  let made = asMade;
  let run = runModels(made, ids);
  for (;;) {
    const steps = made.steps.filter((_, i) => !run.accesses[i]?.unfit);
    if (steps.length === made.steps.length) break;
    made = { ...made, steps };
    run = runModels(made, ids);
  }
  const memory = new Map(made.memory);
  for (const { at, word } of run.accesses.flatMap((access) => access?.places ?? []))
    if (isSmmuRam(at) && word === 0n && !memory.has(at)) memory.set(at, markOf(at));
  made = { ...made, memory };
  return { made, ...runModels(made, ids) };
}

function runModels(
  { registers, memory, steps, walkCaches }: SmmuCase,
  ids: Readonly<Record<string, number>>,
): Pick<SmmuPlan, 'accesses' | 'errors'> {
  const engine = new EngineSmmu(ids, registers, memory, walkCaches);
  const features = featuresOf(ids);
  const read = (at: bigint): bigint => engine.mem.read64(at);
  const twin = new QemuTwin(features, read, registers);
  const accesses: PlannedAccess[] = [];
  const errors: (readonly [number, number])[] = [];
  const slots = new Map<number, number>();
  const one = (step: SmmuAccess): PlannedAccess => {
    const slot = slots.get(step.sid) ?? 0;
    slots.set(step.sid, slot + 1);
    const uncached = twin.walk(step);
    twin.unfit = false;
    const foreseen = twin.access(step);
    const { used } = twin;
    const met = [...twin.met];
    const { text, global } = architecture(features, read, registers, step);
    const words = new Map<bigint, bigint>();
    for (const at of [step.address, foreseen.at, text.at]) if (at !== null) words.set(at & ~7n, 0n);
    for (const at of words.keys()) words.set(at, isSmmuRam(at) ? read(at) : 0n);
    const answer = engine.access(step, wordOf(step.sid, slot));
    for (const at of [answer.ok ? answer.hpa : null, answer.fresh])
      if (at !== null && !words.has(at & ~7n)) words.set(at & ~7n, isSmmuRam(at) ? read(at) : 0n);
    const places = Array.from(words, ([at, word]) => ({ at, word }));
    const unfit = twin.unfit || places.some(({ at }) => isDevice(at));
    return { engine: answer, foreseen, met, used, uncached, text, global, places, unfit };
  };
  for (const [i, step] of steps.entries()) {
    twin.step = i;
    if (step.do === 'edit') engine.edit(step.at, step.value);
    else if (step.do === 'command') errors[i] = [engine.command(step.words), twin.command(step.words)];
    else accesses[i] = one(step);
  }
  return { accesses, errors };
}
