import { LineTable } from './lines.ts';

/** Value words of a context line. */
export const Context = {
  Flags: 4,
  DirHi: 5,
  DirLo: 6,
  /** PASIDs at and above this lie beyond the directory. */
  Limit: 7,
  RidPasid: 8,
  FilledAt: 9,
  Version: 10,
} as const;
export const CONTEXT_FIRST = Context.Flags;
export const CONTEXT_LAST = Context.RidPasid;

/** Value words of a PASID line. */
export const PasidEntry = {
  Did: 4,
  /** Translation type. */
  Pgtt: 5,
  Flags: 6,
  FsHi: 7,
  FsLo: 8,
  SsHi: 9,
  SsLo: 10,
  /** Which table formats, and the width of the second stage. */
  Shape: 11,
  /** Fingerprint of all of the above that decides a translation. */
  Origin: 12,
  FilledAt: 13,
  Version: 14,
} as const;
export const PASID_FIRST = PasidEntry.Did;
export const PASID_LAST = PasidEntry.Origin;

/** Decoded context entries, tagged by source id. */
export class ContextCache {
  readonly table = new LineTable();
  /** Rises whenever a line comes or goes. */
  changes = 0;

  get lines(): Int32Array {
    return this.table.lines;
  }

  get size(): number {
    return this.table.size;
  }

  clear(): number {
    this.changes++;
    return this.table.clear();
  }

  find(sid: number): number {
    return this.table.find(sid, 0, 0, 0);
  }

  fill(sid: number): number {
    this.changes++;
    const found = this.find(sid);
    return found >= 0 ? found : this.table.append(sid, 0, 0, 0);
  }

  /** Device-selective: all functions equal outside the masked bits of the source id. */
  removeDevice(sid: number, ignoredBits: number): number {
    this.changes++;
    const before = this.size;
    for (const at of this.table.offsets())
      if (((this.table.key0(at) ^ sid) & ~ignoredBits & 0xffff) === 0) this.table.kill(at);
    return before - this.size;
  }

  list(): { readonly sid: number; readonly filledAt: number }[] {
    return Array.from(this.table.offsets(), (at) => ({
      sid: this.table.key0(at),
      filledAt: this.lines[at + Context.FilledAt]!,
    }));
  }
}

/** Decoded PASID entries, tagged by source id and PASID; the domain id takes part in invalidation only. */
export class PasidCache {
  readonly table = new LineTable();
  /** Rises whenever a line comes, goes or changes its rights, so that copies of a line know when they are out of date. */
  changes = 0;

  get lines(): Int32Array {
    return this.table.lines;
  }

  get size(): number {
    return this.table.size;
  }

  clear(): number {
    this.changes++;
    return this.table.clear();
  }

  find(sid: number, pasid: number): number {
    return this.table.find(sid, pasid, 0, 0);
  }

  fill(sid: number, pasid: number, did: number): number {
    this.changes++;
    const found = this.table.find(sid, pasid, 0, 0);
    const at = found >= 0 && this.lines[found + PasidEntry.Did] === did ? found : this.table.append(sid, pasid, 0, 0);
    this.lines[at + PasidEntry.Did] = did;
    return at;
  }

  removeDomain(did: number): number {
    const before = this.size;
    this.changes++;
    for (const at of this.table.offsets()) if (this.lines[at + PasidEntry.Did] === did) this.table.kill(at);
    return before - this.size;
  }

  /** PASID-selective within a domain, whatever the source id. */
  removePasid(did: number, pasid: number): number {
    const before = this.size;
    this.changes++;
    for (const at of this.table.offsets())
      if (this.lines[at + PasidEntry.Did] === did && this.lines[at + 1] === pasid) this.table.kill(at);
    return before - this.size;
  }

  list(): { readonly sid: number; readonly pasid: number; readonly did: number; readonly filledAt: number }[] {
    return Array.from(this.table.offsets(), (at) => ({
      sid: this.table.key0(at),
      pasid: this.lines[at + 1]!,
      did: this.lines[at + PasidEntry.Did]!,
      filledAt: this.lines[at + PasidEntry.FilledAt]!,
    }));
  }
}
