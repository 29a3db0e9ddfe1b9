import { Context, type ContextCache, type PasidCache, PasidEntry } from '../../cache/config-cache.ts';
import { FAULTS, Tlb } from '../../cache/iotlb.ts';
import { accuse, dateLine, isProven, proveLine, staleSince, unproven } from '../line-proof.ts';
import { judge, type Request, Source, Stale, type Translation } from '../translation.ts';
import type { ConfigLookup } from './lookup.ts';
import type { Presence } from './present.ts';
import type { VtdStructureCaches } from './structure-caches.ts';
import type { TableWalk } from './tables.ts';

/** Whether answers that rest on caches are what a walk would give now, and which cache is to blame where they are not. */
export class Freshness {
  /** The IOTLB line that the access has filled, or -1. */
  filled = -1;
  readonly #lookup: ConfigLookup;
  readonly #contexts: ContextCache;
  readonly #pasids: PasidCache;
  readonly #tables: TableWalk;
  readonly #structures: VtdStructureCaches | null;
  readonly #present: Presence;

  constructor(lookup: ConfigLookup, tables: TableWalk, present: Presence) {
    this.#lookup = lookup;
    this.#contexts = lookup.contexts;
    this.#pasids = lookup.pasids;
    this.#tables = tables;
    this.#structures = tables.structures;
    this.#present = present;
  }

  /** A new access begins. */
  start(): void {
    this.filled = -1;
    if (this.#structures !== null) this.#structures.restart();
  }

  /** Whether nothing that the last walk rested on can be out of date. */
  isWalkFresh(version: number): boolean {
    return this.#lookup.isFresh(version) && !this.#structures?.suspicious;
  }

  /** Whether an IOTLB line, and the configuration it was found through, are known to be what memory holds. */
  isLineFresh(lines: Int32Array, line: number, version: number): boolean {
    return isProven(lines, line, version, this.#origin()) && this.#lookup.isFresh(version);
  }

  /** A line was filled. @param fresh by a walk that rested on nothing that may be out of date */
  markFilled(lines: Int32Array, line: number, now: number, version: number, fresh: boolean): void {
    dateLine(lines, line, now, fresh ? version : unproven(version), this.#origin());
    this.filled = line;
  }

  /**
   * Compares an answer that rests on caches with the present walk, and lets lines that agree prove so cheaply next time.
   * @param lines of the IOTLB @param line the one it came from, or -1 where a walk gave it
   */
  judge(
    request: Request,
    r: Translation,
    lines: Int32Array,
    line: number,
    version: number,
    present = this.#present.walk(request),
  ): void {
    const lookup = this.#lookup;
    const contextSame = lookup.contextAt < 0 || this.#present.holdsContext(this.#contexts.lines, lookup.contextAt);
    const pasidSame = lookup.pasidAt < 0 || this.#present.holdsPasid(this.#pasids.lines, lookup.pasidAt);
    if (contextSame && lookup.contextAt >= 0) this.#contexts.lines[lookup.contextAt + Context.Version] = version;
    if (pasidSame && lookup.pasidAt >= 0) this.#pasids.lines[lookup.pasidAt + PasidEntry.Version] = version;
    const walked = line < 0;
    const kept = walked ? this.filled : line;
    r.stale = judge(r, present);
    if (r.stale !== Stale.Fresh) this.#blame(request, r, line, contextSame, pasidSame);
    if (contextSame && pasidSame) {
      if (walked) this.#structures?.prove(this.#present.tables.walker, version, request.hi, request.lo);
      // A denial proves nothing of the rights that were not asked for; only a line that holds the fault is as it should be.
      const holdsFault = kept >= 0 && (lines[kept + Tlb.Flags]! & FAULTS) !== 0;
      if (kept >= 0 && (this.#present.agrees(r) || (holdsFault && present.fault === r.fault)))
        proveLine(lines, kept, version, this.#origin());
    }
    if (walked && r.stale !== Stale.Fresh) this.#taint(request, r, lines);
  }

  /** What a stale walk filled rests on what the walk rested on, so its edits count from there. */
  #taint(request: Request, r: Translation, lines: Int32Array): void {
    if (this.filled < 0) return;
    const since = staleSince(r);
    lines[this.filled + Tlb.Since] = since;
    this.#structures?.taint(this.#tables.walker, since, request.hi, request.lo);
  }

  /** Names the cache that kept what is no longer so: the uppermost one whose content decided the answer. */
  #blame(request: Request, r: Translation, line: number, contextSame: boolean, pasidSame: boolean): void {
    const lookup = this.#lookup;
    const pasids = this.#pasids.lines;
    const pasidDecides =
      !pasidSame && lookup.pasidCached && (line < 0 || this.#present.differsUnder(pasids, lookup.pasidAt, request));
    if (!contextSame && lookup.contextCached && (line < 0 || !lookup.pasidCached || pasidDecides)) {
      accuse(r, Source.Context, this.#contexts.lines[lookup.contextAt + Context.FilledAt]!, r.since);
    } else if (pasidDecides) {
      accuse(r, Source.Pasid, pasids[lookup.pasidAt + PasidEntry.FilledAt]!, r.since);
    } else if (line < 0) {
      const found = this.#structures?.blame(this.#present.tables.walker, request.hi, request.lo);
      if (found) accuse(r, Source.Psc, found.filledAt, found.since);
    }
  }

  /** Names the configuration that the last access used. */
  #origin(): number {
    return this.#pasids.lines[this.#lookup.pasidAt + PasidEntry.Origin]!;
  }
}
