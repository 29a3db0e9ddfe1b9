import { hi32, join, lo32 } from '../base/addr.ts';
import { RIGHTS, Tlb } from '../cache/iotlb.ts';

/** What an access wants to do. */
export const Access = { Read: 0, Write: 1, Exec: 2 } as const;
export type Access = (typeof Access)[keyof typeof Access];

/**
 * How a request names its address (PCIe AT field): as the device knows it, the same to ask for a translation, or as an
 * earlier translation request was answered.
 */
export const Kind = { Untranslated: 0, Translation: 1, Translated: 2 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

export interface RequestFields {
  /** Source id, or StreamID. */
  readonly sid: number;
  /** PASID or SubstreamID; -1 or absent: a request without one. */
  readonly pasid?: number;
  readonly address: bigint;
  readonly access: Access;
  readonly privileged?: boolean;
  readonly kind?: Kind;
}

/** One request of a device. Reuse an object and set its fields where speed matters. */
export class Request {
  sid: number;
  pasid: number;
  hi: number;
  lo: number;
  access: Access;
  privileged: boolean;
  kind: Kind;

  constructor({ sid, pasid = -1, address, access, privileged = false, kind = Kind.Untranslated }: RequestFields) {
    this.sid = sid;
    this.pasid = pasid;
    this.hi = hi32(address);
    this.lo = lo32(address);
    this.access = access;
    this.privileged = privileged;
    this.kind = kind;
  }

  get address(): bigint {
    return join(this.hi, this.lo);
  }
}

/** Which cache answered without a paging entry being read; `Psc`: a paging-structure cache shortened the walk. */
export const Hit = { None: 0, Iotlb: 1, Psc: 2, DeviceTlb: 3 } as const;
export type Hit = (typeof Hit)[keyof typeof Hit];

/**
 * The cache an answer rests on; for a stale answer, the one that kept what is no longer so. `Context` is what is known of
 * a device (context entry, STE), `Pasid` of one of its address spaces (PASID entry, CD).
 */
export const Source = { Walk: 0, Context: 1, Pasid: 2, Iotlb: 3, DeviceTlb: 4, Psc: 5 } as const;
export type Source = (typeof Source)[keyof typeof Source];

export const Stale = {
  /** The answer is what a walk from the present state would give. */
  Fresh: 0,
  /** Another address, more permission, or success where the walk faults. */
  Stale: 1,
  /** A cache made the request fault where the walk succeeds. */
  Fault: 2,
} as const;
export type Stale = (typeof Stale)[keyof typeof Stale];

/** The stages that took part, numbered as VT-d's PGTT. */
export const Stages = { None: 0, First: 1, Second: 2, Nested: 3, PassThrough: 4 } as const;
export type Stages = (typeof Stages)[keyof typeof Stages];

/** A fault in words. */
export interface FaultReason {
  readonly code: number;
  /** As the specification abbreviates it: `SFS.2`, `F_TRANSLATION`. */
  readonly name: string;
  /** One sentence. */
  readonly text: string;
}

/** How a translation request was answered. */
export const Answer = { None: 0, Success: 1, Null: 2, Error: 3 } as const;
export type Answer = (typeof Answer)[keyof typeof Answer];

export type FaultsByCode = (code: number) => FaultReason | undefined;

/** The outcome of a request, reused by its owner: copy what must outlive the next request. */
export class Translation {
  ok = false;
  /** A request without PASID to 0xfeexxxxx: an interrupt message, never translated. */
  interrupt = false;
  /** Fault reason or event code, 0 without a fault. */
  fault = 0;
  /** Which condition raised the fault, where its code stands for many; no full stop. */
  why = '';
  /** The unit ended the access and reports it to nobody. */
  silent = false;
  /** The access ended without effect, as if it had succeeded: a read gives 0 and a write is lost (RAZ/WI). */
  ignored = false;
  /** The access waits in the unit for software to end it, under this tag. */
  stalled = false;
  stag = 0;
  /** The fault went into the fault log: not suppressed by FPD, and not a null answer to a translation request. */
  logged = false;
  answer: Answer = Answer.None;
  /** The device asked for the page instead of failing (PRI). */
  requested = false;
  hpaHi = 0;
  hpaLo = 0;
  gpaHi = 0;
  gpaLo = 0;
  /** log2 of the page the translation covers. */
  lg2 = 0;
  /** READ, WRITE, EXEC of the translation, and DIRTY. */
  grants = 0;
  /** Paging entries read. */
  refs = 0;
  /** Root, context, PASID directory and PASID entries read. */
  config = 0;
  hit: Hit = Hit.None;
  stages: Stages = Stages.None;
  /** Domain id, or VMID. */
  domain = 0;
  /** PASID the request was translated under; RID_PASID for one without. An SMMU's ASID. */
  pasid = 0;
  /** Time at which the entry of `source` was filled; 0 for `Source.Walk`. */
  filledAt = 0;
  /** Time after which an edit can have made it out of date, where that is not `filledAt`; else 0. */
  since = 0;
  source: Source = Source.Walk;
  stale: Stale = Stale.Fresh;
  readonly #faults: FaultsByCode;

  constructor(faults: FaultsByCode) {
    this.#faults = faults;
  }

  get hpa(): bigint {
    return join(this.hpaHi, this.hpaLo);
  }

  get gpa(): bigint {
    return join(this.gpaHi, this.gpaLo);
  }

  get size(): bigint {
    return 1n << BigInt(this.lg2);
  }

  get reason(): FaultReason | undefined {
    return this.#faults(this.fault);
  }

  clear(): void {
    this.ok = false;
    this.interrupt = false;
    this.fault = 0;
    this.silent = false;
    this.why = '';
    this.ignored = false;
    this.stalled = false;
    this.stag = 0;
    this.logged = false;
    this.answer = 0;
    this.requested = false;
    this.hpaHi = 0;
    this.hpaLo = 0;
    this.gpaHi = 0;
    this.gpaLo = 0;
    this.lg2 = 0;
    this.grants = 0;
    this.refs = 0;
    this.config = 0;
    this.hit = 0;
    this.stages = 0;
    this.domain = 0;
    this.pasid = 0;
    this.filledAt = 0;
    this.since = 0;
    this.source = 0;
    this.stale = 0;
  }
}

/** Same address, same rights: what a cached answer must share with the present walk to need no further checks. */
export const sameAnswer = (a: Translation, b: Translation): boolean =>
  a.ok &&
  b.ok &&
  a.hpaHi === b.hpaHi &&
  a.hpaLo === b.hpaLo &&
  ((a.grants ^ b.grants) & RIGHTS) === 0 &&
  a.lg2 <= b.lg2;

/** Compares what was used with what a walk gives now. */
export function judge(used: Translation, present: Translation): Stale {
  if (!used.ok) return present.ok ? Stale.Fault : Stale.Fresh;
  if (!present.ok || used.hpaHi !== present.hpaHi || used.hpaLo !== present.hpaLo) return Stale.Stale;
  return (used.grants & ~present.grants & RIGHTS) === 0 ? Stale.Fresh : Stale.Stale;
}

/** A line's answer for one address inside its page. */
export function readLine(lines: Int32Array, line: number, request: Request, r: Translation): void {
  const lg2 = lines[line + Tlb.Lg2]!;
  const offset = (1 << lg2) - 1;
  r.hpaHi = lines[line + Tlb.HpaHi]!;
  r.hpaLo = (lines[line + Tlb.HpaLo]! & ~offset) | (request.lo & offset);
  r.gpaHi = lines[line + Tlb.GpaHi]!;
  r.gpaLo = (lines[line + Tlb.GpaLo]! & ~offset) | (request.lo & offset);
  r.lg2 = lg2;
  r.grants = lines[line + Tlb.Flags]!;
  r.filledAt = lines[line + Tlb.FilledAt]!;
  r.since = lines[line + Tlb.Since]!;
}

export function writeLine(lines: Int32Array, line: number, r: Translation): void {
  lines[line + Tlb.HpaHi] = r.hpaHi;
  lines[line + Tlb.HpaLo] = r.hpaLo;
  lines[line + Tlb.GpaHi] = r.gpaHi;
  lines[line + Tlb.GpaLo] = r.gpaLo;
  lines[line + Tlb.Flags] = r.grants;
  lines[line + Tlb.Lg2] = r.lg2;
}
