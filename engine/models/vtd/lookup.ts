import { Context, ContextCache, PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { contextFault } from './checks.ts';
import { type ConfigReader, Flag, withContext } from './config.ts';
import { Fault } from './faults.ts';
import type { VtdUnit } from './translate.ts';
import { Kind, type Request, type Translation } from './translation.ts';

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

  constructor(reader: ConfigReader) {
    this.reader = reader;
  }

  /** The lines the last request used are known to be what memory holds at this version. */
  isFresh(version: number): boolean {
    if (this.pasidAt >= 0 && this.pasids.lines[this.pasidAt + PasidEntry.Version] !== version) return false;
    return this.contextAt < 0 || this.contexts.lines[this.contextAt + Context.Version] === version;
  }

  /** Finds the PASID line, through context, directory and table where caches lack it. */
  find(request: Request, r: Translation, unit: VtdUnit): number {
    this.reader.start();
    this.contextAt = -1;
    this.pasidAt = -1;
    this.contextCached = false;
    this.pasidCached = false;
    const needs = request.kind === Kind.Translation ? Flag.PASIDE | Flag.DTE : Flag.PASIDE;
    if (request.pasid >= 0) {
      // A PASID line also holds what its context entry allowed; that counts while the context entry is cached as well.
      const at = this.contexts.find(request.sid) < 0 ? -1 : this.pasids.find(request.sid, request.pasid);
      if (at >= 0 && (this.pasids.lines[at + PasidEntry.Flags]! & needs) === needs) {
        this.pasidAt = at;
        this.pasidCached = true;
        r.pasid = request.pasid;
        return Fault.None;
      }
    }
    const fault = this.#throughContext(request, r, unit);
    r.config = this.reader.reads;
    if (unit.trace !== null) unit.trace.config(this.reader, unit.mem);
    return fault;
  }

  #throughContext(request: Request, r: Translation, unit: VtdUnit): number {
    const reader = this.reader;
    const cache = this.contexts;
    let context = cache.find(request.sid);
    this.contextCached = context >= 0;
    if (context < 0) {
      const fault = reader.readContext(unit.rtaHi, unit.rtaLo, request.sid, request.pasid);
      if (fault !== 0) return fault;
      context = cache.fill(request.sid);
      copyValue(cache.lines, context, reader.context, Context.Flags, Context.RidPasid);
      cache.lines[context + Context.FilledAt] = unit.now;
      cache.lines[context + Context.Version] = unit.mem.version;
    }
    this.contextAt = context;
    const lines = cache.lines;
    const flags = lines[context + Context.Flags]!;
    reader.fpd = flags & Flag.FPD;
    const fault = contextFault(flags, lines[context + Context.Limit]!, lines[context + Context.RidPasid]!, request);
    if (fault !== 0) return fault;
    r.pasid = request.pasid >= 0 ? request.pasid : lines[context + Context.RidPasid]!;
    return this.#throughDirectory(request.sid, r.pasid, context, unit);
  }

  #throughDirectory(sid: number, pasid: number, context: number, unit: VtdUnit): number {
    const reader = this.reader;
    const cache = this.pasids;
    const from = this.contexts.lines;
    let at = cache.find(sid, pasid);
    if (at >= 0) {
      this.pasidCached = true;
      cache.changes++;
      cache.lines[at + PasidEntry.Flags] = withContext(
        cache.lines[at + PasidEntry.Flags]!,
        from[context + Context.Flags]!,
      );
    } else {
      const fault = reader.readPasid(from, context, pasid);
      if (fault !== 0) return fault;
      at = cache.fill(sid, pasid, reader.pasid[PasidEntry.Did]!);
      copyValue(cache.lines, at, reader.pasid, PasidEntry.Did, PasidEntry.Origin);
      cache.lines[at + PasidEntry.FilledAt] = unit.now;
      // An entry found through a stale directory pointer is never known to be fresh.
      const version = unit.mem.version;
      cache.lines[at + PasidEntry.Version] = from[context + Context.Version] === version ? version : (version - 1) | 0;
    }
    this.pasidAt = at;
    return Fault.None;
  }
}

function copyValue(to: Int32Array, at: number, from: Int32Array, first: number, last: number): void {
  for (let i = first; i <= last; i++) to[at + i] = from[i]!;
}
