import { type ContextCache, type PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { DIRTY, EXEC, type Iotlb, READ, Tlb, WRITE } from '../../cache/iotlb.ts';
import type { LineTable } from '../../cache/lines.ts';
import { Access, Hit, Kind, type Request, Source, type Stages, type Translation } from '../translation.ts';
import { Flag } from './line.ts';
import type { ConfigLookup } from './lookup.ts';
import { PGTT } from './structures.ts';

/**
 * The configuration of the last hit, unpacked. Most requests of a run repeat it and find a 4K line that is known to be
 * fresh; `answer` does that case alone, and leaves everything else to the way that handles everything.
 */
export class RecentConfig {
  #sid = -1;
  #pasid = -1;
  #changes = 0;
  #contextChanges = 0;
  #version = 0;
  #origin = 0;
  #pgtt = 0;
  #did = 0;
  #tagPasid = 0;
  /** Key of a line, without and with privilege; the same where lines do not tell them apart. */
  #key = 0;
  #privilegedKey = 0;
  #allowsExec = false;
  #allowsPrivileged = false;
  /** Whether the answer still has what all hits under this configuration share, so that a hit writes only what differs. */
  #shaped = false;
  readonly #pasids: PasidCache;
  readonly #contexts: ContextCache;
  readonly #table: LineTable;

  constructor(lookup: ConfigLookup, iotlb: Iotlb) {
    this.#pasids = lookup.pasids;
    this.#contexts = lookup.contexts;
    this.#table = iotlb.table;
  }

  /** The answer is about to be used for something else. */
  leave(): void {
    this.#shaped = false;
  }

  /** Takes over the PASID line a request with PASID was answered under. */
  remember(request: Request, lookup: ConfigLookup): void {
    const at = lookup.pasidAt;
    const lines = lookup.pasids.lines;
    const flags = lines[at + PasidEntry.Flags]!;
    this.#shaped = false;
    this.#sid = request.sid;
    this.#pasid = request.pasid;
    this.#changes = lookup.pasids.changes;
    this.#contextChanges = lookup.contexts.changes;
    this.#version = lines[at + PasidEntry.Version]!;
    this.#origin = lines[at + PasidEntry.Origin]!;
    this.#pgtt = lines[at + PasidEntry.Pgtt]!;
    this.#did = lines[at + PasidEntry.Did]!;
    this.#tagPasid = this.#pgtt === PGTT.secondStage ? -1 : request.pasid;
    this.#key = this.#did | (this.#pgtt << 16);
    this.#privilegedKey = this.#key | (this.#pgtt === PGTT.firstStage || this.#pgtt === PGTT.nested ? 1 << 20 : 0);
    this.#allowsExec = (flags & Flag.ERE) !== 0;
    this.#allowsPrivileged = (flags & Flag.SRE) !== 0;
  }

  /** Fills the answer and says true, or changes nothing. */
  answer(request: Request, version: number, r: Translation): boolean {
    if (request.pasid !== this.#pasid || request.sid !== this.#sid || this.#version !== version) return false;
    if (request.kind !== Kind.Untranslated || this.#pasids.changes !== this.#changes) return false;
    if (this.#contexts.changes !== this.#contextChanges) return false;
    const { access, hi, lo } = request;
    let needs = READ;
    if (access === Access.Write) needs = WRITE | DIRTY;
    else if (access === Access.Exec) {
      if (!this.#allowsExec) return false;
      needs = READ | EXEC;
    }
    let key = this.#key;
    if (request.privileged) {
      if (!this.#allowsPrivileged) return false;
      key = this.#privilegedKey;
    }
    const table = this.#table;
    const at = table.find(key, this.#tagPasid, hi, lo & -0x1000);
    if (at < 0) return false;
    const lines = table.lines;
    const grants = lines[at + Tlb.Flags]!;
    if ((grants & needs) !== needs) return false;
    if (lines[at + Tlb.Version] !== version || lines[at + Tlb.Origin] !== this.#origin) return false;
    if (!this.#shaped) this.#shape(r);
    r.hpaHi = lines[at + Tlb.HpaHi]!;
    r.hpaLo = (lines[at + Tlb.HpaLo]! & -0x1000) | (lo & 0xfff);
    r.gpaHi = lines[at + Tlb.GpaHi]!;
    r.gpaLo = (lines[at + Tlb.GpaLo]! & -0x1000) | (lo & 0xfff);
    r.grants = grants;
    r.filledAt = lines[at + Tlb.FilledAt]!;
    return true;
  }

  #shape(r: Translation): void {
    this.#shaped = true;
    r.clear();
    r.ok = true;
    r.lg2 = 12;
    r.hit = Hit.Iotlb;
    r.source = Source.Iotlb;
    r.stages = this.#pgtt as Stages;
    r.domain = this.#did;
    r.pasid = this.#pasid;
  }
}
