import type { BitLayout } from '../bit-layout.ts';
import type { CommandOutcome } from '../unit.ts';
import type { Invalidation } from './invalidate.ts';
import type { VtdUnit } from './unit.ts';

/** Why the queue stopped: IQERCD.IQEI (VT-d 11.4.9.9). */
export const IQEI = {
  none: 0,
  tailPointer: 1,
  fetch: 2,
  type: 3,
  reserved: 4,
  width: 5,
  tailMisaligned: 6,
  tableMode: 7,
} as const;

/** IQA_REG (VT-d 11.4.9.3). */
export const IQA_REG: BitLayout = {
  name: 'IQA_REG',
  doc: 'Where the invalidation queue lies.',
  source: 'VT-d 11.4.9.3',
  bits: 64,
  fields: [
    { name: 'QS', lo: 0, width: 3, doc: 'The queue takes 2^QS pages.' },
    { name: 'DW', lo: 11, width: 1, doc: 'Descriptors have 256 bits; 128 where it is clear.' },
    { name: 'IQA', lo: 12, width: 52, addressLg2: 12, doc: 'Host physical address of the queue.' },
  ],
};
const DW = 1n << 11n;
const BASE = ~0xfffn;
const PAGE = 4096;

const CACHES = [
  ['context', 'context entries'],
  ['pasid', 'PASID entries'],
  ['iotlb', 'IOTLB entries'],
  ['psc', 'paging-structure entries'],
  ['deviceTlb', 'device TLB entries'],
] as const;

/** What a descriptor did, in the words of any model. */
export function outcomeOf({ ok, error, why, removed, stale, notes }: Invalidation): CommandOutcome {
  const counts = removed as unknown as Readonly<Record<string, number | undefined>>;
  return {
    ok,
    removed: CACHES.map(([key, cache]) => ({ cache, count: counts[key] ?? 0 })).filter((c) => c.count > 0),
    ...(stale === undefined ? {} : { stale }),
    ...(error ? { error } : {}),
    ...(why ? { why } : {}),
    ...(notes ? { notes } : {}),
  };
}

/**
 * The invalidation queue as memory and registers (VT-d 6.5.2). While no queue has been given a place (IQA is 0 but for
 * DW), descriptors run one by one without one.
 */
export class InvalidationRing {
  /** IQA_REG. Software programs DW where the unit has scalable mode, as Linux does, so it begins with that. */
  iqa: bigint;
  /** Offsets of the next descriptor to be read and of the first free place, in bytes. */
  head = 0;
  tail = 0;
  /** IQERCD.IQEI of the last error. */
  iqei: number = IQEI.none;
  /** GCMD.QIE. */
  enabled = true;
  /** ICS.IWC: a wait descriptor with IF has completed. */
  waitCompleted = false;
  /** A driver repairs what stopped the queue at once, as qi_check_fault does; bare hardware has nobody to do so. */
  repaired = false;
  readonly #unit: VtdUnit;

  constructor(unit: VtdUnit) {
    this.#unit = unit;
    this.iqa = unit.caps.SMTS ? DW : 0n;
  }

  /** FSTS.IQE: the queue has stopped at `head`. */
  get stopped(): boolean {
    return this.#unit.log.queueError;
  }
  get base(): bigint {
    return this.iqa & BASE;
  }
  get wide(): boolean {
    return (this.iqa & DW) !== 0n;
  }
  /** Bytes of a descriptor. */
  get width(): number {
    return this.wide ? 32 : 16;
  }
  /** Bytes of the queue. */
  get size(): number {
    return PAGE << Number(this.iqa & 7n);
  }

  /** Software gives the queue its place; head and tail begin at 0 again. */
  place(iqa: bigint): void {
    this.iqa = iqa;
    this.head = 0;
    this.tail = 0;
  }

