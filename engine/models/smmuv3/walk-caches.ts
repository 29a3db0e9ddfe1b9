import { Tlb } from '../../cache/iotlb.ts';
import { kindOf, pscLevel } from '../../cache/psc.ts';
import type { Format } from '../../pagetable/format.ts';
import { KNOWN_PAGE, PAGES2_WORDS, type Walker } from '../../pagetable/walk.ts';
import { dateLine, isProven, proveLine, unproven } from '../line-proof.ts';
import { type Blamed, PAGE, StructureCaches } from '../structure-caches.ts';
import type { ContextEntry } from './context-entry.ts';
import { ALL_STAGE_1, ALL_STAGE_2 } from './rights.ts';
import { leafHiOf, leafLoOf, StageTwo } from './stage-two.ts';
import type { StreamEntry } from './stream-entry.ts';
import { isDevice, isDirty, packLeaf, rightsOf, type SmmuTlbLine, Tag, type TlbTable } from './tlb.ts';

/** Table attributes of stage 1, bits 63:59; table entries of stage 2 have none. */
const TABLE_ATTRIBUTES_HI = -1 << 27;
/** Added to the kind of lines of EL2. */
const EL2 = 8;
/** log2 of the granules by kind. */
const GRANULES: readonly number[] = [12, 14, 16];
const granuleKind = (format: Format): number => (format.granuleLg2 - 12) >> 1;
const granuleOf = (kind: number): number => GRANULES[kind & 7] ?? 12;
/** log2 of what 512 entries of a level serve; what `kept1` stands for. */
const pieceSpan = (kind: number, level: number): number => granuleOf(kind) + (granuleOf(kind) - 3) * level + 9;
/** log2 of what a whole table of a level serves. */
const tableSpan = (kind: number, level: number): number => granuleOf(kind) + (granuleOf(kind) - 3) * (level + 1);

/**
 * What the SMMU keeps of walks besides translations (IHI 0070, 16.2; Arm ARM D8.13): where tables of stage 1 lie, by VMID and
 * ASID, those of stage 2 by VMID, and pages of stage 2 that held tables, CDs or data, as IPA entries of the TLB.
 */
export class WalkCaches extends StructureCaches {
  /** The IPA entry that a stale answer rests on. */
  blamedPage: SmmuTlbLine | null = null;
  readonly #tlb: TlbTable;
  #stage2: StageTwo | null = null;
  /** What the way to the CD has used, before the walk of the tables. */
  #configUsed = 0;
  #configSuspicious = false;

  /** @param tlb IPA entries */
  constructor(tlb: TlbTable) {
    super(
      { first: 0, firstHi: TABLE_ATTRIBUTES_HI, accessed: 0, second: 0, tables: 0 },
      { first: pieceSpan, second: tableSpan },
    );
    this.#tlb = tlb;
  }

  /** Lets a walker profit and leave behind what may be taken in. */
  attach(walker: Walker): void {
    walker.cache2 = this;
    WalkCaches.observe(walker);
  }

  /** Lets a walker leave behind what lines can be held against. */
  static observe(walker: Walker): void {
    walker.keeping = true;
    walker.keepingPages = true;
  }

  /** A new access begins. */
  start(version: number): void {
    this.restart();
    this.version = version;
    this.#configUsed = 0;
    this.#configSuspicious = false;
    this.blamed = null;
    this.blamedPage = null;
  }

  /** Takes over the tags of stage 2, which the way to a CD needs already. */
  enter(ste: StreamEntry): void {
    this.domain = ste.vmid;
    const { stage2 } = ste;
    this.#stage2 = stage2;
    if (stage2 === null) return;
    this.kind2 = granuleKind(stage2.format);
    this.origin2 = ste.stage2Print;
    this.top2 = stage2.format.levels - 1;
  }

  /** Takes over those of stage 1. @param el2Host EL2 has ASIDs @param hi high half of the address */
  begin(ste: StreamEntry, cd: ContextEntry | null, el2Host: boolean, hi: number): void {
    this.#configUsed = this.used2Count;
    this.#configSuspicious = this.suspicious;
    if (cd === null) return;
    this.space = ste.el2 && !el2Host ? -1 : cd.asid;
    this.origin1 = Math.imul(ste.print, 31) ^ cd.print;
    const half = cd.halfOf(hi);
    this.kind1 = (ste.el2 ? EL2 : 0) | (half ? granuleKind(half.format) : 0);
  }

