import { CACHE_DEVIATIONS, isOverdue } from './smmu-caches.ts';
import {
  isSmmuRam,
  markOf,
  type SmmuAccess,
  type SmmuCase,
  type SmmuEvent,
  type SmmuSeen,
  type SmmuStep,
} from './smmu-case.ts';
import { COMMAND_DEVIATIONS } from './smmu-deviations.ts';
import { planSmmu, type SmmuPlace } from './smmu-plan.ts';
import type { QemuSmmu, SmmuTraces } from './smmu-qemu.ts';
import { eventFrom } from './smmu-side.ts';
import type { Foreseen } from './smmu-twin.ts';
import type { Verdict } from './tally.ts';

/** Runs a case on both sides. Comparison ends with the first access that went another way on the two. */
export async function runSmmuCase(qemu: QemuSmmu, asMade: SmmuCase): Promise<Verdict> {
  const { made, accesses, errors } = planSmmu(asMade, qemu.ids);
  const touched = [
    ...made.steps.flatMap((step) => (step.do === 'edit' ? [step.at] : [])),
    ...accesses.flatMap((access) => access?.places.map(({ at }) => at) ?? []).filter(isSmmuRam),
  ];
  await qemu.begin(made.registers, made.memory, touched);
  const traces: SmmuTraces[] = [];
  const taken: number[] = [];
  for (const [i, step] of made.steps.entries()) {
    if (step.do === 'edit') await qemu.edit(step.at, step.value);
    else if (step.do === 'command') taken[i] = await qemu.command(step.words);
    else
      traces[i] = await qemu.access(
        step,
        accesses[i]!.places.map(({ at }) => at),
      );
  }
  const read = await qemu.collect();

  const slots = new Map<number, number>();
  const names = new Set<string>();
  let compared = 0;
  for (const [i, step] of made.steps.entries()) {
    if (step.do === 'command') {
      const [engine, foreseen] = errors[i]!;
      if (engine === taken[i]) continue;
      const known = COMMAND_DEVIATIONS.find(({ explains }) => explains(step.words, engine, taken[i]!));
      if (foreseen !== taken[i] || !known)
        return differs(made, i, 'command', `engine ${engine}, QEMU ${taken[i]}, foreseen ${foreseen}`);
      names.add(known.name);
      if (known.changesCaches) return { kind: 'deviates', names: [...names], compared };
      continue;
    }
    if (step.do !== 'access') continue;
    const slot = slots.get(step.sid) ?? 0;
    slots.set(step.sid, slot + 1);
    const planned = accesses[i]!;
    const seen = seenBy(step, planned.places, traces[i]!, read.get(step.sid)![slot]!);
    // Zeros are read where nothing answers, too.
    if (!seen) continue;
    const { engine } = planned;
    const engineSeen: Foreseen = { at: engine.ok ? engine.hpa : null, event: engine.event };
    const texts = [
      `engine: ${engine.name} ${textOf(engineSeen)}${engine.hit ? ' by the TLB' : ''}${engine.stale ? ` (stale: ${engine.stale})` : ''}`,
      `text:   ${textOf(planned.text)}`,
      `QEMU:   ${textOf(seen)}`,
      `model:  ${textOf(planned.foreseen)} ${planned.met.join(' ')}`,
    ].join('\n  ');
    compared++;
    // Faults by something old count as fresh, where there can be such: edited, or read by another stream of the same VMID.
    const kept = made.steps
      .slice(0, i)
      .some((past) => past.do === 'edit' || (past.do === 'access' && past.sid !== step.sid));
    const bothFault = !engine.ok && planned.text.at === null;
    const old = engine.stale !== null || (kept && bothFault && !same(planned.text, engineSeen));
    // Also where QEMU does the same.
    if (!old && !same(planned.text, engineSeen))
      return differs(made, i, `engine against the text, ${engine.name}`, texts);
    if (same(engineSeen, seen)) continue;
    if (!same(planned.foreseen, seen))
      return differs(made, i, `QEMU unforeseen, ${engine.name}, ${nameOf(seen)}`, texts);
    const steps = made.steps.slice(0, i);
    const difference = {
      access: step,
      planned,
      steps,
      taken: errors.map((error) => error?.[0] === 0),
      accesses: accesses.slice(0, i),
      twoLevel: made.variant.twoLevel,
    };
    if (old && isOverdue(difference, qemu.ids['IDR0']! % 2 === 1))
      return differs(made, i, `engine keeps too long, ${engine.stale}`, texts);
    const qemuIsFresh = same(planned.foreseen, { at: planned.uncached.at, event: planned.uncached.event });
    const caches = old || !qemuIsFresh ? CACHE_DEVIATIONS.filter(({ explains }) => explains(difference)) : [];
    const reasons = [...planned.met, ...caches.map(({ name }) => name)];
    if (reasons.length > 0) return { kind: 'deviates', names: [...names, ...reasons], compared };
    const how = `engine ${engine.hit ? 'hit' : 'walk'} ${engine.name} ${engine.stale ?? ''}`;
    return differs(made, i, `${how}, QEMU ${qemuIsFresh ? 'fresh' : 'cached'} ${nameOf(seen)}`, texts);
  }
  return names.size > 0 ? { kind: 'deviates', names: [...names], compared } : { kind: 'agrees', compared };
}

