import type { Verdict } from './tally.ts';
import { compareBits, visitedBy } from './vtd-bits.ts';
import { type Access, DATA_PAGES, isRam, type Observed, stampOf, TABLE_POOLS, type VtdCase } from './vtd-case.ts';
import { describe, fields, header, hex, story } from './vtd-describe.ts';
import { DENIAL_UNLOGGED, DESCRIPTOR_DEVIATIONS, SPELLINGS } from './vtd-deviations.ts';
import { differenceAt, explained, type FaultRecord, type Seen } from './vtd-difference.ts';
import { type Place, planFor } from './vtd-plan.ts';
import type { QemuVtd } from './vtd-qemu.ts';
import type { Answer } from './vtd-side.ts';

/** Runs a case on both sides. Comparison ends with the first access that went another way on the two. */
export async function runCase(qemu: QemuVtd, asMade: VtdCase): Promise<Verdict> {
  const plan = planFor(asMade, qemu);
  const { made, answers, places } = plan;
  await qemu.begin(made.rtaddr, made.memory);
  const observed: Omit<Observed, 'data'>[] = [];
  const accepted: boolean[] = [];
  for (const [i, step] of made.steps.entries()) {
    if (step.do === 'edit') await qemu.edit(step.at, step.value);
    else if (step.do === 'root') await qemu.root(step.rtaddr);
    else if (step.do === 'invalidate') accepted[i] = await qemu.invalidate(step.words);
    else observed[i] = await qemu.access(step, step.write ? places[i]!.map(({ at }) => at) : []);
  }
  const read = await qemu.collect();
  const visited = visitedBy(plan);
  const bits = await qemu.words([...visited.keys()]);
  await qemu.restore(plan.touched, (at) => (DATA_PAGES.includes(at & ~0xfffn) ? stampOf(at) : 0n));

  const slots = new Map<number, number>();
  const names = new Set<string>();
  const seen: Seen[] = [];
  let compared = 0;
  for (const [i, step] of made.steps.entries()) {
    if (step.do === 'invalidate' && accepted[i] !== plan.accepted[i]) {
      const known = DESCRIPTOR_DEVIATIONS.find(({ explains }) => explains(step.words, plan.accepted[i]!));
      if (known) {
        names.add(known.name);
        continue;
      }
      const text = `${step.what} ${step.words.map(hex).join(' ')}: engine ${plan.accepted[i]}, QEMU ${accepted[i]}`;
      return { kind: 'differs', signature: `descriptor ${step.what}`, text: `${header(made)}\n  ${text}` };
    }
    if (step.do !== 'access') continue;
    compared++;
    const engine = answers[i]!;
    const slot = slots.get(step.sid) ?? 0;
    slots.set(step.sid, slot + 1);
    const engineRecord = engine.record && decodeRecord(engine.record);
    if (engine.ok && !engine.stale && !(engine.fresh.ok && engine.fresh.hpa === engine.hpa)) {
      const text = `${header(made)}\n${story(made.steps.slice(0, i + 1))}\n  the engine does not call this stale`;
      return { kind: 'differs', signature: 'engine: staleness missed', text };
    }
    let qemuSaw = seenBy(step, places[i]!, { ...observed[i]!, data: read.get(step.sid)![slot]! });
    seen[i] = qemuSaw;
    if (same(qemuSaw, engine, engineRecord)) continue;
    for (const { name, respell } of SPELLINGS) {
      if (!qemuSaw.record) break;
      const record = respell(qemuSaw.record, engine, made.variant);
      if (record !== qemuSaw.record) names.add(name);
      qemuSaw = { ...qemuSaw, record };
    }
    if (same(qemuSaw, engine, engineRecord)) continue;
    const difference = differenceAt(qemu, made, i, { engine, engineRecord, qemu: qemuSaw, seen, answers });
    const deviation = explained(difference);
    for (const name of deviation) names.add(name);
    // Both sides have refused the access, and neither has cached anything.
    if (deviation.length === 1 && deviation[0] === DENIAL_UNLOGGED) continue;
    if (deviation.length > 0) return { kind: 'deviates', names: [...names], compared };
    return { kind: 'differs', ...describe(made, difference) };
  }
  const tables = new Map([...visited.keys()].map((at, i) => [at, bits[i]!]));
  const { names: bitNames, unexplained } = compareBits(visited, plan.after, tables);
  if (unexplained)
    return {
      kind: 'differs',
      signature: 'accessed and dirty bits',
      text: `${header(made)}\n${story(made.steps)}\n  ${unexplained}`,
    };
  for (const name of bitNames) names.add(name);
  return names.size > 0 ? { kind: 'deviates', names: [...names], compared } : { kind: 'agrees', compared };
}

function seenBy({ write }: Access, places: readonly Place[], { record, landed, data }: Observed): Seen {
  if (record) return { at: null, record: decodeRecord(record) };
  if (write) return { at: landed, record: null };
  const place = places.find(({ at, word }) => word !== 0n && alike(data, word, at));
  if (place) return { at: place.at, record: null };
  const stamp = data & 0xffff_ffff_fff8n;
  return { at: data === stampOf(stamp) ? stamp : null, record: null };
}

const TABLES = new Set(TABLE_POOLS.flat());
/** The two sides do not always set the same accessed and dirty bits; those are compared elsewhere. */
const alike = (a: bigint, b: bigint, at: bigint): boolean =>
  a === b || (TABLES.has(at & ~0xfffn) && ((a ^ b) & ~0x60n) === 0n);

function same(qemu: Seen, engine: Answer, record: FaultRecord | null): boolean {
  if (engine.ok) {
    if (qemu.record) return false;
    // Nothing is there to be read or written.
    return isRam(engine.hpa) ? qemu.at === (engine.hpa & ~7n) : qemu.at === null;
  }
  if (qemu.at !== null || (record === null) !== (qemu.record === null)) return false;
  return record === null || fields(record).join() === fields(qemu.record!).join();
}

/** VT-d 11.4.14, in the order of `FaultRecord`. */
function decodeRecord([low, high]: readonly bigint[]): FaultRecord {
  return {
    page: low! & ~0xfffn,
    sid: Number(high! & 0xffffn),
    reason: Number((high! >> 32n) & 0xffn),
    read: ((high! >> 62n) & 1n) === 1n,
    pasid: (high! >> 31n) & 1n ? Number((high! >> 40n) & 0xf_ffffn) : null,
  };
}
