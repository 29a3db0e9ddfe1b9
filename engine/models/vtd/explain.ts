import { join } from '../../base/addr.ts';
import { hexGrouped } from '../../base/text.ts';
import { PasidEntry } from '../../cache/config-cache.ts';
import { describeEntry } from '../../pagetable/describe.ts';
import { STEP_WORDS, stepLevel, stepStage } from '../../pagetable/walk.ts';
import { decode } from './bit-layout.ts';
import { faultByCode } from './faults.ts';
import { CONTEXT_ENTRY, PASID_DIRECTORY_ENTRY, PASID_ENTRY, ROOT_ENTRY } from './structures.ts';
import type { VtdUnit } from './translate.ts';
import type { Request, Translation } from './translation.ts';

/** One entry the present walk reads. */
export interface WalkStep {
  readonly what: 'root' | 'context' | 'pde' | 'pasid' | 'fs' | 'ss';
  /** Paging level from 0 for the level of only leaves; -1 for configuration entries. */
  readonly level: number;
  /** HPA of the entry. */
  readonly address: bigint;
  /** First stage under nesting: GPA of the entry. Second stage: the GPA being translated. */
  readonly gpa?: bigint;
  /** The entry; configuration entries have 2, 4, 1 or 8 words. */
  readonly qwords: readonly bigint[];
  readonly value: bigint;
  /** What the entry says, in words; no full stop. */
  readonly note: string;
}

export interface Explanation {
  readonly steps: readonly WalkStep[];
  /** Outcome of the walk; reused by the unit, so read it at once. */
  readonly outcome: Translation;
  /** The outcome in one sentence. */
  readonly verdict: string;
}

/** The edit that made a cached answer stale. */
export interface Culprit {
  /** The entry that was edited; absent where a register was. */
  readonly step?: WalkStep;
  /** HPA of the edited 64-bit word. */
  readonly address?: bigint;
  readonly editedAt: number;
}

const CONFIG = [
  { what: 'root', layout: ROOT_ENTRY },
  { what: 'context', layout: CONTEXT_ENTRY },
  { what: 'pde', layout: PASID_DIRECTORY_ENTRY },
  { what: 'pasid', layout: PASID_ENTRY },
] as const;

/** The walk a request would take now, entry by entry. No side effects. */
export function explain(unit: VtdUnit, request: Request): Explanation {
  const outcome = unit.present.walk(request);
  const steps = [...configSteps(unit), ...pagingSteps(unit, request)];
  return { steps, outcome, verdict: verdict(outcome) };
}

/** The first entry along the present walk, configuration first, that was edited after a time. */
export function culprit(unit: VtdUnit, request: Request, sinceTime: number): Culprit | undefined {
  const register = unit.rtaddrChanges.find((time) => time > sinceTime);
  if (register !== undefined) return { editedAt: register };
  for (const step of explain(unit, request).steps) {
    for (let i = 0; i < step.qwords.length; i++) {
      const address = step.address + BigInt(8 * i);
      const editedAt = unit.mem.firstEditAfter(address, sinceTime);
      if (editedAt !== 0) return { step, address, editedAt };
    }
  }
  return undefined;
}

function configSteps(unit: VtdUnit): WalkStep[] {
  const { reader } = unit.present;
  return Array.from({ length: reader.reads }, (_, i) => {
    const { what, layout } = CONFIG[reader.path[i * 3]!]!;
    const at = join(reader.path[i * 3 + 1]!, reader.path[i * 3 + 2]!);
    // The walk reads one half of a root entry; the step shows that half.
    const count = what === 'root' ? 1 : layout.bits / 64;
    const qwords = Array.from({ length: count }, (_, word) => unit.mem.read64(at + BigInt(8 * word)));
    return { what, level: -1, address: at, qwords, value: qwords[0]!, note: configNote(what, qwords) };
  });
}

function configNote(what: WalkStep['what'], qwords: readonly bigint[]): string {
  const half = decode(what === 'root' ? ROOT_ENTRY : PASID_DIRECTORY_ENTRY, qwords);
  switch (what) {
    case 'root':
      return half['LP'] ? `context table at ${hexGrouped(half['LCTP']!)}` : 'not present';
    case 'pde':
      return half['P'] ? `PASID table at ${hexGrouped(half['SMPTBLPTR']!)}` : 'not present';
    case 'context': {
      const entry = decode(CONTEXT_ENTRY, qwords);
      if (!entry['P']) return 'not present';
      const allows = ['DTE', 'PASIDE', 'PRE'].filter((name) => entry[name]).join(' ');
      return `PASID directory at ${hexGrouped(entry['PASIDDIRPTR']!)}${allows && `, ${allows}`}`;
    }
    default: {
      const entry = decode(PASID_ENTRY, qwords);
      if (!entry['P']) return 'not present';
      const kinds = PASID_ENTRY.fields.find((field) => field.name === 'PGTT')?.values ?? {};
      const kind = Object.keys(kinds).find((name) => kinds[name] === entry['PGTT']) ?? `PGTT ${entry['PGTT']}`;
      return `${kind}, domain ${entry['DID']}`;
    }
  }
}

function pagingSteps(unit: VtdUnit, request: Request): WalkStep[] {
  const { walker } = unit.present.tables;
  const pgtt = unit.present.reader.pasid[PasidEntry.Pgtt]!;
  const steps: WalkStep[] = [];
  // Under nesting the second stage first translates the place of each first-stage entry, then the page.
  let input = pgtt === 3 ? join(walker.root1Hi, walker.root1Lo) : request.address;
  let level1 = walker.format1 ? walker.format1.levels - 1 : 0;
  if (pgtt === 3) input = entryAt(input, request.address, level1);
  for (let i = 0; i < walker.steps; i++) {
    const at = i * STEP_WORDS;
    const stage = stepStage(walker.path[at]!);
    const level = stepLevel(walker.path[at]!);
    const address = join(walker.path[at + 1]!, walker.path[at + 2]!);
    const value = unit.mem.read64(address);
    const format = stage === 1 ? walker.format1! : walker.format2!;
    const entry = describeEntry(format, level, value);
    const reserved = entry.reserved ? `, reserved bits ${hexGrouped(entry.reserved)}` : '';
    const note = entry.present
      ? `${entry.name} ${entry.leaf ? 'maps' : 'names table'} ${hexGrouped(entry.address)} (${entry.flags.join(' ')})${reserved}`
      : `${entry.name} not present`;
    const what = stage === 1 ? 'fs' : 'ss';
    steps.push({ what, level, address, qwords: [value], value, note, ...(pgtt === 1 ? {} : { gpa: input }) });
    if (stage === 1 && entry.present) {
      if (entry.leaf) {
        const offset = (1n << BigInt(format.granuleLg2 + format.bitsPerLevel * level)) - 1n;
        input = entry.address | (request.address & offset);
      } else {
        level1 = level - 1;
        input = entryAt(entry.address, request.address, level1);
      }
    }
  }
  return steps;
}

const entryAt = (table: bigint, address: bigint, level: number): bigint =>
  table + 8n * ((address >> BigInt(12 + 9 * level)) & 511n);

function verdict(outcome: Translation): string {
  if (outcome.interrupt) return 'The address is an interrupt message and is not translated.';
  if (outcome.ok) return `The walk leads to ${hexGrouped(outcome.hpa)}.`;
  const reason = faultByCode(outcome.fault);
  return reason ? `${reason.name}: ${reason.text}` : `Fault ${outcome.fault}.`;
}
