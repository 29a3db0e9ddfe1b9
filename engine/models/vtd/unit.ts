import { hi32, join, lo32 } from '../../base/addr.ts';
import { Context, type ContextCache, type PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { DeviceTlb } from '../../cache/device-tlb.ts';
import { Iotlb } from '../../cache/iotlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import type { Recorder } from '../trace.ts';
import { Hit, type Request, type Stages, Translation } from '../translation.ts';
import type {
  CommandAdvice,
  CommandOutcome,
  Culprit,
  Explanation,
  HeldLines,
  NameOfDevice,
  Tally,
  Unit,
} from '../unit.ts';
import { candidates, type Tags } from './advice.ts';
import { rawCaps, type VtdCaps } from './caps.ts';
import { ConfigReader } from './config.ts';
import { culprit, explain } from './explain.ts';
import { FaultLog } from './fault-log.ts';
import { faultByCode, type VtdFault } from './faults.ts';
import { heldLines, holder } from './held.ts';
import { applyInvalidation, type Invalidation } from './invalidate.ts';
import { pasidLineFault } from './line.ts';
import { ConfigLookup } from './lookup.ts';
import { PAGE_REQ_DSC, PageRequestQueue, pageRequestOf } from './page-requests.ts';
import { Presence } from './present.ts';
import { InvalidationRing } from './queue.ts';
import { RecentConfig } from './recent.ts';
import { readRegister, writeRegister } from './registers.ts';
import { Reporter } from './reporter.ts';
import { VtdStructureCaches } from './structure-caches.ts';
import { FormatSet, TableWalk } from './tables.ts';
import { Translator } from './translate.ts';

/**
 * One VT-d unit: registers, caches and the translation of requests (VT-d 3, 6, 7). Caches are unbounded
 * and forget nothing by themselves.
 */
export class VtdUnit implements Unit {
  readonly mem: PhysMem;
  readonly caps: VtdCaps;
  /** The capability registers as they read. */
  readonly cap: bigint;
  readonly ecap: bigint;
  readonly iotlb = new Iotlb();
  readonly contextCache: ContextCache;
  readonly pasidCache: PasidCache;
  /** The paging-structure caches; null in a unit that has only an IOTLB. */
  readonly structures: VtdStructureCaches | null;
  /** The TLBs in the devices behind this unit, which its invalidation queue reaches. */
  readonly deviceTlb = new DeviceTlb();
  readonly log: FaultLog;
  readonly reporter: Reporter;
  readonly queue: InvalidationRing;
  readonly pageRequests: PageRequestQueue;
  /** Time of the present step; lines filled now carry it. */
  now = 0;
  /** The answer to the last `translate`; reused. */
  readonly result = new Translation(faultByCode);
  /** What a walk gives now: answers `peek`, `explain` and the freshness checks. */
  readonly present: Presence;
  /** Entries that real walks read, where somebody wants them. */
  trace: Recorder | null = null;
  countStale = false;
  tally: Tally = { dropped: 0, needed: 0 };
  rtaHi = 0;
  rtaLo = 0;
  /** GCMD.TE. */
  #translating = true;
  /** When the root table address was changed. */
  readonly rtaddrChanges: number[] = [];
  readonly #lookup: ConfigLookup;
  readonly #recent: RecentConfig;
  readonly #translator: Translator;

  /**
   * @param raw the capability registers, where they have bits that no field names
   * @param psc whether it has paging-structure caches
   */
  constructor(
    mem: PhysMem,
    caps: VtdCaps,
    raw: { readonly cap: bigint; readonly ecap: bigint } = rawCaps(caps),
    psc = true,
  ) {
    this.mem = mem;
    this.caps = caps;
    this.cap = raw.cap;
    this.ecap = raw.ecap;
    this.log = new FaultLog(caps.NFR + 1);
    this.reporter = new Reporter(this.log);
    this.queue = new InvalidationRing(this);
    this.pageRequests = new PageRequestQueue(this);
    const formats = new FormatSet(caps);
    this.#lookup = new ConfigLookup(new ConfigReader(mem, caps));
    this.#recent = new RecentConfig(this.#lookup, this.iotlb);
    this.contextCache = this.#lookup.contexts;
    this.pasidCache = this.#lookup.pasids;
    this.structures = psc ? new VtdStructureCaches() : null;
    this.present = new Presence(this, new ConfigReader(mem, caps), new TableWalk(mem, formats, caps.haw));
    const tables = new TableWalk(mem, formats, caps.haw, this.structures);
    this.#translator = new Translator(this, this.#lookup, tables, this.#recent);
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
    this.takeRootTable();
  }

  /** GCMD.SRTP: with ESRTPS the caches are emptied too. */
  takeRootTable(): void {
    if (this.caps.ESRTPS) this.forget();
  }

  get translating(): boolean {
    return this.#translating;
  }

  /** GCMD.TE: without it requests pass as they are. */
  set translating(on: boolean) {
    if (on !== this.#translating) this.mem.version = (this.mem.version + 1) | 0;
    this.#translating = on;
  }

  /** Empties all translation caches of the unit, not those of devices. */
  forget(): void {
    this.contextCache.clear();
    this.pasidCache.clear();
    this.iotlb.clear();
    this.structures?.clear();
  }

  /** Translates one request with everything hardware does about it: caches, accessed and dirty bits, fault log. */
  translate(request: Request): Translation {
    const r = this.result;
    if (!this.#translating) return this.present.walk(request);
    // Small enough to be inlined where it is called, which is what most accesses of a run come down to.
    if (this.#recent.answer(request, this.mem.version, r)) return r;
    return this.#translator.translate(request, r);
  }

  /** The context line of a source id that counts in the present mode, or -1. */
  contextOf(sid: number): number {
    return this.#lookup.contextOf(sid, this.rtaLo);
  }

  /** What a walk from the present registers, structures and tables gives. No caches, no side effects; a reused object. */
  peek(request: Request): Translation {
    return this.present.walk(request);
  }

  /** Whether the request would now be answered without a paging entry being read. No side effects. */
  wouldHit(request: Request): boolean {
    return this.present.wouldHit(request);
  }

  /** A device uses what its TLB holds: PCIe sends it without PASID, with the host address. */
  admitTranslated(request: Request): Translation {
    return this.#translating ? this.#translator.admit(request, this.result) : this.present.walk(request);
  }

  /** Takes a page request message (VT-d 7.5). */
  acceptPageRequest(request: Request): number {
    return this.pageRequests.accept(request);
  }

  /** Applies one descriptor of the invalidation queue: 2 or 4 words of 64 bits. */
  invalidate(words: readonly bigint[]): Invalidation {
    return applyInvalidation(this, words);
  }

  faultOf(code: number): VtdFault | undefined {
    return faultByCode(code);
  }

  get faultsReported(): number {
    return this.log.recorded;
  }

  takeRecord(free: boolean): readonly bigint[] | undefined {
    return this.log.takeLast(free);
  }

  register(name: string): bigint | undefined {
    return readRegister(this, name);
  }

  writeRegister(name: string, value: bigint): CommandOutcome | undefined {
    return writeRegister(this, name, value);
  }

  command(words: readonly bigint[]): CommandOutcome {
    return this.queue.enqueue(words);
  }

  inject(record: string, words: readonly bigint[]): CommandOutcome | undefined {
    if (record !== PAGE_REQ_DSC.name) return undefined;
    const fault = faultByCode(this.pageRequests.admit(pageRequestOf(words)));
    if (fault) return { ok: false, error: fault.name, why: fault.text.replace(/\.$/, ''), removed: [] };
    return this.pageRequests.put(words);
  }

  explain(request: Request): Explanation {
    return explain(this, request);
  }

  candidates(request: Request, used: Translation, found: Culprit | undefined): CommandAdvice[][] {
    const tags = used.hit === Hit.DeviceTlb ? this.#tagsOf(request) : used;
    return candidates(request, used, tags, found);
  }

  /** What the unit's caches know an address by: as the PASID cache has it, else as a walk finds it now. */
  #tagsOf(request: Request): Tags {
    const context = this.contextOf(request.sid);
    const rid = context < 0 ? -1 : this.contextCache.lines[context + Context.RidPasid]!;
    const pasid = request.pasid < 0 ? rid : request.pasid;
    const at = this.pasidCache.find(request.sid, pasid);
    if (at < 0 || pasidLineFault(this.pasidCache.lines, at) !== 0) return this.present.walk(request);
    const { lines } = this.pasidCache;
    return { domain: lines[at + PasidEntry.Did]!, pasid, stages: lines[at + PasidEntry.Pgtt]! as Stages };
  }

  culprit(request: Request, sinceTime: number): Culprit | undefined {
    return culprit(this, request, sinceTime);
  }

  holder(request: Request, used: Translation, device: NameOfDevice): { cache: string; tag: string } {
    return holder(request, used, device, this.structures?.blamed ?? null);
  }

  held(request: Request): HeldLines[] {
    return heldLines(this, request);
  }
}
