import { join } from '../../base/addr.ts';
import { Tlb } from '../../cache/iotlb.ts';
import { LineTable, pageNumber } from '../../cache/lines.ts';

const RIGHTS_MASK = 0x3ff;
const LEVEL_LO = 10;
const GRANULE_LO = 13;
/** Of packed facts: no write needs to update the leaf any more. */
export const DIRTY_BIT = 1 << 18;
const DEVICE_BIT = 1 << 19;

/**
 * What a line keeps of its leaf, packed into the word of the flags: rights of both stages, and which leaf it was.
 * @param rights `Right`s @param level Arm's, -1 to 3 @param granule log2 @param dirty no write needs to update it any more
 * @param device of an IPA entry: stage 2 makes it Device memory
 */
export const packLeaf = (rights: number, level: number, granule: number, dirty: boolean, device: boolean): number =>
  rights | ((level + 1) << LEVEL_LO) | (granule << GRANULE_LO) | (dirty ? DIRTY_BIT : 0) | (device ? DEVICE_BIT : 0);
export const rightsOf = (facts: number): number => facts & RIGHTS_MASK;
export const isDirty = (facts: number): boolean => (facts & DIRTY_BIT) !== 0;
export const isDevice = (facts: number): boolean => (facts & DEVICE_BIT) !== 0;
const levelOf = (facts: number): number => ((facts >> LEVEL_LO) & 7) - 1;
const granuleOf = (facts: number): number => (facts >> GRANULE_LO) & 31;

/** What a line is found by besides its page (IHI 0070, 3.8 and 16.2). */
export const Tag = {
  /** VMID and ASID. */
  Asid: 0,
  /** VMID, whatever the ASID: the leaf was global. */
  Global: 1,
  /** VMID and IPA: stage 2 alone. */
  Ipa: 2,
  /** EL2's own, with an ASID where EL2 has such. */
  El2: 3,
  El2Global: 4,
} as const;
export type Tag = (typeof Tag)[keyof typeof Tag];

const NO_ASID = -1;
/** Address bits and the 7 tags below 3 bits. */
const KEY_LG2 = 20;
const KEY_TAG = 16;
const TAGS = 5;

/** A line for people: tests, views and reports. */
export interface SmmuTlbLine {
  readonly tag: Tag;
  readonly vmid: number;
  /** -1 where the tag has none. */
  readonly asid: number;
  readonly page: bigint;
  readonly size: bigint;
  readonly hpa: bigint;
  readonly ipa: bigint;
  readonly rights: number;
  readonly dirty: boolean;
  readonly filledAt: number;
}

/** Pages `first` to `last` of 4K, and what else a command by address says of the leaves it means. */
export interface PageRange {
  readonly first: number;
  readonly last: number;
  /** Arm's level of the leaves; 0 for any. */
  readonly ttl: number;
  /** log2 of the granule of a range; 0 for any. */
  readonly granule: number;
}

/** A part of the TLB: unbounded, with pages of every size, and it forgets nothing by itself. */
export class TlbTable {
  readonly table = new LineTable();
  /** Live lines by tag and size, so that look-ups skip what nobody uses. */
  readonly #counts = new Int32Array(TAGS * 64);
  readonly #sizes: number[][] = Array.from({ length: TAGS }, () => []);

  get lines(): Int32Array {
    return this.table.lines;
  }

  get size(): number {
    return this.table.size;
  }

  /** Offset of the line that covers the address, or -1; the smallest page wins. */
  find(tag: Tag, vmid: number, asid: number, hi: number, lo: number): number {
    const sizes = this.#sizes[tag]!;
    for (let i = 0; i < sizes.length; i++) {
      const lg2 = sizes[i]!;
      const key = vmid | (tag << KEY_TAG) | (lg2 << KEY_LG2);
      const at = this.table.find(key, asid, baseHi(hi, lg2), baseLo(lo, lg2));
      if (at >= 0) return at;
    }
    return -1;
  }

  /** The line for this page, replaced if there is one; the caller writes the value words. */
  fill(tag: Tag, vmid: number, asid: number, hi: number, lo: number, lg2: number): number {
    const key = vmid | (tag << KEY_TAG) | (lg2 << KEY_LG2);
    const { table } = this;
    const before = table.size;
    const at = table.findOrAppend(key, asid, baseHi(hi, lg2), baseLo(lo, lg2));
    if (table.size !== before && this.#counts[tag * 64 + lg2]!++ === 0) {
      this.#sizes[tag]!.push(lg2);
      this.#sizes[tag]!.sort((a, b) => a - b);
    }
    return at;
  }

