import { join } from '../base/addr.ts';
import { RIGHTS, Tlb } from './iotlb.ts';
import { LineTable, pageBase, pageNumber, SIZES_LG2, sizeCode } from './lines.ts';

export interface DeviceTlbLine {
  readonly sid: number;
  /** -1: the line was filled by a request without PASID. */
  readonly pasid: number;
  readonly privileged: number;
  readonly page: bigint;
  readonly size: bigint;
  readonly hpa: bigint;
  readonly rights: number;
  readonly filledAt: number;
}

/** Source ids below this stand in keys as they are; an SMMUv3's StreamIDs have 32 bits. */
const WIDE = 0x8000;

/** The TLBs of all devices with ATS, in one table: a line belongs to the device whose source id it carries. */
export class DeviceTlb {
  readonly table = new LineTable();
  readonly #counts = new Int32Array(SIZES_LG2.length);
  /** Numbers that stand in keys for source ids of more than 15 bits, and those ids by their numbers. */
  readonly #wide = new Map<number, number>();
  readonly #wideSids: number[] = [];

  get lines(): Int32Array {
    return this.table.lines;
  }

  get size(): number {
    return this.table.size;
  }

  find(sid: number, pasid: number, privileged: number, hi: number, lo: number): number {
    const key = this.#numberOf(sid) | (privileged << 16);
    for (let code = 0; code < 3; code++) {
      if (this.#counts[code] === 0) continue;
      const at = this.table.find(key | (code << 17), pasid, hi, pageBase(lo, code));
      if (at >= 0) return at;
    }
    return -1;
  }

  fill(sid: number, pasid: number, privileged: number, hi: number, lo: number, lg2: number): number {
    const code = sizeCode(lg2);
    const key = this.#numberOf(sid) | (privileged << 16) | (code << 17);
    const base = pageBase(lo, code);
    const found = this.table.find(key, pasid, hi, base);
    if (found >= 0) return found;
    this.#counts[code]!++;
    return this.table.append(key, pasid, hi, base);
  }

  kill(at: number): void {
    this.#counts[(this.table.key0(at) >> 17) & 3]!--;
    this.table.kill(at);
  }

  clear(): number {
    this.#counts.fill(0);
    return this.table.clear();
  }

  /** Lines of one device that overlap the pages: of one PASID (-1: those without), or of every PASID when `pasid` is null. */
  removePages(sid: number, pasid: number | null, firstPage: number, lastPage: number): number {
    const before = this.size;
    const wanted = this.#numberOf(sid);
    for (const at of this.table.offsets()) {
      const key = this.table.key0(at);
      const lines = this.lines;
      if ((key & 0xffff) !== wanted) continue;
      if (pasid === null ? lines[at + 1]! < 0 : lines[at + 1] !== pasid) continue;
      const first = pageNumber(lines[at + 2]!, lines[at + 3]!);
      const last = first + 2 ** (SIZES_LG2[(key >> 17) & 3]! - 12) - 1;
      if (first <= lastPage && firstPage <= last) this.kill(at);
    }
    return before - this.size;
  }

  /** Everything one device holds, as after a reset of its function. */
  removeDevice(sid: number): number {
    const before = this.size;
    const wanted = this.#numberOf(sid);
    for (const at of this.table.offsets()) if ((this.table.key0(at) & 0xffff) === wanted) this.kill(at);
    return before - this.size;
  }

  /** The source id of a line's key. */
  sidOf(key: number): number {
    const number = key & 0xffff;
    return number < WIDE ? number : this.#wideSids[number - WIDE]!;
  }

  #numberOf(sid: number): number {
    if (sid < WIDE) return sid;
    let number = this.#wide.get(sid);
    if (number === undefined) {
      number = WIDE + this.#wideSids.push(sid) - 1;
      this.#wide.set(sid, number);
    }
    return number;
  }

  list(): DeviceTlbLine[] {
    return Array.from(this.table.offsets(), (at) => {
      const key = this.table.key0(at);
      return {
        sid: this.sidOf(key),
        privileged: (key >> 16) & 1,
        pasid: this.lines[at + 1]!,
        page: join(this.lines[at + 2]!, this.lines[at + 3]!),
        size: 1n << BigInt(SIZES_LG2[(key >> 17) & 3]!),
        hpa: join(this.lines[at + Tlb.HpaHi]!, this.lines[at + Tlb.HpaLo]!),
        rights: this.lines[at + Tlb.Flags]! & RIGHTS,
        filledAt: this.lines[at + Tlb.FilledAt]!,
      };
    });
  }
}
