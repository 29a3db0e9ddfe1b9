import { hi32, join, lo32 } from '../../base/addr.ts';
import { Context, ContextCache, PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { DeviceTlb } from '../../cache/device-tlb.ts';
import { DIRTY, Iotlb, Tlb } from '../../cache/iotlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import type { VtdCaps } from './caps.ts';
import { contextFault, deniedBy } from './checks.ts';
import { ConfigReader, Flag, sameContext, samePasid, withContext } from './config.ts';
import { type FaultEvent, FaultLog } from './fault-log.ts';
import { Fault, faultByCode } from './faults.ts';
import { applyInvalidation, type Invalidation } from './invalidate.ts';
import { Presence } from './present.ts';
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
  readonly contextCache = new ContextCache();
  readonly pasidCache = new PasidCache();
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
  readonly #reader: ConfigReader;
  readonly #tables: TableWalk;
  /** Cache lines the present request used; -1 where it used none. */
  #contextAt = -1;
  #pasidAt = -1;
  /** Whether those lines were there before the request. */
  #contextCached = false;
  #pasidCached = false;

  constructor(mem: PhysMem, caps: VtdCaps) {
    this.mem = mem;
    this.caps = caps;
    this.log = new FaultLog(caps.NFR + 1);
    const formats = new FormatSet(caps);
    this.#reader = new ConfigReader(mem, caps);
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
    r.clear();
    this.#contextAt = -1;
    this.#pasidAt = -1;
    if (request.pasid < 0 && inInterruptRange(request.hi, request.lo)) {
      r.ok = true;
      r.interrupt = true;
      return r;
    }
    const fault = this.#configure(request, r);
    if (fault !== 0) return this.#failed(request, r, fault, this.#reader.fpd);

    const at = this.#pasidAt;
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
      // A clean line cannot serve a write: the walk has to set the dirty bit first.
      if (denied !== 0 || access !== Access.Write || (grants & DIRTY) !== 0) {
        return this.#answerFrom(line, request, r, denied, flags);
      }
    }
    const walkFault = this.#walk(request, r, access, privileged, tagPasid, tagPrivileged);
    if (walkFault !== 0) return this.#failed(request, r, walkFault, flags);
    if (request.kind === Kind.Translation) r.answer = Answer.Success;
    if (!this.#configFresh()) this.#judge(request, r, -1);
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

  /** Finds the PASID line, through context, directory and table where caches lack it. */
  #configure(request: Request, r: Translation): number {
    this.#reader.start();
    this.#contextCached = false;
    this.#pasidCached = false;
    const needs = request.kind === Kind.Translation ? Flag.PASIDE | Flag.DTE : Flag.PASIDE;
    if (request.pasid >= 0) {
      // A PASID line also holds what its context entry allowed, so the context need not be asked again.
      const at = this.pasidCache.find(request.sid, request.pasid);
      if (at >= 0 && (this.pasidCache.lines[at + PasidEntry.Flags]! & needs) === needs) {
        this.#pasidAt = at;
        this.#pasidCached = true;
        r.pasid = request.pasid;
        return Fault.None;
      }
    }
    const fault = this.#throughContext(request, r);
    r.config = this.#reader.reads;
    if (this.trace !== null) this.trace.config(this.#reader, this.mem);
    return fault;
  }

  #throughContext(request: Request, r: Translation): number {
    const reader = this.#reader;
    const cache = this.contextCache;
    let context = cache.find(request.sid);
    this.#contextCached = context >= 0;
    if (context < 0) {
      const fault = reader.readContext(this.rtaHi, this.rtaLo, request.sid, request.pasid);
      if (fault !== 0) return fault;
      context = cache.fill(request.sid);
      copyValue(cache.lines, context, reader.context, Context.Flags, Context.RidPasid);
      cache.lines[context + Context.FilledAt] = this.now;
      cache.lines[context + Context.Version] = this.mem.version;
    }
    this.#contextAt = context;
    const lines = cache.lines;
    const flags = lines[context + Context.Flags]!;
    reader.fpd = flags & Flag.FPD;
    const fault = contextFault(flags, lines[context + Context.Limit]!, lines[context + Context.RidPasid]!, request);
    if (fault !== 0) return fault;
    r.pasid = request.pasid >= 0 ? request.pasid : lines[context + Context.RidPasid]!;
    return this.#throughDirectory(request.sid, r.pasid, context);
  }

  #throughDirectory(sid: number, pasid: number, context: number): number {
    const reader = this.#reader;
    const cache = this.pasidCache;
    const from = this.contextCache.lines;
    let at = cache.find(sid, pasid);
    if (at >= 0) {
      this.#pasidCached = true;
      cache.lines[at + PasidEntry.Flags] = withContext(
        cache.lines[at + PasidEntry.Flags]!,
        from[context + Context.Flags]!,
      );
    } else {
      const fault = reader.readPasid(from, context, pasid);
      if (fault !== 0) return fault;
      at = cache.fill(sid, pasid, reader.pasid[PasidEntry.Did]!);
      copyValue(cache.lines, at, reader.pasid, PasidEntry.Did, PasidEntry.Origin);
      cache.lines[at + PasidEntry.FilledAt] = this.now;
      // An entry found through a stale directory pointer is never known to be fresh.
      const version = this.mem.version;
      cache.lines[at + PasidEntry.Version] = from[context + Context.Version] === version ? version : (version - 1) | 0;
    }
    this.#pasidAt = at;
    return Fault.None;
  }

  #answerFrom(line: number, request: Request, r: Translation, denied: number, flags: number): Translation {
    const lines = this.iotlb.lines;
    readLine(lines, line, request, r);
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    const config = this.pasidCache.lines;
    const fresh =
      lines[line + Tlb.Version] === this.mem.version &&
      lines[line + Tlb.Origin] === config[this.#pasidAt + PasidEntry.Origin] &&
      this.#configFresh();
    if (denied !== 0) {
      this.#report(request, r, denied, flags);
      if (!fresh) this.#judge(request, r, line);
      return r;
    }
    r.ok = true;
    if (request.kind === Kind.Translation) r.answer = Answer.Success;
    if (!fresh) this.#judge(request, r, line);
    return r;
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
    const at = this.#pasidAt;
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
    lines[line + Tlb.Version] = this.#configFresh() ? version : (version - 1) | 0;
    lines[line + Tlb.Origin] = config[at + PasidEntry.Origin]!;
    return Fault.None;
  }

  /** The configuration lines this request used are known to be what memory holds now. */
  #configFresh(): boolean {
    const version = this.mem.version;
    if (this.#pasidAt >= 0 && this.pasidCache.lines[this.#pasidAt + PasidEntry.Version] !== version) return false;
    return this.#contextAt < 0 || this.contextCache.lines[this.#contextAt + Context.Version] === version;
  }

  #failed(request: Request, r: Translation, fault: number, flags: number): Translation {
    this.#report(request, r, fault, flags);
    if (!this.#configFresh()) this.#judge(request, r, -1);
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
    const contextSame = this.#contextAt < 0 || (contextRead && sameContext(contexts, this.#contextAt, reader.context));
    const pasidSame = this.#pasidAt < 0 || (pasidRead && samePasid(pasids, this.#pasidAt, reader.pasid));
    if (contextSame && this.#contextAt >= 0) contexts[this.#contextAt + Context.Version] = version;
    if (pasidSame && this.#pasidAt >= 0) pasids[this.#pasidAt + PasidEntry.Version] = version;
    if (line >= 0 && contextSame && pasidSame && this.present.agrees(r)) {
      this.iotlb.lines[line + Tlb.Version] = version;
      this.iotlb.lines[line + Tlb.Origin] = pasids[this.#pasidAt + PasidEntry.Origin]!;
    }
    r.stale = judge(r, present);
    if (r.stale !== Stale.Fresh) this.#blame(request, r, line, contextSame, pasidSame);
  }

  /** Names the cache that kept what is no longer so: the uppermost one whose content decided the answer. */
  #blame(request: Request, r: Translation, line: number, contextSame: boolean, pasidSame: boolean): void {
    const pasidDecides =
      !pasidSame &&
      this.#pasidCached &&
      (line < 0 || this.present.differsUnder(this.pasidCache.lines, this.#pasidAt, request));
    if (!contextSame && this.#contextCached && (line < 0 || !this.#pasidCached || pasidDecides)) {
      r.source = Source.Context;
      r.filledAt = this.contextCache.lines[this.#contextAt + Context.FilledAt]!;
    } else if (pasidDecides) {
      r.source = Source.Pasid;
      r.filledAt = this.pasidCache.lines[this.#pasidAt + PasidEntry.FilledAt]!;
    }
  }
}

function copyValue(to: Int32Array, at: number, from: Int32Array, first: number, last: number): void {
  for (let i = first; i <= last; i++) to[at + i] = from[i]!;
}
