import { join } from '../../base/addr.ts';
import { DIRTY, Tlb } from '../../cache/iotlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import { Access, Answer, Hit, Kind, type Request, Source, Stages, Stale, type Translation } from '../translation.ts';
import { ABORT, admit, admitTranslated, passesDisabled, stagesOf } from './admit.ts';
import { accessOf, isPrivileged } from './attributes.ts';
import type { ContextEntry } from './context-entry.ts';
import { EventClass } from './event-record.ts';
import { Event } from './events.ts';
import type { Features } from './features.ts';
import { Freshness } from './freshness.ts';
import type { ConfigLookup } from './lookup.ts';
import { passThrough, takeResult } from './present.ts';
import type { RecentConfig } from './recent.ts';
import type { RegisterFile } from './register-file.ts';
import { CONFIGURATION, type FaultDetails, type FaultRules, Reporter } from './reporter.ts';
import { deniedBy, grantsOf } from './rights.ts';
import type { StageTwo } from './stage-two.ts';
import type { StreamEntry } from './stream-entry.ts';
import { BYPASS } from './substream.ts';
import { TableWalk } from './table-walk.ts';
import { isDirty, rightsOf, type SmmuTlb } from './tlb.ts';
import { fillLine, findLine, partOf, readAddresses } from './tlb-line.ts';
import type { SmmuUnit } from './unit.ts';
import type { WalkCaches } from './walk-caches.ts';

/**
 * Translates requests with everything hardware does about it (IHI 0070, 3.3 to 3.13): configuration, TLB, tables, access
 * flags and dirty states, events, and what each of them leaves in the caches.
 */
export class Translator {
  readonly #unit: SmmuUnit;
  readonly #mem: PhysMem;
  readonly #features: Features;
  readonly #registers: RegisterFile;
  readonly #lookup: ConfigLookup;
  readonly #tlb: SmmuTlb;
  readonly #walks: WalkCaches | null;
  readonly #tables: TableWalk;
  readonly #reporter: Reporter;
  readonly #recent: RecentConfig;
  readonly #freshness: Freshness;

  constructor(unit: SmmuUnit, recent: RecentConfig) {
    const { mem, features, registers, lookup, tlb, walks } = unit;
    this.#unit = unit;
    this.#mem = mem;
    this.#features = features;
    this.#registers = registers;
    this.#lookup = lookup;
    this.#tlb = tlb;
    this.#walks = walks;
    this.#recent = recent;
    this.#tables = new TableWalk(mem, features, walks);
    this.#freshness = new Freshness(lookup, tlb, this.#tables, unit.present);
    this.#reporter = new Reporter(unit.events, unit.stalls, registers, features);
  }

