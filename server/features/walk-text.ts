import { count, type Detail, hexGrouped, type StaleCause } from '../../engine/index.ts';
import type { Resolved } from '../language/resolve.ts';
import { stepsOf } from '../language/scenario-names.ts';
import type { ScenarioDecl, Span, Step } from '../language/syntax.ts';
import { MAIL_WIDTH, wrap } from './layout-text.ts';
import { indexLines, type Lines, lineOf } from './lines.ts';
import { noRemedyText, outcomeText } from './outcome-text.ts';
import { hasAccess } from './step-access.ts';
import type { EntryText } from './walk-entries.ts';
import { type AccessWalk, type PieceWalk, replayAccess, type WalkChoice } from './walk-replay.ts';

export type TextOrProblem = { readonly title: string; readonly text: string } | { readonly problem: string };

/**
 * The table walk of a line's access as text of at most 72 columns. Runs the line's scenario up to the step on a machine
 * of its own. Lines count from 1. Of a step that runs several times `choice` says which time, else the first that fails.
 */
export function walkOfLine(resolved: Resolved, line: number, choice: WalkChoice = {}): TextOrProblem {
  const lines = indexLines(resolved.sources[0]!.text);
  const found = accessOnLine(resolved, lines, line);
  if (!found) return { problem: `line ${line} has no access of a device; put the cursor on a dma step` };
  return walkOfStep(resolved, found.scenario, found.step, lines, choice);
}

/** The same for a step that is known already. */
export function walkOfStep(
  resolved: Resolved,
  scenario: ScenarioDecl,
  step: Step,
  lines: Lines,
  choice: WalkChoice = {},
): TextOrProblem {
  const { scenarioFile: file } = resolved;
  if (!file) return { problem: 'the file names no generation that can run' };
  const walk = replayAccess(file, scenario, step, choice);
  if ('problem' in walk) return walk;
  const line = lineOf(lines, step.start);
  return { title: `Walk of line ${line}`, text: walkText(walk, lines) };
}

/** The access on a line, and where a step spans lines the one that it belongs to. */
function accessOnLine(
  resolved: Resolved,
  lines: Lines,
  line: number,
): { readonly scenario: ScenarioDecl; readonly step: Step } | undefined {
  const covers = ({ start, end }: Span): boolean => lineOf(lines, start) <= line && line <= lineOf(lines, end);
  for (const scenario of resolved.sources[0]!.program.declarations) {
    if (scenario.kind !== 'scenario' || !covers(scenario)) continue;
    for (const step of stepsOf(scenario.steps))
      if (step.kind !== 'for' && hasAccess(step) && covers(step)) return { scenario, step };
  }
  return undefined;
}

const SEPARATOR = '-'.repeat(MAIL_WIDTH);

/** An access, what the caches held of it and the walk, as text of at most 72 columns. */
export function walkText(walk: AccessWalk, lines: Lines): string {
  const sections = [...head(walk, lines)];
  let config = '';
  for (const [i, piece] of walk.pieces.entries()) {
    if (walk.pieces.length > 1)
      sections.push([SEPARATOR, ...wrap(`Piece ${i + 1}, from ${hexGrouped(piece.request.address)}`)]);
    sections.push(cachesText(piece, lines), walk.happened?.detail.hit ? wrap(SAVED) : []);
    // Pieces of one access share their configuration.
    const entries = configText(piece);
    if (entries.join() !== config) sections.push(entries);
    config = entries.join();
    sections.push(pagingText(piece), wrap(piece.verdict));
  }
  if (walk.morePieces > 0) sections.push([`and ${count(walk.morePieces, 'more piece')} of this access`]);
  const { detail } = walk.happened ?? {};
  if (detail?.staleCause) sections.push([SEPARATOR, ...staleText(detail, detail.staleCause, lines)]);
  const shown = sections.filter((section) => section.length > 0).map((section) => section.join('\n'));
  return `${shown.join('\n\n')}\n`;
}

function head(walk: AccessWalk, lines: Lines): string[][] {
  const { step, run, scenario, access, device, privileged, ats, pieces, happened } = walk;
  const { pasid, address } = pieces[0]!.request;
  const source = lines.text.slice(step.head.start, step.head.end).replace(/\s+/g, ' ');
  const asked = [
    `${access} by ${device}`,
    pasid < 0 ? 'no PASID' : `PASID ${pasid}`,
    `address ${hexGrouped(address)}`,
    ...(privileged ? ['privileged'] : []),
    ...(ats ? ['ATS'] : []),
  ];
  const again = run > 1 ? `, run ${run} of this step` : '';
  const came = happened && outcomeText({ ...happened, message: happened.problem ?? '' }, (o) => lineOf(lines, o));
  return [
    [...wrap(source, '  '), ...wrap(`line ${lineOf(lines, step.start)} of "${scenario}"${again}`, '  ')],
    [...wrap(asked.join(', '), LABEL, 'Request  '), ...(came ? wrap(came, LABEL, 'Outcome  ') : [])],
  ];
}

const LABEL = ' '.repeat(9);

/** Said above a walk that the access did not make. */
const SAVED = 'A cache answered. The walk below was not made: it is what memory holds.';