  clear(): number {
    this.#counts.fill(0);
    for (let tag = 0; tag < TAGS; tag++) if (this.#sizes[tag]!.length > 0) this.#sizes[tag] = [];
    return this.table.clear();
  }

  /** Every line for which `gone` holds. @param gone is told tag, VMID, ASID (-1: none) and the line's offset */
  remove(gone: (tag: Tag, vmid: number, asid: number, at: number) => boolean): number {
    const before = this.size;
    const { table } = this;
    for (let at = table.next(-1); at >= 0; at = table.next(at)) {
      const key = table.key0(at);
      if (gone(tagOf(key), key & 0xffff, this.lines[at + 1]!, at)) this.#kill(at);
    }
    // Dead lines lengthen every look-up until something makes room; nobody needs them once all are dead.
    if (table.size === 0) table.clear();
    return before - table.size;
  }

  /** Whether a line overlaps the pages and comes from a leaf that the command means. */
  isMeant(at: number, { first, last, ttl, granule }: PageRange): boolean {
    const lines = this.lines;
    const start = pageNumber(lines[at + 2]!, lines[at + 3]!);
    const end = start + 2 ** (lg2Of(this.table.key0(at)) - 12) - 1;
    if (last < start || end < first) return false;
    const facts = lines[at + Tlb.Flags]!;
    return (ttl === 0 || levelOf(facts) === ttl) && (granule === 0 || granuleOf(facts) === granule);
  }

  list(): SmmuTlbLine[] {
    return Array.from(this.table.offsets(), (at) => this.lineAt(at));
  }

  /** A line for people. */
  lineAt(at: number): SmmuTlbLine {
    const key = this.table.key0(at);
    const lines = this.lines;
    return {
      tag: tagOf(key),
      vmid: key & 0xffff,
      asid: lines[at + 1]!,
      page: join(lines[at + 2]!, lines[at + 3]!),
      size: 1n << BigInt(lg2Of(key)),
      hpa: join(lines[at + Tlb.HpaHi]!, lines[at + Tlb.HpaLo]!),
      ipa: join(lines[at + Tlb.GpaHi]!, lines[at + Tlb.GpaLo]!),
      rights: rightsOf(lines[at + Tlb.Flags]!),
      dirty: isDirty(lines[at + Tlb.Flags]!),
      filledAt: lines[at + Tlb.FilledAt]!,
    };
  }

  #kill(at: number): void {
    const key = this.table.key0(at);
    const tag = tagOf(key);
    const lg2 = lg2Of(key);
    if (--this.#counts[tag * 64 + lg2]! === 0) this.#sizes[tag] = this.#sizes[tag]!.filter((size) => size !== lg2);
    this.table.kill(at);
  }
}

/** The TLB of an SMMU, with IPA entries apart: walks ask for those alone, and accesses meet only lines of their own kind. */
export class SmmuTlb {
  /** Lines that stage 1 took part in, those of EL2 included. */
  readonly main = new TlbTable();
  readonly ipa = new TlbTable();

  get size(): number {
    return this.main.size + this.ipa.size;
  }

  of(tag: Tag): TlbTable {
    return tag === Tag.Ipa ? this.ipa : this.main;
  }

  clear(): number {
    return this.main.clear() + this.ipa.clear();
  }

  list(): SmmuTlbLine[] {
    return [...this.main.list(), ...this.ipa.list()];
  }
}

/** First key word of a line of 4K. */
export const smallKey = (tag: Tag, vmid: number): number => vmid | (tag << KEY_TAG) | (12 << KEY_LG2);

/** The ASID that a tag carries. */
export const asidFor = (tag: Tag, asid: number): number => (tag === Tag.Asid || tag === Tag.El2 ? asid : NO_ASID);

const tagOf = (key: number): Tag => ((key >> KEY_TAG) & 7) as Tag;
const lg2Of = (key: number): number => (key >> KEY_LG2) & 63;
const baseHi = (hi: number, lg2: number): number => (lg2 <= 32 ? hi : hi & (-1 << (lg2 - 32)));
const baseLo = (lo: number, lg2: number): number => (lg2 < 32 ? lo & (-1 << lg2) : 0);
