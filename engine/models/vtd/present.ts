import { Context, PasidEntry } from '../../cache/config-cache.ts';
import { DIRTY, Tlb } from '../../cache/iotlb.ts';
import { contextFault, deniedBy } from './checks.ts';
import { type ConfigReader, Flag } from './config.ts';
import { Fault } from './faults.ts';
import { PGTT } from './structures.ts';
import { Access, inInterruptRange, type TableWalk } from './tables.ts';
import type { VtdUnit } from './translate.ts';
import { judge, type Request, Stale, sameAnswer, Translation } from './translation.ts';

/** Walks from the present registers, structures and tables: no caches are asked or filled, no bit is set, nothing is logged. */
export class Presence {
  readonly reader: ConfigReader;
  readonly tables: TableWalk;
  /** The answer to the last `walk`; reused. */
  readonly result = new Translation();
  /** Whether the last walk came as far as a valid context entry and a valid PASID entry. */
  contextRead = false;
  pasidRead = false;
  readonly #unit: VtdUnit;

  constructor(unit: VtdUnit, reader: ConfigReader, tables: TableWalk) {
    this.#unit = unit;
    this.reader = reader;
    this.tables = tables;
    tables.record = true;
  }

  walk(request: Request): Translation {
    const r = this.result;
    r.clear();
    this.contextRead = false;
    this.pasidRead = false;
    this.reader.start();
    this.tables.walker.start();
    if (request.pasid < 0 && inInterruptRange(request.hi, request.lo)) {
      r.ok = true;
      r.interrupt = true;
      return r;
    }
    r.fault = this.#configure(request, r);
    r.config = this.reader.reads;
    if (r.fault === 0) r.fault = this.#translate(this.reader.pasid, 0, request, r);
    r.ok = r.fault === 0;
    return r;
  }

  /** Whether the present walk grants exactly what an answer granted, over at least its page. */
  agrees(used: Translation): boolean {
    return sameAnswer(used, this.result);
  }

  /** Whether a walk of the present tables under a cached PASID line would still be no better than what `walk` last found. */
  differsUnder(lines: Int32Array, at: number, request: Request): boolean {
    const r = new Translation();
    r.fault = this.#translate(lines, at, request, r);
    r.ok = r.fault === 0;
    return judge(r, this.result) !== Stale.Fresh;
  }

  wouldHit(request: Request): boolean {
    const unit = this.#unit;
    if (request.pasid < 0 && inInterruptRange(request.hi, request.lo)) return false;
    this.reader.start();
    const r = this.result;
    r.clear();
    const context = unit.contextCache.find(request.sid);
    const rid = context >= 0 ? unit.contextCache.lines[context + Context.RidPasid]! : -1;
    // A PASID line counts while its context entry is cached as well.
    let at = rid >= 0 ? unit.pasidCache.find(request.sid, request.pasid >= 0 ? request.pasid : rid) : -1;
    let lines = unit.pasidCache.lines;
    r.pasid = request.pasid >= 0 ? request.pasid : rid;
    if (at < 0) {
      if (this.#configure(request, r) !== 0) return false;
      lines = this.reader.pasid;
      at = 0;
    }
    const flags = lines[at + PasidEntry.Flags]!;
    const pgtt = lines[at + PasidEntry.Pgtt]!;
    const privileged = request.pasid < 0 ? (flags & Flag.RID_PRIV) !== 0 : request.privileged;
    const access = request.pasid < 0 && request.access === Access.Exec ? Access.Read : request.access;
    if ((access === Access.Exec && (flags & Flag.ERE) === 0) || (privileged && (flags & Flag.SRE) === 0)) return false;
    if (pgtt === PGTT.passThrough) return true;
    const line = unit.iotlb.find(
      lines[at + PasidEntry.Did]!,
      pgtt === PGTT.secondStage ? -1 : r.pasid,
      pgtt,
      privileged && pgtt !== PGTT.secondStage ? 1 : 0,
      request.hi,
      request.lo,
    );
    if (line < 0) return false;
    const grants = unit.iotlb.lines[line + Tlb.Flags]!;
    return deniedBy(grants, access) !== 0 || access !== Access.Write || (grants & DIRTY) !== 0;
  }

  #configure(request: Request, r: Translation): number {
    const reader = this.reader;
    const { rtaHi, rtaLo } = this.#unit;
    const fault = reader.readContext(rtaHi, rtaLo, request.sid, request.pasid);
    if (fault !== 0) return fault;
    this.contextRead = true;
    const line = reader.context;
    const denied = contextFault(line[Context.Flags]!, line[Context.Limit]!, line[Context.RidPasid]!, request);
    if (denied !== 0) return denied;
    r.pasid = request.pasid >= 0 ? request.pasid : line[Context.RidPasid]!;
    const wrong = reader.readPasid(line, 0, r.pasid);
    this.pasidRead = wrong === 0;
    return wrong;
  }

  #translate(lines: Int32Array, at: number, request: Request, r: Translation): number {
    const flags = lines[at + PasidEntry.Flags]!;
    r.pgtt = lines[at + PasidEntry.Pgtt]!;
    r.did = lines[at + PasidEntry.Did]!;
    const privileged = request.pasid < 0 ? (flags & Flag.RID_PRIV) !== 0 : request.privileged;
    const access = request.pasid < 0 && request.access === Access.Exec ? Access.Read : request.access;
    if (access === Access.Exec && (flags & Flag.ERE) === 0) return Fault.SPT_5;
    if (privileged && (flags & Flag.SRE) === 0) return Fault.SPT_6;
    const tables = this.tables;
    const fault = tables.run(lines, at, request.hi, request.lo, access, privileged);
    r.refs = tables.walker.steps;
    if (fault !== 0) return fault;
    r.hpaHi = tables.hpaHi;
    r.hpaLo = tables.hpaLo;
    r.gpaHi = tables.gpaHi;
    r.gpaLo = tables.gpaLo;
    r.lg2 = tables.lg2;
    r.grants = tables.grants;
    return Fault.None;
  }
}
