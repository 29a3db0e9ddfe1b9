import { join } from '../../base/addr.ts';
import { hexGrouped } from '../../base/text.ts';
import { describeEntry, entryAddress, levelSpan } from '../../pagetable/describe.ts';
import type { Format } from '../../pagetable/format.ts';
import { STEP_WORDS, stepLevel, stepStage } from '../../pagetable/walk.ts';
import { type BitLayout, decode, fieldOf } from '../bit-layout.ts';
import { firstEdit } from '../first-edit.ts';
import { type Request, Stages, type Translation } from '../translation.ts';
import type { Culprit, Explanation, WalkStep } from '../unit.ts';
import { ConfigKind } from './config-reader.ts';
import { CD, L1CD } from './context-descriptor.ts';
import { eventByCode } from './events.ts';
import { L1STD, STE } from './stream-table.ts';
import type { SmmuUnit } from './unit.ts';

/** Configuration entries, by the kinds of a reader's path. */
const CONFIG: Readonly<Record<number, Pick<WalkStep, 'what' | 'title'> & { readonly layout: BitLayout }>> = {
  [ConfigKind.L1STD]: { what: 'l1std', title: 'level-1 stream table descriptor', layout: L1STD },
  [ConfigKind.STE]: { what: 'ste', title: 'stream table entry', layout: STE },
  [ConfigKind.L1CD]: { what: 'l1cd', title: 'level-1 context descriptor', layout: L1CD },
  [ConfigKind.CD]: { what: 'cd', title: 'context descriptor', layout: CD },
};

/** Paging entries, by stage. */
const PAGING: Readonly<Record<number, Pick<WalkStep, 'stage' | 'what' | 'title'>>> = {
  1: { stage: 1, what: 's1', title: 'stage-1 entry' },
  2: { stage: 2, what: 's2', title: 'stage-2 entry' },
};

/** The walk a request would take now, entry by entry. No side effects. */
export function explain(unit: SmmuUnit, request: Request): Explanation {
  const outcome = unit.present.walk(request);
  const steps = [...configSteps(unit), ...pagingSteps(unit, request)];
  return { steps, outcome, verdict: verdict(outcome) };
}

/** The first register or entry along the present walk, configuration first, that was edited after a time. */
export function culprit(unit: SmmuUnit, request: Request, sinceTime: number): Culprit | undefined {
  const change = unit.registers.changes.find(({ at }) => at > sinceTime);
  if (change) return { register: change.register, editedAt: change.at };
  return firstEdit(unit.mem, explain(unit, request).steps, sinceTime);
}

function configSteps(unit: SmmuUnit): WalkStep[] {
  const { reader, ste } = unit.present;
  return Array.from({ length: reader.reads }, (_, i) => {
    const kind = reader.path[i * 3]!;
    const address = join(reader.path[i * 3 + 1]!, reader.path[i * 3 + 2]!);
    const ipa = join(reader.inputs[i * 2]!, reader.inputs[i * 2 + 1]!);
    const config = CONFIG[kind];
    if (!config) return pagingStep(unit, 2, stepLevel(kind), address, ste!.stage2!.format, ipa);
    const { what, title, layout } = config;
    const qwords = Array.from({ length: layout.bits / 64 }, (_, word) => unit.mem.read64(address + BigInt(8 * word)));
    const isBehind = layout !== L1STD && layout !== STE && ste?.stage2;
    return {
      stage: 0,
      what,
      title,
      layout,
      level: -1,
      address,
      qwords,
      value: qwords[0]!,
      note: configNote(layout, qwords),
      ...(isBehind ? { gpa: ipa } : {}),
    };
  });
}