  /** Puts a descriptor at the tail and lets the queue run. @param given 64-bit words; missing ones are 0 */
  enqueue(given: readonly bigint[]): CommandOutcome {
    const words = Array.from({ length: this.width / 8 }, (_, i) => given[i] ?? 0n);
    const lost = given.slice(words.length).some((word) => word !== 0n);
    const notes = lost ? [`IQA.DW is ${this.wide ? 1 : 0}: only the first ${words.length} words fit a descriptor`] : [];
    if (!this.enabled) return { ok: false, error: 'QIE', why: 'GCMD.QIE is 0: the queue is disabled', removed: [] };
    const outcome = this.base === 0n ? this.#single(words) : this.#append(words);
    return notes.length > 0 ? { ...outcome, notes: [...notes, ...(outcome.notes ?? [])] } : outcome;
  }

  /** Software moves the tail. */
  moveTail(tail: number): CommandOutcome {
    this.tail = tail;
    return this.run();
  }

  /** Software clears IQE: the queue reads the descriptor at its head again. */
  resume(): CommandOutcome {
    this.#unit.log.setQueueError(false);
    this.iqei = IQEI.none;
    return this.run();
  }

  /** Runs descriptors from head to tail, or up to the first that hardware does not accept. */
  run(): CommandOutcome {
    const removed = new Map<string, number>();
    const notes: string[] = [];
    let stale: number | undefined;
    const total = (): CommandOutcome['removed'] => [...removed].map(([cache, count]) => ({ cache, count }));
    if (this.base === 0n || !this.enabled) return { ok: true, removed: [] };
    if (this.stopped) return STOPPED;
    const fault = this.tail % this.width !== 0 ? IQEI.tailMisaligned : this.size <= this.tail ? IQEI.tailPointer : 0;
    if (fault !== 0) {
      this.#stop(fault);
      const why = fault === IQEI.tailMisaligned ? 'is not a multiple of a descriptor' : 'lies beyond the queue';
      return { ok: false, error: 'IQE', why: `IQT 0x${this.tail.toString(16)} ${why}`, removed: [] };
    }
    while (this.head !== this.tail) {
      const at = this.base + BigInt(this.head);
      const words = Array.from({ length: this.width / 8 }, (_, i) => this.#unit.mem.read64(at + BigInt(8 * i)));
      const outcome = this.#apply(words);
      for (const { cache, count } of outcome.removed) removed.set(cache, (removed.get(cache) ?? 0) + count);
      notes.push(...(outcome.notes ?? []));
      if (outcome.stale !== undefined) stale = (stale ?? 0) + outcome.stale;
      if (!outcome.ok && !this.repaired) return { ...outcome, removed: total(), notes };
      this.head = (this.head + this.width) % this.size;
      if (!outcome.ok) return { ...outcome, removed: total(), notes };
    }
    return {
      ok: true,
      removed: total(),
      ...(stale === undefined ? {} : { stale }),
      ...(notes.length > 0 ? { notes } : {}),
    };
  }

  #single(words: readonly bigint[]): CommandOutcome {
    return this.stopped ? STOPPED : this.#apply(words);
  }

  #append(words: readonly bigint[]): CommandOutcome {
    const next = (this.tail + this.width) % this.size;
    if (next === this.head)
      return { ok: false, error: 'FULL', why: 'the queue is full: its head has not moved', removed: [] };
    const at = this.base + BigInt(this.tail);
    for (const [i, word] of words.entries()) this.#unit.mem.write64(at + BigInt(8 * i), word);
    return this.moveTail(next);
  }

  #apply(words: readonly bigint[]): CommandOutcome {
    const result = this.#unit.invalidate(words);
    if (!result.ok) this.#stop(result.iqei ?? IQEI.none);
    return outcomeOf(result);
  }

  #stop(iqei: number): void {
    this.iqei = iqei;
    if (!this.repaired) this.#unit.log.setQueueError(true);
  }
}

const STOPPED: CommandOutcome = {
  ok: false,
  error: 'IQE',
  why: 'the queue stopped at an earlier descriptor and waits until FSTS.IQE is cleared',
  removed: [],
};
