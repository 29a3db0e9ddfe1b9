import { type Detail, evaluate, hexGrouped, Names, type StaleCause } from '../../../engine/index.ts';
import type { Resolved } from '../../language/resolve.ts';
import { stepsOf } from '../../language/scenario-names.ts';
import type { DmaStep, Outcome, ScenarioDecl, Step } from '../../language/syntax.ts';
import { occurrencesOf } from '../names-at.ts';
import type { ScenarioReport, StepReport } from '../run-file.ts';
import { type Edit, indentAt, lineStartAt, replace } from './edits.ts';
import type { Fix } from './fix.ts';

/** A step with everything that its runs came to. */
export interface StepRuns {
  readonly scenario: ScenarioDecl;
  readonly step: Step;
  readonly runs: readonly StepReport[];
}

/** Steps of the file that failed in some run. Reports travel, so a step is known by its place and not as an object. */
export function failedSteps({ sources }: Resolved, results: readonly ScenarioReport[]): readonly StepRuns[] {
  const runs = new Map<number, StepReport[]>();
  for (const report of results)
    for (const result of report.steps) {
      const known = runs.get(result.step.start);
      if (known) known.push(result);
      else runs.set(result.step.start, [result]);
    }
  const found: StepRuns[] = [];
  for (const scenario of sources[0]!.program.declarations) {
    if (scenario.kind !== 'scenario') continue;
    for (const step of stepsOf(scenario.steps)) {
      const own = (runs.get(step.start) ?? []).filter((r) => r.step.kind === step.kind && r.step.end === step.end);
      if (own.some((r) => r.status === 'failed')) found.push({ scenario, step, runs: own });
    }
  }
  return found;
}

/** Puts the smallest invalidation that covers a stale access in front of it, with what it needs declared. */
export function* missingInvalidation(resolved: Resolved, { scenario, step, runs }: StepRuns): Iterable<Fix> {
  if (step.kind !== 'dma') return;
  const declared = runs.find(({ detail }) => detail.staleCause?.remedyDeclaration)?.detail.staleCause;
  const sent = declared ? undefined : runs.find(({ detail }) => isCommands(detail.staleCause))?.detail.staleCause;
  const flush = sent
    ? { declaration: '', step: sent.remedyStep!, title: sent.remedyText! }
    : declared
      ? declaredFlush(declared, resolved)
      : nestingOpFlush(resolved, step, runs);
  if (!flush) return;
  const { file, sources } = resolved;
  const { text } = sources[0]!;
  const head = documented(text, lineStartAt(text, scenario.start));
  const indent = indentAt(text, step.start);
  const isAlone = lineStartAt(text, step.start) + indent.length === step.start;
  const call = flush.step.replaceAll('\n', `\n${indent}`);
  const edits: Edit[] = [
    ...(flush.declaration ? [replace(file, { start: head, end: head }, `${flush.declaration}\n\n`)] : []),
    replace(file, { start: step.start, end: step.start }, `${call}${isAlone ? `\n${indent}` : '; '}`),
  ];
  const what = sent ? 'Invalidate' : 'Flush the page';
  yield { title: `${what} before this access (${flush.title})`, edits, isPreferred: true };
}

/** A scenario that sends its own commands has nothing to declare. */
const isCommands = (cause: StaleCause | undefined): boolean =>
  cause?.candidates !== undefined && cause.remedyStep !== undefined;

interface Flush {
  readonly declaration: string;
  readonly step: string;
  readonly title: string;
}

/** A remedy that brings its declarations: their names give way to those that the file has already. */
function declaredFlush(
  { remedyDeclaration = '', remedyStep = '', remedyText = '' }: StaleCause,
  resolved: Resolved,
): Flush {
  const taken = namesOf(resolved);
  let [declaration, step] = [remedyDeclaration, remedyStep];
  for (const name of new Set(remedyDeclaration.match(/\bchanged_page\w*/g))) {
    const free = freshName(name, taken);
    const uses = new RegExp(`\\b${name}\\b`, 'g');
    [declaration, step] = [declaration.replace(uses, free), step.replace(uses, free)];
  }
  return { declaration, step, title: remedyText };
}

