import {
  type RunOptions,
  type ScenarioResult,
  type StepResult,
  type StepStatus,
  startScenario,
  variantsOf,
} from '../../engine/index.ts';
import { analyse } from '../language/analyse.ts';
import type { Diagnostic } from '../language/diagnostic.ts';
import { type FileHost, type Resolved, resolve } from '../language/resolve.ts';
import type { ScenarioDecl } from '../language/syntax.ts';
import { indexLines, type Lines, placeOf } from './lines.ts';
import { findSkips } from './skips.ts';

/** A finding with its place in lines and columns, both from 1. */
export interface PlacedDiagnostic extends Diagnostic {
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** Everything that is known of a file before it runs. */
export interface CheckReport {
  readonly file: string;
  /** The generation as the file names it, whether or not it can run; undefined when it names none. */
  readonly uapi: string | undefined;
  /** Of the file and of those it includes. */
  readonly diagnostics: readonly PlacedDiagnostic[];
  /** The texts by file, this one and those it includes. */
  readonly sources: ReadonlyMap<string, Lines>;
  readonly resolved: Resolved;
}

export interface StepReport extends StepResult {
  /** Where the step begins. */
  readonly line: number;
  /** The step ran more than once, so `run` says which time this is. */
  readonly repeated: boolean;
}

export interface ScenarioReport {
  readonly name: string;
  readonly line: number;
  readonly status: StepStatus;
  /** Why it was skipped, or failed outside of any step; else empty. */
  readonly message: string;
  readonly steps: readonly StepReport[];
  /** Steps that ran, turns of a loop included. */
  readonly stepsRun: number;
  /** More steps ran than a report holds: `steps` has the first ones and the failed ones. */
  readonly truncated: boolean;
}

/** Results kept of one scenario: so many, and as many failed ones again. */
const KEEP = 10_000;

/** Parses and checks a file with its includes. */
export function checkFile(file: string, text: string, host: FileHost): CheckReport {
  const resolved = resolve(file, text, host);
  const sources = new Map(resolved.sources.map((s) => [s.file, indexLines(s.text)]));
  const own = resolved.sources[0]!.program.declarations.find((d) => d.kind === 'uapi');
  const uapi = resolved.scenarioFile?.generation.id ?? (own?.id.text || undefined);
  const diagnostics = analyse(resolved).map((d) => place(d, sources.get(d.file)!));
  return { file, uapi, diagnostics, sources, resolved };
}

function place(diagnostic: Diagnostic, lines: Lines): PlacedDiagnostic {
  const from = placeOf(lines, diagnostic.start);
  const to = placeOf(lines, diagnostic.end);
  return { ...diagnostic, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}

export interface RunFileOptions extends RunOptions {
  /** Which scenarios to run, by the name of their run; the others are left out of the report. */
  readonly include?: (name: string) => boolean;
  /** Asked before each scenario and between steps: why not to go on. What is not run to its end is then skipped. */
  readonly stop?: () => string | undefined;
}

/**
 * Runs the intact scenarios of a checked file. Yields each scenario's report when it has ended, and undefined between
 * steps, so that a caller can stop or serve others. A scenario that cannot run is reported as skipped and says why.
 */
export function* runFile(check: CheckReport, options: RunFileOptions = {}): Generator<ScenarioReport | undefined> {
  const { scenarioFile: file, sources } = check.resolved;
  const lines = check.sources.get(check.file)!;
  const included = options.include ?? (() => true);
  const skipReason = findSkips(check.resolved, check.diagnostics);
  const scenarios = file?.scenarios ?? sources[0]!.program.declarations.filter((d) => d.kind === 'scenario');
  for (const scenario of scenarios) {
    const outside = (status: StepStatus, message: string, name = scenario.title): ScenarioReport => {
      return {
        name,
        line: placeOf(lines, scenario.start).line,
        status,
        message,
        steps: [],
        stepsRun: 0,
        truncated: false,
      };
    };
    const broken = skipReason(scenario);
    if (broken || !file) {
      if (included(scenario.title)) yield outside('skipped', broken ? whyBroken(check, broken) : 'no uapi to run with');
      continue;
    }
    const variants = variantsOf(file, scenario);
    if ('problem' in variants) {
      if (included(scenario.title)) yield outside('failed', variants.problem);
      continue;
    }
    if (variants.length === 0 && included(scenario.title)) yield outside('skipped', 'its `for` has no values');
    for (const variant of variants) {
      if (!included(variant.name)) continue;
      const run = startScenario(file, variant, { keep: KEEP, ...options });
      let stop = options.stop?.();
      let next: IteratorResult<void, ScenarioResult> | undefined;
      while (stop === undefined) {
        next = run.next();
        if (next.done) break;
        yield undefined;
        stop = options.stop?.();
      }
      yield next?.done
        ? scenarioReport(scenario, next.value, lines, options.keep ?? KEEP)
        : outside('skipped', stop ?? '', variant.name);
    }
  }
}

function scenarioReport(scenario: ScenarioDecl, result: ScenarioResult, lines: Lines, keep: number): ScenarioReport {
  const repeated = new Set(result.steps.filter((s) => 1 < s.run).map((s) => s.step));
  return {
    ...result,
    truncated: keep <= result.steps.length && result.steps.length < result.stepsRun,
    line: placeOf(lines, scenario.start).line,
    steps: result.steps.map((step) => ({
      ...step,
      line: placeOf(lines, step.step.start).line,
      repeated: repeated.has(step.step),
    })),
  };
}

function whyBroken(check: CheckReport, { error, name }: NonNullable<ReturnType<ReturnType<typeof findSkips>>>): string {
  const { line } = placeOf(check.sources.get(error.file)!, error.start);
  const where = error.file === check.file ? `line ${line}` : `${error.file}:${line}`;
  return `${name === undefined ? '' : `${name} has an error: `}${where}: ${error.message}`;
}
