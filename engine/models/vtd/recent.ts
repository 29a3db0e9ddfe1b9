import { PasidEntry } from '../../cache/config-cache.ts';
import { DIRTY, EXEC, type Iotlb, READ, Tlb, WRITE } from '../../cache/iotlb.ts';
import { Flag } from './config.ts';
import type { ConfigLookup } from './lookup.ts';
import { PGTT } from './structures.ts';
import { Access } from './tables.ts';
import { Hit, Kind, type Request, Source, type Translation } from './translation.ts';

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

  /** Takes over the PASID line a request with PASID was answered under. */
  remember(request: Request, lookup: ConfigLookup): void {
    const at = lookup.pasidAt;
    const lines = lookup.pasids.lines;
    const flags = lines[at + PasidEntry.Flags]!;
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
  answer(request: Request, lookup: ConfigLookup, iotlb: Iotlb, version: number, r: Translation): boolean {
    if (request.pasid !== this.#pasid || request.sid !== this.#sid || this.#version !== version) return false;
    if (request.kind !== Kind.Untranslated || lookup.pasids.changes !== this.#changes) return false;
    if (lookup.contexts.changes !== this.#contextChanges) return false;
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
    const table = iotlb.table;
    const at = table.find(key, this.#tagPasid, hi, lo & -0x1000);
    if (at < 0) return false;
    const lines = table.lines;
    const grants = lines[at + Tlb.Flags]!;
    if ((grants & needs) !== needs) return false;
    if (lines[at + Tlb.Version] !== version || lines[at + Tlb.Origin] !== this.#origin) return false;
    r.ok = true;
    r.interrupt = false;
    r.fault = 0;
    r.logged = false;
    r.answer = 0;
    r.requested = false;
    r.hpaHi = lines[at + Tlb.HpaHi]!;
    r.hpaLo = (lines[at + Tlb.HpaLo]! & -0x1000) | (lo & 0xfff);
    r.gpaHi = lines[at + Tlb.GpaHi]!;
    r.gpaLo = (lines[at + Tlb.GpaLo]! & -0x1000) | (lo & 0xfff);
    r.lg2 = 12;
    r.grants = grants;
    r.refs = 0;
    r.config = 0;
    r.hit = Hit.Iotlb;
    r.pgtt = this.#pgtt;
    r.did = this.#did;
    r.pasid = this.#pasid;
    r.filledAt = lines[at + Tlb.FilledAt]!;
    r.source = Source.Iotlb;
    r.stale = 0;
    return true;
  }
}
