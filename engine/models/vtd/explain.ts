import { join } from '../../base/addr.ts';
import { hexGrouped } from '../../base/text.ts';
import { PasidEntry } from '../../cache/config-cache.ts';
import { describeEntry } from '../../pagetable/describe.ts';
import { STEP_WORDS, stepLevel, stepStage } from '../../pagetable/walk.ts';
import { type BitLayout, decode, fieldOf } from '../bit-layout.ts';
import { firstEdit } from '../first-edit.ts';
import { type Request, Stages, type Translation } from '../translation.ts';
import type { Culprit, Explanation, WalkStep } from '../unit.ts';
import { isLegacy } from './config.ts';
import { faultByCode } from './faults.ts';
import {
  CONTEXT_ENTRY,
  CONTEXT_ENTRY_LEGACY,
  PASID_DIRECTORY_ENTRY,
  PASID_ENTRY,
  ROOT_ENTRY,
  ROOT_ENTRY_LEGACY,
} from './structures.ts';
import type { VtdUnit } from './unit.ts';

/** Configuration entries, by the kinds of a reader's path. */
const CONFIG = [
  { what: 'root', title: 'root entry', layout: ROOT_ENTRY, legacy: ROOT_ENTRY_LEGACY },
  { what: 'context', title: 'context entry', layout: CONTEXT_ENTRY, legacy: CONTEXT_ENTRY_LEGACY },
  { what: 'pde', title: 'PASID directory entry', layout: PASID_DIRECTORY_ENTRY },
  { what: 'pasid', title: 'PASID table entry', layout: PASID_ENTRY },
] as const;

/** Paging entries, by stage. */
const PAGING: Readonly<Record<number, Pick<WalkStep, 'stage' | 'what' | 'title'>>> = {
  1: { stage: 1, what: 'fs', title: 'first-stage entry' },
  2: { stage: 2, what: 'ss', title: 'second-stage entry' },
};

/** The walk a request would take now, entry by entry. No side effects. */
export function explain(unit: VtdUnit, request: Request): Explanation {
  const outcome = unit.present.walk(request);
  const steps = [...configSteps(unit), ...pagingSteps(unit, request)];
  return { steps, outcome, verdict: verdict(outcome) };
}

/** The first entry along the present walk, configuration first, that was edited after a time. */
export function culprit(unit: VtdUnit, request: Request, sinceTime: number): Culprit | undefined {
  const register = unit.rtaddrChanges.find((time) => time > sinceTime);
  if (register !== undefined) return { register: 'RTADDR', editedAt: register };
  return firstEdit(unit.mem, explain(unit, request).steps, sinceTime);
}

function configSteps(unit: VtdUnit): WalkStep[] {
  const { reader } = unit.present;
  return Array.from({ length: reader.reads }, (_, i) => {
    const kind = CONFIG[reader.path[i * 3]!]!;
    const { what, title } = kind;
    const layout = 'legacy' in kind && isLegacy(unit.rtaLo) ? kind.legacy : kind.layout;
    const at = join(reader.path[i * 3 + 1]!, reader.path[i * 3 + 2]!);
    // In scalable mode the walk reads one half of a root entry; the step shows that half.
    const count = layout === ROOT_ENTRY ? 1 : layout.bits / 64;
    const qwords = Array.from({ length: count }, (_, word) => unit.mem.read64(at + BigInt(8 * word)));
    const note = configNote(layout, qwords);
    return { stage: 0, what, title, layout, level: -1, address: at, qwords, value: qwords[0]!, note };
  });
}

function configNote(layout: BitLayout, qwords: readonly bigint[]): string {
  const half = decode(layout === ROOT_ENTRY ? ROOT_ENTRY : PASID_DIRECTORY_ENTRY, qwords);
  switch (layout) {
    case ROOT_ENTRY:
      return half['LP'] ? `context table at ${hexGrouped(half['LCTP']!)}` : 'not present';
    case PASID_DIRECTORY_ENTRY:
      return half['P'] ? `PASID table at ${hexGrouped(half['SMPTBLPTR']!)}` : 'not present';
    case ROOT_ENTRY_LEGACY: {
      const entry = decode(layout, qwords);
      return entry['P'] ? `context table at ${hexGrouped(entry['CTP']!)}` : 'not present';
    }
    case CONTEXT_ENTRY_LEGACY: {
      const entry = decode(layout, qwords);
      if (!entry['P']) return 'not present';
      return `${valueName(layout, 'TT', entry['TT']!)}, domain ${entry['DID']}`;
    }
    case CONTEXT_ENTRY: {
      const entry = decode(CONTEXT_ENTRY, qwords);
      if (!entry['P']) return 'not present';
      const allows = ['DTE', 'PASIDE', 'PRE'].filter((name) => entry[name]).join(' ');
      return `PASID directory at ${hexGrouped(entry['PASIDDIRPTR']!)}${allows && `, ${allows}`}`;
    }
    default: {
      const entry = decode(PASID_ENTRY, qwords);
      if (!entry['P']) return 'not present';
      return `${valueName(PASID_ENTRY, 'PGTT', entry['PGTT']!)}, domain ${entry['DID']}`;
    }
  }
}

/** What a field's value is called; `PGTT 7` for one without a name. */
function valueName(layout: BitLayout, field: string, value: bigint): string {
  const names = fieldOf(layout, field)?.values ?? {};
  return Object.keys(names).find((name) => names[name] === value) ?? `${field} ${value}`;
}

function pagingSteps(unit: VtdUnit, request: Request): WalkStep[] {
  const { walker } = unit.present.tables;
  const stages = unit.present.reader.pasid[PasidEntry.Pgtt]!;
  const steps: WalkStep[] = [];
  // Under nesting the second stage first translates the place of each first-stage entry, then the page.
  let input = stages === Stages.Nested ? join(walker.root1Hi, walker.root1Lo) : request.address;
  let level1 = walker.format1 ? walker.format1.levels - 1 : 0;
  if (stages === Stages.Nested) input = entryAt(input, request.address, level1);
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
    const behind = stages === Stages.First ? {} : { gpa: input };
    steps.push({ ...PAGING[stage]!, level, address, qwords: [value], value, note, format, ...behind });
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