  translate(request: Request, r: Translation): Translation {
    this.#recent.leave();
    r.clear();
    const lookup = this.#lookup;
    lookup.start();
    lookup.now = this.#unit.now;
    this.#freshness.start();
    if (this.#unit.trace !== null) this.#tables.start();
    this.#walks?.start(this.#mem.version);
    if (!this.#registers.enabled) {
      passThrough(r, request, passesDisabled(this.#registers, request));
      if (!r.ok && request.kind === Kind.Translation) r.answer = Answer.Error;
      return r;
    }
    this.#configure(request, r);
    r.config = lookup.reader.reads;
    if (this.#unit.trace !== null) {
      this.#unit.trace.config(lookup.reader.path, lookup.reader.reads, this.#mem);
      this.#unit.trace.walk(this.#tables.walker);
    }
    return r;
  }

  /** A device sends an address that its ATC holds, on which only the STE has a say. */
  admitTranslated(request: Request, r: Translation): Translation {
    this.#recent.leave();
    r.clear();
    const lookup = this.#lookup;
    lookup.start();
    lookup.now = this.#unit.now;
    this.#freshness.start();
    if (!this.#registers.enabled || !this.#registers.checksTranslated) return passThrough(r, request, true);
    const fault = lookup.findStream(request.sid);
    if (fault !== 0) r.why = lookup.ste?.why ?? '';
    const refused = fault === 0 ? admitTranslated(lookup.ste!) : -fault;
    r.config = lookup.reader.reads;
    if (refused !== 0 && refused !== ABORT) return this.#configFault(request, r, -refused);
    passThrough(r, request, refused === 0);
    return this.#judgeUnlessFresh(request, r);
  }

  /** From the StreamID to the substream's CD, and on. */
  #configure(request: Request, r: Translation): Translation {
    const lookup = this.#lookup;
    const features = this.#features;
    const fault = lookup.findStream(request.sid);
    if (fault !== 0) {
      r.why = lookup.ste?.why ?? '';
      return this.#configFault(request, r, fault);
    }
    const ste = lookup.ste!;
    this.#walks?.enter(ste);
    const substream = admit(ste, request, features);
    if (substream === ABORT) {
      r.silent = true;
      if (request.kind === Kind.Translation) r.answer = Answer.Error;
      return this.#judgeUnlessFresh(request, r);
    }
    if (substream < 0 && substream !== BYPASS) return this.#configFault(request, r, -substream);
    r.stages = stagesOf(ste, substream);
    r.domain = ste.vmid;
    if (substream >= 0) {
      const wrong = lookup.findContext(request.sid, substream);
      if (wrong !== 0) {
        r.why = lookup.cd?.why ?? '';
        return this.#configFault(request, r, wrong);
      }
      r.pasid = lookup.cd!.asid;
    }
    return this.#translateUnder(ste, lookup.cd, request, r);
  }

  /** The TLB, then the tables. */
  #translateUnder(ste: StreamEntry, cd: ContextEntry | null, request: Request, r: Translation): Translation {
    const access = accessOf(ste, request);
    const privileged = isPrivileged(ste, request);
    const tlb = partOf(this.#tlb, cd);
    const line = r.stages === Stages.PassThrough ? -1 : findLine(tlb, ste, cd, request);
    if (line >= 0) {
      const { lines } = tlb;
      const facts = lines[line + Tlb.Flags]!;
      const denied = deniedBy(rightsOf(facts), access, privileged);
      this.#answerFrom(line, denied, privileged, request, r);
      if (denied !== 0 || access !== Access.Write || isDirty(facts) || r.stale !== Stale.Fresh) {
        if (r.stale === Stale.Fresh)
          this.#recent.remember(request, this.#lookup, r, this.#freshness.origin(), this.#mem.version);
        return r;
      }
      // A write to what was cached clean has to make it dirty first, and that takes a walk.
      r.hit = Hit.None;
      r.source = Source.Walk;
      r.filledAt = 0;
      r.since = 0;
    }
    return this.#walk(ste, cd, access, privileged, request, r);
  }

  #answerFrom(line: number, denied: 0 | 1 | 2, privileged: boolean, request: Request, r: Translation): void {
    const { lines } = partOf(this.#tlb, this.#lookup.cd);
    readAddresses(lines, line, request, r);
    const facts = lines[line + Tlb.Flags]!;
    r.grants = grantsOf(rightsOf(facts), privileged) | (isDirty(facts) ? DIRTY : 0);
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    this.#fillWalks(request, false);
    const isFresh = this.#freshness.isLineFresh(line, this.#mem.version);
    if (denied === 0) {
      r.ok = true;
      if (request.kind === Kind.Translation) r.answer = Answer.Success;
    } else {
      this.#reporter.report(request, r, Event.F_PERMISSION, this.#lookup.ste!, {
        stage2: denied === 2,
        cls: EventClass.IN,
        ipaHi: r.gpaHi,
        ipaLo: r.gpaLo,
        tableRead: true,
        rules: this.#rulesOf(denied === 2),
      });
    }
    if (isFresh) return;
    // The present walk proves lines of other caches too, under the tags of this access.
    this.#walks?.begin(this.#lookup.ste!, this.#lookup.cd, this.#registers.el2Host, request.hi);
    this.#freshness.judge(request, r, line, this.#mem.version);
  }

  #walk(
    ste: StreamEntry,
    cd: ContextEntry | null,
    access: Access,
    privileged: boolean,
    request: Request,
    r: Translation,
  ): Translation {
    const tables = this.#tables;
    tables.record = this.#unit.trace !== null;
    this.#walks?.begin(ste, cd, this.#registers.el2Host, request.hi);
    const fault = tables.run(cd, ste.stage2, request.hi, request.lo, access, privileged);
    r.refs = tables.walker.steps;
    if (this.#walks?.used) r.hit = Hit.Psc;
    this.#fillWalks(request, fault === 0);
    if (fault !== 0) {
      const { faultStage2: stage2, faultClass: cls, faultIpaHi: ipaHi, faultIpaLo: ipaLo } = tables;
      // What is too wide for a bypassed stage 1 has no rules of its own and is always reported.
      const rules = cd || stage2 ? this.#rulesOf(stage2) : undefined;
      const details = { stage2, cls, ipaHi, ipaLo, tableRead: tables.faultTableRead, rules };
      this.#reporter.report(request, r, fault, ste, details);
    } else {
      tables.applyUpdates();
      r.ok = true;
      takeResult(r, tables, privileged);
      if (request.kind === Kind.Translation) r.answer = Answer.Success;
      if (r.stages !== Stages.PassThrough) this.#fill(ste, cd, request, r);
    }
    return this.#judgeUnlessFresh(request, r);
  }

  #fill(ste: StreamEntry, cd: ContextEntry | null, request: Request, r: Translation): void {
    const line = fillLine(partOf(this.#tlb, cd), ste, cd, request, this.#tables, r, this.#registers.el2Host);
    this.#freshness.markFilled(line, this.#unit.now, this.#mem.version);
  }

  /**
   * Keeps what walks have found on their way, once the last of them is done: an access never profits from itself.
   * @param walked the walk of the tables succeeded
   */
  #fillWalks(request: Request, walked: boolean): void {
    const walks = this.#walks;
    const lookup = this.#lookup;
    const { now } = this.#unit;
    if (walks === null) return;
    const { ste, cd, cdCached, reader } = lookup;
    const { sid, pasid, lo } = request;
    const isFresh = this.#freshness.isWalkFresh(this.#mem.version);
    const hi = cd === null ? request.hi : cd.canonicalHi(request.hi);
    if (cd !== null && !cdCached && ste!.stage2 !== null) {
      walks.fill(reader.walker, now, isFresh, sid, pasid, hi, lo);
      walks.fillPages(reader.walker, now, isFresh, sid, pasid);
    }
    if (!walked) return;
    walks.fill(this.#tables.walker, now, isFresh, sid, pasid, hi, lo);
    if (cd !== null && ste!.stage2 !== null) walks.fillPages(this.#tables.walker, now, isFresh, sid, pasid);
  }

  #rulesOf(inStage2: boolean): FaultRules {
    const { ste, cd } = this.#lookup;
    if (!inStage2) return cd!;
    const { records, stalls }: StageTwo = ste!.stage2!;
    return { aborts: true, records, stalls };
  }

  /** A fault on the way to the tables. */
  #configFault(request: Request, r: Translation, code: number): Translation {
    this.#fillWalks(request, false);
    const { reader } = this.#lookup;
    const { ste } = this.#lookup;
    let details: FaultDetails = CONFIGURATION;
    if (reader.inStage2)
      details = {
        stage2: true,
        cls: EventClass.CD,
        ipaHi: reader.faultHi,
        ipaLo: reader.faultLo,
        tableRead: true,
        rules: this.#rulesOf(true),
      };
    else if (code === Event.F_STE_FETCH || code === Event.F_CD_FETCH)
      details = { ...CONFIGURATION, fetchAddress: join(reader.faultHi, reader.faultLo) };
    this.#reporter.report(request, r, code, ste ?? undefined, details);
    return this.#judgeUnlessFresh(request, r);
  }

  #judgeUnlessFresh(request: Request, r: Translation): Translation {
    const { version } = this.#mem;
    if (!this.#freshness.isWalkFresh(version)) this.#freshness.judge(request, r, -1, version);
    return r;
  }
}
