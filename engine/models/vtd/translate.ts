import { hi32, join, lo32 } from '../../base/addr.ts';
import { Context, type ContextCache, type PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { DeviceTlb } from '../../cache/device-tlb.ts';
import { DIRTY, Iotlb, Tlb } from '../../cache/iotlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import type { VtdCaps } from './caps.ts';
import { deniedBy } from './checks.ts';
import { ConfigReader, Flag, sameContext, samePasid } from './config.ts';
import { type FaultEvent, FaultLog } from './fault-log.ts';
import { Fault, faultByCode } from './faults.ts';
import { applyInvalidation, type Invalidation } from './invalidate.ts';
import { ConfigLookup } from './lookup.ts';
import { Presence } from './present.ts';
import { RecentConfig } from './recent.ts';
import { PGTT } from './structures.ts';
import { Access, FormatSet, inInterruptRange, TableWalk } from './tables.ts';
import type { Recorder } from './trace.ts';
import {
  Answer,
  Hit,
  judge,
  Kind,
  type Request,
  readLine,
  Source,
  Stale,
  Translation,
  writeLine,
} from './translation.ts';

/**
 * One VT-d unit in scalable mode: registers, caches and the translation of requests (VT-d 3, 6, 7). Caches are unbounded
 * and forget nothing by themselves. Paging-structure caches would sit between the IOTLB lookup and `#walk`.
 */
export class VtdUnit {
  readonly mem: PhysMem;
  readonly caps: VtdCaps;
  readonly iotlb = new Iotlb();
  readonly contextCache: ContextCache;
  readonly pasidCache: PasidCache;
  /** The TLBs in the devices behind this unit, which its invalidation queue reaches. */
  readonly deviceTlb = new DeviceTlb();
  readonly log: FaultLog;
  /** Time of the present step; lines filled now carry it. */
  now = 0;
  /** The answer to the last `translate`; reused. */
  readonly result = new Translation();
  /** What a walk gives now: answers `peek`, `explain` and the freshness checks. */
  readonly present: Presence;
  /** Entries that real walks read, where somebody wants them. */
  trace: Recorder | null = null;
  rtaHi = 0;
  rtaLo = 0;
  /** When the root table address was changed. */
  readonly rtaddrChanges: number[] = [];
  readonly #lookup: ConfigLookup;
  readonly #tables: TableWalk;
  readonly #recent = new RecentConfig();

  constructor(mem: PhysMem, caps: VtdCaps) {
    this.mem = mem;
    this.caps = caps;
    this.log = new FaultLog(caps.NFR + 1);
    const formats = new FormatSet(caps);
    this.#lookup = new ConfigLookup(new ConfigReader(mem, caps));
    this.contextCache = this.#lookup.contexts;
    this.pasidCache = this.#lookup.pasids;
    this.#tables = new TableWalk(mem, formats, caps.haw);
    this.present = new Presence(this, new ConfigReader(mem, caps), new TableWalk(mem, formats, caps.haw));
  }

  get rtaddr(): bigint {
    return join(this.rtaHi, this.rtaLo);
  }

  /** RTADDR_REG as the last SRTP command latched it; with ESRTPS that command also empties the caches. */
  set rtaddr(value: bigint) {
    this.rtaHi = hi32(value);
    this.rtaLo = lo32(value);
    // A register is part of what a walk depends on, so lines must prove themselves again.
    this.mem.version = (this.mem.version + 1) | 0;
    if (this.now !== 0) this.rtaddrChanges.push(this.now);
    if (this.caps.ESRTPS) this.forget();
  }

  /** Empties all translation caches of the unit, not those of devices. */
  forget(): void {
    this.contextCache.clear();
    this.pasidCache.clear();
    this.iotlb.clear();
  }

  /** Translates one request with everything hardware does about it: caches, accessed and dirty bits, fault log. */
  translate(request: Request): Translation {
    const r = this.result;
    if (this.#recent.answer(request, this.#lookup, this.iotlb, this.mem.version, r)) return r;
    r.clear();
    if (request.pasid < 0 && inInterruptRange(request.hi, request.lo)) {
      r.ok = true;
      r.interrupt = true;
      return r;
    }
    const lookup = this.#lookup;
    const fault = lookup.find(request, r, this);
    if (fault !== 0) return this.#failed(request, r, fault, lookup.reader.fpd);

    const at = lookup.pasidAt;
    const lines = this.pasidCache.lines;
    const flags = lines[at + PasidEntry.Flags]!;
    const pgtt = lines[at + PasidEntry.Pgtt]!;
    const did = lines[at + PasidEntry.Did]!;
    r.pgtt = pgtt;
    r.did = did;
    const privileged = request.pasid < 0 ? (flags & Flag.RID_PRIV) !== 0 : request.privileged;
    // Only a PASID prefix can ask to execute; without one it is a read.
    const access = request.pasid < 0 && request.access === Access.Exec ? Access.Read : request.access;
    if (access === Access.Exec && (flags & Flag.ERE) === 0) return this.#failed(request, r, Fault.SPT_5, flags);
    if (privileged && (flags & Flag.SRE) === 0) return this.#failed(request, r, Fault.SPT_6, flags);

    const tagPasid = pgtt === PGTT.secondStage ? -1 : r.pasid;
    const tagPrivileged = privileged && (pgtt === PGTT.firstStage || pgtt === PGTT.nested) ? 1 : 0;
    const line = this.iotlb.find(did, tagPasid, pgtt, tagPrivileged, request.hi, request.lo);
    if (line >= 0) {
      const grants = this.iotlb.table.lines[line + Tlb.Flags]!;
      const denied = deniedBy(grants, access);
      const answer = this.#answerFrom(line, request, r, denied, flags);
      if (denied !== 0 || access !== Access.Write || (grants & DIRTY) !== 0) return answer;
      return this.#firstWrite(request, r, flags, privileged, tagPasid, tagPrivileged);
    }
    const walkFault = this.#walk(request, r, access, privileged, tagPasid, tagPrivileged);
    if (walkFault !== 0) return this.#failed(request, r, walkFault, flags);
    if (request.kind === Kind.Translation) r.answer = Answer.Success;
    if (!this.#lookup.isFresh(this.mem.version)) this.#judge(request, r, -1);
    return r;
  }

  /** What a walk from the present registers, structures and tables gives. No caches, no side effects; a reused object. */
  peek(request: Request): Translation {
    return this.present.walk(request);
  }

  /** Whether the request would now be answered without a paging entry being read. No side effects. */
  wouldHit(request: Request): boolean {
    return this.present.wouldHit(request);
  }

  /** Takes a page request message: a fault code, or 0 when it may be queued (VT-d 7.5). */
  acceptPageRequest(request: Request): number {
    const walked = this.present.walk(request);
    const { contextRead, reader } = this.present;
    const cached = this.contextCache.find(request.sid);
    if (cached < 0 && !contextRead) {
      this.#record(request, walked.fault, reader.fpd, 'page-request');
      return walked.fault;
    }
    const flags = cached >= 0 ? this.contextCache.lines[cached + Context.Flags]! : reader.context[Context.Flags]!;
    if (flags & Flag.PRE) return Fault.None;
    this.#record(request, Fault.SCT_8, flags, 'page-request');
    return Fault.SCT_8;
  }

  /** Applies one descriptor of the invalidation queue: 2 or 4 words of 64 bits. */
  invalidate(words: readonly bigint[]): Invalidation {
    return applyInvalidation(this, words);
  }

  #answerFrom(line: number, request: Request, r: Translation, denied: number, flags: number): Translation {
    const lines = this.iotlb.lines;
    readLine(lines, line, request, r);
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    const config = this.pasidCache.lines;
    const fresh =
      lines[line + Tlb.Version] === this.mem.version &&
      lines[line + Tlb.Origin] === config[this.#lookup.pasidAt + PasidEntry.Origin] &&
      this.#lookup.isFresh(this.mem.version);
    if (denied !== 0) {
      this.#report(request, r, denied, flags);
      if (!fresh) this.#judge(request, r, line);
      return r;
    }
    r.ok = true;
    if (request.kind === Kind.Translation) r.answer = Answer.Success;
    if (!fresh) this.#judge(request, r, line);
    if (request.pasid >= 0) this.#recent.remember(request, this.#lookup);
    return r;
  }

  /**
   * A write that found a line filled clean: the dirty bit has to be set first, and that takes a walk. Nothing guarantees
   * that the walk replaces the translation, so a line that is stale answers as it stands.
   */
  #firstWrite(
    request: Request,
    r: Translation,
    flags: number,
    privileged: boolean,
    tagPasid: number,
    tagPrivileged: number,
  ): Translation {
    const cannotSet = r.stale !== Stale.Fresh && this.present.result.fault === Fault.SFS_8;
    if (r.stale !== Stale.Fresh && !cannotSet) return r;
    r.stale = Stale.Fresh;
    r.hit = Hit.None;
    r.source = Source.Walk;
    r.filledAt = 0;
    const fault = this.#walk(request, r, Access.Write, privileged, tagPasid, tagPrivileged);
    return fault === 0 ? r : this.#failed(request, r, fault, flags);
  }

  /** Walks the tables, updates accessed and dirty bits, and fills the IOTLB. */
  #walk(
    request: Request,
    r: Translation,
    access: Access,
    privileged: boolean,
    tagPasid: number,
    tagPrivileged: number,
  ): number {
    const tables = this.#tables;
    const config = this.pasidCache.lines;
    const at = this.#lookup.pasidAt;
    tables.record = this.trace !== null;
    const fault = tables.run(config, at, request.hi, request.lo, access, privileged);
    r.refs = tables.walker.steps;
    if (this.trace !== null) this.trace.walk(tables.walker);
    if (fault !== 0) return fault;
    tables.applyUpdates();
    r.ok = true;
    r.hpaHi = tables.hpaHi;
    r.hpaLo = tables.hpaLo;
    r.gpaHi = tables.gpaHi;
    r.gpaLo = tables.gpaLo;
    r.lg2 = tables.lg2;
    r.grants = tables.grants;

    const line = this.iotlb.fill(r.did, tagPasid, r.pgtt, tagPrivileged, request.hi, request.lo, tables.lg2);
    const lines = this.iotlb.lines;
    const version = this.mem.version;
    writeLine(lines, line, r);
    lines[line + Tlb.FilledAt] = this.now;
    lines[line + Tlb.Version] = this.#lookup.isFresh(this.mem.version) ? version : (version - 1) | 0;
    lines[line + Tlb.Origin] = config[at + PasidEntry.Origin]!;
    return Fault.None;
  }

  #failed(request: Request, r: Translation, fault: number, flags: number): Translation {
    this.#report(request, r, fault, flags);
    if (!this.#lookup.isFresh(this.mem.version)) this.#judge(request, r, -1);
    return r;
  }

  #report(request: Request, r: Translation, fault: number, flags: number): void {
    r.ok = false;
    r.fault = fault;
    if (request.kind === Kind.Translation) {
      r.answer = faultByCode(fault)!.ats === 'null' ? Answer.Null : Answer.Error;
    }
    if (r.answer === Answer.Null) return;
    r.logged = this.#record(request, fault, flags, request.access === Access.Write ? 'write' : 'read');
  }

  /** Logs a fault unless FPD suppresses it. */
  #record(request: Request, fault: number, flags: number, access: FaultEvent['access']): boolean {
    if (faultByCode(fault)!.qualified && (flags & Flag.FPD) !== 0) return false;
    this.log.record({
      sid: request.sid,
      pasid: request.pasid,
      address: request.address,
      reason: fault,
      access,
      execute: request.access === Access.Exec,
      privileged: request.privileged,
      at: access === 'page-request' ? 0 : request.kind,
    });
    return true;
  }

  /** Compares an answer that rests on caches with the present walk, and lets lines that agree prove so cheaply next time. */
  #judge(request: Request, r: Translation, line: number): void {
    const present = this.present.walk(request);
    const { contextRead, pasidRead, reader } = this.present;
    const version = this.mem.version;
    const contexts = this.contextCache.lines;
    const pasids = this.pasidCache.lines;
    const contextSame =
      this.#lookup.contextAt < 0 || (contextRead && sameContext(contexts, this.#lookup.contextAt, reader.context));
    const pasidSame = this.#lookup.pasidAt < 0 || (pasidRead && samePasid(pasids, this.#lookup.pasidAt, reader.pasid));
    if (contextSame && this.#lookup.contextAt >= 0) contexts[this.#lookup.contextAt + Context.Version] = version;
    if (pasidSame && this.#lookup.pasidAt >= 0) pasids[this.#lookup.pasidAt + PasidEntry.Version] = version;
    if (line >= 0 && contextSame && pasidSame && this.present.agrees(r)) {
      this.iotlb.lines[line + Tlb.Version] = version;
      this.iotlb.lines[line + Tlb.Origin] = pasids[this.#lookup.pasidAt + PasidEntry.Origin]!;
    }
    r.stale = judge(r, present);
    if (r.stale !== Stale.Fresh) this.#blame(request, r, line, contextSame, pasidSame);
  }

  /** Names the cache that kept what is no longer so: the uppermost one whose content decided the answer. */
  #blame(request: Request, r: Translation, line: number, contextSame: boolean, pasidSame: boolean): void {
    const pasidDecides =
      !pasidSame &&
      this.#lookup.pasidCached &&
      (line < 0 || this.present.differsUnder(this.pasidCache.lines, this.#lookup.pasidAt, request));
    if (!contextSame && this.#lookup.contextCached && (line < 0 || !this.#lookup.pasidCached || pasidDecides)) {
      r.source = Source.Context;
      r.filledAt = this.contextCache.lines[this.#lookup.contextAt + Context.FilledAt]!;
    } else if (pasidDecides) {
      r.source = Source.Pasid;
      r.filledAt = this.pasidCache.lines[this.#lookup.pasidAt + PasidEntry.FilledAt]!;
    }
  }
}
