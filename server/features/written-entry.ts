import { isNoValue, type ScenarioFile, type Step, type WriteStep } from '../../engine/index.ts';
import type { Request } from '../../engine/models/translation.ts';
import type { WalkStep } from '../../engine/models/unit.ts';
import type { Session } from '../../engine/scenario/session.ts';
import type { ScenarioDecl } from '../language/syntax.ts';
import { runUntil } from './run-until.ts';
import { requestsOf } from './step-access.ts';

/** Accesses in front of a write that are asked again, where none behind it reads what was written. */
const MAX_EARLIER = 20;
const WORD = 8n;

/** What a `write` step wrote into, as a walk reads it. */
export interface WrittenEntry {
  readonly walk: WalkStep;
  /** The 64-bit words of the entry, with those that the step wrote as they were right behind it. */
  readonly words: readonly bigint[];
  /** The access whose walk reads it. */
  readonly access: Step;
  /** The device that makes it. */
  readonly sid: number;
  readonly pasid: number;
}

/**
 * The entry that a step writes into: a configuration structure or an entry of a page table, which the memory itself does
 * not tell apart. Runs the scenario until an access behind the step has a walk that reads there.
 * @param word which 64-bit word of what is written is meant; the first that some walk reads without it
 */
export function writtenEntry(
  file: ScenarioFile,
  scenario: ScenarioDecl,
  step: WriteStep,
  word?: number,
): WrittenEntry | undefined {
  if (step.space === 'user') return undefined;
  const seen = known.get(file) ?? new Map<string, WrittenEntry | undefined>();
  known.set(file, seen);
  const key = `${step.start} ${word}`;
  if (!seen.has(key)) {
    const watch = new Watch(step, word);
    seen.set(key, runUntil(file, scenario, (now, session) => watch.before(now, session)) ?? watch.likely);
  }
  return seen.get(key);
}

/** What was found, so that a pointer that moves over a line runs the scenario once. */
const known = new WeakMap<ScenarioFile, Map<string, WrittenEntry | undefined>>();

interface Asked {
  readonly step: Step;
  readonly request: Request;
}

class Watch {
  /** The entry as an access in front of the step had it. */
  likely: WrittenEntry | undefined;
  readonly #target: WriteStep;
  readonly #word: number | undefined;
  readonly #earlier: Asked[] = [];
  /** HPA of the words that the step writes, before it has. */
  #pending: bigint[] | undefined;
  /** What they hold behind it. */
  #written: ReadonlyMap<bigint, bigint> | undefined;

  constructor(target: WriteStep, word: number | undefined) {
    this.#target = target;
    this.#word = word;
  }

  before(step: Step, session: Session): WrittenEntry | undefined {
    const { machine } = session;
    if (!machine.hasHardware) return undefined;
    if (this.#pending) {
      this.#written = new Map(this.#pending.map((hpa) => [hpa, machine.mem.read64(hpa)]));
      this.#pending = undefined;
      this.likely = this.#first(this.#earlier, session);
    }
    const access = requestsOf(session, step);
    const asked = 'problem' in access ? [] : access.requests.map((request) => ({ step, request }));
    if (this.#written) return this.#first(asked, session);
    this.#earlier.unshift(...asked);
    this.#earlier.splice(MAX_EARLIER);
    if (step === this.#target) this.#pending = placesOf(this.#target, session, this.#word);
    return undefined;
  }

  /** The first entry on the walks of accesses that has a word which was written. */
  #first(all: readonly Asked[], { machine }: Session): WrittenEntry | undefined {
    const written = this.#written!;
    for (const { step, request } of all)
      for (const walk of machine.unit.explain(request).steps) {
        const places = walk.qwords.map((_, i) => walk.address + WORD * BigInt(i));
        if (!places.some((place) => written.has(place))) continue;
        const words = walk.qwords.map((word, i) => written.get(places[i]!) ?? word);
        return { walk, words, access: step, sid: request.sid, pasid: request.pasid };
      }
    return undefined;
  }
}

/** HPA of each 64-bit word that the step is about to write, or of one of them. */
function placesOf(step: WriteStep, session: Session, word: number | undefined): bigint[] | undefined {
  const at = session.integer(step.at);
  const value = session.evaluate(step.value);
  if (isNoValue(at) || isNoValue(value)) return undefined;
  const bytes =
    value instanceof Uint8Array ? value.length : (Array.isArray(value) ? value.length : 1) * (step.width ?? 8);
  const last = (at + BigInt(bytes) - 1n) / WORD;
  const places: bigint[] = [];
  for (let i = at / WORD; i <= last; i++) {
    const hpa = step.space === 'hpa' ? i * WORD : session.machine.hpaOf(i * WORD);
    if (hpa !== undefined && (word === undefined || i === at / WORD + BigInt(word))) places.push(hpa);
  }
  return places;
}
