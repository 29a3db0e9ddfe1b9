import { DeviceTlb } from '../../cache/device-tlb.ts';
import type { PhysMem } from '../../memory/phys-mem.ts';
import type { Recorder } from '../trace.ts';
import { type FaultReason, type Request, Source, Translation } from '../translation.ts';
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
import { candidates } from './advice.ts';
import { CommandProcessor } from './command-processor.ts';
import { ConfigReader } from './config-reader.ts';
import { EventQueue } from './event-queue.ts';
import { PRIQ_ENTRY } from './event-record.ts';
import { Event, eventByCode } from './events.ts';
import { culprit, explain } from './explain.ts';
import { Features } from './features.ts';
import { heldLines, holder } from './held.ts';
import type { IdValues } from './ids.ts';
import { ConfigLookup } from './lookup.ts';
import { PageRequestQueue } from './page-requests.ts';
import { Presence } from './present.ts';
import { RecentConfig } from './recent.ts';
import { RegisterFile } from './register-file.ts';
import { Stalls } from './stalls.ts';
import { SmmuTlb } from './tlb.ts';
import { Translator } from './translate.ts';
import { WalkCaches } from './walk-caches.ts';
import { wouldHit } from './would-hit.ts';
import { writeRegister } from './write-register.ts';

/**
 * One SMMUv3 for Non-secure streams: registers, configuration, TLB, events and commands (IHI 0070). Caches are unbounded
 * and forget nothing by themselves.
 */
export class SmmuUnit implements Unit {
  readonly mem: PhysMem;
  readonly ids: IdValues;
  readonly features: Features;
  readonly registers: RegisterFile;
  readonly lookup: ConfigLookup;
  readonly tlb = new SmmuTlb();
  /** What shortens walks; null in a unit that has only a TLB. */
  readonly walks: WalkCaches | null;
  readonly deviceTlb = new DeviceTlb();
  readonly events: EventQueue;
  readonly pageRequests: PageRequestQueue;
  readonly stalls = new Stalls();
  readonly processor: CommandProcessor;
  now = 0;
  countStale = false;
  tally: Tally = { dropped: 0, needed: 0 };
  trace: Recorder | null = null;
  /** The answer to the last `translate`; reused. */
  readonly result = new Translation(eventByCode);
  /** What a walk gives now: answers `peek`, `explain` and the freshness checks. */
  readonly present: Presence;
  readonly #recent: RecentConfig;
  readonly #translator: Translator;

  /** @param psc whether it keeps what walks find on their way, besides translations */
  constructor(mem: PhysMem, ids: IdValues, psc = true) {
    this.mem = mem;
    this.ids = ids;
    const features = new Features(ids);
    this.features = features;
    this.registers = new RegisterFile(ids);
    this.walks = psc ? new WalkCaches(this.tlb.ipa) : null;
    this.lookup = new ConfigLookup(mem, this.registers, new ConfigReader(mem, features, true), this.walks);
    this.#recent = new RecentConfig(this.lookup.caches, this.tlb);
    this.present = new Presence(mem, this.registers, features, psc);
    this.events = new EventQueue(mem, this.registers, features);
    this.pageRequests = new PageRequestQueue(mem, this.registers, features);
    this.processor = new CommandProcessor(this);
    this.#translator = new Translator(this, this.#recent);
  }

  /** Empties all caches of the unit, not those of devices. */
  forget(): void {
    this.lookup.caches.clear();
    this.tlb.clear();
    this.walks?.clear();
  }

  /** Translates one request with everything hardware does about it. */
  translate(request: Request): Translation {
    const r = this.result;
    if (this.trace === null && this.#recent.answer(request, this.mem.version, r)) return r;
    return this.#translator.translate(request, r);
  }

  admitTranslated(request: Request): Translation {
    return this.#translator.admitTranslated(request, this.result);
  }

  peek(request: Request): Translation {
    return this.present.walk(request);
  }

  wouldHit(request: Request): boolean {
    return wouldHit(this, request);
  }

  acceptPageRequest(request: Request): number {
    if (!this.features.pri || !this.registers.enabled) return Event.F_UUT;
    const { lookup } = this;
    lookup.start();
    lookup.now = this.now;
    const fault = lookup.findStream(request.sid);
    return fault === 0 && !lookup.ste!.aborts ? this.pageRequests.take(request) : fault || Event.F_UUT;
  }

  get faultsReported(): number {
    return this.events.recorded;
  }

  faultOf(code: number): FaultReason | undefined {
    return eventByCode(code);
  }

  takeRecord(free: boolean): readonly bigint[] | undefined {
    return this.events.takeLast(free);
  }

  register(name: string): bigint | undefined {
    return this.registers.read(name);
  }

  writeRegister(name: string, value: bigint): CommandOutcome | undefined {
    return writeRegister(this, name, value);
  }

  command(words: readonly bigint[]): CommandOutcome {
    return this.processor.submit(words);
  }

  inject(record: string, words: readonly bigint[]): CommandOutcome | undefined {
    return record === PRIQ_ENTRY.name ? this.pageRequests.put(words) : undefined;
  }

  explain(request: Request): Explanation {
    return explain(this, request);
  }

  culprit(request: Request, sinceTime: number): Culprit | undefined {
    return culprit(this, request, sinceTime);
  }

  candidates(request: Request, used: Translation, found: Culprit | undefined): CommandAdvice[][] {
    const tags = used.source === Source.DeviceTlb ? this.peek(request) : used;
    return candidates(request, used, tags, found);
  }

  holder(request: Request, used: Translation, device: NameOfDevice): { readonly cache: string; readonly tag: string } {
    return holder(request, used, device, this.walks);
  }

  held(request: Request): readonly HeldLines[] {
    return heldLines(this, request);
  }
}
