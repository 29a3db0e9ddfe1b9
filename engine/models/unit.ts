import type { DeviceTlb } from '../cache/device-tlb.ts';
import type { PhysMem } from '../memory/phys-mem.ts';
import type { Format } from '../pagetable/format.ts';
import type { BitLayout } from './bit-layout.ts';
import type { Recorder } from './trace.ts';
import type { FaultReason, Request, Translation } from './translation.ts';

/** What a hardware command, or a write to a register, did. */
export interface CommandOutcome {
  readonly ok: boolean;
  /** Why hardware stopped at the command, as the specification abbreviates it: `IQE`, `CERROR_ILL`. */
  readonly error?: string;
  /** The same in words; no full stop. */
  readonly why?: string;
  /** A record that a device raised, as hardware queued it. */
  readonly record?: readonly bigint[];
  /** Cache entries that went, by the cache's name in the plural: `IOTLB entries`. Caches that lost nothing are left out. */
  readonly removed: readonly { readonly cache: string; readonly count: number }[];
  /**
   * How many of the removed entries a walk would not give any more, where the unit was asked to count (`countStale`).
   * What is removed besides was still good. Entries of configuration caches are not judged.
   */
  readonly stale?: number;
  /** What else is worth telling; no full stops. */
  readonly notes?: readonly string[];
}

/** Translations that commands removed, those of devices included. */
export interface Tally {
  dropped: number;
  /** Those that a walk would not give any more. */
  needed: number;
}

/** One entry the present walk reads. */
export interface WalkStep {
  /** 0: a configuration entry. */
  readonly stage: 0 | 1 | 2;
  /** The model's short word for it: `pasid`, `ste`, `fs`. */
  readonly what: string;
  /** The same in words: `PASID table entry`. */
  readonly title: string;
  /** Paging level from 0 for the level of only leaves; -1 for configuration entries. */
  readonly level: number;
  /** HPA of the entry. */
  readonly address: bigint;
  /** GPA of an entry behind the second stage. Of a second-stage entry: the GPA being translated. */
  readonly gpa?: bigint;
  readonly qwords: readonly bigint[];
  /** The first of them. */
  readonly value: bigint;
  /** What the entry says, in words; no full stop. */
  readonly note: string;
  /** How to read a configuration entry. */
  readonly layout?: BitLayout;
  /** How to read a paging entry. */
  readonly format?: Format;
}

export interface Explanation {
  readonly steps: readonly WalkStep[];
  /** Outcome of the walk; reused by the unit, so read it at once. */
  readonly outcome: Translation;
  /** The outcome in one sentence. */
  readonly verdict: string;
}

/** The edit that made a cached answer stale. */
export interface Culprit {
  /** The entry that was edited; absent where a register was. */
  readonly step?: WalkStep;
  /** Name of the register. */
  readonly register?: string;
  /** HPA of the edited 64-bit word. */
  readonly address?: bigint;
  readonly editedAt: number;
}

/** What one cache holds of an address. */
export interface HeldLines {
  readonly cache: string;
  readonly lines: readonly { readonly text: string; readonly filledAt: number }[];
}

/** A page request that found its queue full. */
export const DROPPED = -1;

/** A command by its specification name and fields, as a scenario would write it. */
export interface CommandAdvice {
  readonly name: string;
  readonly fields: Readonly<Record<string, bigint>>;
}

/** How source ids are called in what a unit says. */
export type NameOfDevice = (sid: number) => string;

/**
 * IOMMU hardware as a scenario uses it, whatever the model. Caches are unbounded and forget nothing by themselves; a
 * command removes what the specification guarantees and nothing more. Results are objects that the unit reuses.
 */
export interface Unit {
  readonly mem: PhysMem;
  /** Time of the present step; lines filled now carry it. */
  now: number;
  /** Entries that real walks read, where somebody wants them. */
  trace: Recorder | null;
  /** Whether commands count what they had to remove (`CommandOutcome.stale`); that takes walks, so it is off at first. */
  countStale?: boolean;
  /** Translations that counted commands have removed so far; a caller puts a new one in place to begin again. */
  tally?: Tally;
  /** The TLBs in the devices behind this unit, which its commands reach. */
  readonly deviceTlb: DeviceTlb;
  /** Faults or events reported since power-on, those that were lost for want of room not counted. */
  readonly faultsReported: number;
  /** A fault reason or event by its code. */
  faultOf(code: number): FaultReason | undefined;
  /** Translates one request with everything hardware does about it. */
  translate(request: Request): Translation;
  /**
   * A device sends an access with an address that its TLB holds (`Kind.Translated`, the address is that of memory). The
   * answer is ok, or the fault that the unit has reported; also whether that is stale. Absent: whatever comes is let through.
   */
  admitTranslated?(request: Request): Translation;
  /** What a walk from the present registers, structures and tables gives. No caches, no side effects. */
  peek(request: Request): Translation;
  /** Whether the request would now be answered without a paging entry being read. No side effects. */
  wouldHit(request: Request): boolean;
  /** Takes a page request of a device: 0 when it was queued, `DROPPED` when there was no room, else a fault code. */
  acceptPageRequest(request: Request): number;
  /**
   * The record of the last fault, once: as logged, in 64-bit words.
   * @param free whether software reads it as a driver does, so that its place is free again
   */
  takeRecord(free: boolean): readonly bigint[] | undefined;
  /** A register or one of its fields by the specification's name; undefined for a name this unit does not have. */
  register(name: string): bigint | undefined;
  /** Software writes a register. Undefined: there is no such register; it may also be read-only, which is an error. */
  writeRegister(name: string, value: bigint): CommandOutcome | undefined;
  /** Puts a raw entry into the command or invalidation queue and lets the queue run. */
  command(words: readonly bigint[]): CommandOutcome;
  /**
   * A device raises a record of `Hardware.records` by itself, such as a page request. Undefined: this unit takes none
   * with that name. @param words the record, 64 bits each
   */
  inject(record: string, words: readonly bigint[]): CommandOutcome | undefined;
  /** The walk a request would take now, entry by entry. No side effects. */
  explain(request: Request): Explanation;
  /** The first register or entry along the present walk, configuration first, that was edited after a time. */
  culprit(request: Request, sinceTime: number): Culprit | undefined;
  /**
   * Commands that may make a stale access fresh: sequences, the smallest first, each in an order that lets no cache refill
   * from another that is still stale. None is claimed to be enough.
   */
  candidates(request: Request, used: Translation, culprit: Culprit | undefined): readonly (readonly CommandAdvice[])[];
  /** The cache that a stale answer rests on, and the tag that matched. */
  holder(request: Request, used: Translation, device: NameOfDevice): { readonly cache: string; readonly tag: string };
  /** What the caches hold of an address before an access, in the order in which they are asked. */
  held(request: Request): readonly HeldLines[];
}
