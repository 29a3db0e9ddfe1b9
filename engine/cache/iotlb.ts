import { join } from '../base/addr.ts';
import { LineTable, pageBase, pageNumber, SIZES_LG2, sizeCode } from './lines.ts';

/** Words of the value of a translation line, shared by IOTLB and device TLB. */
export const Tlb = {
  HpaHi: 4,
  HpaLo: 5,
  GpaHi: 6,
  GpaLo: 7,
  /** READ, WRITE, EXEC, DIRTY. */
  Flags: 8,
  FilledAt: 9,
  /** Memory version at which the line was last known to be what a walk would give. */
  Version: 10,
  /** Fingerprint of the configuration it was known for. */
  Origin: 11,
  /** log2 of the page size. */
  Lg2: 12,
  /** Time from which on an edit can have made it out of date: before `FilledAt` where what it was filled from was. */
  Since: 13,
  /** Who filled it: no part of the tag. */
  Sid: 14,
  Pasid: 15,
} as const;

export const READ = 1;
export const WRITE = 2;
export const EXEC = 4;
/** A write through this line needs no dirty bit set first. */
export const DIRTY = 8;
/** The line says that the page faults (caching mode), by the code in `HpaLo`; it grants nothing. */
export const FAULTS = 16;
export const RIGHTS = READ | WRITE | EXEC;

/** How a line is found: VT-d 6.2.4's tag. Kinds 1 to 4 are VT-d's translation types; other models number their own. */
export interface TlbTag {
  readonly did: number;
  /** -1 where the tag has none: second-stage-only lines are shared by all PASIDs of a domain. */
  readonly pasid: number;
  readonly kind: number;
  readonly privileged: number;
}

/** A line for people: tests, views and reports. */
export interface TlbLine extends TlbTag {
  readonly page: bigint;
  readonly size: bigint;
  readonly hpa: bigint;
  readonly gpa: bigint;
  readonly rights: number;
  readonly dirty: boolean;
  readonly filledAt: number;
}

/** First-stage, second-stage, nested and pass-through lines, as PGTT counts them. */
const SECOND_STAGE = 2;
const PASS_THROUGH = 4;
/** Key bits of lines that a first stage took part in: first-stage-only and nested, without and with privilege. */
const FIRST_STAGE_KINDS = [1 << 16, 3 << 16, (1 << 16) | (1 << 20), (3 << 16) | (1 << 20)];
/** What it costs to look one page up, in lines gone through. */
const PROBES = 8;

export class Iotlb {
  readonly table = new LineTable();
  /** Live lines per size code, so that lookups skip sizes nobody uses. */
  readonly #counts = new Int32Array(SIZES_LG2.length);

  get lines(): Int32Array {
    return this.table.lines;
  }

  get size(): number {
    return this.table.size;
  }

  /** Offset of the line that covers the address, or -1; the smallest page wins. */
  find(did: number, pasid: number, kind: number, privileged: number, hi: number, lo: number): number {
    const counts = this.#counts;
    const key = did | (kind << 16) | (privileged << 20);
    if (counts[0] !== 0) {
      const at = this.table.find(key, pasid, hi, lo & -0x1000);
      if (at >= 0) return at;
    }
    for (let code = 1; code < 3; code++) {
      if (counts[code] === 0) continue;
      const at = this.table.find(key | (code << 21), pasid, hi, pageBase(lo, code));
      if (at >= 0) return at;
    }
    return -1;
  }

  /** The line for this page, replaced if there is one; the caller writes the value words. */
  fill(did: number, pasid: number, kind: number, privileged: number, hi: number, lo: number, lg2: number): number {
    const code = sizeCode(lg2);
    const key = did | (kind << 16) | (privileged << 20) | (code << 21);
    const base = pageBase(lo, code);
    const { table } = this;
    const before = table.size;
    const at = table.findOrAppend(key, pasid, hi, base);
    if (table.size !== before) this.#counts[code]!++;
    return at;
  }

