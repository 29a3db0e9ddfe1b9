import type { Access, Step, Variant, VtdCase } from './vtd-case.ts';
import { DENIAL_UNLOGGED, DEVIATIONS, gives, renewsContext, walked } from './vtd-deviations.ts';
import { capsOf, type Expected, expectOf } from './vtd-order.ts';
import { type Plan, type Registers, runEngine } from './vtd-plan.ts';
import type { Answer, EngineVtd } from './vtd-side.ts';
import { type Path, pathOf } from './vtd-walk.ts';

/** A fault record, field by field. */
export interface FaultRecord {
  readonly page: bigint;
  readonly sid: number;
  readonly reason: number;
  readonly read: boolean;
  readonly pasid: number | null;
}

/** What QEMU did: where the access went, if it can be seen, or its fault record, or neither. */
export interface Seen {
  readonly at: bigint | null;
  readonly record: FaultRecord | null;
}

/** An access before the one that is looked at. */
export interface Past {
  /** Of its step. */
  readonly step: Step;
  readonly access: Access;
  readonly path: Path;
  readonly seen: Seen;
  readonly engine: Answer;
}

/** One access at which both sides differ, and what deviations may look at. */
export interface VtdDifference {
  readonly variant: Variant;
  readonly access: Access;
  readonly engine: Answer;
  readonly engineRecord: FaultRecord | null;
  readonly qemu: Seen;
  /** What memory held when the access came, and what a walk through that is to give in QEMU. */
  readonly path: Path;
  readonly expected: Expected;
  /** The same under the context entries that the device's earlier accesses met. */
  readonly underOldContexts: readonly Expected[];
  /** Steps before it, without descriptors that were refused; and the accesses among them. */
  readonly steps: readonly Step[];
  readonly past: readonly Past[];
  /** Step that filled the cache line the engine's answer rests on. */
  readonly filler: Step | undefined;
  /** QEMU has found the device's pass-through entry and translates nothing of it any more. */
  readonly untranslated: boolean;
}

/** Everything about the access of a step that went two ways. */
export function differenceAt(
  registers: Registers,
  made: VtdCase,
  index: number,
  what: Pick<VtdDifference, 'engine' | 'engineRecord' | 'qemu'> & {
    readonly seen: readonly Seen[];
    readonly answers: Plan['answers'];
  },
): VtdDifference {
  const { variant, rtaddr, steps } = made;
  const { seen, answers, ...sides } = what;
  const access = steps[index] as Access;
  const caps = capsOf(registers.cap, registers.ecap);
  const past: Past[] = [];
  let untranslated = false;
  const watch = (step: Step | undefined, i: number, { mem }: EngineVtd): void => {
    // QEMU looks for pass-through when translation goes on, and again when the context entry is invalidated.
    if (i === 0 || renewsContext(steps[i - 1]!, access.sid)) {
      const path = pathOf(mem, variant, rtaddr, access);
      untranslated = path.type === 'pass-through' && expectOf(path, variant, caps, access).reason === 0;
    }
    if (step?.do !== 'access') return;
    const path = pathOf(mem, variant, rtaddr, step);
    if (step.sid === access.sid && path.type === 'pass-through' && seen[i]!.record === null) untranslated = true;
    past.push({ step, access: step, path, seen: seen[i]!, engine: answers[i]! });
  };
  const { engine, accepted } = runEngine({ ...made, steps: steps.slice(0, index) }, registers, watch);
  watch(undefined, index, engine);
  const { mem } = engine;
  const path = pathOf(mem, variant, rtaddr, access);
  const contexts = past.filter(({ access: { sid } }) => sid === access.sid).map((one) => one.path.context);
  return {
    variant,
    access,
    ...sides,
    path,
    expected: expectOf(path, variant, caps, access),
    underOldContexts: contexts.map((context) =>
      expectOf(pathOf(mem, variant, rtaddr, access, context), variant, caps, access),
    ),
    steps: steps.slice(0, index).filter((step, i) => step.do !== 'invalidate' || accepted[i]),
    past,
    filler: steps[sides.engine.filledIn],
    untranslated,
  };
}

/** Names of what explains a difference; none where nothing does. */
export function explained(difference: VtdDifference): readonly string[] {
  const { engine, expected, underOldContexts, qemu } = difference;
  // QEMU looks at the structures of scalable mode before it asks its IOTLB.
  const structural = (reason: number): boolean => reason >= 0x38 && reason <= 0x5f;
  const byTables = !engine.hit && (!engine.stale || engine.source === 'context' || engine.source === 'pasid');
  const peculiar = [expected, ...underOldContexts].find(
    (one) => one.met.length > 0 && (byTables || structural(one.reason)) && gives(one, qemu),
  );
  if (peculiar) return peculiar.met;
  if (byTables) {
    if (expected.met.length > 0 && walked(difference)) return [...expected.met, DENIAL_UNLOGGED];
  }
  const deviation = DEVIATIONS.find(({ explains }) => explains(difference));
  return deviation ? [deviation.name] : [];
}