function cachesText({ caches }: PieceWalk, lines: Lines): string[] {
  const out = ['Caches before the access'];
  for (const { cache, lines: held } of caches) {
    const label = `  ${cache.padEnd(14)} `;
    if (held.length === 0) out.push(`${label}nothing`);
    for (const { text, filled } of held) {
      const when = filled ? `filled line ${lineOf(lines, filled.start)}` : 'filled before the first step';
      out.push(...wrap(`${text}, ${when}`, ' '.repeat(label.length), label));
    }
  }
  return out;
}

function configText({ entries }: PieceWalk): string[] {
  const config = entries.filter((e) => e.role === 'config');
  if (config.length === 0) return [];
  const out = ['Configuration, as memory holds it'];
  for (const entry of config) {
    out.push(`  ${entry.name} at ${hexGrouped(entry.address)}`, ...wrap(entry.flags.join(' '), '    ', '    '));
  }
  return out;
}

function pagingText({ entries, stages }: PieceWalk): string[] {
  const paging = entries.filter((e) => e.role !== 'config');
  if (paging.length === 0) return [];
  const rows = rowsOf(paging);
  const title = {
    first: 'First stage',
    second: 'Second stage',
    nested: 'First stage, nested over the second',
    none: 'Tables',
    'pass-through': 'Tables',
  };
  const out = [`${title[stages]}: ${paging.length === 1 ? '1 entry' : `${paging.length} entries`}, address and value`];
  if (stages !== 'nested') return [...out, ...rows];
  for (const [i, entry] of paging.entries()) {
    // Each group begins where another guest-physical address is translated.
    if (i === 0 || paging[i - 1]!.gpa !== entry.gpa) out.push(...wrap(groupTitle(paging, i), '    ', '  '));
    out.push(rows[i]!);
  }
  return out.flatMap((line) => line.split('\n'));
}

/** What a group of entries with one guest-physical address finds: an entry of the first stage, or the page. */
function groupTitle(paging: readonly EntryText[], from: number): string {
  const { gpa = 0n } = paging[from]!;
  const own = paging.slice(from).find((e) => e.gpa !== gpa || e.stage === 1);
  if (own?.stage === 1 && own.gpa === gpa) return `${own.name} at GPA ${hexGrouped(gpa)}`;
  const last = paging.slice(0, from).findLast((e) => e.stage === 1);
  if (last && last.role === 'page') return `page at GPA ${hexGrouped(gpa)}`;
  return `first-stage table at GPA ${hexGrouped(gpa)}`;
}

/** Entries as rows with columns of one width; what does not fit goes to a line of its own. */
function rowsOf(entries: readonly EntryText[]): string[] {
  const cells = entries.map((e) => [e.name, hexGrouped(e.address), hexGrouped(e.value)] as const);
  const width = (column: 0 | 1 | 2): number => Math.max(...cells.map((c) => c[column].length));
  const [names, addresses, values] = [width(0), width(1), width(2)];
  const digits = String(entries.length).length;
  return entries.map((entry, i) => {
    const [name, address, value] = cells[i]!;
    const start = `  ${String(i + 1).padStart(digits)}  ${name.padEnd(names)}  ${address.padEnd(addresses)}  `;
    const rest = [value.padEnd(values), ...meaning(entry)].join('  ').trimEnd();
    if (start.length + rest.length <= MAIL_WIDTH) return start + rest;
    const below = ' '.repeat(6 + digits);
    return [`${start}${value}`, ...wrap(meaning(entry).join('  '), below, below)].join('\n');
  });
}

function meaning({ role, flags, reserved }: EntryText): string[] {
  if (role === 'absent') return ['not present'];
  return [role.padEnd(5), flags.join(' '), ...(reserved ? [`reserved ${hexGrouped(reserved)}`] : [])];
}

function staleText(detail: Detail, cause: StaleCause, lines: Lines): string[] {
  const at = (ref: { readonly step: Step; readonly run: number }): string =>
    `line ${lineOf(lines, ref.step.start)}${ref.run > 1 ? ` (run ${ref.run})` : ''}`;
  const row = (label: string, text: string): string[] => wrap(text, LABEL, label.padEnd(LABEL.length));
  return [
    cause.breach
      ? 'BREACH: stale, and the memory has a new owner'
      : 'STALE: not what a walk from the present tables gives',
    ...(detail.hpa === undefined ? [] : row('used', `HPA ${hexGrouped(detail.hpa)}`)),
    ...row('cached', `${cause.cache}: ${cause.tag}`),
    ...row('filled', cause.filled ? at(cause.filled) : 'before the first step'),
    ...row('edited', cause.edited ? at(cause.edited) : 'by no step of this scenario'),
    ...(cause.entry ? row('entry', cause.entry) : []),
    ...row('now', cause.now),
    ...(cause.missed.length === 0 ? row('missed', 'nothing was invalidated since the edit') : []),
    ...cause.missed.flatMap(({ step, what }) => row('missed', `${at(step)}: ${what}`)),
    ...row('covers', cause.remedyText ?? noRemedyText(cause)),
  ];
}
