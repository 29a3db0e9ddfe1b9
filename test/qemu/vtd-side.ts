import { PhysMem } from '../../engine/memory/phys-mem.ts';
import {
  decodeCaps,
  Access as EngineAccess,
  encodeCaps,
  Hit,
  Request,
  Source,
  Stale,
  type Translation,
  VtdUnit,
} from '../../engine/models/vtd/index.ts';
import { type Access, DATA_PAGES, isRam, stampOf, type Variant } from './vtd-case.ts';

/** What the engine answers, or would answer without caches. */
export interface Outcome {
  readonly ok: boolean;
  /** Meaningful when `ok`. */
  readonly hpa: bigint;
  /** Code of the fault, 0 without. */
  readonly fault: number;
  readonly name: string;
}

export interface Answer extends Outcome {
  /** The fault record it wrote, F set, or null. */
  readonly record: readonly bigint[] | null;
  /** What lies at `hpa` before the access. */
  readonly word: bigint;
  /** The answer rests on a cache that memory no longer agrees with. */
  readonly stale: boolean;
  readonly source: 'walk' | 'context' | 'pasid' | 'iotlb' | 'psc';
  /** log2 of the size of the page that answered, 12 without. */
  readonly pageBits: number;
  /** Step that filled the cache line the answer rests on; -1 without. */
  readonly filledIn: number;
  /** An IOTLB line answered. */
  readonly hit: boolean;
  /** The walk began at a table that a paging-structure cache knew. */
  readonly shortened: boolean;
  /** What a walk gives now. */
  readonly fresh: Outcome & { readonly word: bigint };
}

const SOURCES = {
  [Source.Walk]: 'walk',
  [Source.Context]: 'context',
  [Source.Pasid]: 'pasid',
  [Source.Iotlb]: 'iotlb',
  [Source.Psc]: 'psc',
} as const;

/** Memory as it is before a case: nothing but the marks of the data pages. */
const STAMPED = new PhysMem();
for (const page of DATA_PAGES) for (let at = page; at < page + 0x1000n; at += 8n) STAMPED.write64(at, stampOf(at));

/** Time of the first step; the setting up comes before. */
const FIRST_STEP = 2;

/** The engine's unit in the shape the oracle asks. Everything that depends on the engine's interface is in this file. */
export class EngineVtd {
  readonly mem = STAMPED.clone();
  readonly #unit: VtdUnit;
  /** 64-bit words of a descriptor: 256-bit queues are scalable mode's. */
  readonly #words: 2 | 4;

  /** @param memory 64-bit words by address, beside the stamped data pages */
  constructor(variant: Variant, cap: bigint, ecap: bigint, rtaddr: bigint, memory: ReadonlyMap<bigint, bigint>) {
    for (const page of DATA_PAGES) for (let at = page; at < page + 0x1000n; at += 8n) this.mem.write64(at, stampOf(at));
    for (const [at, value] of memory) this.mem.write64(at, value);
    // QEMU uses RID_PASID without having said so in ECAP.RPS.
    const rps = variant.mode === 'scalable' ? encodeCaps({ RPS: 1 }).ecap : 0n;
    this.#unit = new VtdUnit(this.mem, decodeCaps(cap, ecap | rps, variant.width));
    this.#unit.rtaddr = rtaddr;
    this.#words = variant.mode === 'scalable' ? 4 : 2;
    this.#tick();
  }

  edit(at: bigint, value: bigint): void {
    this.#tick();
    this.mem.write64(at, value);
  }

  root(rtaddr: bigint): void {
    this.#tick();
    this.#unit.rtaddr = rtaddr;
  }

  /** True when the unit took the descriptor. */
  invalidate(words: readonly bigint[]): boolean {
    this.#tick();
    return this.#unit.invalidate(Array.from({ length: this.#words }, (_, i) => words[i] ?? 0n)).ok;
  }

  access({ sid, address, write }: Access, token: bigint): Answer {
    this.#tick();
    const unit = this.#unit;
    const request = new Request({ sid, address, access: write ? EngineAccess.Write : EngineAccess.Read });
    const now = outcomeOf(unit.peek(request));
    const fresh = { ...now, word: this.#word(now) };
    const r = unit.translate(request);
    const outcome = outcomeOf(r);
    const record = unit.log.registers[0] ?? null;
    unit.log.clear(0);
    unit.log.clearOverflow();
    const answer: Answer = {
      ...outcome,
      record,
      word: this.#word(outcome),
      stale: r.stale !== Stale.Fresh,
      source: SOURCES[r.source as keyof typeof SOURCES],
      filledIn: r.filledAt === 0 ? -1 : r.filledAt - FIRST_STEP,
      pageBits: Math.max(12, r.lg2),
      hit: r.hit === Hit.Iotlb,
      shortened: r.hit === Hit.Psc,
      fresh,
    };
    if (outcome.ok && write && isRam(outcome.hpa)) this.mem.write64(outcome.hpa & ~7n, token);
    return answer;
  }

  #word({ ok, hpa }: Outcome): bigint {
    return ok && isRam(hpa) ? this.mem.read64(hpa & ~7n) : 0n;
  }

  #tick(): void {
    this.#unit.now++;
    this.mem.now = this.#unit.now;
  }
}

const outcomeOf = (r: Translation): Outcome => ({
  ok: r.ok,
  hpa: r.ok ? r.hpa : 0n,
  fault: r.fault,
  name: r.reason?.name ?? '',
});