/** Where an access ended; undefined where that cannot be told. */
function seenBy(
  access: SmmuAccess,
  places: readonly SmmuPlace[],
  { landed, record }: SmmuTraces,
  data: bigint,
): SmmuSeen | undefined {
  if (record) return { at: null, event: eventFrom(record) };
  if (access.write) return { at: landed, event: null };
  const place = places.find(({ at, word }) => word === data && isSmmuRam(at));
  if (place && data === 0n) return undefined;
  if (place) return { at: place.at, event: null };
  const at = data & 0xffff_ffff_fff8n;
  return { at: data === markOf(at) ? at : null, event: null };
}

/** The same end: nothing outside of RAM can be told from an access that went nowhere. */
function same(model: Foreseen, seen: SmmuSeen): boolean {
  const at = model.at !== null && isSmmuRam(model.at) ? model.at & ~7n : null;
  const other = seen.at !== null && isSmmuRam(seen.at) ? seen.at & ~7n : null;
  return at === other && eventText(model.event) === eventText(seen.event);
}

const hex = (value: bigint | number): string => `0x${value.toString(16)}`;
const eventText = (event: SmmuEvent | null): string =>
  event === null
    ? ''
    : `${hex(event.code)} of ${hex(event.sid)} ${event.read ? 'read ' : ''}${event.stage2 ? 'S2 ' : ''}class ${event.cls} ${hex(event.input)} ipa ${hex(event.address)}`;
const textOf = ({ at, event }: Foreseen | SmmuSeen): string =>
  event ? eventText(event) : at === null ? 'nothing' : hex(at);
const nameOf = ({ at, event }: SmmuSeen): string => (event ? hex(event.code) : at === null ? 'nothing' : 'ok');

const stepText = (step: SmmuStep): string => {
  if (step.do === 'edit') return `edit ${hex(step.at)} = ${hex(step.value)}`;
  if (step.do === 'command') return `command ${step.words.map(hex).join(' ')}`;
  return `${step.write ? 'write' : 'read'} ${hex(step.address)} of ${hex(step.sid)}`;
};

function differs(made: SmmuCase, index: number, signature: string, text: string): Verdict {
  const lines = [
    `${made.variant.name}, seed ${made.seed}`,
    ...made.steps.slice(0, index + 1).map((step) => `  ${stepText(step)}`),
    ...structuresText(made),
    `  ${text}`,
  ];
  return { kind: 'differs', signature, text: lines.join('\n') };
}

/** STEs and CDs as they were at first. */
function structuresText({ memory, layout }: SmmuCase): string[] {
  return layout
    .filter(({ kind }) => /^(ste|cd|l1std)/.test(kind))
    .map(({ kind, at }) => `  ${kind} at ${hex(at)}: ${hex(memory.get(at) ?? 0n)}`);
}