function nestingOpFlush(resolved: Resolved, step: DmaStep, runs: readonly StepReport[]): Flush | undefined {
  const remedies = runs.flatMap(({ detail }) => remedyOf(detail) ?? []);
  const [remedy] = remedies;
  if (remedy === undefined) return undefined;
  const taken = namesOf(resolved);
  const payload = freshName('changed_page', taken);
  const call = freshName(`flush_${payload}`, taken);
  const declaration = withNames(remedy, step, new Set(remedies).size > 1, resolved)
    .replace(/^(\w+) \{/, `$1 ${payload} {`)
    .concat(`\nnesting_op ${call} { argsz = sizeof, flags = VFIO_IOMMU_NESTING_OP_CACHE_INVLD, data = ${payload} }`);
  return { declaration, step: `submit ${call}`, title: `submit ${call}` };
}

/**
 * The engine names what covers the cache that answered. Behind a device's own TLB the IOTLB is stale as well, unless the
 * host made the edit and flushed it; a flush of the IOTLB reaches both.
 */
function remedyOf({ staleCause: cause }: Detail): string | undefined {
  return cause?.edited?.step.kind === 'host'
    ? cause.remedy
    : cause?.remedy?.replace('IOMMU_CACHE_INV_TYPE_DEV_IOTLB', 'IOMMU_CACHE_INV_TYPE_IOTLB');
}

/** Numbers of the run become the names that the step uses, so that the payload follows the scenario. */
function withNames(remedy: string, step: DmaStep, isRepeated: boolean, resolved: Resolved): string {
  const text = resolved.sources[0]!.text;
  const written = (expr: { start: number; end: number }): string => text.slice(expr.start, expr.end);
  let named = remedy;
  if (step.pasid && step.pasid.kind !== 'int')
    named = named.replace(/\bpasid = \d+/, () => `pasid = ${written(step.pasid!)}`);
  const page = /\baddr = (\w+)/.exec(remedy)?.[1];
  if (page === undefined) return named;
  const file = resolved.scenarioFile;
  const at = file && evaluate(step.at, new Names(file).scope());
  const addr =
    at === BigInt(page.replaceAll('_', ''))
      ? written(step.at)
      : isRepeated
        ? `(${written(step.at)}) & ~(4K - 1)`
        : page;
  return named.replace(/\baddr = \w+/, () => `addr = ${addr}`);
}

function namesOf(resolved: Resolved): Set<string> {
  const { lets, payloads, tables } = resolved.scenarioFile ?? {
    lets: new Map(),
    payloads: new Map(),
    tables: new Map(),
  };
  const bound = occurrencesOf(resolved).flatMap(({ named }) => named.map(({ name }) => name));
  return new Set([...lets.keys(), ...payloads.keys(), ...tables.keys(), ...bound]);
}

function freshName(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let n = 2; taken.has(name); n++) name = `${wanted}_${n}`;
  taken.add(name);
  return name;
}

/** The start of the comment that documents what begins on a line. */
function documented(text: string, lineStart: number): number {
  let start = lineStart;
  for (;;) {
    const above = /(?:^|\n)([ \t]*\/\/\/[^\r\n]*\r?\n)$/.exec(text.slice(0, start));
    if (!above) return start;
    start -= above[1]!.length;
  }
}

/** More ways to end than this are not what anybody expects. */
const MAX_OUTCOMES = 3;

/** Makes what happened the expectation of a failed step. */
export function* actualOutcome({ file }: Resolved, { step, runs }: StepRuns): Iterable<Fix> {
  if (step.kind === 'assert' || step.kind === 'for' || step.kind === 'let' || step.kind === 'note') return;
  const asked = new Set((step.expect?.groups ?? []).flat().map(({ kind }) => kind));
  const outcomes = new Set<string>();
  for (const run of runs) {
    const text = outcomeOf(run, asked);
    // What no expectation accepts is not made one.
    if (text === undefined) return;
    outcomes.add(text);
  }
  if (outcomes.size === 0 || MAX_OUTCOMES < outcomes.size) return;
  const wanted = [...outcomes].join(' or ');
  const edit = step.expect
    ? replace(file, step.expect, `expect ${wanted}`)
    : replace(file, { start: step.head.end, end: step.head.end }, ` expect ${wanted}`);
  yield { title: `Expect what happened: ${wanted}`, edits: [edit] };
}

/** What a run came to as `expect` says it, in the detail that the step's expectation asked for. */
function outcomeOf({ outcome, detail }: StepReport, asked: ReadonlySet<Outcome['kind']>): string | undefined {
  if (outcome === 'problem' || outcome === 'interrupt' || detail.staleCause?.breach) return undefined;
  const parts = [...mainPart(outcome, detail)];
  for (const kind of ['refs', 'config'] as const)
    if (asked.has(kind) && detail[kind] !== undefined) parts.push(`${kind} ${detail[kind]}`);
  for (const kind of ['gpa', 'value', 'returns'] as const)
    if (asked.has(kind) && detail[kind] !== undefined)
      parts.push(`${kind} ${hexGrouped(BigInt.asUintN(64, detail[kind]))}`);
  if (asked.has('hit') || asked.has('miss'))
    parts.push(
      ...(detail.hit
        ? [`hit ${detail.hit}`]
        : detail.hit === false
          ? [asked.has('miss') || !detail.psc ? 'miss' : 'hit psc']
          : []),
    );
  return parts.join(', ');
}

function* mainPart(outcome: StepReport['outcome'], detail: StepReport['detail']): Iterable<string> {
  switch (outcome) {
    case 'hpa':
      yield `hpa ${hexGrouped(detail.hpa ?? 0n)}`;
      if (detail.stale) yield 'stale';
      return;
    case 'fault':
      yield detail.fault ? `fault ${detail.fault}` : 'fault';
      return;
    case 'ok':
      if (detail.commandError !== undefined) yield `error ${detail.commandError}`;
      else if (!detail.hidden) yield 'ok';
      else yield detail.hidden === 'skipped' ? 'hidden' : `hidden ${detail.hidden}`;
      break;
    default:
      yield outcome;
  }
  if (detail.reason && outcome !== 'request') yield `reason ${detail.reason}`;
}
