import { Context, ContextCache, PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { unproven } from '../line-proof.ts';
import { Kind, type Request, type Translation } from '../translation.ts';
import { contextFault } from './checks.ts';
import { type ConfigReader, isLegacy } from './config.ts';
import { Fault } from './faults.ts';
import { contextLineFault, Flag, pasidLineFault, withContext } from './line.ts';
import type { VtdUnit } from './unit.ts';

/** The way from a request to its PASID entry, through the context and PASID caches (VT-d 6.2.2, 6.2.3). */
export class ConfigLookup {
  readonly contexts = new ContextCache();
  readonly pasids = new PasidCache();
  readonly reader: ConfigReader;
  /** Lines the last request used; -1 where it used none. */
  contextAt = -1;
  pasidAt = -1;
  /** Whether those lines were there before the request. */
  contextCached = false;
  pasidCached = false;
  /** The request with PASID that last found its line at once, and the line; for as long as no line has come or gone. */
  #sid = -1;
  #pasid = -1;
  #rtaHi = 0;
  #rtaLo = 0;
  #contextChanges = 0;
  #pasidChanges = 0;
  #at = -1;

  constructor(reader: ConfigReader) {
    this.reader = reader;
  }

  /** The lines the last request used are known to be what memory holds at this version. */
  isFresh(version: number): boolean {
    if (this.pasidAt >= 0 && this.pasids.lines[this.pasidAt + PasidEntry.Version] !== version) return false;
    return this.contextAt < 0 || this.contexts.lines[this.contextAt + Context.Version] === version;
  }

  /**
   * The context line of a source id, or -1. A line of the other table mode does not count: software that changes the mode
   * must invalidate everything, and nothing says what hardware makes of an entry whose format it does not expect.
   */
  contextOf(sid: number, rtaLo: number): number {
    const at = this.contexts.find(sid);
    const legacy = at >= 0 && (this.contexts.lines[at + Context.Flags]! & Flag.LEGACY) !== 0;
    return legacy === isLegacy(rtaLo) ? at : -1;
  }

  /** Finds the PASID line, through context, directory and table where caches lack it. */
  find(request: Request, r: Translation, unit: VtdUnit): number {
    if (this.#isRepeated(request, unit)) {
      this.contextAt = -1;
      this.contextCached = false;
      this.pasidAt = this.#at;
      this.pasidCached = true;
      r.pasid = request.pasid;
      return Fault.None;
    }
    const refused = this.#start(request, unit);
    if (refused !== 0) return refused;
    const needs = request.kind === Kind.Translation ? Flag.PASIDE | Flag.DTE : Flag.PASIDE;
    if (request.pasid >= 0) {
      // A PASID line also holds what its context entry allowed; that counts while the context entry is cached as well.
      const context = this.contextOf(request.sid, unit.rtaLo);
      const usable = context >= 0 && contextLineFault(this.contexts.lines, context) === 0;
      const at = usable ? this.pasids.find(request.sid, request.pasid) : -1;
      if (at >= 0 && (this.pasids.lines[at + PasidEntry.Flags]! & needs) === needs) {
        this.pasidAt = at;
        this.pasidCached = true;
        r.pasid = request.pasid;
        this.#repeat(request, at, unit);
        return Fault.None;
      }
    }
    const fault = this.#context(request, unit) || this.#throughDirectory(request, r, unit);
    return this.#done(fault, r, unit);
  }

  /** What a translated request needs: a context entry that admits it (VT-d 4.2.5). */
  findContext(request: Request, r: Translation, unit: VtdUnit): number {
    return this.#start(request, unit) || this.#done(this.#context(request, unit), r, unit);
  }

  #isRepeated({ sid, pasid, kind }: Request, unit: VtdUnit): boolean {
    return (
      sid === this.#sid &&
      pasid === this.#pasid &&
      kind === Kind.Untranslated &&
      this.pasids.changes === this.#pasidChanges &&
      this.contexts.changes === this.#contextChanges &&
      unit.rtaLo === this.#rtaLo &&
      unit.rtaHi === this.#rtaHi
    );
  }

  #repeat({ sid, pasid }: Request, at: number, unit: VtdUnit): void {
    this.#sid = sid;
    this.#pasid = pasid;
    this.#rtaHi = unit.rtaHi;
    this.#rtaLo = unit.rtaLo;
    this.#contextChanges = this.contexts.changes;
    this.#pasidChanges = this.pasids.changes;
    this.#at = at;
  }

  #start(request: Request, unit: VtdUnit): number {
    this.reader.start();
    this.contextAt = -1;
    this.pasidAt = -1;
    this.contextCached = false;
    this.pasidCached = false;
    return this.reader.modeFault(unit.rtaHi, unit.rtaLo, request.pasid);
  }

  #done(fault: number, r: Translation, unit: VtdUnit): number {
    r.config = this.reader.reads;
    if (unit.trace !== null) unit.trace.config(this.reader.path, this.reader.reads, unit.mem);
    return fault;
  }

  /** Finds the context line, and asks it about the request. */
  #context(request: Request, unit: VtdUnit): number {
    const reader = this.reader;
    const at = this.contextOf(request.sid, unit.rtaLo);
    this.contextCached = at >= 0;
    this.contextAt = at;
    if (at < 0) {
      const fault = reader.readContext(unit.rtaHi, unit.rtaLo, request.sid, request.pasid);
      if (fault === 0) this.#fillContext(request.sid, unit);
      else {
        if (unit.caps.CM !== 0) this.#fillContextFault(request.sid, fault, unit);
        return fault;
      }
    }
    const lines = this.contexts.lines;
    const flags = lines[this.contextAt + Context.Flags]!;
    reader.fpd = flags & Flag.FPD;
    const held = contextLineFault(lines, this.contextAt);
    if (held !== 0) return held;
    const { Limit, RidPasid } = Context;
    return contextFault(flags, lines[this.contextAt + Limit]!, lines[this.contextAt + RidPasid]!, request);
  }

  #throughDirectory(request: Request, r: Translation, unit: VtdUnit): number {
    const reader = this.reader;
    const cache = this.pasids;
    const context = this.contextAt;
    const from = this.contexts.lines;
    const { sid } = request;
    const pasid = request.pasid >= 0 ? request.pasid : from[context + Context.RidPasid]!;
    r.pasid = pasid;
    let at = cache.find(sid, pasid);
    if (at >= 0) {
      this.pasidAt = at;
      this.pasidCached = true;
      const flags = cache.lines[at + PasidEntry.Flags]!;
      const held = pasidLineFault(cache.lines, at);
      if (held !== 0) {
        if (flags & Flag.OWN_FPD) reader.fpd = Flag.FPD;
        return held;
      }
      cache.changes++;
      cache.lines[at + PasidEntry.Flags] = withContext(flags, from[context + Context.Flags]!);
      return Fault.None;
    }
    const fault = reader.readPasid(from, context, pasid);
    if (fault !== 0 && unit.caps.CM === 0) return fault;
    at = cache.fill(sid, pasid, fault === 0 ? reader.pasid[PasidEntry.Did]! : -1);
    this.pasidAt = at;
    if (fault === 0) copyValue(cache.lines, at, reader.pasid, PasidEntry.Did, PasidEntry.Origin);
    else {
      const own = reader.fpd !== 0 && (from[context + Context.Flags]! & Flag.FPD) === 0;
      cache.lines[at + PasidEntry.Flags] = Flag.FAULTS | (own ? Flag.OWN_FPD : 0);
      cache.lines[at + PasidEntry.FsLo] = fault;
    }
    cache.lines[at + PasidEntry.FilledAt] = unit.now;
    // An entry found through a stale directory pointer is never known to be fresh.
    const version = unit.mem.version;
    cache.lines[at + PasidEntry.Version] = from[context + Context.Version] === version ? version : unproven(version);
    return fault;
  }

  #fillContext(sid: number, unit: VtdUnit): void {
    const { context } = this.reader;
    const cache = this.contexts;
    const at = cache.fill(sid, context[Context.Did]!);
    copyValue(cache.lines, at, context, Context.Flags, Context.Did);
    this.#dateContext(at, sid, unit);
  }

  /** Caching mode: that there is no sound entry is kept too (VT-d 6.2.2). */
  #fillContextFault(sid: number, fault: number, unit: VtdUnit): void {
    const cache = this.contexts;
    const at = cache.fill(sid);
    cache.lines[at + Context.Flags] = Flag.FAULTS | this.reader.fpd | (isLegacy(unit.rtaLo) ? Flag.LEGACY : 0);
    cache.lines[at + Context.DirLo] = fault;
    this.#dateContext(at, sid, unit);
  }

  #dateContext(at: number, sid: number, unit: VtdUnit): void {
    this.contexts.lines[at + Context.FilledAt] = unit.now;
    this.contexts.lines[at + Context.Version] = unit.mem.version;
    // A legacy line's copy among the PASID lines goes with it.
    this.pasids.forget(sid, -1);
    this.contextAt = at;
  }
}

function copyValue(to: Int32Array, at: number, from: Int32Array, first: number, last: number): void {
  for (let i = first; i <= last; i++) to[at + i] = from[i]!;
}
