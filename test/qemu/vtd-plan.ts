import type { PhysMem } from '../../engine/memory/phys-mem.ts';
import { isMmio, isRam, type Step, stampOf, tokenOf, type VtdCase } from './vtd-case.ts';
import { capsOf, expectOf } from './vtd-order.ts';
import { type Answer, EngineVtd } from './vtd-side.ts';
import { type Path, pathOf } from './vtd-walk.ts';

/** Somewhere an access may end, and what lies there before it. */
export interface Place {
  readonly at: bigint;
  readonly word: bigint;
}

/** The engine's part of a case, ready to be held against QEMU's. */
export interface Plan {
  /** The case without accesses to device registers, and with marks where accesses may end. */
  readonly made: VtdCase;
  /** By step, as are the others; empty where the step is no access, or no descriptor. */
  readonly answers: readonly (Answer | undefined)[];
  readonly places: readonly (readonly Place[] | undefined)[];
  readonly accepted: readonly boolean[];
  readonly paths: readonly (Path | undefined)[];
  /** The engine's memory after the case. */
  readonly after: PhysMem;
  /** Words that have to be put back after the case. */
  readonly touched: ReadonlySet<bigint>;
}

/** What is known of the unit on both sides. */
export interface Registers {
  readonly cap: bigint;
  readonly ecap: bigint;
}

/** Runs the engine to see where accesses go, and again with those places marked. */
export function planFor(asMade: VtdCase, registers: Registers): Plan {
  let made = asMade;
  let run = runEngine(made, registers);
  for (;;) {
    const steps = made.steps.filter((_, i) => !run.places[i]?.some(({ at }) => isMmio(at)));
    if (steps.length === made.steps.length) break;
    made = { ...made, steps };
    run = runEngine(made, registers);
  }
  const memory = new Map(made.memory);
  const touched = new Set<bigint>();
  for (const { at, word } of run.places.flatMap((places) => places ?? [])) {
    if (!isRam(at)) continue;
    if (word === 0n && !memory.has(at)) memory.set(at, stampOf(at));
    if (!made.memory.has(at)) touched.add(at);
  }
  made = { ...made, memory };
  const { engine, ...result } = runEngine(made, registers);
  return { made, touched, after: engine.mem, ...result };
}

/** The engine's run over a case. @param watch is called before each step */
export function runEngine(
  { variant, rtaddr, memory, steps }: VtdCase,
  { cap, ecap }: Registers,
  watch?: (step: Step, index: number, engine: EngineVtd) => void,
): Pick<Plan, 'answers' | 'places' | 'accepted' | 'paths'> & { readonly engine: EngineVtd } {
  const engine = new EngineVtd(variant, cap, ecap, rtaddr, memory);
  const caps = capsOf(cap, ecap);
  const answers: (Answer | undefined)[] = [];
  const places: Place[][] = [];
  const paths: (Path | undefined)[] = [];
  const accepted: boolean[] = [];
  const slots = new Map<number, number>();
  const contexts = new Map<number, (readonly bigint[])[]>();
  for (const [i, step] of steps.entries()) {
    watch?.(step, i, engine);
    if (step.do === 'edit') engine.edit(step.at, step.value);
    else if (step.do === 'root') engine.root(step.rtaddr);
    else if (step.do === 'invalidate') accepted[i] = engine.invalidate(step.words);
    else {
      const slot = slots.get(step.sid) ?? 0;
      slots.set(step.sid, slot + 1);
      const path = pathOf(engine.mem, variant, rtaddr, step);
      paths[i] = path;
      const older = contexts.get(step.sid) ?? [];
      contexts.set(step.sid, [...older, path.context]);
      const walks = [path, ...older.map((context) => pathOf(engine.mem, variant, rtaddr, step, context))];
      const expected = walks.map((one) => expectOf(one, variant, caps, step)).filter(({ reason }) => reason === 0);
      // Pass-through leads where the address says, and so does a device that was taken off translation.
      const ends = [step.address, ...expected.map(({ hpa }) => hpa)];
      const words = new Map(ends.map((at) => [at & ~7n, wordAt(engine.mem, at & ~7n)]));
      const answer = engine.access(step, tokenOf(step.sid, slot));
      for (const { ok, hpa, word } of [answer, answer.fresh]) if (ok) words.set(hpa & ~7n, word);
      answers[i] = answer;
      places[i] = Array.from(words, ([at, word]) => ({ at, word }));
    }
  }
  return { answers, places, accepted, paths, engine };
}

const wordAt = (mem: PhysMem, at: bigint): bigint => (isRam(at) ? mem.read64(at) : 0n);
