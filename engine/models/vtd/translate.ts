import { PasidEntry } from '../../cache/config-cache.ts';
import { DIRTY, FAULTS, type Iotlb, Tlb } from '../../cache/iotlb.ts';
import {
  Access,
  Answer,
  Hit,
  Kind,
  type Request,
  readLine,
  Source,
  Stages,
  Stale,
  type Translation,
  writeLine,
} from '../translation.ts';
import { lineFault } from './checks.ts';
import { Fault } from './faults.ts';
import { Freshness } from './freshness.ts';
import { Flag } from './line.ts';
import type { ConfigLookup } from './lookup.ts';
import { passed } from './present.ts';
import type { RecentConfig } from './recent.ts';
import { PGTT } from './structures.ts';
import { inInterruptRange, type TableWalk } from './tables.ts';
import type { VtdUnit } from './unit.ts';

/**
 * Translates requests with everything hardware does about it (VT-d 3, 6.2, 7.1): configuration, IOTLB, tables, accessed and
 * dirty bits, faults, and what each of them leaves in the caches.
 */
export class Translator {
  readonly #unit: VtdUnit;
  readonly #iotlb: Iotlb;
  readonly #lookup: ConfigLookup;
  readonly #tables: TableWalk;
  readonly #recent: RecentConfig;
  readonly #freshness: Freshness;

  constructor(unit: VtdUnit, lookup: ConfigLookup, tables: TableWalk, recent: RecentConfig) {
    this.#unit = unit;
    this.#iotlb = unit.iotlb;
    this.#lookup = lookup;
    this.#tables = tables;
    this.#recent = recent;
    this.#freshness = new Freshness(lookup, tables, unit.present);
  }

