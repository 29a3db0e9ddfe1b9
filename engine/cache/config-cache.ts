import { LineTable } from './lines.ts';

/** Value words of a context line. */
export const Context = {
  Flags: 4,
  DirHi: 5,
  DirLo: 6,
  /** PASIDs at and above this lie beyond the directory. */
  Limit: 7,
  RidPasid: 8,
  /** Domain id of a legacy-mode entry; -1: the entry has none. */
  Did: 9,
  FilledAt: 10,
  Version: 11,
} as const;
export const CONTEXT_FIRST = Context.Flags;
export const CONTEXT_LAST = Context.Did;

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

  fill(sid: number, did = -1): number {
    this.changes++;
    const found = this.find(sid);
    const at = found >= 0 ? found : this.table.append(sid, 0, 0, 0);
    this.lines[at + Context.Did] = did;
    return at;
  }

  /** Domain-selective. */
  removeDomain(did: number): number {
    this.changes++;
    const before = this.size;
    for (const at of this.table.offsets()) if (this.#mayBelongTo(at, did)) this.table.kill(at);
    return before - this.size;
  }

  /** Device-selective within a domain: all functions equal outside the masked bits of the source id. */
  removeDevice(sid: number, ignoredBits: number, did: number): number {
    this.changes++;
    const before = this.size;
    for (const at of this.table.offsets()) {
      const named = ((this.table.key0(at) ^ sid) & ~ignoredBits & 0xffff) === 0;
      if (named && this.#mayBelongTo(at, did)) this.table.kill(at);
    }
    return before - this.size;
  }

  /** An entry without a domain id belongs to every domain, because nothing says that it is not meant. */
  #mayBelongTo(at: number, did: number): boolean {
    const own = this.lines[at + Context.Did]!;
    return own === did || own < 0;
  }

  list(): { readonly sid: number; readonly did: number; readonly filledAt: number }[] {
    return Array.from(this.table.offsets(), (at) => ({
      sid: this.table.key0(at),
      did: this.lines[at + Context.Did]!,
      filledAt: this.lines[at + Context.FilledAt]!,
    }));
  }
}

/**
 * Decoded PASID entries, tagged by source id and PASID; the domain id takes part in invalidation only. Under PASID -1 are
 * legacy context entries as the walk wants to see them: copies of context lines that live and die with those, and no
 * command of this cache concerns them.
 */
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
    const removed = this.list().length;
    this.table.clear();
    return removed;
  }

  /** Takes one line out, whatever its domain. */
  forget(sid: number, pasid: number): void {
    const at = this.find(sid, pasid);
    if (at < 0) return;
    this.changes++;
    this.table.kill(at);
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
    for (const at of this.table.offsets())
      if (this.#mayBelongTo(at, did) && this.lines[at + 1]! >= 0) this.table.kill(at);
    return before - this.size;
  }

  /** PASID-selective within a domain, whatever the source id. */
  removePasid(did: number, pasid: number): number {
    const before = this.size;
    this.changes++;
    for (const at of this.table.offsets())
      if (this.#mayBelongTo(at, did) && this.lines[at + 1] === pasid) this.table.kill(at);
    return before - this.size;
  }

  /** A line that says that there is no sound entry has no domain id; as with contexts, it belongs to every domain. */
  #mayBelongTo(at: number, did: number): boolean {
    const own = this.lines[at + PasidEntry.Did]!;
    return own === did || own < 0;
  }

  list(): { readonly sid: number; readonly pasid: number; readonly did: number; readonly filledAt: number }[] {
    return Array.from(this.table.offsets(), (at) => ({
      sid: this.table.key0(at),
      pasid: this.lines[at + 1]!,
      did: this.lines[at + PasidEntry.Did]!,
      filledAt: this.lines[at + PasidEntry.FilledAt]!,
    })).filter(({ pasid }) => pasid >= 0);
  }
}