function configNote(layout: BitLayout, qwords: readonly bigint[]): string {
  const entry = decode(layout, qwords);
  switch (layout) {
    case L1STD:
      return entry['Span'] ? `entries at ${hexGrouped(entry['L2Ptr']!)}, Span ${entry['Span']}` : 'not valid';
    case L1CD:
      return entry['V'] ? `leaf table at ${hexGrouped(entry['L2Ptr']!)}` : 'not valid';
    case STE: {
      if (!entry['V']) return 'not valid';
      const kinds = fieldOf(STE, 'Config')?.values ?? {};
      const kind = Object.keys(kinds).find((name) => kinds[name] === entry['Config']) ?? `Config ${entry['Config']}`;
      const cds = kind === 's1' || kind === 'nested' ? `, CDs at ${hexGrouped(entry['S1ContextPtr']!)}` : '';
      return `${kind}${cds}, VMID ${entry['S2VMID']}`;
    }
    default: {
      if (!entry['V']) return 'not valid';
      const halves = ([0, 1] as const)
        .filter((half) => entry[`EPD${half}`] === 0n)
        .map((half) => `TTB${half} ${hexGrouped(entry[`TTB${half}`]!)}`);
      return [`ASID ${entry['ASID']}`, ...halves].join(', ');
    }
  }
}

/** The entries of the table walk, with the IPA that each is for: of the stage-1 entry behind stage 2, then of the page. */
function pagingSteps(unit: SmmuUnit, request: Request): WalkStep[] {
  const { tables, result, ste } = unit.present;
  const { walker } = tables;
  const isNested = result.stages === Stages.Nested;
  const format1 = walker.format1;
  let level1 = format1 ? format1.levels - 1 : 0;
  let input = request.address;
  if (isNested && format1) input = entryAt(format1, join(walker.root1Hi, walker.root1Lo), level1, request.address);
  let leafIpa = input;
  return Array.from({ length: walker.steps }, (_, i) => {
    const at = i * STEP_WORDS;
    const stage = stepStage(walker.path[at]!);
    const level = stepLevel(walker.path[at]!);
    const address = join(walker.path[at + 1]!, walker.path[at + 2]!);
    if (stage === 2) {
      const updates = tables.updateSteps > 0 && i >= tables.updateStep && i < tables.updateStep + tables.updateSteps;
      return pagingStep(unit, 2, level, address, ste!.stage2!.format, updates ? leafIpa : input);
    }
    const step = pagingStep(unit, 1, level, address, format1!, isNested ? input : undefined);
    const entry = describeEntry(format1!, level, step.value);
    leafIpa = input;
    if (entry.present && entry.leaf)
      input = entryAddress(format1!, level, step.value) | (request.address & (levelSpan(format1!, level) - 1n));
    else if (entry.present) {
      level1 = level - 1;
      input = entryAt(format1!, entryAddress(format1!, level, step.value), level1, request.address);
    }
    return step;
  });
}

function pagingStep(
  unit: SmmuUnit,
  stage: 1 | 2,
  level: number,
  address: bigint,
  format: Format,
  gpa: bigint | undefined,
): WalkStep {
  const value = unit.mem.read64(address);
  const entry = describeEntry(format, level, value);
  const note = entry.present
    ? `${entry.name} ${entry.leaf ? 'maps' : 'names table'} ${hexGrouped(entry.address)} (${entry.flags.join(' ')})`
    : `${entry.name} not valid`;
  return {
    ...PAGING[stage]!,
    level,
    address,
    qwords: [value],
    value,
    note,
    format,
    ...(gpa === undefined ? {} : { gpa }),
  };
}

/** Where the entry for an input address lies in a table. */
function entryAt(format: Format, table: bigint, level: number, address: bigint): bigint {
  const mask = level === format.levels - 1 ? format.topIndexMask : format.indexMask;
  return table + 8n * ((address / levelSpan(format, level)) & BigInt(mask));
}

function verdict(outcome: Translation): string {
  if (outcome.ok) return `The walk leads to ${hexGrouped(outcome.hpa)}.`;
  if (outcome.fault === 0) return 'The access ends without an event.';
  const reason = eventByCode(outcome.fault);
  return reason ? `${reason.name}: ${reason.text}` : `Event ${outcome.fault}.`;
}
