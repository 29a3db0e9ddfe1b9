import { DIRTY, EXEC, READ, RIGHTS, Tlb, WRITE } from '../cache/iotlb.ts';
import { accuse, unproven } from './line-proof.ts';
import {
  Access,
  Answer,
  Hit,
  judge,
  Kind,
  Request,
  readLine,
  Source,
  Stale,
  Translation,
  writeLine,
} from './translation.ts';
import { DROPPED, type Unit } from './unit.ts';

/** A page a device asked for after a translation request came back without permission. */
export interface PageRequest {
  readonly sid: number;
  readonly pasid: number;
  readonly address: bigint;
  readonly access: Access;
  readonly privileged: boolean;
}

/**
 * Accesses of devices with ATS (PCIe 10): the device TLB is asked first, then a translation request goes to the unit.
 * A translation without the right permission becomes a page request where the device has PRI, and a fault where not.
 */
export class DeviceAccess {
  /** Page requests that wait for an answer, oldest first. */
  readonly pending: PageRequest[] = [];
  /** The answer to the last access; reused. */
  readonly result: Translation;
  readonly #unit: Unit;
  /** What the device sends when its TLB answers: the host address, without PASID. */
  readonly #translated = new Request({ sid: 0, address: 0n, access: Access.Read, kind: Kind.Translated });

  constructor(unit: Unit) {
    this.result = new Translation((code) => unit.faultOf(code));
    this.#unit = unit;
  }

  /** One access with ATS. The request is sent as a translation request, whatever kind it had. */
  access(request: Request, { pri }: { readonly pri: boolean }): Translation {
    const kind = request.kind;
    request.kind = Kind.Translation;
    const line = this.#find(request);
    const r = line >= 0 ? this.#fromTlb(line, request) : this.#fromUnit(request, pri);
    request.kind = kind;
    return r;
  }

  /** Whether the device TLB would answer. No side effects. */
  wouldHit(request: Request): boolean {
    return this.#find(request) >= 0;
  }

  /** The line that grants the access, or -1: a line without the right permission makes the device ask again. */
  #find(request: Request): number {
    const tlb = this.#unit.deviceTlb;
    const at = tlb.find(request.sid, request.pasid, request.privileged ? 1 : 0, request.hi, request.lo);
    return at >= 0 && (tlb.lines[at + Tlb.Flags]! & rightOf(request.access)) !== 0 ? at : -1;
  }

  #fromTlb(at: number, request: Request): Translation {
    const unit = this.#unit;
    const lines = unit.deviceTlb.lines;
    const r = this.result;
    r.clear();
    readLine(lines, at, request, r);
    r.ok = true;
    r.pasid = request.pasid;
    r.hit = Hit.DeviceTlb;
    r.source = Source.DeviceTlb;
    if (!this.#isAdmitted(request, r)) return r;
    if (lines[at + Tlb.Version] === unit.mem.version) return r;
    const present = unit.peek(request);
    r.stale = judge(r, present);
    // Missing rights only make the device ask again, so the line may grant less than the walk and still be good.
    if (r.stale === Stale.Fresh && r.lg2 <= present.lg2) lines[at + Tlb.Version] = unit.mem.version;
    return r;
  }

  /** Asks the unit whether the translated request may pass; false: there is no more to say about the answer. */
  #isAdmitted(request: Request, r: Translation): boolean {
    const translated = this.#translated;
    translated.sid = request.sid;
    translated.hi = r.hpaHi;
    translated.lo = r.hpaLo;
    translated.access = request.access;
    const admitted = this.#unit.admitTranslated?.(translated);
    if (!admitted) return true;
    r.config = admitted.config;
    r.stale = admitted.stale;
    if (!admitted.ok) {
      r.ok = false;
      r.hit = Hit.None;
      r.fault = admitted.fault;
      r.silent = admitted.silent;
      r.logged = admitted.logged;
    }
    if (!admitted.ok || admitted.stale !== Stale.Fresh) accuse(r, admitted.source, admitted.filledAt, admitted.since);
    return r.ok && r.stale === Stale.Fresh;
  }

  #fromUnit(request: Request, pri: boolean): Translation {
    const unit = this.#unit;
    const r = unit.translate(request);
    if (r.interrupt) return r;
    if (!r.ok) {
      if (pri && r.answer === Answer.Null) this.#ask(request, r);
      return r;
    }
    const tlb = unit.deviceTlb;
    const at = tlb.fill(request.sid, request.pasid, request.privileged ? 1 : 0, request.hi, request.lo, r.lg2);
    writeLine(tlb.lines, at, r);
    // A translation request for reading sets no dirty bit, so its answer must not let the device write.
    const rights = request.access === Access.Write ? r.grants & RIGHTS : r.grants & RIGHTS & ~WRITE;
    tlb.lines[at + Tlb.Flags] = rights | DIRTY;
    tlb.lines[at + Tlb.FilledAt] = unit.now;
    const proven = r.stale === Stale.Fresh && (r.hit === Hit.None || r.hit === Hit.Psc);
    tlb.lines[at + Tlb.Since] = r.stale === Stale.Fresh ? unit.now : r.since || r.filledAt;
    tlb.lines[at + Tlb.Version] = proven ? unit.mem.version : unproven(unit.mem.version);
    return r;
  }

  #ask(request: Request, r: Translation): void {
    const fault = this.#unit.acceptPageRequest(request);
    if (fault === DROPPED) return;
    if (fault !== 0) {
      r.fault = fault;
      return;
    }
    const { sid, pasid, address, access, privileged } = request;
    this.pending.push({ sid, pasid, address, access, privileged });
    r.requested = true;
  }
}

const rightOf = (access: Access): number => (access === Access.Write ? WRITE : access === Access.Exec ? EXEC : READ);