  translate(request: Request, r: Translation): Translation {
    r.clear();
    this.#recent.leave();
    if (request.pasid < 0 && inInterruptRange(request.hi, request.lo)) {
      r.ok = true;
      r.interrupt = true;
      return r;
    }
    const lookup = this.#lookup;
    this.#freshness.start();
    const fault = lookup.find(request, r, this.#unit);
    if (fault !== 0) return this.#failed(request, r, fault, lookup.reader.fpd);

    const at = lookup.pasidAt;
    const lines = lookup.pasids.lines;
    const flags = lines[at + PasidEntry.Flags]!;
    const pgtt = lines[at + PasidEntry.Pgtt]!;
    const did = lines[at + PasidEntry.Did]!;
    r.stages = pgtt as Stages;
    r.domain = did;
    const privileged = request.pasid < 0 ? (flags & Flag.RID_PRIV) !== 0 : request.privileged;
    // Only a PASID prefix can ask to execute; without one it is a read.
    const access = request.pasid < 0 && request.access === Access.Exec ? Access.Read : request.access;
    if (access === Access.Exec && (flags & Flag.ERE) === 0) return this.#failed(request, r, Fault.SPT_5, flags);
    if (privileged && (flags & Flag.SRE) === 0) return this.#failed(request, r, Fault.SPT_6, flags);

    const tagPasid = pgtt === PGTT.secondStage ? -1 : r.pasid;
    const tagPrivileged = privileged && (pgtt === PGTT.firstStage || pgtt === PGTT.nested) ? 1 : 0;
    const line = this.#iotlb.find(did, tagPasid, pgtt, tagPrivileged, request.hi, request.lo);
    if (line >= 0) {
      const grants = this.#iotlb.lines[line + Tlb.Flags]!;
      if ((grants & FAULTS) !== 0) return this.#faultFrom(line, request, r, flags);
      const denied = lineFault(this.#iotlb.lines, line, request.lo, access, flags);
      const answer = this.#answerFrom(line, request, r, denied, flags);
      if (denied !== 0 || access !== Access.Write || (grants & DIRTY) !== 0) return answer;
      return this.#firstWrite(request, r, flags, privileged, tagPasid, tagPrivileged);
    }
    const walkFault = this.#walk(request, r, access, privileged, tagPasid, tagPrivileged);
    if (walkFault !== 0) return this.#failed(request, r, walkFault, flags);
    if (request.kind === Kind.Translation) r.answer = Answer.Success;
    this.#judgeWalk(request, r);
    return r;
  }

  /** A device sends a translated address, which only the context entry has a say in (VT-d 4.2.5). */
  admit(request: Request, r: Translation): Translation {
    r.clear();
    this.#recent.leave();
    this.#freshness.start();
    const fault = this.#lookup.findContext(request, r, this.#unit);
    if (fault !== 0) return this.#failed(request, r, fault, this.#lookup.reader.fpd);
    passed(request, r);
    if (!this.#freshness.isWalkFresh(this.#unit.mem.version)) this.#judge(request, r, -1);
    return r;
  }

  #answerFrom(line: number, request: Request, r: Translation, denied: number, flags: number): Translation {
    const lines = this.#iotlb.lines;
    readLine(lines, line, request, r);
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    const fresh = this.#freshness.isLineFresh(lines, line, this.#unit.mem.version);
    if (denied !== 0) {
      this.#unit.reporter.fail(request, r, denied, flags);
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
    const cannotSet = r.stale !== Stale.Fresh && this.#unit.present.result.fault === Fault.SFS_8;
    if (r.stale !== Stale.Fresh && !cannotSet) return r;
    r.stale = Stale.Fresh;
    r.hit = Hit.None;
    r.source = Source.Walk;
    r.filledAt = 0;
    r.since = 0;
    const fault = this.#walk(request, r, Access.Write, privileged, tagPasid, tagPrivileged);
    if (fault !== 0) return this.#failed(request, r, fault, flags);
    this.#judgeWalk(request, r);
    return r;
  }

  /** An answer from a line that says that the page faults. */
  #faultFrom(line: number, request: Request, r: Translation, flags: number): Translation {
    const lines = this.#iotlb.lines;
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    r.filledAt = lines[line + Tlb.FilledAt]!;
    r.since = lines[line + Tlb.Since]!;
    this.#unit.reporter.fail(request, r, lines[line + Tlb.HpaLo]!, flags);
    if (!this.#freshness.isLineFresh(lines, line, this.#unit.mem.version)) this.#judge(request, r, line);
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
    const unit = this.#unit;
    const tables = this.#tables;
    const config = this.#lookup.pasids.lines;
    const at = this.#lookup.pasidAt;
    const structures = unit.structures;
    const { version } = unit.mem;
    tables.record = unit.trace !== null;
    if (structures !== null) structures.begin(config, at, tagPasid, version);
    const fault = tables.run(config, at, request.hi, request.lo, access, privileged);
    r.refs = tables.walker.steps;
    if (structures?.used) r.hit = Hit.Psc;
    if (unit.trace !== null) unit.trace.walk(tables.walker);
    const fresh = this.#freshness.isWalkFresh(version);
    if (fault !== 0) {
      if (unit.caps.CM !== 0 && staysCached(fault, r.stages))
        this.#fillFault(request, r, fault, tagPasid, tagPrivileged, fresh);
      return fault;
    }
    // What a walk without caches would find is asked before this access sets any bit.
    if (!fresh) unit.present.walk(request);
    tables.applyUpdates();
    r.ok = true;
    r.hpaHi = tables.hpaHi;
    r.hpaLo = tables.hpaLo;
    r.gpaHi = tables.gpaHi;
    r.gpaLo = tables.gpaLo;
    r.lg2 = tables.lg2;
    r.grants = tables.grants;

    const line = this.#iotlb.fill(r.domain, tagPasid, r.stages, tagPrivileged, request.hi, request.lo, tables.lg2);
    writeLine(this.#iotlb.lines, line, r);
    this.#dateLine(line, request, fresh);
    if (structures !== null)
      structures.fill(tables.walker, unit.now, fresh, request.sid, request.pasid, request.hi, request.lo);
    return Fault.None;
  }

  /** Caching mode: that a page faults is kept too, for the 4 KiB asked for, which is the least that may be. */
  #fillFault(
    request: Request,
    r: Translation,
    fault: number,
    tagPasid: number,
    tagPrivileged: number,
    fresh: boolean,
  ): void {
    const line = this.#iotlb.fill(r.domain, tagPasid, r.stages, tagPrivileged, request.hi, request.lo, 12);
    const lines = this.#iotlb.lines;
    lines[line + Tlb.Flags] = FAULTS;
    lines[line + Tlb.HpaLo] = fault;
    lines[line + Tlb.Lg2] = 12;
    this.#dateLine(line, request, fresh);
  }

  #dateLine(line: number, request: Request, fresh: boolean): void {
    const lines = this.#iotlb.lines;
    lines[line + Tlb.Sid] = request.sid;
    lines[line + Tlb.Pasid] = request.pasid;
    this.#freshness.markFilled(lines, line, this.#unit.now, this.#unit.mem.version, fresh);
  }

  #failed(request: Request, r: Translation, fault: number, flags: number): Translation {
    this.#unit.reporter.fail(request, r, fault, flags);
    if (!this.#freshness.isWalkFresh(this.#unit.mem.version)) this.#judge(request, r, -1);
    return r;
  }

  /** @param line the IOTLB line of the answer, or -1 */
  #judge(request: Request, r: Translation, line: number): void {
    this.#freshness.judge(request, r, this.#iotlb.lines, line, this.#unit.mem.version);
  }

  /** Judges a walk that succeeded by what `#walk` found before it set any bit. */
  #judgeWalk(request: Request, r: Translation): void {
    const { mem, present } = this.#unit;
    if (this.#freshness.isWalkFresh(mem.version)) return;
    this.#freshness.judge(request, r, this.#iotlb.lines, -1, mem.version, present.result);
  }
}

/**
 * Whether a unit in caching mode keeps a fault (VT-d 6.1). Faults of the first stage are never kept. Of the others those
 * are that any access to the page would meet; one that asks for less may succeed where rights were missing.
 */
const staysCached = (fault: number, stages: Stages): boolean => stages !== Stages.First && KEPT_FAULTS.has(fault);
const KEPT_FAULTS: ReadonlySet<number> = new Set([
  Fault.SFS_5,
  Fault.SFS_6,
  Fault.SFS_7,
  Fault.SSS_2,
  Fault.SSS_3,
  Fault.SGN_5,
]);