  /** Fills a line from readable values, for tests and for scenarios that set a cache up. */
  put(line: TlbTag & { page: bigint; size: bigint; hpa?: bigint; gpa?: bigint; rights?: number }): void {
    const lg2 = line.size.toString(2).length - 1;
    const half = (value: bigint, shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
    const pasid = line.kind === SECOND_STAGE ? -1 : line.pasid;
    const at = this.fill(line.did, pasid, line.kind, line.privileged, half(line.page, 32n), half(line.page, 0n), lg2);
    this.lines[at + Tlb.HpaHi] = half(line.hpa ?? 0n, 32n);
    this.lines[at + Tlb.HpaLo] = half(line.hpa ?? 0n, 0n);
    this.lines[at + Tlb.GpaHi] = half(line.gpa ?? 0n, 32n);
    this.lines[at + Tlb.GpaLo] = half(line.gpa ?? 0n, 0n);
    this.lines[at + Tlb.Flags] = line.rights ?? RIGHTS | DIRTY;
    this.lines[at + Tlb.Lg2] = lg2;
  }

  kill(at: number): void {
    this.#counts[(this.table.key0(at) >> 21) & 3]!--;
    this.table.kill(at);
  }

  clear(): number {
    this.#counts.fill(0);
    return this.table.clear();
  }

  /** Domain-selective: everything of a domain. */
  removeDomain(did: number): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    for (let at = table.next(-1); at >= 0; at = table.next(at)) if ((table.key0(at) & 0xffff) === did) this.kill(at);
    return before - table.size;
  }

  /** Second-stage page request: overlapping second-stage lines, and all lines of the domain that a first stage took part in. */
  removeDomainPages(did: number, firstPage: number, lastPage: number): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    for (let at = table.next(-1); at >= 0; at = table.next(at)) {
      const key = table.key0(at);
      const kind = (key >> 16) & 15;
      if ((key & 0xffff) !== did || kind === PASS_THROUGH) continue;
      if (kind !== SECOND_STAGE || this.#overlaps(at, firstPage, lastPage)) this.kill(at);
    }
    return before - table.size;
  }

  /** PASID-selective: all but second-stage lines, which carry no PASID. */
  removePasid(did: number, pasid: number): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    for (let at = table.nextOf(did, pasid, -1); at >= 0; at = table.nextOf(did, pasid, at))
      if (((table.key0(at) >> 16) & 15) !== SECOND_STAGE) this.kill(at);
    return before - table.size;
  }

  /** Page-selective within a PASID: overlapping lines that a first stage took part in. */
  removePasidPages(did: number, pasid: number, firstPage: number, lastPage: number): number {
    const { table } = this;
    const before = table.size;
    if (before === 0) return 0;
    // A few pages are looked up one by one, many are found by going through the table.
    if ((lastPage - firstPage) * PROBES < before) this.#probePages(did, pasid, firstPage, lastPage);
    else
      for (let at = table.nextOf(did, pasid, -1); at >= 0; at = table.nextOf(did, pasid, at)) {
        const kind = (table.key0(at) >> 16) & 15;
        if (kind === SECOND_STAGE || kind === PASS_THROUGH) continue;
        if (this.#overlaps(at, firstPage, lastPage)) this.kill(at);
      }
    return before - table.size;
  }

  list(): TlbLine[] {
    return Array.from(this.table.offsets(), (at) => {
      const key = this.table.key0(at);
      const lines = this.lines;
      return {
        did: key & 0xffff,
        kind: (key >> 16) & 15,
        privileged: (key >> 20) & 1,
        pasid: lines[at + 1]!,
        page: join(lines[at + 2]!, lines[at + 3]!),
        size: 1n << BigInt(SIZES_LG2[(key >> 21) & 3]!),
        hpa: join(lines[at + Tlb.HpaHi]!, lines[at + Tlb.HpaLo]!),
        gpa: join(lines[at + Tlb.GpaHi]!, lines[at + Tlb.GpaLo]!),
        rights: lines[at + Tlb.Flags]! & RIGHTS,
        dirty: (lines[at + Tlb.Flags]! & DIRTY) !== 0,
        filledAt: lines[at + Tlb.FilledAt]!,
      };
    });
  }

  /** Lines of every size, privilege and first-stage kind that hold one of a few pages. */
  #probePages(did: number, pasid: number, firstPage: number, lastPage: number): void {
    for (let page = firstPage; page <= lastPage; page++) {
      const hi = Math.floor(page / 0x10_0000) | 0;
      const lo = (page % 0x10_0000) << 12;
      for (let code = 0; code < SIZES_LG2.length; code++) {
        if (this.#counts[code] === 0) continue;
        for (const kind of FIRST_STAGE_KINDS) {
          const key = did | kind | (code << 21);
          const at = this.table.find(key, pasid, hi, pageBase(lo, code));
          if (at >= 0) this.kill(at);
        }
      }
    }
  }

  #overlaps(at: number, firstPage: number, lastPage: number): boolean {
    const first = pageNumber(this.lines[at + 2]!, this.lines[at + 3]!);
    const last = first + 2 ** (SIZES_LG2[(this.table.key0(at) >> 21) & 3]! - 12) - 1;
    return first <= lastPage && firstPage <= last;
  }
}