  /** The walk begins again, at the top of stage 1. */
  again(): void {
    const [count, suspicious] = [this.#configUsed, this.#configSuspicious];
    this.restart();
    this.used = count > 0;
    this.used2Count = count;
    this.suspicious = suspicious;
  }

  override find(hi: number, lo: number): number {
    const tlb = this.#tlb;
    const line = tlb.find(Tag.Ipa, this.domain, -1, hi, lo);
    if (line < 0) return super.find(hi, lo);
    const { lines } = tlb;
    const facts = lines[line + Tlb.Flags]!;
    // What becomes dirty with the first write takes a walk, which finds the entry to update.
    if (!isDirty(facts)) return super.find(hi, lo);
    this.tableHi = lines[line + Tlb.HpaHi]!;
    this.tableLo = lines[line + Tlb.HpaLo]!;
    this.pageLg2 = lines[line + Tlb.Lg2]!;
    this.and = leafLoOf(rightsOf(facts), isDevice(facts));
    this.leafHi = leafHiOf(rightsOf(facts));
    if (!isProven(lines, line, this.version, this.origin2)) this.suspicious = true;
    this.note(hi, lo, PAGE);
    return KNOWN_PAGE;
  }

  /** Takes in the pages of stage 2 that a walk which succeeded has found. */
  fillPages(w: Walker, now: number, fresh: boolean, sid: number, pasid: number): void {
    const { pages2 } = w;
    const tlb = this.#tlb;
    const version = fresh ? this.version : unproven(this.version);
    const stage2 = this.#stage2!;
    const granule = stage2.format.granuleLg2;
    for (let at = 0; at < w.pages2Count * PAGES2_WORDS; at += PAGES2_WORDS) {
      const [leafHi, leafLo] = [pages2[at + 5]!, pages2[at + 6]!];
      if (stage2.isClean(leafHi, leafLo)) continue;
      const lg2 = pages2[at + 2]!;
      const line = tlb.fill(Tag.Ipa, this.domain, -1, pages2[at]!, pages2[at + 1]!, lg2);
      const { lines } = tlb;
      lines[line + Tlb.HpaHi] = pages2[at + 3]!;
      lines[line + Tlb.HpaLo] = pages2[at + 4]!;
      lines[line + Tlb.GpaHi] = pages2[at]!;
      lines[line + Tlb.GpaLo] = pages2[at + 1]!;
      lines[line + Tlb.Lg2] = lg2;
      const rights = ALL_STAGE_1 | stage2.rightsOf(leafHi, leafLo);
      const level = 3 - Math.floor((lg2 - granule) / stage2.format.bitsPerLevel);
      lines[line + Tlb.Flags] = packLeaf(rights, level, granule, true, StageTwo.isDevice(leafLo));
      lines[line + Tlb.Sid] = sid;
      lines[line + Tlb.Pasid] = pasid;
      dateLine(lines, line, now, version, this.origin2);
    }
  }

  override prove(present: Walker, version: number, hi: number, lo: number): void {
    super.prove(present, version, hi, lo);
    for (let at = 0; at < present.pages2Count * PAGES2_WORDS; at += PAGES2_WORDS) {
      const line = this.#tlb.find(Tag.Ipa, this.domain, -1, present.pages2[at]!, present.pages2[at + 1]!);
      if (line >= 0 && this.#holdsPage(line, present)) proveLine(this.#tlb.lines, line, version, this.origin2);
    }
  }

  /** Names what was to blame on the way to the CD. @param present the walker of that way */
  blameConfig(present: Walker): Blamed | null {
    return this.blameSeconds(present, 0, this.#configUsed);
  }

  override blame(present: Walker, hi: number, lo: number): Blamed | null {
    return this.blameFirst(present, hi, lo) ?? this.blameSeconds(present, this.#configUsed, this.used2Count);
  }

  protected override blameSecond(present: Walker, hi: number, lo: number, level: number): Blamed | null {
    if (level !== PAGE) return super.blameSecond(present, hi, lo, level);
    const line = this.#tlb.find(Tag.Ipa, this.domain, -1, hi, lo);
    if (line < 0 || this.#holdsPage(line, present)) return null;
    const { lines } = this.#tlb;
    this.blamedPage = this.#tlb.lineAt(line);
    return { filledAt: lines[line + Tlb.FilledAt]!, since: lines[line + Tlb.Since]! };
  }

  override taint(w: Walker, since: number, hi: number, lo: number): void {
    super.taint(w, since, hi, lo);
    const { lines } = this.#tlb;
    for (let at = 0; at < w.pages2Count * PAGES2_WORDS; at += PAGES2_WORDS) {
      const line = this.#tlb.find(Tag.Ipa, this.domain, -1, w.pages2[at]!, w.pages2[at + 1]!);
      if (line >= 0 && since < lines[line + Tlb.Since]!) lines[line + Tlb.Since] = since;
    }
  }

  /** Whether an IPA entry holds what a walk without caches found of one of its addresses. */
  #holdsPage(line: number, { pages2, pages2Count }: Walker): boolean {
    const { lines } = this.#tlb;
    for (let at = 0; at < pages2Count * PAGES2_WORDS; at += PAGES2_WORDS) {
      if (this.#tlb.find(Tag.Ipa, this.domain, -1, pages2[at]!, pages2[at + 1]!) !== line) continue;
      const lg2 = lines[line + Tlb.Lg2]!;
      const facts = lines[line + Tlb.Flags]!;
      const [hi, lo] = [lg2 > 32 ? -1 << (lg2 - 32) : -1, lg2 < 32 ? -1 << lg2 : 0];
      return (
        lg2 <= pages2[at + 2]! &&
        !this.#stage2!.isUntouched(pages2[at + 6]!) &&
        ((lines[line + Tlb.HpaHi]! ^ pages2[at + 3]!) & hi) === 0 &&
        ((lines[line + Tlb.HpaLo]! ^ pages2[at + 4]!) & lo) === 0 &&
        (rightsOf(facts) & ALL_STAGE_2) === this.#stage2!.rightsOf(pages2[at + 5]!, pages2[at + 6]!) &&
        isDevice(facts) === StageTwo.isDevice(pages2[at + 6]!)
      );
    }
    return false;
  }
}

/** Arm's level of the table that a line names, by its first key word. */
export const tableLevel = (key: number): number => 3 - pscLevel(key);
export const tableGranule = (key: number): number => granuleOf(kindOf(key));
export const isEl2Table = (key: number): boolean => (kindOf(key) & EL2) !== 0;
