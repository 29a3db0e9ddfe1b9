import { Tlb } from '../cache/iotlb.ts';
import type { Source, Translation } from './translation.ts';

/**
 * How models keep track of whether a line of a translation cache is still what a walk would give. A line was last known to
 * be so at a version of memory, under a configuration named by its fingerprint (`Tlb.Version`, `Tlb.Origin`); `Tlb.Since`
 * says from when on edits count against it. The words are those of `Tlb`, whoever uses the rest of the line.
 */

/** A version that proves nothing: that of something that was filled from what may be out of date. */
export const unproven = (version: number): number => (version - 1) | 0;

export const isProven = (lines: Int32Array, line: number, version: number, origin: number): boolean =>
  lines[line + Tlb.Version] === version && lines[line + Tlb.Origin] === origin;

/** A walk has just given what the line holds. */
export function proveLine(lines: Int32Array, line: number, version: number, origin: number): void {
  lines[line + Tlb.Version] = version;
  lines[line + Tlb.Origin] = origin;
}

/** Dates a line that was just filled. @param version `unproven` unless what it was filled from is known to be fresh */
export function dateLine(lines: Int32Array, line: number, now: number, version: number, origin: number): void {
  lines[line + Tlb.FilledAt] = now;
  lines[line + Tlb.Since] = now;
  proveLine(lines, line, version, origin);
}

/** Time from which on edits have made a stale answer so, and with it all that was filled from it. */
export const staleSince = (r: Translation): number => r.since || r.filledAt;

/** Names the cache that kept what is no longer so. */
export function accuse(r: Translation, source: Source, filledAt: number, since = 0): void {
  r.source = source;
  r.filledAt = filledAt;
  r.since = since;
}
