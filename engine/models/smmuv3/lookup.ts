import type { PhysMem } from '../../memory/phys-mem.ts';
import { unproven } from '../line-proof.ts';
import { ConfigCaches } from './config-caches.ts';
import { ConfigReader, type LevelOne } from './config-reader.ts';
import type { ContextEntry } from './context-entry.ts';
import type { RegisterFile } from './register-file.ts';
import type { StreamEntry } from './stream-entry.ts';
import type { WalkCaches } from './walk-caches.ts';

/** Something that a cache keeps: when it was read, and when it was last known to be true. */
interface Kept {
  filledAt: number;
  version: number;
  since: number;
}

/** The way from an access to its STE and CD, through the configuration caches. */
export class ConfigLookup {
  readonly caches = new ConfigCaches();
  readonly reader: ConfigReader;
  /** What the last access used; null where it did not come so far. */
  ste: StreamEntry | null = null;
  cd: ContextEntry | null = null;
  /** Whether they were there before the access. */
  steCached = false;
  cdCached = false;
  /** Level-1 descriptors that a cache gave on the way. */
  l1Std: LevelOne | null = null;
  l1Cd: LevelOne | null = null;
  now = 0;
  readonly #mem: PhysMem;
  readonly #registers: RegisterFile;
  readonly #walks: WalkCaches | null;

  /** @param walks what shortens the way to a CD, or null */
  constructor(mem: PhysMem, registers: RegisterFile, reader: ConfigReader, walks: WalkCaches | null) {
    this.#walks = walks;
    walks?.attach(reader.walker);
    this.#mem = mem;
    this.#registers = registers;
    this.reader = reader;
  }

  /** Begins a new access. */
  start(): void {
    this.reader.start();
    this.ste = null;
    this.cd = null;
    this.steCached = false;
    this.cdCached = false;
    this.l1Std = null;
    this.l1Cd = null;
  }

  /** What the last access used is known to be what memory holds at this version. */
  isFresh(version: number): boolean {
    const ste = this.ste ?? this.l1Std;
    const cd = this.cd ?? this.l1Cd;
    return (ste === null || ste.version === version) && (cd === null || cd.version === version);
  }

  /** Finds the STE; an event, or 0. */
  findStream(sid: number): number {
    const { stes, l1Stds } = this.caches;
    const known = stes.get(sid);
    if (known) {
      this.ste = known;
      this.steCached = true;
      return known.fault;
    }
    const index = this.reader.streamIndex(this.#registers, sid);
    const l1 = index < 0 ? undefined : l1Stds.get(index);
    this.l1Std = l1 ?? null;
    const read = this.reader.stream(this.#registers, sid, l1);
    if (this.reader.streamL1) l1Stds.set(index, this.#fill(this.reader.streamL1));
    if (typeof read === 'number') return read;
    stes.set(sid, l1 ? this.#fill(read, l1) : this.#fill(read));
    this.ste = read;
    return read.fault;
  }

  /** Finds the CD of a substream under the STE found; an event, or 0. */
  findContext(sid: number, ssid: number): number {
    const { caches } = this;
    const ste = this.ste!;
    const known = caches.cd(sid, ssid);
    if (known) {
      this.cd = known;
      this.cdCached = true;
      return known.fault;
    }
    const base = ConfigReader.contextBase(ste, ssid);
    const l1 = base < 0 ? undefined : caches.l1Cd(sid, base);
    this.l1Cd = l1 ?? null;
    this.#walks?.enter(ste);
    const read = this.reader.context(ste, ssid, l1);
    if (this.reader.contextL1) caches.fillL1Cd(sid, base, this.#fill(this.reader.contextL1, ste));
    if (typeof read === 'number') return read;
    caches.fillCd(sid, ssid, l1 ? this.#fill(read, ste, l1) : this.#fill(read, ste));
    this.cd = read;
    return read.fault;
  }

  /** What was found through something that may be out of date is never known to be fresh. */
  #fill<T extends Kept>(kept: T, ...through: readonly Kept[]): T {
    const version = this.#mem.version;
    kept.filledAt = this.now;
    kept.since = 0;
    const isFresh = !this.#walks?.suspicious && through.every((each) => each.version === version);
    kept.version = isFresh ? version : unproven(version);
    return kept;
  }
}
