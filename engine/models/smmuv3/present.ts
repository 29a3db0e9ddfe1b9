import type { PhysMem } from '../../memory/phys-mem.ts';
import { judge, Kind, type Request, Stages, Stale, sameAnswer, Translation } from '../translation.ts';
import { ABORT, admit, admitTranslated, passesDisabled, stagesOf } from './admit.ts';
import { accessOf, isPrivileged } from './attributes.ts';
import { ConfigReader } from './config-reader.ts';
import type { ContextEntry } from './context-entry.ts';
import { Event, eventByCode } from './events.ts';
import type { Features } from './features.ts';
import type { RegisterFile } from './register-file.ts';
import { grantsOf } from './rights.ts';
import type { StreamEntry } from './stream-entry.ts';
import { BYPASS } from './substream.ts';
import { TableWalk } from './table-walk.ts';
import { WalkCaches } from './walk-caches.ts';

/** Walks from the present registers, structures and tables: no caches are asked or filled, no bit is set, nothing is recorded. */
export class Presence {
  readonly reader: ConfigReader;
  readonly tables: TableWalk;
  /** The answer to the last `walk`; reused. */
  readonly result = new Translation(eventByCode);
  /** What the last `walk` read of the configuration, valid or not; null where it did not come so far. */
  ste: StreamEntry | null = null;
  cd: ContextEntry | null = null;
  readonly #registers: RegisterFile;
  readonly #features: Features;

  /** @param kept whether walks leave behind what walk caches can be held against */
  constructor(mem: PhysMem, registers: RegisterFile, features: Features, kept: boolean) {
    this.#registers = registers;
    this.#features = features;
    this.reader = new ConfigReader(mem, features, false);
    this.tables = new TableWalk(mem, features);
    this.tables.record = true;
    if (kept) for (const { walker } of [this.reader, this.tables]) WalkCaches.observe(walker);
  }

  walk(request: Request): Translation {
    const r = this.result;
    r.clear();
    this.ste = null;
    this.cd = null;
    this.reader.start();
    this.tables.start();
    if (!this.#registers.enabled) return passThrough(r, request, passesDisabled(this.#registers, request));
    if (request.kind === Kind.Translated && !this.#registers.checksTranslated) return passThrough(r, request, true);
    const ste = this.reader.stream(this.#registers, request.sid, undefined);
    if (typeof ste === 'number') r.fault = ste;
    else {
      this.ste = ste;
      r.why = ste.why;
      r.fault = ste.fault !== 0 ? ste.fault : this.#under(ste, undefined, request, r);
    }
    r.config = this.reader.reads;
    r.ok = r.fault === 0 && !r.silent;
    return r;
  }

  /** Whether the present walk grants exactly what an answer granted, over at least its page. */
  agrees(used: Translation): boolean {
    return sameAnswer(used, this.result);
  }

  /** Whether a walk of the present tables under cached entries would still be no better than what `walk` last found. */
  differsUnder(ste: StreamEntry, cd: ContextEntry | undefined, request: Request): boolean {
    const r = new Translation(eventByCode);
    const kept = this.cd;
    this.reader.start();
    r.fault = ste.fault !== 0 ? ste.fault : this.#under(ste, cd, request, r);
    r.ok = r.fault === 0 && !r.silent;
    this.cd = kept;
    return judge(r, this.result) !== Stale.Fresh;
  }

  /** The way on from an STE; with a CD of its own where one is given. */
  #under(ste: StreamEntry, given: ContextEntry | undefined, request: Request, r: Translation): number {
    if (request.kind === Kind.Translated) {
      const refused = admitTranslated(ste);
      passThrough(r, request, refused !== ABORT);
      return refused === ABORT ? Event.None : -refused;
    }
    const substream = admit(ste, request, this.#features);
    if (substream === ABORT) {
      r.silent = true;
      return Event.None;
    }
    if (substream < 0 && substream !== BYPASS) return -substream;
    r.stages = stagesOf(ste, substream);
    r.domain = ste.vmid;
    let cd: ContextEntry | null = null;
    if (substream >= 0) {
      const read = given ?? this.reader.context(ste, substream, undefined);
      if (typeof read === 'number') return read;
      cd = this.cd = read;
      if (cd.fault !== 0) {
        r.why = cd.why;
        return cd.fault;
      }
      r.pasid = cd.asid;
    }
    const { tables } = this;
    const privileged = isPrivileged(ste, request);
    const fault = tables.run(cd, ste.stage2, request.hi, request.lo, accessOf(ste, request), privileged);
    r.refs = tables.walker.steps;
    if (fault === 0) takeResult(r, tables, privileged);
    return fault;
  }
}

/** Copies what a successful walk found. */
export function takeResult(r: Translation, tables: TableWalk, privileged: boolean): void {
  r.hpaHi = tables.hpaHi;
  r.hpaLo = tables.hpaLo;
  r.gpaHi = tables.gpaHi;
  r.gpaLo = tables.gpaLo;
  r.lg2 = tables.lg2;
  r.grants = grantsOf(tables.rights, privileged) | tables.dirty;
}

/** An access that meets no translation: it passes as it is, or ends without an event. */
export function passThrough(r: Translation, request: Request, passes: boolean): Translation {
  r.ok = passes;
  r.silent = !passes;
  if (!passes) return r;
  r.stages = Stages.PassThrough;
  r.hpaHi = r.gpaHi = request.hi;
  r.hpaLo = r.gpaLo = request.lo;
  r.lg2 = 12;
  r.grants = ALL_GRANTS;
  return r;
}

/** READ, WRITE, EXEC and DIRTY. */
const ALL_GRANTS = 15;
