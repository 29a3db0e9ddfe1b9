import { Context, PasidEntry } from '../../cache/config-cache.ts';
import { DIRTY, RIGHTS, Tlb } from '../../cache/iotlb.ts';
import { Access, Answer, judge, Kind, type Request, Stages, Stale, sameAnswer, Translation } from '../translation.ts';
import { contextFault, deniedBy } from './checks.ts';
import type { ConfigReader } from './config.ts';
import { Fault, faultByCode } from './faults.ts';
import { contextLineFault, Flag, pasidLineFault, sameContext, samePasid } from './line.ts';
import { PGTT } from './structures.ts';
import { inInterruptRange, type TableWalk } from './tables.ts';
import type { VtdUnit } from './unit.ts';

/** Walks from the present registers, structures and tables: no caches are asked or filled, no bit is set, nothing is logged. */
export class Presence {
  readonly reader: ConfigReader;
  readonly tables: TableWalk;
  /** The answer to the last `walk`; reused. */
  readonly result = new Translation(faultByCode);
  /** Whether the last walk came as far as a valid context entry and a valid PASID entry. */
  contextRead = false;
  pasidRead = false;
  readonly #unit: VtdUnit;

  constructor(unit: VtdUnit, reader: ConfigReader, tables: TableWalk) {
    this.#unit = unit;
    this.reader = reader;
    this.tables = tables;
    tables.record = true;
    tables.walker.keeping = unit.structures !== null;
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
    if (!this.#unit.translating) return untranslated(request, r);
    if (request.kind === Kind.Translated) return this.#admit(request, r);
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

  /** Whether a context line holds what the last `walk` read. */
  holdsContext(lines: Int32Array, at: number): boolean {
    const held = contextLineFault(lines, at);
    if (held !== 0) return !this.contextRead && this.result.fault === held;
    return this.contextRead && sameContext(lines, at, this.reader.context);
  }

  /** The same of a PASID line. */
  holdsPasid(lines: Int32Array, at: number): boolean {
    const held = pasidLineFault(lines, at);
    if (held !== 0) return this.contextRead && !this.pasidRead && this.result.fault === held;
    return this.pasidRead && samePasid(lines, at, this.reader.pasid);
  }

  /** Whether a walk of the present tables under a cached PASID line would still be no better than what `walk` last found. */
  differsUnder(lines: Int32Array, at: number, request: Request): boolean {
    const r = new Translation(faultByCode);
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
    if (this.reader.modeFault(unit.rtaHi, unit.rtaLo, request.pasid) !== 0) return false;
    const context = unit.contextOf(request.sid);
    if (context >= 0 && contextLineFault(unit.contextCache.lines, context) !== 0) return false;
    const rid = context >= 0 ? unit.contextCache.lines[context + Context.RidPasid]! : -1;
    // A PASID line counts while its context entry is cached as well.
    let at = context >= 0 ? unit.pasidCache.find(request.sid, request.pasid >= 0 ? request.pasid : rid) : -1;
    let lines = unit.pasidCache.lines;
    r.pasid = request.pasid >= 0 ? request.pasid : rid;
    if (at < 0) {
      if (this.#configure(request, r) !== 0) return false;
      lines = this.reader.pasid;
      at = 0;
    } else if (pasidLineFault(lines, at) !== 0) return false;
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
    return deniedBy(grants, access, flags) !== 0 || access !== Access.Write || (grants & DIRTY) !== 0;
  }

  #admit(request: Request, r: Translation): Translation {
    r.fault = this.#admitted(request);
    r.config = this.reader.reads;
    return r.fault === 0 ? passed(request, r) : r;
  }

  /** What registers, root and context entry say of a request. */
  #admitted(request: Request): number {
    const { reader } = this;
    const { rtaHi, rtaLo } = this.#unit;
    const fault = reader.readContext(rtaHi, rtaLo, request.sid, request.pasid);
    if (fault !== 0) return fault;
    this.contextRead = true;
    const line = reader.context;
    return contextFault(line[Context.Flags]!, line[Context.Limit]!, line[Context.RidPasid]!, request);
  }

  #configure(request: Request, r: Translation): number {
    const { reader } = this;
    const denied = this.#admitted(request);
    if (denied !== 0) return denied;
    const line = reader.context;
    r.pasid = request.pasid >= 0 ? request.pasid : line[Context.RidPasid]!;
    const wrong = reader.readPasid(line, 0, r.pasid);
    this.pasidRead = wrong === 0;
    return wrong;
  }

  #translate(lines: Int32Array, at: number, request: Request, r: Translation): number {
    const flags = lines[at + PasidEntry.Flags]!;
    r.stages = lines[at + PasidEntry.Pgtt]! as Stages;
    r.domain = lines[at + PasidEntry.Did]!;
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

/** GCMD.TE is clear: a request passes as it is, and what belongs to ATS is unsupported, of which nobody is told (VT-d 4.2.1). */
function untranslated(request: Request, r: Translation): Translation {
  if (request.kind === Kind.Untranslated) return passed(request, r);
  r.silent = true;
  if (request.kind === Kind.Translation) r.answer = Answer.Error;
  return r;
}

/** The address is already that of the memory. */
export function passed(request: Request, r: Translation): Translation {
  r.ok = true;
  r.hpaHi = request.hi;
  r.hpaLo = request.lo;
  r.lg2 = 12;
  r.grants = RIGHTS;
  r.stages = Stages.PassThrough;
  return r;
}
