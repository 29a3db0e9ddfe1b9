import { Tlb } from '../../cache/iotlb.ts';
import { accuse, dateLine, isProven, proveLine, staleSince, unproven } from '../line-proof.ts';
import { judge, type Request, Source, Stale, type Translation } from '../translation.ts';
import type { ConfigLookup } from './lookup.ts';
import type { Presence } from './present.ts';
import { sameWords } from './stream-entry.ts';
import type { TableWalk } from './table-walk.ts';
import type { SmmuTlb } from './tlb.ts';
import { partOf } from './tlb-line.ts';
import type { WalkCaches } from './walk-caches.ts';

/** Whether answers that rest on caches are what a walk would give now, and which cache is to blame where not. */
export class Freshness {
  readonly #lookup: ConfigLookup;
  readonly #tlb: SmmuTlb;
  readonly #tables: TableWalk;
  readonly #walks: WalkCaches | null;
  readonly #present: Presence;
  /** The line that this access has filled, or -1. */
  #filled = -1;

  constructor(lookup: ConfigLookup, tlb: SmmuTlb, tables: TableWalk, present: Presence) {
    this.#lookup = lookup;
    this.#tlb = tlb;
    this.#tables = tables;
    this.#walks = tables.caches;
    this.#present = present;
  }

  /** A new access begins. */
  start(): void {
    this.#filled = -1;
  }

  /** Whether nothing that the last walk rested on can be out of date. */
  isWalkFresh(version: number): boolean {
    return this.#lookup.isFresh(version) && !this.#walks?.suspicious;
  }

  /** Whether a line was known to be good at this version for the configuration that the last access used. */
  isLineFresh(line: number, version: number): boolean {
    return isProven(this.#lines, line, version, this.origin()) && this.isWalkFresh(version);
  }

  /** A new line is as good as what it was filled under. */
  markFilled(line: number, now: number, version: number): void {
    dateLine(this.#lines, line, now, this.isWalkFresh(version) ? version : unproven(version), this.origin());
    this.#filled = line;
  }

  /**
   * Compares an answer with the present walk, and lets what agrees prove so cheaply next time.
   * @param line the TLB line it came from, or -1
   */
  judge(request: Request, r: Translation, line: number, version: number): void {
    const present = this.#present;
    const { ste, cd, l1Std, l1Cd } = this.#lookup;
    r.stale = judge(r, present.walk(request));
    const steSame = ste ? present.ste !== null && sameWords(ste.words, present.ste.words) : l1Std === null;
    const cdSame = cd ? present.cd !== null && sameWords(cd.words, present.cd.words) : l1Cd === null;
    if (steSame && ste) ste.version = version;
    if (cdSame && cd) cd.version = version;
    const kept = line < 0 ? this.#filled : line;
    if (steSame && cdSame) {
      if (line < 0 || this.#walks?.used) this.#prove(request, version);
      if (kept >= 0 && present.agrees(r)) proveLine(this.#lines, kept, version, this.origin());
    }
    if (r.stale === Stale.Fresh) return;
    this.#blame(request, r, line, steSame, cdSame);
    this.#taint(request, r);
  }

  #prove(request: Request, version: number): void {
    const { reader, tables } = this.#present;
    for (const { walker } of [reader, tables])
      this.#walks?.prove(walker, version, this.#canonicalHi(request), request.lo);
  }

  /** Names the cache that kept what is no longer so: the uppermost one whose content decided the answer. */
  #blame(request: Request, r: Translation, line: number, steSame: boolean, cdSame: boolean): void {
    const { ste, cd, steCached, cdCached, l1Std, l1Cd } = this.#lookup;
    const keptSte = steCached ? ste : l1Std;
    const keptCd = cdCached ? cd : l1Cd;
    if (!steSame && keptSte && (!ste || this.#present.differsUnder(ste, undefined, request))) {
      accuse(r, Source.Context, keptSte.filledAt, keptSte.since);
    } else if (!cdSame && keptCd && (!cd || this.#present.differsUnder(ste!, cd, request))) {
      accuse(r, Source.Pasid, keptCd.filledAt, keptCd.since);
    } else if (!this.#blameWalk(request, r, line) && line < 0 && (keptSte || keptCd)) {
      const { filledAt, since } = (keptSte ?? keptCd)!;
      accuse(r, keptSte ? Source.Context : Source.Pasid, filledAt, since);
    }
  }

  /** Names what shortened the way to the CD, or the walk of the tables where there was one. */
  #blameWalk(request: Request, r: Translation, line: number): boolean {
    const walks = this.#walks;
    if (!walks?.used) return false;
    const present = this.#present;
    // A walk under cached entries may have been made since.
    present.walk(request);
    const found =
      walks.blameConfig(present.reader.walker) ??
      (line < 0 ? walks.blame(present.tables.walker, this.#canonicalHi(request), request.lo) : null);
    if (found) accuse(r, Source.Psc, found.filledAt, found.since);
    return found !== null;
  }

  /** What was filled from something out of date is so from the same time on. */
  #taint(request: Request, r: Translation): void {
    const since = staleSince(r);
    const { ste, cd, steCached, cdCached } = this.#lookup;
    if (ste && !steCached) ste.since = since;
    if (cd && !cdCached) cd.since = since;
    const hi = this.#canonicalHi(request);
    this.#walks?.taint(this.#lookup.reader.walker, since, hi, request.lo);
    if (this.#filled < 0) return;
    this.#lines[this.#filled + Tlb.Since] = since;
    this.#walks?.taint(this.#tables.walker, since, hi, request.lo);
  }

  /** Of the part of the TLB that the last access used. */
  get #lines(): Int32Array {
    return partOf(this.#tlb, this.#lookup.cd).lines;
  }

  #canonicalHi({ hi }: Request): number {
    return this.#lookup.cd?.canonicalHi(hi) ?? hi;
  }

  /** Names the configuration that the last access used, as far as a line depends on it. */
  origin(): number {
    const { ste, cd } = this.#lookup;
    return cd ? Math.imul(ste!.print, 31) ^ cd.print : ste!.stage2Print;
  }
}
